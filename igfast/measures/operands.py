"""What every measure does with its operands first: check them, and bring them to one grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _arrays
from ..histograms import Histogram, align
from .binned import HALF_DIGIT


def require_histogram(value: Any, argument: str) -> None:
    """Refuse anything that is not a Histogram."""
    if not isinstance(value, Histogram):
        raise TypeError(
            f"{argument} must be an igfast.Histogram, got {type(value).__name__}; make one with "
            "igfast.histogram(tensors, ...)"
        )


def require_number(value: Any, argument: str) -> None:
    """Refuse anything that is not a real number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{argument} must be a number, got {value!r} ({type(value).__name__})")


def centered(h: Histogram) -> Histogram:
    """Offsets with half a digit added to every position, which was rounded down to 1/256 bin.

    To be done before bins are merged: a digit of a coarser bin is larger.
    """
    if h.offsets is None:
        return h
    h = h.to_numpy()
    return replace(h, offsets=h.offsets + HALF_DIGIT * h.split_counts)


def aligned_layers(h0: Histogram, h1: Histogram) -> Iterator[tuple[int, Histogram, Histogram]]:
    """Layers that can be compared, each on the common grid of its own two histograms.

    One by one, because a batch pads the shorter grids, which would move their last edge.
    """
    _, _, comparable = align(h0, h1)
    for row in np.flatnonzero(comparable).tolist():
        one, other, _ = align(h0[row], h1[row])
        yield row, one, other


def bins_of_layers(h: Histogram) -> NDArray[np.int64]:
    """(L,) bins of each layer: B, or fewer where merging has left it fewer than others."""
    return np.full(len(h), h.bins) if h.covered is None else h.covered


def home_of(h: Histogram) -> str:
    """Framework that results go back to."""
    return _arrays.home_of(h.split_counts)
