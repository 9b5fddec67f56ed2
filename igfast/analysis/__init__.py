"""From histograms over time to velocity, length and divergences along a layer's path, and on to
derivatives, transitions and the scaling of curves with size."""

from __future__ import annotations

from .derivative import Derivative, differentiate, log_differentiate, smooth
from .divergences import DIVERGENCES, divergence_along, stack
from .growth import UnresolvedLength, local_exponent, local_exponents
from .paths import ESTIMATORS, Estimator, estimate
from .resolution import Resolution
from .sampling import Sampling
from .scales import LengthByScale
from .scaling import Collapse, collapse
from .series import Common, LayerSeries, common
from .simple import PathEstimate, chi2, fisher_rao, gaussian, hellinger, kde, node
from .transitions import Lag, Onset, Transition, find_transitions, lag, overfitting_onset

__all__ = [
    "DIVERGENCES",
    "ESTIMATORS",
    "Collapse",
    "Common",
    "Derivative",
    "Estimator",
    "Lag",
    "LayerSeries",
    "LengthByScale",
    "Onset",
    "PathEstimate",
    "Resolution",
    "Sampling",
    "Transition",
    "UnresolvedLength",
    "chi2",
    "collapse",
    "common",
    "differentiate",
    "divergence_along",
    "estimate",
    "find_transitions",
    "fisher_rao",
    "gaussian",
    "hellinger",
    "kde",
    "lag",
    "local_exponent",
    "local_exponents",
    "log_differentiate",
    "node",
    "overfitting_onset",
    "smooth",
    "stack",
]
