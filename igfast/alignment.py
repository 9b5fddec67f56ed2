"""Merging bins: how two histograms on different dyadic or log grids are made comparable.

Widths are powers of two, so a coarser bin is a whole number of finer ones and merging is exact,
for counts as for offsets. A coarse bin that a histogram covers only in part cannot be known, so
common grids cover the intersection, rounded inward; what lies beyond joins under- and overflow.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Int = NDArray[np.int64]
MAX_SHIFT = 62  # beyond it every index (|index| <= 2^44) is -1 or 0, as it is at 62


@dataclass(frozen=True)
class BinCounts:
    """Counts of L layers on grids that may have fewer than B bins in some layers.

    ``counts`` (L, G, B) int64, ``outside`` (L, G, 2) int64, ``offsets`` (L, G, B) float64 or None.
    """

    counts: Int
    outside: Int
    offsets: NDArray[np.float64] | None


@dataclass(frozen=True)
class CommonGrid:
    """The coarsest dyadic grid of several: ``exponents``, ``origins`` and ``bins``, (L,) each."""

    exponents: Int
    origins: Int
    bins: Int


def common_dyadic(exponents: Int, origins: Int, ends: Int) -> CommonGrid:
    """The finest grid that all records can be merged to.

    Parameters
    ----------
    exponents, origins, ends : (R, L) int64
        Of R records, which cover bins ``origins`` to ``ends - 1``. ``bins`` of the result is 0
        where the records have no coarse bin in common.
    """
    coarsest = exponents.max(axis=0)
    shift = np.minimum(coarsest - exponents, MAX_SHIFT)
    first = (-((-origins) >> shift)).max(axis=0)  # rounded up
    last = (ends >> shift).min(axis=0)  # rounded down
    return CommonGrid(coarsest, first, np.maximum(last - first, 0))


def to_dyadic(
    bins: BinCounts, exponents: Int, origins: Int, target: CommonGrid, width: int | None = None
) -> BinCounts:
    """Merge bins to a coarser dyadic grid; rows are padded with empty bins to ``width``."""
    size = bins.counts.shape[2]
    width = int(target.bins.max(initial=0)) if width is None else width
    shift = np.minimum(target.exponents - exponents, MAX_SHIFT)
    index = target.origins[:, None] + np.minimum(np.arange(width + 1), target.bins[:, None])
    # float64 holds these products exactly wherever they fall inside the row
    start = np.ldexp(index.astype(np.float64), shift[:, None].astype(np.intc)) - origins[:, None]
    bounds = np.clip(start, 0, size).astype(np.int64)
    scale = np.ldexp(1.0, shift.astype(np.intc))[:, None]
    return merge(bins, bounds, np.arange(size + 1, dtype=np.float64)[None, :], scale)


@dataclass(frozen=True)
class Widened:
    """Layers on one grid that spans all of theirs; ``origin`` is its first bin."""

    bins: BinCounts
    origin: int


def spanning_exponent(exponents: Int, origins: Int, size: int, most: int) -> int:
    """The finest exponent at which the union of the rows' ranges has at most ``most`` bins."""
    exponent = int(exponents.max())
    while True:
        first, last = _union(exponents, origins, size, exponent)
        if last - first <= most:
            return exponent
        exponent += 1


def widen(
    bins: BinCounts, exponents: Int, origins: Int, exponent: int, *, pool: bool = False
) -> Widened:
    """Bins of every row on the union of the rows' ranges, partly filled end bins included.

    With ``pool`` all rows are added up in one.
    """
    rows, splits, size = bins.counts.shape
    shift = np.minimum(exponent - exponents, MAX_SHIFT)
    first, last = _union(exponents, origins, size, exponent)
    shape = (1 if pool else rows, splits, last - first)
    counts = np.zeros(shape, dtype=np.int64)
    offsets = None if bins.offsets is None else np.zeros(shape)
    place = np.arange(size)
    changes = np.flatnonzero(np.diff(exponents) | np.diff(origins)) + 1
    for row, end in itertools.pairwise([0, *changes.tolist(), rows]):  # rows of equal grids
        by, origin = int(shift[row]), int(origins[row])
        added_to = slice(0, 1) if pool else slice(row, end)
        coarse = (origin + place) >> by
        starts = np.flatnonzero(np.diff(coarse, prepend=coarse[0] - 1))
        to = slice(int(coarse[0]) - first, int(coarse[-1]) - first + 1)
        held = bins.counts[row:end]
        counts[added_to, :, to] += _summed(np.add.reduceat(held, starts, axis=2), pool)
        if offsets is not None and bins.offsets is not None:
            distance = (origin + place) - np.ldexp(coarse.astype(np.float64), by)
            moved = (held * distance + bins.offsets[row:end]) * 0.5**by
            offsets[added_to, :, to] += _summed(np.add.reduceat(moved, starts, axis=2), pool)
    outside = bins.outside.sum(axis=0, keepdims=True) if pool else bins.outside
    return Widened(BinCounts(counts, outside, offsets), first)


def _summed(rows: NDArray[Any], pool: bool) -> NDArray[Any]:
    return rows.sum(axis=0, keepdims=True) if pool else rows


def _union(exponents: Int, origins: Int, size: int, exponent: int) -> tuple[int, int]:
    """First and end bin, at one exponent, of the union of the rows' ranges."""
    shift = np.minimum(exponent - exponents, MAX_SHIFT)
    return int((origins >> shift).min()), int((-((-(origins + size)) >> shift)).max())


def merge(
    bins: BinCounts, bounds: Int, edges: NDArray[np.float64], widths: NDArray[np.float64]
) -> BinCounts:
    """Sum the bins between ``bounds``.

    Parameters
    ----------
    bounds : (L, C+1) int64
        Coarse bin c holds bins ``bounds[c]`` to ``bounds[c+1] - 1``.
    edges : (1 or L, B+1) float64
        Edges of the fine bins, in the unit of ``widths``.
    widths : (L, 1 or C) float64
        Widths of the coarse bins.
    """
    total, outside = _running(bins.counts), bins.outside.copy()
    counts = np.diff(_pick(total, bounds), axis=2)
    outside[:, :, 0] += _pick(total, bounds[:, :1])[:, :, 0]
    outside[:, :, 1] += total[:, :, -1] - _pick(total, bounds[:, -1:])[:, :, 0]
    if bins.offsets is None:
        return BinCounts(counts, outside, None)
    edges = np.broadcast_to(edges, (len(bins.counts), edges.shape[1]))
    from_first = (edges[:, :-1] - edges[:, :1])[:, None, :]
    fine = np.diff(edges)[:, None, :]
    distances = _running(bins.counts * from_first + bins.offsets * fine)
    distance = np.diff(_pick(distances, bounds), axis=2)
    starts = (np.take_along_axis(edges, bounds[:, :-1], axis=1) - edges[:, :1])[:, None, :]
    offsets = (distance - counts * starts) / widths[:, None, :]
    return BinCounts(counts, outside, np.where(counts > 0, offsets, 0.0))


def log_bounds(
    mantissa_bits: tuple[int, int], exponents: tuple[int, int], target: tuple[int, int]
) -> Int:
    """(C+1,) bounds that merge a log grid to a coarser one.

    ``mantissa_bits`` is (fine, coarse), ``exponents`` the fine grid's (min, max) and ``target``
    the coarse grid's (min_exponent, max_exponent).
    """
    fine, coarse = mantissa_bits
    low, high = exponents
    per_octave = 2**fine
    middle = (high - low) * per_octave
    step = 2 ** (fine - coarse)
    first = (target[0] - low) * per_octave
    positive = middle + 1 + first + step * np.arange((target[1] - target[0]) * 2**coarse + 1)
    return np.concatenate([2 * middle + 1 - positive[::-1], positive])


def _running(values: NDArray[Any]) -> NDArray[Any]:
    total = np.zeros((*values.shape[:2], values.shape[2] + 1), dtype=values.dtype)
    np.cumsum(values, axis=2, out=total[:, :, 1:])
    return total


def _pick(running: NDArray[Any], bounds: Int) -> NDArray[Any]:
    index = np.broadcast_to(bounds[:, None, :], (*running.shape[:2], bounds.shape[1]))
    return np.take_along_axis(running, index, axis=2)
