"""igfast: exact batched histograms and the information geometry of a training run.

>>> import numpy as np
>>> import igfast
>>> weights = {"hidden": np.linspace(-1, 1, 1001), "output": np.zeros(10)}
>>> h = igfast.histogram(weights, bins=4, range=(-1, 1))
>>> h.counts
array([[250, 250, 250, 251],
       [  0,   0,  10,   0]])
>>> igfast.shannon_entropy(h).round(4)  # nats
array([1.3863, 0.    ])
"""

from __future__ import annotations

from . import starting  # noqa: F401 - first: what Ctrl-C does while the rest is imported
from .binning import histogram, moments
from .choices import ResolutionWarning
from .config import __version__, get_num_threads, set_num_threads, show_config
from .grids import Grid
from .histograms import Histogram
from .measures import (
    alpha_divergence,
    bregman_divergence,
    differential_entropy,
    fisher_rao_distance,
    hellinger_distance,
    information_velocity,
    js_divergence,
    kl_divergence,
    measure_step,
    renyi_divergence,
    shannon_entropy,
    statistical_complexity,
    wasserstein_distance,
)
from .monitor import Monitor
from .plan import Plan
from .summary import Moments
from .trajectory import Trajectory, open

__all__ = [
    "Grid",
    "Histogram",
    "Moments",
    "Monitor",
    "Plan",
    "ResolutionWarning",
    "Trajectory",
    "__version__",
    "alpha_divergence",
    "bregman_divergence",
    "differential_entropy",
    "fisher_rao_distance",
    "get_num_threads",
    "hellinger_distance",
    "histogram",
    "information_velocity",
    "js_divergence",
    "kl_divergence",
    "measure_step",
    "moments",
    "open",
    "renyi_divergence",
    "set_num_threads",
    "shannon_entropy",
    "show_config",
    "statistical_complexity",
    "wasserstein_distance",
]
