"""Quantiles of counts in bins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .extremes import finite_edges

Int = NDArray[np.int64]
Float = NDArray[np.float64]


def quantiles(counts: Int, below: int, above: int, edges: Float, wanted: Float) -> Float:
    """(Q,) quantiles of one layer, linear within a bin; NaN where it is empty.

    Parameters
    ----------
    counts : (B,) int64
    below, above : int
        Elements under and over the bins.
    edges : (B+1,) float64
    wanted : (Q,) float64
        In [0, 1].
    """
    edges = finite_edges(edges)
    running = below + np.concatenate([[0], np.cumsum(counts)])
    total = running[-1] + above
    if not total:
        return np.full(len(wanted), np.nan)
    target = wanted * total
    first = np.searchsorted(running, 0, side="right")  # 0 is reached where the elements begin
    at = np.maximum(np.searchsorted(running, target, side="left"), first)
    right = np.clip(at, 1, len(edges) - 1)
    lower, upper = running[right - 1], running[right]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(upper > lower, (target - lower) / (upper - lower), 0.0)
    found = edges[right - 1] + share * (edges[right] - edges[right - 1])
    return np.where(at == 0, -np.inf, np.where(at == len(edges), np.inf, found))
