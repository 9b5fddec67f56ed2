"""Sums of floating-point numbers that come out the same in any order.

A number v with |v| < 2^e is written as v·2^-e in 120 binary places, three integers of 40 each.
Integers add exactly, so that neither the order of ranks nor the algorithm of a collective shows in
the last bit. Only what lies 120 places below the bound is cut off: for a sum that is
bounded by the number of elements times the largest, less than what float64 itself rounds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Int = NDArray[np.int64]
Float = NDArray[np.float64]

WORDS = 4  # three of digits, one that counts infinities and NaN
PLACES = 40
_POSITIVE, _NEGATIVE, _NAN = 0, 20, 40  # where the last word counts them, for up to 2^20 numbers


def to_fixed(values: Float, exponents: Int) -> Int:
    """Integers (..., 4) for numbers below 2^exponents in magnitude.

    Up to 2^20 of them may be added.

    Examples
    --------
    >>> import numpy as np
    >>> from igfast.monitor.fixed_point import from_fixed, to_fixed
    >>> values, bound = np.array([1e16, 1.0, -1e16]), np.array([60, 60, 60])
    >>> float(from_fixed(to_fixed(values, bound).sum(axis=0), bound[0]))
    1.0
    """
    words = np.empty((*values.shape, WORDS), dtype=np.int64)
    rest = np.ldexp(np.where(np.isfinite(values), values, 0.0), -exponents.astype(np.intc))
    for word in range(WORDS - 1):
        rest = np.ldexp(rest, PLACES)
        digits = np.floor(rest)
        words[..., word] = digits
        rest -= digits
    words[..., -1] = (
        (values == np.inf).astype(np.int64) << _POSITIVE
        | (values == -np.inf).astype(np.int64) << _NEGATIVE
        | np.isnan(values).astype(np.int64) << _NAN
    )
    return words


def from_fixed(words: Int, exponents: Int) -> Float:
    """The numbers that sums of :func:`to_fixed` stand for; infinities and NaN as IEEE adds them."""
    high, middle, low = _carried(*(words[..., word] for word in range(WORDS - 1)))
    negative = high < 0
    sign = np.where(negative, -1, 1)
    high, middle, low = _carried(sign * high, sign * middle, sign * low)
    digits = high + np.ldexp(middle + np.ldexp(low.astype(np.float64), -PLACES), -PLACES)
    with np.errstate(over="ignore"):
        value = np.ldexp(sign * digits, (exponents - PLACES).astype(np.intc))
    special, count = words[..., -1], (1 << _NEGATIVE) - 1
    up = special >> _POSITIVE & count > 0
    down = special >> _NEGATIVE & count > 0
    nan = (special >> _NAN > 0) | (up & down)
    return np.where(nan, np.nan, np.where(up, np.inf, np.where(down, -np.inf, value)))


def _carried(high: Int, middle: Int, low: Int) -> tuple[Int, Int, Int]:
    mask = (1 << PLACES) - 1
    middle = middle + (low >> PLACES)
    return high + (middle >> PLACES), middle & mask, low & mask
