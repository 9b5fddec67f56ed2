"""Dyadic grids: exact bins and offsets for every exponent a float64 can meet."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from igfast import reference


def edges_of(bins: int, exponent: int, origin: int) -> np.ndarray:
    """Bin edges and some 256ths; infinite where float64 ends."""
    units = np.concatenate([(origin + np.arange(bins + 1)) * 256, origin * 256 + np.arange(700)])
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(units.astype(np.float64), exponent - 8)


@pytest.mark.parametrize(
    "exponent",
    [
        -1100,
        -1075,
        -1074,
        -1022,
        -1015,
        -1000,
        -149,
        -140,
        -126,
        -119,
        -118,
        -20,
        -10,
        -7,
        -1,
        0,
        1,
        7,
        8,
        9,
        10,
        100,
        127,
        128,
        800,
        969,
        970,
        1015,
        1023,
    ],
)
def test_every_edge_and_its_neighbors(kernel, isa, dtype, exponent, edge_values):
    for bins, origin in [(256, -128), (1, 0), (1, -1), (1000, -3), (7, 40_000)]:
        values = edge_values(edges_of(bins, exponent, origin), dtype)
        kernel.check(values, kernel.Dyadic(bins, exponent, origin), splits=4)


@pytest.mark.parametrize("origin", [2**22 - 300, 2**30, 2**43, -(2**43), -(2**22), -(2**44) + 256])
def test_far_origins(kernel, isa, dtype, origin, edge_values):
    values = edge_values(edges_of(256, -10, origin), dtype)
    kernel.check(values, kernel.Dyadic(256, -10, origin))


@pytest.mark.parametrize("splits", [1, 8])
def test_most_bins(kernel, isa, splits):
    """With offsets 65,536 bins take two passes over the data."""
    random = np.random.default_rng(1)
    x = (random.normal(size=200_000) * 0.3).astype(np.float32)
    x[::1000] = np.nan
    grid = kernel.Dyadic(65_536, -15, -32_768)
    result = kernel.check(x, grid, splits=splits)
    fused = kernel.histogram([x], grid, splits=splits, offsets=True, moments=True, threads=2)
    np.testing.assert_array_equal(fused.offsets, result.offsets)
    assert fused.integers[0, 0] == x.size - 200


@pytest.mark.parametrize("origin", [-32_768, 0, 70_000])
def test_the_first_and_last_of_most_bins(kernel, isa, dtype, origin, edge_values):
    """Beyond 2^24 units of a 256th of a bin, which is all that a float can tell apart."""
    edges = edges_of(65_536, -9, origin)
    values = edge_values(np.concatenate([edges[:12], edges[-12:]]), dtype)
    kernel.check(values, kernel.Dyadic(65_536, -9, origin))


def test_tiny_negative_values_are_below_zero(kernel, isa):
    """floor(-tiny) is -1 although the scaled value underflows."""
    for name, tiny in [("float32", 1e-45), ("float64", 5e-324)]:
        x = np.array([-tiny, -0.0, 0.0, tiny], name)
        for exponent in (-5, 8, 9, 20, 500, 1023):
            result = kernel.histogram([x], kernel.Dyadic(2, exponent, -1), offsets=True)
            assert result.split_counts.tolist() == [[[1, 3]]]
            assert result.offsets.tolist() == [[[255, 0]]]


def test_offsets_without_counting_them(kernel, isa):
    x = np.random.default_rng(2).normal(size=10_000).astype(np.float32)
    grid = kernel.Dyadic(64, -4, -32)
    with_offsets = kernel.histogram([x], grid, splits=2, offsets=True)
    without = kernel.histogram([x], grid, splits=2)
    np.testing.assert_array_equal(with_offsets.split_counts, without.split_counts)
    np.testing.assert_array_equal(with_offsets.split_outside, without.split_outside)


def test_reference_against_rational_arithmetic():
    random = np.random.default_rng(3)
    x = random.integers(0, 2**63, 400, dtype=np.uint64).view(np.float64)
    x = np.concatenate([x[np.isfinite(x)], -x[np.isfinite(x)], [5e-324, -5e-324, 0.0, 1.0, -1.0]])
    for exponent in (-1100, -300, -3, 0, 9, 400, 1023):
        bin, digit = reference.dyadic_bins(x, exponent, -100, 200)
        for value, b, d in zip(x.tolist(), bin.tolist(), digit.tolist(), strict=True):
            units = math.floor(Fraction(value) / Fraction(2) ** (exponent - 8))
            assert b == min(max((units >> 8) + 100, -1), 200)
            if 0 <= b < 200:
                assert d == units % 256
