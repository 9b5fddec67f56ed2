"""Uniform grids: edges are the law, at every edge and its two neighbors, for every dtype."""

from __future__ import annotations

import numpy as np
import pytest

RANGES = [
    (0.0, 1.0),
    (-1.3, 1.1),
    (-0.1, 0.3),
    (100.0, 101.0),
    (1e-3, 7e4),
    (1e6, 1e6 + 1e-3),  # narrower than the spacing of float32 there
    (0.0, 1e-42),  # subnormal float32
    (-3e-310, 1e-310),  # subnormal float64
    (-3.1e38, 3.3e38),  # the difference overflows float32
    (-8e307, 8.1e307),
    (1e300, 1.1e300),  # beyond float32 altogether
    (-448.0, 448.0),
]


@pytest.mark.parametrize("limits", RANGES, ids=str)
@pytest.mark.parametrize("bins", [1, 2, 7, 100, 256, 1000])
def test_every_edge_and_its_neighbors(kernel, isa, dtype, limits, bins, edge_values):
    edges = np.linspace(*limits, bins + 1)
    kernel.check(edge_values(edges, dtype), kernel.Uniform(edges))


@pytest.mark.parametrize("limits", RANGES, ids=str)
def test_most_bins(kernel, isa, dtype, limits, edge_values):
    if limits == (-3e-310, 1e-310):
        limits = (-3e-309, 1e-309)
    if limits == (0.0, 1e-42):
        limits = (0.0, 1e-40)
    edges = np.linspace(*limits, 65_536 + 1)
    kernel.check(edge_values(edges, dtype), kernel.Uniform(edges))


@pytest.mark.parametrize("name", ["float32", "float64"])
@pytest.mark.parametrize("limits", [(0.0, 1.0), (-1.3, 1.1), (-0.1, 0.3), (1e-3, 7e4)], ids=str)
@pytest.mark.parametrize("bins", [1, 3, 256, 1000])
def test_equals_numpy_histogram(kernel, isa, name, limits, bins):
    random = np.random.default_rng(bins)
    low, high = limits
    x = random.uniform(low - 0.2 * (high - low), high + 0.2 * (high - low), 50_000)
    x = np.concatenate([x, np.linspace(low, high, bins + 1)]).astype(name)
    wide = x.astype(np.float64)  # NumPy would otherwise round its edges to float32
    expected, edges = np.histogram(wide, bins=bins, range=limits)
    result = kernel.histogram([x], kernel.Uniform(edges))
    np.testing.assert_array_equal(result.split_counts[0, 0], expected)
    assert result.split_outside[0, 0].tolist() == [(wide < low).sum(), (wide > high).sum()]


def test_last_bin_is_closed_and_only_the_last(kernel, isa):
    edges = np.array([0.0, 0.5, 1.0])
    x = np.array([0.0, 0.5, 1.0, np.nextafter(1.0, 2.0), -5e-324])
    result = kernel.histogram([x], kernel.Uniform(edges))
    assert result.split_counts.tolist() == [[[1, 2]]]
    assert result.split_outside.tolist() == [[[1, 1]]]


def test_infinities_are_outside_and_nan_is_nan(kernel, isa, dtype):
    """float8_e4m3fn has no infinity: NumPy's cast makes NaN of one."""
    x = np.array([np.inf, -np.inf, np.nan, 0.25], np.float64).astype(dtype)
    infinite = 0 if dtype.name == "float8_e4m3fn" else 1
    result = kernel.histogram([x], kernel.Uniform(np.array([0.0, 1.0])))
    assert result.split_counts.tolist() == [[[1]]]
    assert result.split_outside.tolist() == [[[infinite, infinite]]]
    assert result.nan.tolist() == [3 - 2 * infinite]


def test_edges_of_each_row(kernel, isa):
    random = np.random.default_rng(0)
    arrays = [
        random.normal(size=3000).astype(np.float32),
        random.normal(size=999),
        random.normal(10, 3, size=70_001).astype(np.float16),
    ]
    edges = np.stack([np.linspace(-1, 1, 65), np.linspace(-3, 0.1, 65), np.linspace(0, 20, 65)])
    result = kernel.histogram(arrays, kernel.Uniform(edges), threads=2)
    for row, array in enumerate(arrays):
        expected = kernel.Uniform(edges[row]).reference(array.astype(np.float64))
        np.testing.assert_array_equal(result.split_counts[row], expected.split_counts)
        np.testing.assert_array_equal(result.split_outside[row], expected.split_outside)


def test_edges_need_not_be_equidistant(kernel, isa, dtype, edge_values):
    edges = np.array([-3.0, -2.9, 0.0, 1e-6, 0.5, 200.0])
    kernel.check(edge_values(edges, dtype), kernel.Uniform(edges))


@pytest.mark.parametrize("bins", [64, 256, 1024])
@pytest.mark.parametrize("low_high", [(-1.3, 1.1), (-1, 1), (-0.1, 0.1), (0.3, 0.8), (-3, 5)])
@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_narrow_values_on_and_beside_decimal_edges(kernel, isa, patterns, name, bins, low_high):
    """Decimal edges meet many narrow values, some rounded above them and some below."""
    x = patterns(kernel.floats[name])
    wide = x.astype(np.float32)
    ordinary = x[np.isfinite(wide) & (np.abs(wide) > 1e-3) & (np.abs(wide) < 8)]
    kernel.check(np.repeat(ordinary, 2), kernel.Uniform(np.linspace(*low_high, bins + 1)))
