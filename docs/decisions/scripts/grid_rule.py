"""The automatic dyadic grid rule of decision 0001, one layer at a time, in plain Python.

A layer's state is (k, o): bin b covers [(o+b) 2^k, (o+b+1) 2^k). Inputs are integers (counts) and
the exact minimum and maximum, so the outcome does not depend on the order of any sum.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rule:
    tail: int = 7  # n >> tail elements on each side may stay outside
    margin: float = 2.0  # window >= margin * central interval
    refine: int = 3  # refine only when at least this many powers of two are to be gained
    steps: int = 8  # origins are multiples of window / steps
    constant: int = 4  # window of a constant layer: 2^-constant of its magnitude


RULE = Rule()
K_MIN = -1000


def edge(index, k):
    """index * 2^k, infinite where float64 ends."""
    try:
        return math.ldexp(index, k)
    except OverflowError:
        return math.copysign(math.inf, index)


def alignment(bins, rule=RULE):
    return max(1, (1 << (bins.bit_length() - 1)) // rule.steps)


def magnitude(x):
    """floor(log2 |x|); 0 for x = 0."""
    return math.frexp(x)[1] - 1 if x else 0


def clamp(k, low, high, bins, precision):
    """No bin below the spacing of the dtype at the far end of [low, high], nor |o| near 2^44.

    At most, bins span what lies within ±2^1023, and twice that where more is needed.
    """
    far = max(abs(low), abs(high))
    floor = magnitude(far) - min(precision - 1, 40) if far else K_MIN
    most = min(1024 + (far >= 2.0**1023) - (bins.bit_length() - 1), 1023)
    return min(max(k, floor, K_MIN), most)


def centered(k, low, high, bins, rule=RULE):
    """The aligned origin nearest to a window around [low, high] at exponent k."""
    a = alignment(bins, rule)
    center = math.ldexp(low, -k) / 2 + math.ldexp(high, -k) / 2
    return k, a * math.floor((center - bins / 2) / a + 0.5)


def exponent(low, high, bins, precision, rule=RULE):
    """The least k with bins * 2^k >= margin * (high - low)."""
    width = (high / 2 - low / 2) * (2 * rule.margin / bins)  # halved first: the range may overflow
    width = min(width, sys.float_info.max)
    if width <= 0:
        return clamp(K_MIN, low, high, bins, precision)
    mantissa, e = math.frexp(width)
    return clamp(e - 1 if mantissa == 0.5 else e, low, high, bins, precision)


def start_grid(low, high, bins, precision, rule=RULE):
    """From exact minimum and maximum alone; no data (low > high) is treated as the constant 0."""
    if not low <= high:
        low = high = 0.0
    if low == high:
        k = magnitude(low) - rule.constant - (bins.bit_length() - 1)
        return centered(clamp(k, low, high, bins, precision), low, high, bins, rule)
    return centered(exponent(low, high, bins, precision, rule), low, high, bins, rule)


def next_grid(grid, counts, under, over, zeros, low, high, precision, refine=None, rule=RULE):
    """The grid of the next record from this record's counts, zeros, minimum and maximum."""
    k, o = grid
    bins = len(counts)
    start, end = edge(o, k), edge(o + bins, k)
    n = int(counts.sum()) + under + over
    if n == 0 or not low <= high:
        return grid
    if low == high:
        return grid if start <= low < end else start_grid(low, high, bins, precision, rule)

    cells = np.concatenate([[under], counts, [over]])
    cells[min(max(-o, -1), bins) + 1] -= zeros  # zeros carry no scale
    n -= zeros
    spare = n >> rule.tail
    first = int(np.argmax(np.cumsum(cells) > spare)) - 1
    last = bins - int(np.argmax(np.cumsum(cells[::-1]) > spare))

    # Beyond the window only the count is known: the more is outside, the further to reach.
    outside = int(cells[0] + cells[-1])
    reach = bins // 8 if 8 * outside <= n else bins // 2 if 2 * outside <= n else None
    if reach is None:
        a = low if first < 0 else edge(o + first, k)
        b = high if last >= bins else edge(o + last + 1, k)
    else:
        a = edge(o - reach if first < 0 else o + first, k)
        b = edge(o + bins + reach if last >= bins else o + last + 1, k)
    a, b = max(a, low), min(b, high)
    if zeros > spare:
        a, b = min(a, 0.0), max(b, 0.0)

    if a >= b:  # one value holds the central mass, or infinities do: no scale
        return grid

    inside = start <= a and b <= end
    best = exponent(a, b, bins, precision, rule)
    if inside and best > k - (refine or rule.refine):
        return grid
    if best in (k - 1, k) and refine is None:
        best = clamp(k, a, b, bins, precision)
    return centered(best, a, b, bins, rule)


def dyadic(x, grid, bins):
    """Counts, underflow, overflow of float64 x."""
    k, o = grid
    position = np.floor(np.ldexp(x, -k)) - o
    inside = position[(position >= 0) & (position < bins)].astype(np.int64)
    return (
        np.bincount(inside, minlength=bins),
        int((position < 0).sum()),
        int((position >= bins).sum()),
    )


def first_grid(x, bins, precision=24, rule=RULE, passes=64):
    """Passes over the data at the first record; returns the grid and the number of count passes."""
    x = np.asarray(x, np.float64).ravel()
    low, high = (x.min(), x.max()) if x.size else (math.inf, -math.inf)
    zeros = int((x == 0).sum())
    grid = start_grid(low, high, bins, precision, rule)
    used = 0
    while used < passes:
        used += 1
        new = next_grid(
            grid, *dyadic(x, grid, bins), zeros, low, high, precision, refine=1, rule=rule
        )
        if new == grid:
            break
        grid = new
    return grid, used
