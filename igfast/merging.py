"""Bins of whole histograms merged: onto one grid for comparisons and sums, or by a factor.

Layers of one histogram may be left with different numbers of bins. Rows are then padded with empty
ones at the end, and ``covered`` says how many of each are no padding: the elements there were
counted as overflow, so that padding must never be taken for bins that were looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _arrays, alignment
from .alignment import BinCounts, CommonGrid
from .grids import Grid

if TYPE_CHECKING:
    from .histograms import Histogram

Int = NDArray[np.int64]

_NO_EDGES = np.zeros((1, 1))  # uniform grids have no offsets to carry
MAX_POOLED_BINS = 8192  # layers far apart share coarser bins rather than a huge grid


def align(h0: Histogram, h1: Histogram) -> tuple[Histogram, Histogram, NDArray[np.bool_]]:
    """Two histograms of the same layers, row by row, on their common grid, as NumPy.

    Rows are matched by position, not by name; the numbers of splits may differ.

    Returns
    -------
    h0, h1 : Histogram
        Rows are padded with empty bins where layers have fewer common bins than others.
    comparable : (L,) bool
        False where the two have no bin in common.

    Raises
    ------
    ValueError
        If the number of layers, the kind of grid or uniform edges differ.
    """
    _check_same(h0, h1)
    h0, h1 = h0.to_numpy(), h1.to_numpy()
    if h0.grid.kind == "dyadic" and not _same_dyadic(h0, h1):
        common = _common(h0, h1)
        return to_dyadic(h0, common), to_dyadic(h1, common), common.bins > 0
    if h0.grid.kind == "log" and h0.grid != h1.grid:
        grid = _common_log(h0.grid, h1.grid)
        h0, h1 = to_log(h0, grid), to_log(h1, grid)
    return h0, h1, np.ones(len(h0), dtype=bool)


def align_all(records: Sequence[Histogram]) -> list[Histogram]:
    """Records of one layer on the coarsest log grid among them; uniform grids must be equal.

    Dyadic ones stay as they are: how far those are merged depends on what they are wanted for.
    """
    head = records[0]
    if head.grid.kind == "dyadic":
        return list(records)
    for record in records:
        head = align(head, record)[0]
    return [align(head, record)[1] for record in records]


def cells(h0: Histogram, h1: Histogram) -> tuple[Int, Int, NDArray[np.bool_]]:
    """(L, B+2) counts on the common grid: underflow, bins, overflow; and whether comparable."""
    h0, h1, comparable = align(h0, h1)
    return _cells(h0), _cells(h1), comparable


def _cells(h: Histogram) -> Int:
    return np.concatenate([h.underflow[:, None], h.counts, h.overflow[:, None]], axis=1)


def _on_one_grid(h0: Histogram, h1: Histogram) -> tuple[Histogram, Histogram]:
    """Like :func:`align`, for a sum: it needs a bin in common in every layer."""
    h0, h1, comparable = align(h0, h1)
    if not comparable.all():
        name = h0.names[int(comparable.argmin())]
        raise ValueError(
            f"merge: the two grids of layer {name!r} have no bin in common; count both on one "
            "grid, or select() the other layers"
        )
    return h0, h1


def _check_same(h0: Histogram, h1: Histogram) -> None:
    if h0.grid.kind != h1.grid.kind:
        raise ValueError(
            f"histograms must be on the same kind of grid, got {h0.grid.kind} and {h1.grid.kind}"
        )
    if len(h0) != len(h1):
        raise ValueError(f"histograms must have the same layers, got {len(h0)} and {len(h1)}")
    if h0.grid.kind == "uniform" and not np.array_equal(h0.edges, h1.edges):
        raise ValueError(
            f"uniform grids with different edges cannot be compared, got {h0.grid} and {h1.grid}; "
            "count one on the grid of the other, or both on a dyadic grid, whose bins always merge"
        )


def _same_dyadic(h0: Histogram, h1: Histogram) -> bool:
    whole = h0.covered is None and h1.covered is None and h0.bins == h1.bins
    return whole and np.array_equal(h0.dyadic_bins(), h1.dyadic_bins())


def _common(h0: Histogram, h1: Histogram) -> CommonGrid:
    exponents, origins = (
        np.stack(pair) for pair in zip(h0.dyadic_bins(), h1.dyadic_bins(), strict=True)
    )
    sizes = np.stack([covered_bins(h0), covered_bins(h1)])
    return alignment.common_dyadic(exponents, origins, origins + sizes)


def covered_bins(h: Histogram) -> Int:
    """(L,) bins of each layer that are no padding: B, or fewer where merging left it fewer."""
    return np.full(len(h), h.bins) if h.covered is None else h.covered


def _common_log(a: Grid, b: Grid) -> Grid:
    low, high = max(a.min_exponent, b.min_exponent), min(a.max_exponent, b.max_exponent)
    if low >= high:
        raise ValueError(f"the log grids have no octave in common: {a} and {b}")
    return Grid.log(min(a.mantissa_bits, b.mantissa_bits), low, high)


def bins_of(h: Histogram) -> BinCounts:
    h = h.to_numpy()
    return BinCounts(h.split_counts, h.split_outside, h.offsets)


def with_bins(h: Histogram, bins: BinCounts, **changes: Any) -> Histogram:
    home = _arrays.home_of(h.split_counts)
    return replace(
        h,
        split_counts=_arrays.like(home, bins.counts),
        split_outside=_arrays.like(home, bins.outside),
        offsets=None if bins.offsets is None else _arrays.like(home, bins.offsets),
        _block=None,
        **changes,
    )


def to_dyadic(h: Histogram, target: CommonGrid) -> Histogram:
    merged = alignment.to_dyadic(bins_of(h), *h.dyadic_bins(), target)
    width = merged.counts.shape[2]
    return with_bins(
        h,
        merged,
        grid=Grid("dyadic", width),
        exponents=target.exponents,
        origins=target.origins,
        covered=None if (target.bins == width).all() else target.bins,
    )


def unpadded(h: Histogram) -> Histogram:
    """Without the empty bins that all rows are padded with."""
    if h.covered is None:
        return h
    most = int(h.covered.max(initial=0))
    return replace(
        h,
        split_counts=h.split_counts[:, :, :most],
        offsets=None if h.offsets is None else h.offsets[:, :, :most],
        grid=Grid("dyadic", most),
        covered=None if (h.covered == most).all() else h.covered,
    )


def equally_wide(records: list[Histogram]) -> list[Histogram]:
    """Pooled dyadic records with empty bins added, so that all have as many as the widest.

    A pooled record's grid spans all layers, and what lies outside a layer's own grid is counted as
    outside wherever the pooled grid ends: bins added at its end hold nothing.
    """
    most = max(record.bins for record in records)
    if records[0].grid.kind != "dyadic" or all(record.bins == most for record in records):
        return records

    def widened(record: Histogram) -> Histogram:
        bins = bins_of(record)
        added = ((0, 0), (0, 0), (0, most - record.bins))
        offsets = None if bins.offsets is None else np.pad(bins.offsets, added)
        wide = BinCounts(np.pad(bins.counts, added), bins.outside, offsets)
        return with_bins(record, wide, grid=Grid("dyadic", most))

    return [widened(record) for record in records]


def to_log(h: Histogram, grid: Grid) -> Histogram:
    if h.grid == grid:
        return h
    bounds = alignment.log_bounds(
        (h.grid.mantissa_bits, grid.mantissa_bits),
        (h.grid.min_exponent, h.grid.max_exponent),
        (grid.min_exponent, grid.max_exponent),
    )
    widths = np.diff(grid.edges())[None, :]
    merged = alignment.merge(
        bins_of(h), np.tile(bounds, (len(h), 1)), h.grid.edges()[None, :], widths
    )
    return with_bins(h, merged, grid=grid)


def pooled(h: Histogram, name: str) -> Histogram:
    """All layers added up: dyadic ones over the union of their ranges."""
    whole = _spanning(h) if h.grid.kind == "dyadic" else h
    return replace(
        whole,
        split_counts=whole.split_counts.sum(0)[None],
        split_outside=whole.split_outside.sum(0)[None],
        nan=whole.nan.sum(0)[None],
        numel=whole.numel.sum(keepdims=True),
        names=(name,),
        offsets=None if whole.offsets is None else whole.offsets.sum(0)[None],
        _block=None,
    )


def _spanning(h: Histogram) -> Histogram:
    """The bins of all layers of a dyadic histogram added up, over the union of their ranges."""
    exponents, origins = h.dyadic_bins()
    exponent = alignment.spanning_exponent(exponents, origins, h.bins, MAX_POOLED_BINS)
    whole = alignment.widen(bins_of(h), exponents, origins, exponent, pool=True)
    return with_bins(
        h,
        whole.bins,
        grid=Grid("dyadic", whole.bins.counts.shape[2]),
        exponents=np.array([exponent]),
        origins=np.array([whole.origin]),
        covered=None,
    )


def plus(h0: Histogram, h1: Histogram) -> Histogram:
    """Sum of the counts of two shards of the same layers; it lives where the first one does."""
    if h0.splits != h1.splits:
        raise ValueError(f"histograms must have the same splits, got {h0.splits} and {h1.splits}")
    home = _arrays.home_of(h0.split_counts)
    if home != _arrays.home_of(h1.split_counts) or not _on_same_bins(h0, h1):
        h0, h1 = _on_one_grid(h0, h1)
    with_offsets = h0.offsets is not None and h1.offsets is not None
    total = replace(
        h0,
        split_counts=h0.split_counts + h1.split_counts,
        split_outside=h0.split_outside + h1.split_outside,
        nan=h0.nan + h1.nan,
        numel=h0.numel + h1.numel,
        offsets=h0.offsets + h1.offsets if with_offsets else None,
        _block=None,
    )
    return total if home == _arrays.home_of(total.split_counts) else _moved(total, home)


def _on_same_bins(h0: Histogram, h1: Histogram) -> bool:
    _check_same(h0, h1)
    if h0.grid.kind == "dyadic":
        return _same_dyadic(h0, h1)
    return h0.grid.kind == "uniform" or h0.grid == h1.grid


def _moved(h: Histogram, home: str) -> Histogram:
    return replace(
        h,
        split_counts=_arrays.like(home, h.split_counts),
        split_outside=_arrays.like(home, h.split_outside),
        nan=_arrays.like(home, h.nan),
        offsets=None if h.offsets is None else _arrays.like(home, h.offsets),
    )


def rebin(h: Histogram, factor: int) -> Histogram:
    """Every ``factor`` neighboring bins merged."""
    if h.grid.kind == "uniform":
        return _rebin_uniform(h, factor)
    if factor < 1 or factor & (factor - 1):
        raise ValueError(f"factor must be a power of two on a {h.grid.kind} grid, got {factor}")
    octaves = factor.bit_length() - 1
    if h.grid.kind == "log":
        bits, low, high = h.grid.mantissa_bits, h.grid.min_exponent, h.grid.max_exponent
        if octaves > bits:
            raise ValueError(f"factor must be at most {2**bits}, the bins per octave, got {factor}")
        return to_log(h, Grid.log(bits - octaves, low, high))
    exponents, origins = h.dyadic_bins()
    sizes = covered_bins(h)
    shift = min(octaves, alignment.MAX_SHIFT)
    first = -((-origins) >> shift)
    bins = ((origins + sizes) >> shift) - first
    if bins.min(initial=1) < 1:
        row = int(bins.argmin())
        raise ValueError(
            f"factor={factor} leaves no whole bin of {sizes[row]} in layer {h.names[row]!r}; "
            "choose less"
        )
    return to_dyadic(h, CommonGrid(exponents + octaves, first, bins))


def _rebin_uniform(h: Histogram, factor: int) -> Histogram:
    if factor < 1 or h.bins % factor:
        raise ValueError(f"factor must divide the {h.bins} bins of a uniform grid, got {factor}")
    bounds = np.tile(np.arange(0, h.bins + 1, factor), (len(h), 1))
    merged = alignment.merge(bins_of(h), bounds, _NO_EDGES, _NO_EDGES)
    edges = h.edges[..., ::factor].copy()
    grid = replace(h.grid, bins=h.bins // factor, parts=1)
    if not np.array_equal(grid.edges(), edges):  # they differ where linspace rounds
        grid = replace(grid, parts=h.grid.parts * factor)
    return with_bins(h, merged, grid=grid, uniform_edges=edges)
