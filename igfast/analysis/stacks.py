"""Records of one layer stacked, and brought to one dyadic grid that all of them know exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import alignment
from ..alignment import BinCounts, CommonGrid
from ..histograms import Histogram
from ..merging import align_all

Int = NDArray[np.int64]


def alike(records: Sequence[Histogram]) -> Sequence[Histogram]:
    """Records whose arrays have one shape: as few splits as any has, log grids on the coarsest."""
    same = align_all(records)
    splits = min(record.splits for record in same)
    return [record if record.splits == splits else _with_splits(record, splits) for record in same]


def _with_splits(record: Histogram, splits: int) -> Histogram:
    return replace(
        record,
        split_counts=_dealt(record.split_counts, splits),
        split_outside=_dealt(record.split_outside, splits),
        offsets=None if record.offsets is None else _dealt(record.offsets, splits),
    )


def on_common(bins: BinCounts, exponents: Int, origins: Int) -> BinCounts:
    """Records merged to the finest grid that all of them cover."""
    rows = len(bins.counts)
    if (exponents == exponents[0]).all() and (origins == origins[0]).all():
        return bins
    target = common_bins(bins, exponents, origins)
    repeated = CommonGrid(
        np.repeat(target.exponents, rows),
        np.repeat(target.origins, rows),
        np.repeat(target.bins, rows),
    )
    return alignment.to_dyadic(bins, exponents, origins, repeated)


def common_bins(bins: BinCounts, exponents: Int, origins: Int) -> CommonGrid:
    """The one dyadic grid of several records, as a batch of one."""
    ends = origins + bins.counts.shape[2]
    return alignment.common_dyadic(exponents[:, None], origins[:, None], ends[:, None])


def stacked(records: Sequence[Histogram]) -> tuple[BinCounts, Int, Int]:
    return concatenated(records), *dyadic_bins(records)


def dyadic_bins(records: Sequence[Histogram]) -> tuple[Int, Int]:
    """(T,) exponents and origins of one layer's records."""
    found = np.array([record.dyadic_bins() for record in records])  # (T, 2, 1)
    return found[:, 0, 0], found[:, 1, 0]


def concatenated(records: Sequence[Histogram]) -> BinCounts:
    splits = min(record.splits for record in records)
    offsets = None
    if all(record.offsets is not None for record in records):
        offsets = _joined([record.offsets for record in records], splits)
    return BinCounts(
        _joined([record.split_counts for record in records], splits),
        _joined([record.split_outside for record in records], splits),
        offsets,
    )


def _joined(parts: list[NDArray[Any]], splits: int) -> NDArray[Any]:
    return np.concatenate([_dealt(part, splits) for part in parts])


def _dealt(part: NDArray[Any], splits: int) -> NDArray[Any]:
    """(L, G, B) dealt into fewer splits: split 5 of 8 is part of split 1 of 4."""
    if part.shape[1] == splits:
        return part
    return np.asarray(part.reshape(len(part), -1, splits, part.shape[2]).sum(axis=1))
