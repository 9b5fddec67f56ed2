"""Measures of histograms: how ordered one is, how far apart two are, how fast one moves.

All functions are batched over layers: they take :class:`~igfast.histograms.Histogram` objects of L
layers and return (L,) float64 in the framework of the counts (torch in, torch out).

==============================  ================================  ==========================
function                        unit                              range
==============================  ================================  ==========================
:func:`shannon_entropy`         nats                              0 … ln B
:func:`differential_entropy`    nats, of the values' unit         −∞ … ln(width of the grid)
:func:`statistical_complexity`  1                                 0 … 1
:func:`information_velocity`    1/step (1/unit of ``dt``)         0 … √8/dt (``hellinger``)
:func:`kl_divergence`           nats                              0 … ∞
:func:`js_divergence`           nats                              0 … ln 2
:func:`alpha_divergence`        nats                              0 … 4/(1 − α²), ∞ if |α| ≥ 1
:func:`renyi_divergence`        nats                              0 … ∞
:func:`bregman_divergence`      that of its generator             0 … ∞
:func:`hellinger_distance`      1                                 0 … 1
:func:`fisher_rao_distance`     radians                           0 … π
:func:`wasserstein_distance`    that of the values                0 … width of the grid
==============================  ================================  ==========================

Conventions shared by all:

- Divergences and velocities see B + 2 cells: the bins, and under- and overflow as one cell each.
  Entropies and complexity see the B bins only. NaN elements are in none of them.
- Operands on different dyadic or log grids are first merged to their common coarser grid; uniform
  grids must have the same edges.
- A layer that is empty on either side, or whose two grids have no bin in common, gives NaN.
- Probabilities are the plain frequencies n_b/N. Nothing is smoothed, so a finite sample biases
  every divergence upward and the entropy downward; each function says by how much.
"""

from __future__ import annotations

from .bregman import bregman_divergence
from .divergence import (
    alpha_divergence,
    fisher_rao_distance,
    hellinger_distance,
    js_divergence,
    kl_divergence,
)
from .entropy import differential_entropy, shannon_entropy, statistical_complexity
from .renyi import renyi_divergence
from .step import StepMeasures, measure_step
from .transport import wasserstein_distance
from .velocity import information_velocity, information_velocity_squared

__all__ = [
    "StepMeasures",
    "alpha_divergence",
    "bregman_divergence",
    "differential_entropy",
    "fisher_rao_distance",
    "hellinger_distance",
    "information_velocity",
    "information_velocity_squared",
    "js_divergence",
    "kl_divergence",
    "measure_step",
    "renyi_divergence",
    "shannon_entropy",
    "statistical_complexity",
    "wasserstein_distance",
]
