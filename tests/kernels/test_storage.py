"""Every bit pattern of the small dtypes widens to its value (decoded here by formula)."""

from __future__ import annotations

import numpy as np
import pytest


def decode(bits: int, exponent_bits: int, mantissa_bits: int, finite_only: bool) -> float:
    sign = -1.0 if bits >> (exponent_bits + mantissa_bits) else 1.0
    exponent = (bits >> mantissa_bits) & ((1 << exponent_bits) - 1)
    mantissa = bits & ((1 << mantissa_bits) - 1)
    bias = (1 << (exponent_bits - 1)) - 1
    ones = (1 << exponent_bits) - 1
    if exponent == ones and not finite_only:
        return sign * np.inf if mantissa == 0 else np.nan
    if finite_only and exponent == ones and mantissa == (1 << mantissa_bits) - 1:
        return np.nan
    if exponent == 0:
        return sign * mantissa * 2.0 ** (1 - bias - mantissa_bits)
    return sign * (1 + mantissa / 2**mantissa_bits) * 2.0 ** (exponent - bias)


FORMATS = {
    "float16": (5, 10, False),
    "bfloat16": (8, 7, False),
    "float8_e4m3fn": (4, 3, True),
    "float8_e5m2": (5, 2, False),
}


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_pattern(kernel, isa, patterns, name):
    array = patterns(kernel.floats[name])
    values = np.array([decode(bits, *FORMATS[name]) for bits in range(array.size)])
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(array.astype(np.float64), values)
    finite = values[np.isfinite(values)]
    for grid in (
        kernel.Uniform(np.linspace(-1.7, 1.9, 1001)),
        kernel.Uniform(np.linspace(finite.min(), finite.max(), 257)),
        kernel.Dyadic(2000, -6, -1000),
        kernel.Log(10, -14, 16),
        kernel.Log(3, -133, 128),
    ):
        kernel.check(array, grid, splits=4, start=3)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_each_pattern_alone_has_its_moments(kernel, isa, patterns, name):
    """One row per pattern: min, max and mean are the value itself."""
    array = patterns(kernel.floats[name])
    values = np.array([decode(bits, *FORMATS[name]) for bits in range(array.size)])
    if kernel.simulated and array.size > 256:  # where a row takes a millisecond
        array, values = array[::61], values[::61]
    integers, floats, _, _ = kernel.moments([array[i : i + 1] for i in range(array.size)])
    finite = np.isfinite(values)
    np.testing.assert_array_equal(integers[:, 0], finite)
    np.testing.assert_array_equal(integers[:, 1], np.isnan(values))
    np.testing.assert_array_equal(integers[:, 2], np.isinf(values))
    np.testing.assert_array_equal(integers[:, 3], values == 0)
    for column in (0, 1, 2, 4):
        np.testing.assert_array_equal(floats[finite, column], values[finite])
    np.testing.assert_array_equal(floats[finite, 3], values[finite] ** 2)
    assert (floats[finite, 5:] == 0).all()
