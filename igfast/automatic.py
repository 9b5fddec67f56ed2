"""Automatic dyadic bins: the width and origin of each layer's grid.

The rule, and what was tried before it, are in ``docs/decisions/0001-automatic-grid.md``; it is
compiled (``csrc/record/automatic.cpp``), for it is asked at every record. It uses integers and the
exact minimum and maximum alone, never a floating-point sum, so that every rank, thread count and
backend arrives at the same grid. A grid is kept until it is clearly too wide, too narrow or off
center; it then changes by whole octaves and aligned origins.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from . import _core

Int = NDArray[np.int64]
Float = NDArray[np.float64]
Bins = tuple[Int, Int]  # exponents and origins, (L,) each

MAX_PASSES = 64

PRECISION = {  # significand bits, the hidden one included
    "float64": 53,
    "float32": 24,
    "float16": 11,
    "bfloat16": 8,
    "float8_e4m3fn": 4,
    "float8_e5m2": 3,
}


@dataclass(frozen=True)
class Observed:
    """What the rule reads of a record of L layers.

    Attributes
    ----------
    counts : (L, G, B) int64
    outside : (L, G, 2) int64
    zeros : (L,) int64
        ±0.
    low, high : (L,) float64
        The finite minimum and maximum, (inf, −inf) where there is none.
    """

    counts: Int
    outside: Int
    zeros: Int
    low: Float
    high: Float


class FirstBins(Protocol):
    """What other ranks, which hold other parts of the same layers, know of a first record."""

    def extremes(self, low: Float, high: Float) -> tuple[Float, Float]: ...
    def observed(self, seen: Observed) -> Observed: ...


@lru_cache(maxsize=64)
def precisions(dtypes: tuple[str, ...]) -> Int:
    """(L,) significand bits of each layer's dtype; read-only."""
    bits = np.array([PRECISION[dtype] for dtype in dtypes], dtype=np.int64)
    bits.setflags(write=False)
    return bits


def start(low: Float, high: Float, bins: int, precision: Int) -> Bins:
    """Grids from minimum and maximum alone: exponents and origins, (L,) each."""
    exponents, origins = _core.start_bins(
        np.ascontiguousarray(low), np.ascontiguousarray(high), bins, precision
    )
    return exponents, origins


def follow(
    exponents: Int, origins: Int, seen: Observed, precision: Int, *, first: bool = False
) -> Bins:
    """Grids for the next record, given what this one looked like on its own grids.

    ``first`` refines at once, for the repeated counting of a first record.
    """
    moved = _core.follow_bins(
        exponents,
        origins,
        np.ascontiguousarray(seen.counts),
        np.ascontiguousarray(seen.outside),
        seen.zeros,
        seen.low,
        seen.high,
        precision,
        first,
    )
    return (exponents, origins) if moved is None else (moved[0], moved[1])
