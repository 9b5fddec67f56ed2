"""One layer's histograms over time, brought to one grid.

Two merges serve two ends. For velocities, records are compared cell by cell, so both must be known
exactly: a common grid covers what all of its records cover. Where that would leave out too much, a
run is cut into stretches of nearly equal grids, and the step from one to the next is taken from a
window around the cut. For pictures and entropies one grid must serve the whole run: it spans the
union, and what a record left outside its own grid stays outside.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import alignment
from ..alignment import BinCounts
from ..extremes import far, in_units, unit_of
from ..grids import MAX_BINS, dyadic_edges
from ..histograms import Histogram
from ..measures.binned import centered_offsets, mean_and_variance
from ..measures.operands import centered
from ..merging import align_all
from .stacks import common_bins, concatenated, dyadic_bins, on_common, stacked
from .stretches import stretches, window

Int = NDArray[np.int64]
Float = NDArray[np.float64]

MAX_WIDER = 4  # a grid for the whole run may have this many times a record's bins


@dataclass(frozen=True)
class LayerSeries:
    """T records of one layer on one grid.

    ``steps`` (T,), ``split_counts`` (T, G, B), ``split_outside`` (T, G, 2), ``offsets``
    (T, G, B) or None: sums of positions within bins, half a digit added for what rounding down
    took on average; ``first`` is the index of the first record in the run. Of the T−1 steps
    between records those in ``counted`` belong to this series, the others are context. ``edges``
    (B+1,) are those of the bins; ``moments`` (T, 2) mean and variance of all finite elements, or
    None where they were not recorded; ``binned_moments`` (T, 2) those of the elements in range of
    each record's own bins, None where no others than these are known, in units of a power of two
    where float64 has no number for the squares of the values. Where the records have no bin in
    common B is 0, and all that is known of them lies in ``split_outside``.
    """

    first: int
    steps: Int
    split_counts: Int
    split_outside: Int
    offsets: Float | None
    counted: slice
    edges: Float
    moments: Float | None = None
    binned_moments: Float | None = None

    @property
    def place(self) -> slice:
        """The counted steps among all steps of the run."""
        return slice(self.first + self.counted.start, self.first + self.counted.stop)

    @property
    def far(self) -> bool:
        """Whether float64 may have no number for the squares of the values."""
        return len(self.edges) > 1 and far(unit_of(self.edges))

    def cells(self) -> Float:
        """(T, B+2) counts over all splits: underflow, bins, overflow."""
        counts = self.split_counts.sum(axis=1)
        outside = self.split_outside.sum(axis=1)
        cells = np.concatenate([outside[:, :1], counts, outside[:, 1:]], axis=1)
        return cells.astype(np.float64)


@dataclass(frozen=True)
class Common:
    """All records of a layer on one grid.

    ``edges`` (B+1,) float64, ``counts`` (T, B), ``underflow`` and ``overflow`` (T,) int64;
    ``exponent`` and ``origin`` of a dyadic grid, else None.
    """

    edges: Float
    counts: Int
    underflow: Int
    overflow: Int
    exponent: int | None
    origin: int | None

    def __str__(self) -> str:
        bins = self.counts.shape[1]
        if self.exponent is None:
            return f"{bins} bins on [{self.edges[0]:.6g}, {self.edges[-1]:.6g}]"
        low, high = self.edges[[0, -1]]
        return f"{bins} dyadic bins of 2^{self.exponent} on [{low:.6g}, {high:.6g})"


def cut(
    steps: Int,
    records: Sequence[Histogram],
    memberships: Int | None = None,
    moments: Float | None = None,
) -> list[LayerSeries]:
    """Series that together take every step of a one-layer run once, each on one grid.

    Across a change of membership (another sharding, so that splits hold other elements) there is
    no step. Steps to and from a record without elements, as of a layer that is all NaN, are series
    of their own: what is not known there is known elsewhere. ``moments`` (T, 2) are mean and
    variance of every record. Records with more splits than others give them up: 8 splits merge
    exactly into 4.
    """
    if not len(steps):
        return []
    if memberships is None:
        memberships = np.zeros(len(steps), dtype=np.int64)
    breaks = [0, *(np.flatnonzero(np.diff(memberships)) + 1).tolist(), len(steps)]
    found: list[LayerSeries] = []
    empty = np.array([not _elements(record) for record in records])
    for start, stop in itertools.pairwise(breaks):
        lost = np.concatenate([[False], empty[start : stop - 1] | empty[start + 1 : stop], [False]])
        for low, high in np.flatnonzero(np.diff(lost.astype(np.int8))).reshape(-1, 2) + start:
            found.append(_series(steps, records, int(low), int(high) + 1, slice(0, high - low)))
    for start, stop in _held(empty, breaks):
        for a, b in stretches(records, start, stop):
            if a > start:
                low, high = window(records, a, start, stop)
                found.append(_series(steps, records, low, high, slice(a - 1 - low, a - low)))
            if b - a > 1:
                found.append(_series(steps, records, a, b, slice(0, b - a - 1)))
    if moments is None:
        return found
    return [replace(s, moments=moments[s.first : s.first + len(s.steps)]) for s in found]


def _elements(record: Histogram) -> int:
    return int(record.split_counts.sum() + record.split_outside.sum())


def _held(empty: NDArray[np.bool_], breaks: list[int]) -> list[tuple[int, int]]:
    """Ranges of records that hold elements, between breaks."""
    bounds = {*breaks, *np.flatnonzero(empty).tolist(), *(np.flatnonzero(empty) + 1).tolist()}
    return [(a, b) for a, b in itertools.pairwise(sorted(bounds)) if not empty[a]]


def recorded_moments(fields: Mapping[str, NDArray[Any]], columns: list[int]) -> Float:
    """(T, 2) mean and variance of the pooled layers in ``columns``.

    ``fields`` are (T, L) arrays by the names of the fields of :class:`igfast.Moments`.
    """
    count, mean, variance = (fields[name][:, columns] for name in ("count", "mean", "variance"))
    held = count > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        share = count / count.sum(axis=1, keepdims=True)
        middle = np.where(held, share * mean, 0.0).sum(axis=1)
        spread = variance + np.square(mean - middle[:, None])
        pooled = np.stack([middle, np.where(held, share * spread, 0.0).sum(axis=1)], axis=1)
    return np.where(held.any(axis=1, keepdims=True), pooled, np.nan)


def common(records: Sequence[Histogram]) -> Common:
    """All records of one layer on the finest grid that spans every record's own.

    Raises
    ------
    ValueError
        If the edges of uniform grids differ, or log grids have no octave in common.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> from igfast import analysis
    >>> x, grids = np.array([0.5, 1.5]), [igfast.Grid.dyadic(4, exponent=k) for k in (-1, 0)]
    >>> found = analysis.common([igfast.histogram(x, grid=grid) for grid in grids])
    >>> found.counts, str(found)
    (array([[0, 0, 1, 0],
           [0, 0, 1, 1]]), '4 dyadic bins of 2^0 on [-2, 2)')
    """
    head = records[0]
    if head.grid.kind != "dyadic":
        same = align_all(records)
        head = same[0]
        counts = np.concatenate([record.counts for record in same])
        edges = head.edges if head.edges.ndim == 1 else head.edges[0]
        return Common(
            edges, counts, _total(same, "underflow"), _total(same, "overflow"), None, None
        )
    exponents, origins = dyadic_bins(records)
    counts = np.concatenate([record.counts for record in records])
    size = counts.shape[1]
    coarsest = alignment.spanning_exponent(
        exponents, origins, size, min(MAX_WIDER * size, MAX_BINS)
    )
    outside = np.stack([_total(records, "underflow"), _total(records, "overflow")], axis=-1)
    narrow = BinCounts(counts[:, None], outside[:, None], None)
    wide = alignment.widen(narrow, exponents, origins, coarsest)
    counts = wide.bins.counts[:, 0]
    edges = dyadic_edges(np.array([coarsest]), np.array([wide.origin]), counts.shape[1])[0]
    return Common(edges, counts, outside[:, 0], outside[:, 1], coarsest, wide.origin)


def _total(records: Sequence[Histogram], side: str) -> Int:
    return np.concatenate([getattr(record, side) for record in records])


def _series(
    steps: Int, records: Sequence[Histogram], start: int, stop: int, counted: slice
) -> LayerSeries:
    part = records[start:stop]
    if part[0].grid.kind == "dyadic":
        own, exponents, origins = stacked(part)
        if own.offsets is not None:  # as `centered` does, of all records at once
            own = replace(own, offsets=centered_offsets(own.offsets, own.counts))
        target = common_bins(own, exponents, origins)
        bins = on_common(own, exponents, origins)
        edges = dyadic_edges(target.exponents, target.origins, bins.counts.shape[2])[0]
        own_edges = dyadic_edges(exponents, origins, own.counts.shape[2])
    else:
        part = align_all([centered(record) for record in part])
        own = bins = concatenated(part)
        edges = own_edges = np.ravel(part[0].edges)
    inside = None if own.offsets is None else own.offsets.sum(axis=1)
    unit = np.max(unit_of(own_edges))
    if far(unit):  # one unit for all records
        own_edges = in_units(own_edges, unit)
    mean, variance = mean_and_variance(own.counts.sum(axis=1), inside, own_edges)
    return LayerSeries(
        start,
        steps[start:stop],
        bins.counts,
        bins.outside,
        bins.offsets,
        counted,
        edges,
        binned_moments=np.stack([mean, variance], axis=1),
    )
