"""Estimators of velocity and length along one layer's path.

Each takes a :class:`~igfast.analysis.series.LayerSeries` of T records and returns a
:class:`PathEstimate`. Γ² = 4 Σ (∂ₜ√p)², L = ∫ Γ dt (Thiruthummal, Kim, Shelyag 2024,
arXiv 2406.05295); the estimators differ in what they make of a finite number of elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .series import LayerSeries
from .split import split_length, split_velocity_squared

Float = NDArray[np.float64]


@dataclass(frozen=True)
class PathEstimate:
    """Velocity and length along T records.

    Attributes
    ----------
    velocity_squared : (T−1,) float64
        Γ² in 1/step²; unbiased estimates may be negative.
    velocity_squared_error : (T−1,) float64
        Standard error; NaN where the estimator has none.
    length : (T,) float64
        L, ``length[0] = 0``.
    length_error : (T,) float64
    """

    velocity_squared: Float
    velocity_squared_error: Float
    length: Float
    length_error: Float


def hellinger(series: LayerSeries) -> PathEstimate:
    """Published estimator: Γ = 2·√(Σ (√p' − √p)²)/Δt between neighboring records.

    Biased upward by the noise of elements that cross bin borders: L grows with the number of
    records where steps are small (see ``docs/length.md``). For comparison with published curves.
    """
    counts = series.split_counts.sum(axis=1)
    outside = series.split_outside.sum(axis=1)
    cells = np.concatenate([outside[:, :1], counts, outside[:, 1:]], axis=1)
    return _between_records(cells.astype(np.float64), series.steps)


def node(series: LayerSeries) -> PathEstimate:
    """Hellinger distance between masses at bin edges, made from counts and offsets.

    N_b = n_b − s_b + s_{b−1} (cloud-in-cell) is continuous in every element, so deterministic
    drift is measured right at any sampling interval; diffusion still adds noise. Underflow joins
    the first node, overflow the last.

    Raises
    ------
    ValueError
        If the records hold no offsets.
    """
    if series.offsets is None:
        raise ValueError(
            'estimator="node" needs offsets, which these records lack; record them with '
            'offsets=True on a dyadic grid, or use estimator="split"'
        )
    counts = series.split_counts.sum(axis=1).astype(np.float64)
    inside = series.offsets.sum(axis=1) + 0.5 / 256 * counts  # digits are rounded down
    outside = series.split_outside.sum(axis=1)
    masses = np.zeros((len(counts), counts.shape[1] + 1))
    masses[:, :-1] += counts - inside
    masses[:, 1:] += inside
    masses[:, 0] += outside[:, 0]
    masses[:, -1] += outside[:, 1]
    return _between_records(masses, series.steps)


def split(series: LayerSeries) -> PathEstimate:
    """Cross products between splits: noise does not add length.

    See :func:`igfast.analysis.split.split_length` for the method and its error.
    """
    found = split_length(series.steps, series.split_counts, series.split_outside)
    return PathEstimate(
        found.velocity_squared, found.velocity_squared_error, found.length, found.standard_error
    )


def noise_floor(series: LayerSeries) -> Float:
    """(T−1,) velocity that noise alone gives the published estimator: √(square − cross product)."""
    return split_velocity_squared(series.steps, series.split_counts, series.split_outside)[2]


Estimator = Callable[[LayerSeries], PathEstimate]
ESTIMATORS: dict[str, Estimator] = {"hellinger": hellinger, "node": node, "split": split}


def estimate(series: Sequence[LayerSeries], estimator: str, records: int) -> PathEstimate:
    """One estimate for a run of ``records`` records from the series it was cut into."""
    if estimator not in ESTIMATORS:
        raise ValueError(
            f"estimator must be one of {', '.join(map(repr, ESTIMATORS))}, got {estimator!r}"
        )
    squared, squared_error = np.full((2, max(records - 1, 0)), np.nan)
    steps, variance = np.zeros((2, records))
    for part in series:
        found = ESTIMATORS[estimator](part)
        here = slice(part.first + part.counted.start, part.first + part.counted.stop)
        after = slice(here.start + 1, here.stop + 1)
        squared[here] = found.velocity_squared[part.counted]
        squared_error[here] = found.velocity_squared_error[part.counted]
        steps[after] = np.diff(found.length)[part.counted]
        variance[after] = np.diff(found.length_error**2)[part.counted]
    return PathEstimate(
        squared, squared_error, np.cumsum(steps), np.sqrt(np.maximum(np.cumsum(variance), 0.0))
    )


def _between_records(masses: Float, steps: NDArray[np.int64]) -> PathEstimate:
    total = masses.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        root = np.sqrt(masses / total)  # an empty layer: NaN
    squared = 4 * (np.diff(root, axis=0) ** 2).sum(axis=1)
    length = np.concatenate([[0.0], np.cumsum(np.sqrt(squared))])
    interval = np.diff(steps).astype(np.float64)
    nothing = np.full(len(squared), np.nan)
    return PathEstimate(squared / interval**2, nothing, length, np.concatenate([[0.0], nothing]))
