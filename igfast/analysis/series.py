"""One layer's histograms over time, brought to one grid.

Two merges serve two ends. For velocities, neighboring records are compared cell by cell, so both
must be exact: the common grid covers what all of them cover. A run whose grid changed by more than
an octave is cut into series of nearly equal grids, linked by pairs. For pictures and entropies one
grid must serve the whole run: it spans the union, and what a record left outside its own grid
stays outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import alignment
from ..alignment import Bins, CommonGrid
from ..grids import MAX_BINS, dyadic_edges
from ..histograms import Histogram, align

Int = NDArray[np.int64]
Float = NDArray[np.float64]

MAX_OCTAVES = 1  # a series may merge bins by this factor of two before it is cut


@dataclass(frozen=True)
class LayerSeries:
    """T records of one layer on one grid.

    ``steps`` (T,), ``split_counts`` (T, G, B), ``split_outside`` (T, G, 2), ``offsets``
    (T, G, B) or None; ``first`` is the index of the first record in the run.
    """

    first: int
    steps: Int
    split_counts: Int
    split_outside: Int
    offsets: Float | None


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
        return f"{bins} dyadic bins of 2^{self.exponent} on [{self.edges[0]:.6g}, {self.edges[-1]:.6g})"


def cut(
    steps: Int, records: Sequence[Histogram], memberships: Int | None = None
) -> list[LayerSeries]:
    """Series that together pass through every record of a one-layer run, each on one grid.

    Neighboring series share a record or are joined by a pair; across a change of membership
    (another sharding, so that splits hold other elements) nothing joins them.
    """
    if memberships is None:
        memberships = np.zeros(len(steps), dtype=np.int64)
    breaks = [0, *(np.flatnonzero(np.diff(memberships)) + 1).tolist(), len(steps)]
    found: list[LayerSeries] = []
    for start, stop in zip(breaks[:-1], breaks[1:], strict=True):
        ranges = _ranges(records, start, stop)
        for number, (a, b) in enumerate(ranges):
            if number:
                found.append(_series(a - 1, steps[a - 1 : a + 1], records[a - 1 : a + 1]))
            if b - a > 1:
                found.append(_series(a, steps[a:b], records[a:b]))
    return found


def common(records: Sequence[Histogram], max_bins: int = 1024) -> Common:
    """All records of one layer on the finest grid that spans every record's own."""
    head = records[0]
    if head.grid.kind != "dyadic":
        same = [align(head, record)[1] for record in records]
        for record in same:
            head = align(head, record)[0]
        same = [align(head, record)[1] for record in records]
        counts = np.concatenate([record.counts for record in same])
        edges = head.edges if head.edges.ndim == 1 else head.edges[0]
        return Common(
            edges, counts, _total(same, "underflow"), _total(same, "overflow"), None, None
        )
    stacked, exponents, origins = _stack(records)
    coarsest = int(exponents.max())
    while True:
        shift = np.minimum(coarsest - exponents, 62)
        first = int((origins >> shift).min())
        last = int((-((-(origins + stacked.counts.shape[2])) >> shift)).max())
        if last - first <= min(max_bins, MAX_BINS):
            break
        coarsest += 1
    wide = alignment.widen(stacked, exponents, origins, np.full_like(exponents, coarsest))
    edges = dyadic_edges(np.array([coarsest]), np.array([first]), last - first)[0]
    outside = wide.bins.outside.sum(axis=1)
    return Common(
        edges, wide.bins.counts.sum(axis=1), outside[:, 0], outside[:, 1], coarsest, wide.origin
    )


def _total(records: list[Histogram], side: str) -> Int:
    return np.concatenate([getattr(record, side) for record in records])


def _ranges(records: Sequence[Histogram], start: int, stop: int) -> list[tuple[int, int]]:
    """Longest runs of records whose grids are within MAX_OCTAVES and overlap by half."""
    if records[start].grid.kind != "dyadic":
        return [(start, stop)]
    found = []
    begin = start
    finest = coarsest = _exponent(records[start])
    low, high = _span(records[start])
    for index in range(start + 1, stop):
        k = _exponent(records[index])
        left, right = _span(records[index])
        finest, coarsest = min(finest, k), max(coarsest, k)
        low, high = max(low, left), min(high, right)
        narrowest = min(right - left, records[begin].bins * 2.0**finest)
        if coarsest - finest > MAX_OCTAVES or high - low < narrowest / 2:
            found.append((begin, index))
            begin = index
            finest = coarsest = k
            low, high = left, right
    return [*found, (begin, stop)]


def _exponent(record: Histogram) -> int:
    assert record.exponents is not None
    return int(record.exponents[0])


def _span(record: Histogram) -> tuple[float, float]:
    assert record.origins is not None
    width = 2.0 ** _exponent(record)
    origin = int(record.origins[0])
    return origin * width, (origin + record.bins) * width


def _series(first: int, steps: Int, records: Sequence[Histogram]) -> LayerSeries:
    if records[0].grid.kind != "dyadic":
        head = records[0]
        for record in records:
            head = align(head, record)[0]
        same = [align(head, record)[1] for record in records]
        bins = _concatenate(same)
    else:
        bins, exponents, origins = _stack(records)
        size = bins.counts.shape[2]
        if (exponents != exponents[0]).any() or (origins != origins[0]).any():
            target = alignment.common_dyadic(
                exponents[:, None], origins[:, None], origins[:, None] + size
            )
            rows = len(records)
            repeated = CommonGrid(
                np.repeat(target.exponents, rows),
                np.repeat(target.origins, rows),
                np.repeat(target.bins, rows),
            )
            bins = alignment.to_dyadic(bins, exponents, origins, repeated)
    return LayerSeries(first, steps, bins.counts, bins.outside, bins.offsets)


def _stack(records: Sequence[Histogram]) -> tuple[Bins, Int, Int]:
    exponents = np.array([_exponent(record) for record in records], dtype=np.int64)
    origins = np.array([int(record.origins[0]) for record in records], dtype=np.int64)  # type: ignore[index]
    return _concatenate(records), exponents, origins


def _concatenate(records: Sequence[Histogram]) -> Bins:
    offsets = None
    if all(record.offsets is not None for record in records):
        offsets = np.concatenate([record.offsets for record in records])
    return Bins(
        np.concatenate([record.split_counts for record in records]),
        np.concatenate([record.split_outside for record in records]),
        offsets,
    )
