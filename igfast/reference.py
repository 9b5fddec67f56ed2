"""Slow, executable definitions of the histogram and the moments.

Every operation of the compiled kernels is defined here a second time, in float64 NumPy, from the
formulas of the grids and with none of the kernels' code or methods: bins of a uniform grid come
from a search of its edges, those of dyadic and logarithmic grids from the integer mantissa and
exponent of the value, central moments from compensated sums. The test-suite holds the kernels to
these definitions; nothing else in igfast uses them.

Inputs are one-dimensional float64 arrays (every supported dtype converts to float64 exactly) and
must be computed with subnormals enabled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

_FAR = np.int64(1) << np.int64(61)


@dataclass(frozen=True)
class ReferenceHistogram:
    """Counts of one tensor on one grid.

    Attributes
    ----------
    split_counts : (G, B) int64
        Elements in each bin, by split.
    split_outside : (G, 2) int64
        Underflow and overflow, by split.
    nan : int
        Number of NaN.
    offsets : (G, B) int64 or None
        Sum over a bin's elements of ``floor(256 * position)``; None on a uniform grid.
    """

    split_counts: Int64
    split_outside: Int64
    nan: int
    offsets: Int64 | None


@dataclass(frozen=True)
class ReferenceMoments:
    """Moments of the finite elements of one tensor; sums are correctly rounded by `math.fsum`.

    ``central_sums`` holds the sums of the second, third and fourth powers of ``x - mean``.
    """

    count: int
    nan: int
    inf: int
    zeros: int
    min: float
    max: float
    sum: float
    sum_squares: float
    mean: float
    central_sums: tuple[float, float, float]


def splits_of(numel: int, splits: int, start: int = 0) -> Int64:
    """Split of each element of a tensor whose first element has flat index `start`.

    Element ``i`` belongs to split ``(i + s) mod G`` with
    ``s = (((i >> 8) * 2654435761) mod 2**32) >> 29``.

    Examples
    --------
    >>> splits_of(5, 4).tolist()
    [0, 1, 2, 3, 0]
    >>> splits_of(3, 4, start=256).tolist()
    [0, 1, 2]
    >>> splits_of(3, 4, start=512).tolist()
    [1, 2, 3]
    """
    index = np.arange(start, start + numel, dtype=np.uint64)
    hashed = ((index >> np.uint64(8)) * np.uint64(2654435761)) % np.uint64(2**32)
    rotation = hashed >> np.uint64(29)
    return ((index + rotation) % np.uint64(splits)).astype(np.int64)


def uniform_bins(x: Float64, edges: Float64) -> Int64:
    """Bin of every value on a uniform grid; -1 below, B above, undefined for NaN.

    ``x`` is in bin b iff ``edges[b] <= x < edges[b + 1]``; the last bin is closed.

    Examples
    --------
    >>> uniform_bins(np.array([-0.1, 0.0, 0.5, 1.0, 1.1]), np.array([0.0, 0.5, 1.0])).tolist()
    [-1, 0, 1, 1, 2]
    """
    bins = np.searchsorted(edges, x, side="right").astype(np.int64) - 1
    return np.where(x == edges[-1], len(edges) - 2, bins)


def dyadic_bins(x: Float64, exponent: int, origin: int, bins: int) -> tuple[Int64, Int64]:
    """Bin and offset digit of every value on a dyadic grid; bin -1 below, `bins` above.

    Bin b covers ``[(origin + b) * 2**exponent, (origin + b + 1) * 2**exponent)``. The digit is
    ``floor(256 * position)`` inside the bin, that is ``floor(x * 2**(8 - exponent)) mod 256``.

    Examples
    --------
    >>> bin, digit = dyadic_bins(np.array([-0.25, 0.0, 0.75, 2.0]), 0, -1, 2)
    >>> bin.tolist(), digit.tolist()
    ([0, 1, 1, 2], [192, 0, 192, 0])
    """
    fraction, power = np.frexp(np.where(np.isfinite(x), x, 0.0))
    integer = np.ldexp(fraction, 53).astype(np.int64)  # x = integer * 2**(power - 53)
    shift = power.astype(np.int64) - 53 + 8 - exponent
    up = integer << np.clip(shift, 0, 8)
    up = np.where((shift > 8) & (integer != 0), np.sign(integer) * _FAR, up)
    down = integer >> np.clip(-shift, 0, 63)  # an arithmetic shift is a floor
    units = np.where(shift >= 0, up, down)
    units = np.where(np.isposinf(x), _FAR, np.where(np.isneginf(x), -_FAR, units))
    bin = np.clip((units >> 8) - origin, -1, bins)
    return bin, units & 255


def log_bins(
    x: Float64, mantissa_bits: int, min_exponent: int, max_exponent: int
) -> tuple[Int64, Int64]:
    """Bin and offset digit of every value on a logarithmic grid; bin -1 below, B above.

    With ``n = 2**mantissa_bits`` and ``h = (max_exponent - min_exponent) * n``, the B = 2h + 1
    bins are h negative ones, one for ``|x| < 2**min_exponent``, and h positive ones; octave
    ``[2**e, 2**(e + 1))`` is cut into n equal parts. Negative bins mirror positive ones and are
    closed on the right, where the digit is ``ceil(256 * position) - 1``.

    Examples
    --------
    >>> bin, digit = log_bins(np.array([-1.0, 0.0, 0.5, 1.0, 1.5, 2.0]), 1, 0, 1)
    >>> bin.tolist(), digit.tolist()
    ([1, 2, 2, 3, 4, 5], [255, 128, 192, 0, 0, 0])
    """
    half = (max_exponent - min_exponent) << mantissa_bits
    finite = np.where(np.isfinite(x), x, 0.0)
    fraction, power = np.frexp(np.abs(finite))  # |x| = (2 * fraction) * 2**(power - 1)
    octave = power.astype(np.int64) - 1 - min_exponent
    scaled = np.ldexp(2.0 * fraction - 1.0, mantissa_bits)
    part = np.floor(scaled)
    outward = (octave << mantissa_bits) + part.astype(np.int64)
    digit = np.floor(256.0 * (scaled - part)).astype(np.int64)
    negative = np.signbit(x)
    bin = half + np.where(negative, -1 - outward, 1 + outward)
    digit = np.where(negative, 255 - digit, digit)

    central = (octave < 0) | (finite == 0)
    # At most 2**7 in magnitude; a tiny negative value that underflows here is still below zero.
    position = np.ldexp(np.where(central, finite, 0.0), 7 - min_exponent)
    position = np.where((position == 0) & (finite < 0), -1.0, np.floor(position))
    bin = np.where(central, half, bin)
    digit = np.where(central, position.astype(np.int64) + 128, digit)

    bins = 2 * half + 1
    bin = np.where(np.isposinf(x), bins, np.where(np.isneginf(x), -1, bin))
    return np.clip(bin, -1, bins), digit


def uniform_histogram(
    x: Float64, edges: Float64, splits: int = 1, start: int = 0
) -> ReferenceHistogram:
    """Histogram of `x` on a uniform grid with the given (B+1,) edges.

    Examples
    --------
    >>> h = uniform_histogram(np.array([0.0, 1.0, 2.0, np.nan]), np.array([0.0, 0.5, 1.0]))
    >>> h.split_counts.tolist(), h.split_outside.tolist(), h.nan
    ([[1, 1]], [[0, 1]], 1)
    """
    return _count(x, uniform_bins(x, edges), None, len(edges) - 1, splits, start)


def dyadic_histogram(
    x: Float64, bins: int, exponent: int, origin: int, splits: int = 1, start: int = 0
) -> ReferenceHistogram:
    """Histogram of `x` on a dyadic grid, with offsets.

    Examples
    --------
    >>> h = dyadic_histogram(np.array([0.5, 0.75, 1.0]), 2, 0, 0)
    >>> h.split_counts.tolist(), h.offsets.tolist()
    ([[2, 1]], [[320, 0]])
    """
    bin, digit = dyadic_bins(x, exponent, origin, bins)
    return _count(x, bin, digit, bins, splits, start)


def log_histogram(
    x: Float64,
    mantissa_bits: int,
    min_exponent: int,
    max_exponent: int,
    splits: int = 1,
    start: int = 0,
) -> ReferenceHistogram:
    """Histogram of `x` on a logarithmic grid, with offsets.

    Examples
    --------
    >>> h = log_histogram(np.array([-1.0, 0.0, 1.0, 8.0]), 0, 0, 1)
    >>> h.split_counts.tolist(), h.split_outside.tolist()
    ([[1, 1, 1]], [[0, 1]])
    """
    bin, digit = log_bins(x, mantissa_bits, min_exponent, max_exponent)
    bins = 2 * ((max_exponent - min_exponent) << mantissa_bits) + 1
    return _count(x, bin, digit, bins, splits, start)


def moments(x: Float64) -> ReferenceMoments:
    """Moments of the finite elements of `x`.

    Examples
    --------
    >>> m = moments(np.array([1.0, 3.0, np.inf, np.nan]))
    >>> m.count, m.inf, m.nan, m.mean, m.central_sums
    (2, 1, 1, 2.0, (2.0, 0.0, 2.0))
    """
    finite = x[np.isfinite(x)]
    count = len(finite)
    if count == 0:
        minimum, maximum, mean = math.inf, -math.inf, 0.0
        central = (0.0, 0.0, 0.0)
    else:
        minimum, maximum = float(finite.min()), float(finite.max())
        mean = math.fsum(finite) / count
        # The rounding of the mean itself would show in the third sum.
        residual = math.fsum(finite - mean) / count
        deviation = (finite - mean) - residual
        central = (
            math.fsum(deviation**2),
            math.fsum(deviation**3),
            math.fsum(deviation**4),
        )
    return ReferenceMoments(
        count=count,
        nan=int(np.isnan(x).sum()),
        inf=int(np.isinf(x).sum()),
        zeros=int((finite == 0).sum()),
        min=minimum,
        max=maximum,
        sum=math.fsum(finite),
        sum_squares=math.fsum(finite * finite),
        mean=mean,
        central_sums=central,
    )


def _count(
    x: Float64, bin: Int64, digit: Int64 | None, bins: int, splits: int, start: int
) -> ReferenceHistogram:
    split = splits_of(len(x), splits, start)
    number = ~np.isnan(x)
    inside = number & (bin >= 0) & (bin < bins)
    cell = split[inside] * bins + bin[inside]
    counts = np.bincount(cell, minlength=splits * bins).reshape(splits, bins)
    outside = np.stack(
        [
            np.bincount(split[number & (bin < 0)], minlength=splits),
            np.bincount(split[number & (bin >= bins)], minlength=splits),
        ],
        axis=1,
    )
    offsets: Int64 | None = None
    if digit is not None:
        offsets = np.zeros((splits, bins), np.int64)
        np.add.at(offsets.reshape(-1), cell, digit[inside])
    return ReferenceHistogram(
        counts.astype(np.int64), outside.astype(np.int64), int((~number).sum()), offsets
    )
