"""Grids: edges, and what cannot be one."""

import math

import numpy as np
import pytest
import torch

import igfast
from igfast import Grid


def test_uniform_edges_are_linspace():
    for low, high, bins in [(-1, 1, 256), (0.1, 0.7, 10), (-1e300, 1e300, 7), (1e6, 1e6 + 1, 999)]:
        edges = Grid.uniform(bins=bins, low=low, high=high).edges()
        np.testing.assert_array_equal(edges, np.linspace(low, high, bins + 1))


def test_uniform_ranges_per_layer():
    grid = Grid.uniform(bins=3, low=np.array([0, -1]), high=[3, 2.5])
    np.testing.assert_array_equal(
        grid.edges(), [np.linspace(0, 3, 4), np.linspace(-1, 2.5, 4)], strict=True
    )


def test_dyadic_edges_are_exact():
    edges = Grid.dyadic(bins=3, exponent=[-1074, 2], origin=[-1, 10]).edges()
    tiny = 2.0**-1074
    assert edges.tolist() == [[-tiny, 0, tiny, 2 * tiny], [40, 44, 48, 52]]
    assert Grid.dyadic(bins=256, exponent=-3).origin == -128


def test_log_edges():
    grid = Grid.log(mantissa_bits=1, min_exponent=-1, max_exponent=1)
    assert grid.bins == 9
    assert grid.edges().tolist() == [-2, -1.5, -1, -0.75, -0.5, 0.5, 0.75, 1, 1.5, 2]
    assert Grid.log().bins == 2 * 24 * 8 + 1


def test_values_of_any_framework_and_of_no_layer():
    assert Grid.dyadic(4, exponent=torch.tensor([1, 2])).exponent == (1, 2)
    assert Grid.dyadic(4, exponent=torch.tensor(1), origin=np.array(-2)) == Grid.dyadic(
        4, exponent=1
    )
    assert Grid.uniform(4, low=[], high=[]).edges().shape == (0, 5)
    assert Grid.dyadic(4, exponent=[]).edges().shape == (0, 5)
    with pytest.raises(TypeError, match=r"exponent must be an integer, got 1\.0"):
        Grid.dyadic(4, exponent=np.array([1.0]))


def test_automatic():
    assert Grid.dyadic(64).automatic
    assert not Grid.dyadic(64, exponent=0).automatic
    assert not Grid.uniform(64, low=0, high=1).automatic
    with pytest.raises(ValueError, match="no edges before it saw data"):
        Grid.dyadic(64).edges()


def test_grids_compare_and_print():
    assert Grid.dyadic(64, exponent=-3) == Grid.dyadic(64, exponent=-3, origin=-32)
    assert str(Grid.dyadic(64)) == "dyadic, 64 bins, automatic"
    assert str(Grid.uniform(4, low=0, high=1)) == "uniform, 4 bins on [0.0, 1.0]"
    assert str(Grid.log()) == "log, 8 bins per octave on ±[2^-20, 2^4)"


BAD = [
    (lambda: Grid.uniform(0, low=0, high=1), ValueError, "bins must be from 1 to 65,536, got 0"),
    (lambda: Grid.dyadic(65_537), ValueError, "bins must be from 1 to 65,536, got 65537"),
    (lambda: Grid.dyadic(10.5), TypeError, r"bins must be an integer, got 10.5 \(float\)"),
    (lambda: Grid.uniform(4, low=1, high=1), ValueError, "low < high, got low=1.0, high=1.0"),
    (lambda: Grid.uniform(4, low=2, high=1), ValueError, "low < high, got low=2.0, high=1.0"),
    (lambda: Grid.uniform(4, low=0, high=math.inf), ValueError, "finite, got low=0.0, high=inf"),
    (lambda: Grid.uniform(4, low=math.nan, high=1), ValueError, "finite, got low=nan"),
    (lambda: Grid.uniform(4, low=-1e308, high=1e308), ValueError, "must be finite"),
    (lambda: Grid.uniform(4, low=1, high=1 + 2e-16), ValueError, "too few float64 numbers for 4"),
    (lambda: Grid.uniform(4, low=None, high=1), TypeError, "low must be .* got None"),
    (lambda: Grid.uniform(4, low="a", high=1), TypeError, "low must be a number"),
    (lambda: Grid.uniform(4, low=[[0]], high=1), ValueError, r"low .* got shape \(1, 1\)"),
    (
        lambda: Grid.uniform(4, low=-(10**400), high=1),
        ValueError,
        "low .* within float64, ±1.8e308",
    ),
    (lambda: Grid.uniform(4, low=[-(10**400)], high=1), ValueError, "low .* within float64"),
    (lambda: Grid.dyadic(4, exponent=[0, 1], origin=[1, 2, 3]), ValueError, "layer, got 2 and 3"),
    (lambda: Grid.uniform(4, low=[0, 1], high=[1, 2, 3]), ValueError, "got 2 and 3"),
    (lambda: Grid.dyadic(4, origin=3), ValueError, "origin=3 needs an exponent"),
    (lambda: Grid.dyadic(4, exponent=0.5), TypeError, "exponent must be an integer, got 0.5"),
    (lambda: Grid.dyadic(4, exponent=1024), ValueError, "exponent must be from -1074 to 1023"),
    (lambda: Grid.dyadic(4, exponent=1023), ValueError, "bin edges beyond float64"),
    (lambda: Grid.dyadic(4, exponent=0, origin=2**44), ValueError, r"within 2\^44"),
    (lambda: Grid.log(16), ValueError, "mantissa_bits must be from 0 to 15, got 16"),
    (lambda: Grid.log(3, 4, 4), ValueError, "min_exponent=4, max_exponent=4"),
    (lambda: Grid.log(15, -20, 4), ValueError, "bins must be from 1 to 65,536"),
    (lambda: Grid("cubic", 4), ValueError, "kind must be uniform, dyadic or log, got 'cubic'"),
    (lambda: Grid(["log"], 4), ValueError, "kind must be uniform, dyadic or log, got"),
    (lambda: Grid(np.array(["log"]), 4), ValueError, "kind must be uniform, dyadic or log, got"),
    (lambda: Grid("dyadic", -1), ValueError, "bins must be from 1 to 65,536, got -1"),
    (lambda: Grid("dyadic", "4"), TypeError, "bins must be an integer, got '4'"),
    (lambda: Grid("dyadic", 4, origin=3), ValueError, "origin=3 needs an exponent"),
    (lambda: Grid("dyadic", 4, exponent=2000), ValueError, "exponent must be from -1074 to 1023"),
    (lambda: Grid("dyadic", 4, low=0.5), ValueError, "low=0.5 is not for a dyadic grid; leave it"),
    (lambda: Grid("uniform", 4), TypeError, "low must be .* got None"),
    (lambda: Grid("uniform", 4, 2.0, 1.0), ValueError, "low < high, got low=2.0, high=1.0"),
    (lambda: Grid("uniform", 4, math.nan, 1.0), ValueError, "finite, got low=nan"),
    (lambda: Grid("uniform", 4, 0.0, 1.0, parts=0), ValueError, "parts must be at least 1, got 0"),
    (lambda: Grid("uniform", 4, 0.0, 1.0, exponent=0), ValueError, "exponent=0 is not for a unif"),
    (lambda: Grid("log", 4), ValueError, "min_exponent=0, max_exponent=0"),
    (
        lambda: Grid("log", 4, max_exponent=1),
        ValueError,
        "bins must be 3 of .* got 4; use",
    ),
]


def test_a_grid_made_directly_is_the_same():
    assert Grid("uniform", 4, low=[0, 1], high=np.array(2)) == Grid.uniform(4, low=[0, 1], high=2)
    assert Grid("uniform", 4, 0, 1).low == 0.0
    with pytest.raises(ValueError, match="bins must be from 1 to 65,536, got 0"):
        Grid.dyadic(0)
    with pytest.raises(ValueError, match=r"grid has 0 bins, .* choose another"):
        igfast.histogram([np.zeros(2)], grid=Grid("dyadic", 0))  # of a sum without common bins
    assert Grid("dyadic", 4, exponent=1) == Grid.dyadic(4, exponent=1)
    assert Grid("log", 9, mantissa_bits=1, min_exponent=-1, max_exponent=1) == Grid.log(1, -1, 1)


@pytest.mark.parametrize(("make", "error", "message"), BAD, ids=[m for _, _, m in BAD])
def test_bad_grids(make, error, message):
    with pytest.raises(error, match=message):
        make()
