"""Stretches of a run that one dyadic grid serves, and what informs the steps between them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ..histograms import Histogram
from .stacks import dyadic_bins, on_common, stacked

MAX_OCTAVES = 1  # a stretch may merge bins by this factor of two
MAX_OUTSIDE = 1 / 50  # and leave this share of a record outside
WINDOW = 32  # records on either side of a cut that inform the step across it


def stretches(records: Sequence[Histogram], start: int, stop: int) -> list[tuple[int, int]]:
    """Ranges of records that one grid serves; ranges of equal grids come first, they are few."""
    if records[start].grid.kind != "dyadic":
        return [(start, stop)]
    exponents, origins = dyadic_bins(records[start:stop])
    changes = np.flatnonzero(np.diff(exponents) | np.diff(origins)) + 1
    bounds = [start, *(start + changes).tolist(), stop]
    found = [(bounds[0], bounds[1])]
    for a, b in itertools.pairwise(bounds[1:]):
        if _one_grid_serves(records[found[-1][0] : b]):
            found[-1] = (found[-1][0], b)
        else:
            found.append((a, b))
    return found


def _one_grid_serves(records: Sequence[Histogram]) -> bool:
    exponents, _ = dyadic_bins(records)
    if exponents.max() - exponents.min() > MAX_OCTAVES:
        return False
    return _cost_of_one_grid(records)[1] <= MAX_OUTSIDE


def _cost_of_one_grid(records: Sequence[Histogram]) -> tuple[int, float]:
    """Octaves that it is coarser than the finest record; largest share of a record it leaves out.

    What a record's own grid leaves out as well does not count.
    """
    bins, exponents, origins = stacked(records)
    merged = on_common(bins, exponents, origins)
    own, outside = bins.outside.sum(axis=(1, 2)), merged.outside.sum(axis=(1, 2))
    total = bins.counts.sum(axis=(1, 2)) + own
    left_out = np.where(outside > own, outside / np.maximum(total, 1), 0.0)
    return int(exponents.max() - exponents.min()), float(left_out.max())


def window(records: Sequence[Histogram], cut: int, start: int, stop: int) -> tuple[int, int]:
    """Records around a cut, as many as one grid serves as well as the two next to it, or well."""
    octaves, outside = _cost_of_one_grid(records[cut - 1 : cut + 1])
    size = WINDOW
    while size > 1:
        low, high = max(start, cut - size), min(stop, cut + size)
        coarser, left_out = _cost_of_one_grid(records[low:high])
        if coarser <= max(octaves, MAX_OCTAVES) and left_out <= max(outside, MAX_OUTSIDE):
            return low, high
        size //= 2
    return cut - 1, cut + 1
