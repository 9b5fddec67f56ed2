"""Automatic dyadic bins: the width and origin of each layer's grid.

The rule, and what was tried before it, are in ``docs/decisions/0001-automatic-grid.md``. It uses
integers and the exact minimum and maximum alone, never a floating-point sum, so that every rank,
thread count and backend arrives at the same grid. A grid is kept until it is clearly too wide,
too narrow or off center; it then changes by whole octaves and aligned origins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from . import _core

Int = NDArray[np.int64]
Float = NDArray[np.float64]

TAIL = 7  # at most n >> TAIL elements on either side do not stretch the grid
MARGIN = 2  # the grid spans at least this many times the rest
REFINE = 3  # octaves to be gained before a grid is refined
CONSTANT = 4  # a constant layer's grid spans 2^-CONSTANT of its value
STEPS = 8  # origins are multiples of 1/STEPS of the grid
MIN_EXPONENT, MAX_EXPONENT = -1000, 1000
MAX_PASSES = 64

_PRECISION = {  # significand bits, the hidden one included
    "float64": 53,
    "float32": 24,
    "float16": 11,
    "bfloat16": 8,
    "float8_e4m3fn": 4,
    "float8_e5m2": 3,
}


@dataclass(frozen=True)
class Observed:
    """What the rule reads of a record: (L, B) ``counts`` and (L,) arrays for the rest.

    ``low`` and ``high`` are the finite minimum and maximum, (inf, −inf) where there is none;
    ``zeros`` counts ±0.
    """

    counts: Int
    underflow: Int
    overflow: Int
    zeros: Int
    low: Float
    high: Float


class FirstBins(Protocol):
    """What other ranks, which hold other parts of the same layers, know of a first record."""

    def extremes(self, low: Float, high: Float) -> tuple[Float, Float]: ...
    def observed(self, seen: Observed) -> Observed: ...


def precisions(dtypes: tuple[str, ...]) -> Int:
    """(L,) significand bits of each layer's dtype."""
    return np.array([_PRECISION[dtype] for dtype in dtypes], dtype=np.int64)


def start(low: Float, high: Float, bins: int, precision: Int) -> tuple[Int, Int]:
    """Grids from minimum and maximum alone: exponents and origins, (L,) each."""
    empty = ~(low <= high)
    low, high = np.where(empty, 0.0, low), np.where(empty, 0.0, high)
    constant = _magnitude(low) - CONSTANT - (bins.bit_length() - 1)
    exponents = np.where(
        low == high,
        _clamp(constant, low, high, precision),
        _exponent(low, high, bins, precision),
    )
    return exponents, _origin(exponents, low, high, bins)


def follow(
    exponents: Int, origins: Int, seen: Observed, precision: Int, *, first: bool = False
) -> tuple[Int, Int]:
    """Grids for the next record, given what this one looked like on its own grids.

    ``first`` refines at once, for the repeated counting of a first record.
    """
    bins = seen.counts.shape[1]
    left = _edge(exponents, origins)
    right = _edge(exponents, origins + bins)
    low, high = _central(exponents, origins, seen)

    best = _exponent(low, high, bins, precision)
    inside = (left <= low) & (high <= right)
    keep = inside & (best > exponents - (1 if first else REFINE))
    keep |= ~(low < high)  # one value, or infinities, hold the central mass: no scale
    constant = seen.low == seen.high
    renewed = constant & ~((left <= seen.low) & (seen.low < right))
    nothing = (seen.counts.sum(axis=1) + seen.underflow + seen.overflow == 0) | ~(
        seen.low <= seen.high
    )
    keep = np.where(constant, ~renewed, keep) | nothing
    if keep.all():  # as at most records
        return exponents, origins

    if not first:  # only the origin moves
        close = (best == exponents) | (best == exponents - 1)
        best = np.where(close, _clamp(exponents, low, high, precision), best)
    moved = _origin(best, low, high, bins)
    start_exponents, start_origins = start(seen.low, seen.high, bins, precision)
    new_exponents = np.where(keep, exponents, np.where(renewed, start_exponents, best))
    new_origins = np.where(keep, origins, np.where(renewed, start_origins, moved))
    return new_exponents, new_origins


def _central(exponents: Int, origins: Int, seen: Observed) -> tuple[Float, Float]:
    """The interval that holds all but the tails, zeros left aside unless they are many."""
    bins = seen.counts.shape[1]
    zero_cell = np.minimum(np.maximum(-origins, -1), bins)
    total, outside, first, last = _core.centers(
        np.ascontiguousarray(seen.counts),
        np.ascontiguousarray(seen.underflow),
        np.ascontiguousarray(seen.overflow),
        np.ascontiguousarray(seen.zeros),
        zero_cell,
        TAIL,
    ).T

    # Beyond the grid only the count is known: the more is outside, the further to reach.
    reach = np.where(8 * outside <= total, bins // 8, bins // 2)
    unknown = 2 * outside > total
    low = _edge(exponents, origins + np.where(first < 0, -reach, first))
    high = _edge(exponents, origins + np.where(last >= bins, bins + reach, last + 1))
    low = np.where((first < 0) & unknown, seen.low, low)
    high = np.where((last >= bins) & unknown, seen.high, high)
    low, high = np.maximum(low, seen.low), np.minimum(high, seen.high)
    many_zeros = seen.zeros > total >> TAIL
    return (
        np.where(many_zeros, np.minimum(low, 0.0), low),
        np.where(many_zeros, np.maximum(high, 0.0), high),
    )


def _edge(exponents: Int, index: Int) -> Float:
    with np.errstate(over="ignore"):
        return np.ldexp(index.astype(np.float64), exponents.astype(np.intc))


def _finite(values: Float) -> Float:
    return values if np.isfinite(values).all() else np.nan_to_num(values)


def _magnitude(values: Float) -> Int:
    """floor(log2 |x|), and 0 for x = 0."""
    return np.where(values == 0, 0, np.frexp(values)[1].astype(np.int64) - 1)


def _clamp(exponents: Int, low: Float, high: Float, precision: Int) -> Int:
    """No bin below the dtype's spacing at the far end, nor an index near 2^44."""
    far = np.maximum(np.abs(low), np.abs(high))
    floor = np.where(far > 0, _magnitude(far) - np.minimum(precision - 1, 40), MIN_EXPONENT)
    return np.minimum(np.maximum(np.maximum(exponents, floor), MIN_EXPONENT), MAX_EXPONENT)


def _exponent(low: Float, high: Float, bins: int, precision: Int) -> Int:
    """The least exponent whose bins span MARGIN times [low, high]."""
    with np.errstate(over="ignore"):
        # halved first: the difference of two huge numbers would overflow
        width = (_finite(high) / 2 - _finite(low) / 2) * (2 * MARGIN / bins)
    mantissa, exponent = np.frexp(width)
    found = np.where(mantissa == 0.5, exponent - 1, exponent).astype(np.int64)
    return _clamp(np.where(width > 0, found, MIN_EXPONENT), low, high, precision)


def _origin(exponents: Int, low: Float, high: Float, bins: int) -> Int:
    """The aligned origin nearest to a grid centered on [low, high]."""
    step = max(1, (1 << (bins.bit_length() - 1)) // STEPS)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        k = -exponents.astype(np.intc)
        center = np.ldexp(_finite(low), k) / 2 + np.ldexp(_finite(high), k) / 2
    nearest = np.floor((center - bins / 2) / step + 0.5)
    index: Int = np.clip(np.nan_to_num(nearest), -(2**43), 2**43).astype(np.int64)
    return step * index
