"""Γ² between neighboring records by cross products of splits, and what noise adds without them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .split_cells import changes, join_outside

Float = NDArray[np.float64]

_OF_CELLS = 2.0  # variance of a sum over cells over that of independent ones
_CHUNK = 1 << 22  # float64 numbers that are worked on at a time: 32 MB


def split_velocity_squared(
    steps: ArrayLike, split_counts: ArrayLike, split_outside: ArrayLike
) -> tuple[Float, Float, Float]:
    """Unbiased signed Γ² per interval, its standard error, and the noise floor.

    Γ²Δt² = mean over g ≠ h of Σ_b Δp_b^(g) Δp_b^(h) / p_b with p at the middle of the step. Jitter
    is independent between splits, so it does not add to the product. Error by the jackknife over
    splits, which counts twice what belongs to pairs of them: it is 1.5 to 1.8 times the scatter.
    Of two splits there is one product: it is a sum over cells, and so is its variance, twice that
    of independent cells, since what leaves one enters the next. The floor is √(pooled square −
    cross product), which is measured, not assumed: the elements are the same at both times.

    Parameters
    ----------
    steps : (T,) array_like
    split_counts : (T, G, B) array_like
    split_outside : (T, G, 2) array_like
        Under- and overflow.

    Returns
    -------
    squared, error : (T−1,) float64
        In 1/step².
    floor : (T−1,) float64
        Γ that noise alone gives the published estimator, in 1/step.
        All NaN with one split, or where a split is empty.
    """
    counts = join_outside(split_counts, split_outside)
    records, splits, cells = counts.shape
    result = np.full((3, max(records - 1, 0)), np.nan)
    if records < 2 or splits < 2 or not np.all(counts.sum(axis=-1) > 0):
        return result[0], result[1], result[2]
    size = max(1, _CHUNK // (splits * cells))
    for low in range(0, records - 1, size):
        part = counts[low : low + size + 1]
        result[:, low : low + size] = _from_changes(changes(part[:-1], part[1:]))
    interval = np.diff(np.asarray(steps, dtype=np.float64))
    return result[0] / interval**2, result[1] / interval**2, result[2] / interval


def _from_changes(change: Float) -> Float:
    """(3, K): cross product, its error, noise floor, of (K, G, B) changes."""
    splits = change.shape[1]
    matrix = change @ change.transpose(0, 2, 1)
    own = np.diagonal(matrix, axis1=1, axis2=2)
    total, trace = matrix.sum(axis=(1, 2)), own.sum(axis=1)
    cross = (total - trace) / (splits * (splits - 1))
    floor = np.sqrt(np.maximum(total / splits**2 - cross, 0.0))
    if splits == 2:
        # the variance of (v + x)(v + y), of normal noise x and y of equal variance, is the mean of
        # a quarter of ((v + x)² − (v + y)²)²
        apart = np.square(np.diff(np.square(change), axis=1)).sum(axis=(1, 2))
        return np.stack([cross, np.sqrt(_OF_CELLS * apart / 4), floor])
    without = (total - trace)[:, None] - 2 * (matrix.sum(axis=2) - own)
    without /= (splits - 1) * (splits - 2)
    spread = np.square(without - without.mean(axis=1, keepdims=True)).sum(axis=1)
    return np.stack([cross, np.sqrt((splits - 1) / splits * spread), floor])
