"""Counts alone of many elements: with vectors in pairs, or, of more than 256 bins, one by one."""

from __future__ import annotations

import numpy as np
import pytest

from .conftest import FLOATS, ISAS
from .test_uniform import RANGES

MANY = 20_011  # more than kFewestFast of tuning.h, and no whole number of blocks


VECTORS = [isa for isa in ISAS if isa.startswith("avx")]


@pytest.fixture(params=VECTORS)
def isa(request, kernel):
    with kernel.on(request.param):
        yield request.param


def counted(kernel, x, grid, *, start=0, threads=1):
    """Counts of `x` equal the reference, wherever in a pair and a block a value comes to lie."""
    result = kernel.histogram([x], grid, starts=[start], threads=threads)
    with np.errstate(invalid="ignore"):  # widening a signaling NaN
        expected = grid.reference(x.astype(np.float64))
    np.testing.assert_array_equal(result.split_counts[0], expected.split_counts)
    np.testing.assert_array_equal(result.split_outside[0], expected.split_outside)
    assert result.nan[0] == expected.nan
    return result


def shuffled(values, seed=0, size=MANY):
    """Every value, as often as it takes."""
    many = np.resize(values, max(size, values.size))
    return np.random.default_rng(seed).permutation(many)


@pytest.mark.parametrize("limits", RANGES, ids=str)
@pytest.mark.parametrize("bins", [1, 256, 1000])
def test_every_edge_and_its_neighbors(kernel, isa, dtype, limits, bins, edge_values):
    edges = np.linspace(*limits, bins + 1)
    counted(kernel, shuffled(edge_values(edges, dtype)), kernel.Uniform(edges))


@pytest.mark.parametrize(
    "limits", [(0.99, 1.01), (-1.001, -1), (100, 101.3), (-1e4, 1 - 1e4), (1e6, 1e6 + 300)], ids=str
)
@pytest.mark.parametrize("bins", [7, 256, 4096])
def test_every_edge_of_ranges_far_from_zero(kernel, isa, limits, bins, edge_values):
    """Where x * scale alone would round away the place in the range."""
    edges = np.linspace(*limits, bins + 1)
    between = np.linspace(*limits, MANY)
    values = np.concatenate([edges, between])
    counted(kernel, shuffled(edge_values(values, np.dtype(np.float32))), kernel.Uniform(edges))


@pytest.mark.parametrize("low_high", [(-1.3, 1.1), (-1, 1), (-0.1, 0.1), (0.3, 0.8), (-3, 5)])
@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_narrow_values_on_and_beside_decimal_edges(kernel, isa, patterns, name, low_high):
    """Without the values near zero that are placed one by one."""
    x = patterns(FLOATS[name])
    wide = x.astype(np.float32)
    ordinary = x[np.isfinite(wide) & (np.abs(wide) > 1e-3) & (np.abs(wide) < 8)]
    counted(kernel, shuffled(ordinary), kernel.Uniform(np.linspace(*low_high, 257)))


@pytest.mark.parametrize(
    ("low", "high", "bins"),
    [
        (-4.8, 5.0, 64),  # slots of neighbors, the last edge among the ties
        (-0.1, 1.0, 256),  # but for one cell
        (-4.1, 4.7, 256),  # scattered slots
        (-0.35, 4.45, 256),  # but for one cell
        (-0.4, 0.2, 256),  # no slots
        (-4.1, 1.7, 256),
    ],
)
@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_ties_below_their_edges_and_not(kernel, isa, patterns, name, low, high, bins):
    """Decimal edges that narrow values fall on, some rounded up, some not: TieSlots of grid.h."""
    x = patterns(FLOATS[name])
    counted(kernel, shuffled(x), kernel.Uniform(np.linspace(low, high, bins + 1)))


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
@pytest.mark.parametrize("high", [1e3, 1e8, 1e10, 1e12])
def test_the_largest_narrow_values_near_an_edge_at_zero(kernel, isa, patterns, name, high):
    """Alone: among others a group in doubt is placed value by value."""
    x = patterns(FLOATS[name])
    wide = x.astype(np.float32)
    largest = np.abs(wide[np.isfinite(wide)]).max()
    for value in x[np.abs(wide) == largest]:
        counted(kernel, np.full(MANY, value), kernel.Uniform(np.linspace(-high, high, 257)))


@pytest.mark.parametrize("low_high", [(1 + 2**-52, 2 - 2**-52), (1, 2), (-2, -1), (-0.7, 0.9)])
@pytest.mark.parametrize("bins", [5, 64, 255, 256])
@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_narrow_values_at_both_ends(kernel, isa, patterns, name, bins, low_high):
    """Ties of the first and the last edge, and values far beyond, infinite ones too."""
    x = patterns(FLOATS[name])
    wide = x.astype(np.float32)
    for values in (x[np.abs(wide) > 0.25], x[wide < 0.1], x[~np.isnan(wide)]):
        counted(kernel, shuffled(values), kernel.Uniform(np.linspace(*low_high, bins + 1)))


@pytest.mark.parametrize(
    ("exponent", "origin"),
    [
        (-7, -128),
        (-9, 300),
        (3, -100),
        (16, -1),
        (17, -1),
        (-3, 16_128),
        (-5, -16_384),
        (-3, 20_000),
    ],
)
def test_dyadic(kernel, isa, dtype, exponent, origin, edge_values):
    grid = kernel.Dyadic(256, exponent, origin)
    edges = np.ldexp(np.arange(origin, origin + 257, dtype=np.float64), exponent)
    counted(kernel, shuffled(edge_values(edges, dtype)), grid)


@pytest.mark.parametrize("origin", [-16_384, -128, 2, 16_128])
def test_dyadic_values_far_outside(kernel, isa, origin):
    """Beyond what 16 bits hold of cells, and 32 of units, on both sides."""
    bins = np.array([2**14, 2**15 - 300, 2**15, 2**15 + 300, 2**16, 2**20, 2**40], dtype=np.float32)
    inside = np.arange(origin, origin + 256, dtype=np.float32) + np.float32(0.5)
    tiny = np.float32([1e-40, -1e-40, 1e-20, -1e-20, 0.0, -0.0])
    for far in (bins, -bins, np.concatenate([bins, -bins])):
        for others in (inside, inside[:0]):
            x = shuffled(np.concatenate([far, others, tiny]))
            counted(kernel, x, kernel.Dyadic(256, 0, origin))


@pytest.mark.parametrize(
    "log", [(0, -20, 4), (3, -10, 5), (1, -126, -64), (0, 64, 128), (2, -140, -120)]
)
def test_log(kernel, isa, dtype, log, edge_values):
    mantissa_bits, least, most = log
    positive = np.ldexp(1.0, np.arange(least, most + 1))
    edges = np.concatenate([positive, positive * (1 + 0.5**mantissa_bits / 2)])
    x = shuffled(edge_values(np.concatenate([edges, -edges]), dtype))
    counted(kernel, x, kernel.Log(*log))


@pytest.mark.parametrize("distinct", [1, 2, 3, 10])
@pytest.mark.parametrize("order", ["random", "sorted"])
def test_few_values_wrap_their_bytes_around(kernel, isa, distinct, order):
    x = np.random.default_rng(distinct).integers(0, distinct, 300_001).astype(np.float32)
    x = np.sort(x) if order == "sorted" else x
    result = kernel.histogram([x], kernel.Dyadic(256, 0, -3))
    expected = np.zeros(256, np.int64)
    expected[3 : 3 + distinct] = np.bincount(x.astype(np.int64), minlength=distinct)
    np.testing.assert_array_equal(result.split_counts[0, 0], expected)


@pytest.mark.parametrize("spread", [1.0, 0.01])
def test_a_table_that_is_emptied_within_a_row(kernel, isa, spread):
    """More values than kPairedValues of tuning.h, all over the bins and in three of them."""
    x = np.random.default_rng(0).uniform(-spread, spread, (5 << 19) + 77).astype(np.float32)
    counted(kernel, x, kernel.Uniform(np.linspace(-1.1, 1.2, 257)))


def test_few_and_many_values_in_turn(kernel, isa):
    """Copies of the table are used for some blocks only, and the table is left empty each time."""
    rng = np.random.default_rng(3)
    x = rng.normal(0, 40, 120_000).round().astype(np.float32)
    x[20_000:60_000] = 5
    x[70_000:90_000] = rng.integers(-200, -198, 20_000)
    for bins in (256, 2_048):
        grid = kernel.Uniform(np.linspace(-128, 128, bins + 1))
        for size in (120_000, 65_536, 31_000):
            counted(kernel, x[:size], grid)


@pytest.mark.parametrize("bins", [256, 2_048])
def test_one_value_below_an_edge_again_and_again(kernel, isa, bins):
    """Guessed a bin too high, counted in turns by several counters, and taken back from one."""
    edges = np.linspace(-1.3, 1.1, bins + 1)
    grid = kernel.Uniform(edges)
    for edge in edges[1::97]:
        below = np.nextafter(np.float32(edge), np.float32(-np.inf))
        x = np.full(MANY, below)
        x[::5] = np.float32(0.3)
        counted(kernel, x, grid)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-30, 1e30])
@pytest.mark.parametrize("share", [0.001, 0.2, 1.0])
def test_odd_values_among_others(kernel, isa, odd, share):
    rng = np.random.default_rng(1)
    x = np.where(rng.random(MANY) < share, odd, rng.normal(0, 0.4, MANY)).astype(np.float32)
    for grid in (
        kernel.Uniform(np.linspace(-1.3, 1.1, 257)),
        kernel.Uniform(np.linspace(-0.3, 0.3, 257)),  # the middle edge is nearly 0
        kernel.Uniform(np.linspace(-1, 1, 257)),
        kernel.Uniform(np.linspace(-1, 0, 101)),
        kernel.Uniform(np.linspace(-1.3, 1.1, 5_001)),
        kernel.Dyadic(200, -6, -100),
        kernel.Log(2, -12, 3),
    ):
        for array in (x, x.astype(FLOATS["bfloat16"])):
            counted(kernel, array, grid)


@pytest.mark.parametrize("start", [0, 1, 255, 1000])
@pytest.mark.parametrize("size", [16_384, 16_385, 65_536, 200_003])
def test_any_start_size_and_number_of_threads(kernel, isa, start, size):
    x = np.random.default_rng(size).normal(0, 0.3, size).astype(np.float32)
    grid = kernel.Dyadic(256, -7, -128)
    for threads in (1, 3):
        counted(kernel, x, grid, start=start, threads=threads)


def test_rows_of_several_tensors_and_dtypes(kernel, isa):
    """Rows of one table, small tensors that are not counted in pairs between large ones."""
    rng = np.random.default_rng(7)
    sizes = [30_000, 100, 70_000, 20_000, 5_000]
    names = ["float32", "float32", "bfloat16", "float64", "float16"]
    arrays = [rng.normal(0, 0.3, n).astype(FLOATS[t]) for n, t in zip(sizes, names, strict=True)]
    grid = kernel.Dyadic(256, -7, -128)
    rows = [0, 0, 1, 0, 1]
    result = kernel.histogram(arrays, grid, rows=rows, row_count=2, threads=2)
    for row in (0, 1):
        own = [a.astype(np.float64) for a, r in zip(arrays, rows, strict=True) if r == row]
        expected = grid.reference(np.concatenate(own))
        np.testing.assert_array_equal(result.split_counts[row], expected.split_counts)
        np.testing.assert_array_equal(result.split_outside[row], expected.split_outside)
