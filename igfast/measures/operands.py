"""What every measure does with its operands first: check them, and bring them to one grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from .. import _arrays
from ..histograms import Histogram, align
from .binned import centered_offsets


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
    """With :func:`~igfast.measures.binned.centered_offsets`."""
    if h.offsets is None:
        return h
    h = h.to_numpy()
    return replace(h, offsets=centered_offsets(h.offsets, h.split_counts))


def aligned_layers(h0: Histogram, h1: Histogram) -> Iterator[tuple[int, Histogram, Histogram]]:
    """Layers that can be compared, each on the common grid of its own two histograms.

    One by one, because a batch pads the shorter grids, which would move their last edge.
    """
    _, _, comparable = align(h0, h1)
    for row in np.flatnonzero(comparable).tolist():
        one, other, _ = align(h0[row], h1[row])
        yield row, one, other


def home_of(h: Histogram) -> str:
    """Framework that results go back to."""
    return _arrays.home_of(h.split_counts)
