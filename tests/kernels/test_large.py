"""Counts beyond what float32, 32-bit words or 32-bit sizes could hold."""

from __future__ import annotations

import numpy as np
import pytest

from igfast import _core

MANY = 40_000_000


def test_forty_million_equal_values(kernel, isa):
    """The last 256th of a bin: digit sums of 40M * 255 need 34 bits."""
    x = np.full(MANY, 1.0 - 2.0**-10, np.float32)
    grid = kernel.Dyadic(4, 0, -2)
    result = kernel.histogram([x], grid, splits=1, offsets=True, threads=1)
    assert result.split_counts.tolist() == [[[0, 0, MANY, 0]]]
    assert result.offsets.tolist() == [[[0, 0, 255 * MANY, 0]]]
    result = kernel.histogram([x], kernel.Uniform(np.linspace(-1.0, 2.0, 4)), threads=2)
    assert result.split_counts.tolist() == [[[0, MANY, 0]]]
    result = kernel.histogram([x], kernel.Log(0, -3, 1), splits=4, offsets=True, threads=2)
    assert result.split_counts.sum() == result.split_counts[0, :, 7].sum() == MANY
    assert (result.offsets[0, :, 7] == 255 * result.split_counts[0, :, 7]).all()
    assert result.split_counts[0, :, 7].tolist() == [MANY // 4] * 4


@pytest.mark.large
def test_more_than_two_to_the_31_elements(kernel):
    """Also more than one drain of the packed words."""
    numel = 2**31 + 1001
    patterns = np.full(numel, 0x37, np.uint8)  # 0.9375 = 1.875 * 2**-1
    patterns[-1001:] = 0x7F  # NaN
    x = patterns.view(kernel.floats["float8_e4m3fn"])
    grid = kernel.Dyadic(2, 0, -1)
    result = kernel.histogram([x], grid, splits=2, offsets=True, moments=True, threads=2)
    assert result.split_counts.tolist() == [[[0, 2**30], [0, 2**30]]]
    assert result.offsets.tolist() == [[[0, 240 * 2**30], [0, 240 * 2**30]]]
    assert result.nan.tolist() == [1001]
    assert result.integers.tolist() == [[2**31, 1001, 0, 0]]
    mean = 0.9375
    expected = [mean, mean, mean * 2**31, mean**2 * 2**31, mean, 0.0, 0.0, 0.0]
    assert result.floats[0].tolist() == expected


@pytest.mark.parametrize("digit", [255, 128])
def test_packed_words_are_drained(kernel, digit):
    """136M equal elements: one lane would carry into its count without a drain."""
    numel = 8 * 17_000_000  # 17M * 255 > 2**32
    value = np.float64(digit / 256).astype(kernel.floats["bfloat16"])
    x = np.full(numel, value)
    assert _core.DTYPES[x.dtype.name] == 3
    result = kernel.histogram([x], kernel.Dyadic(1, 0, 0), offsets=True)
    assert result.split_counts.tolist() == [[[numel]]]
    assert result.offsets.tolist() == [[[digit * numel]]]
