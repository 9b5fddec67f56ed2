"""Bregman divergences: closed forms, generators against functions, the slow definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import igfast
from igfast import reference_measures as reference

cells = st.lists(st.integers(0, 1_000), min_size=6, max_size=6).filter(any)
NAMES = ("squared_euclidean", "negative_entropy", "itakura_saito")
FUNCTIONS = {
    "squared_euclidean": (np.square, lambda x: 2 * x),
    "negative_entropy": (
        lambda x: np.where(x > 0, x * np.log(np.where(x > 0, x, 1.0)), 0.0),
        lambda x: np.log(x) + 1,
    ),
    "itakura_saito": (lambda x: -np.log(x), lambda x: -1 / x),
}


def pair(from_counts, p, q):
    return (from_counts([c[1:-1]], [[c[0], c[-1]]]) for c in (p, q))


def test_hand_computed(from_counts):
    p, q = from_counts([[3, 1]]), from_counts([[1, 1]])
    expected = {
        "squared_euclidean": 1 / 8,
        "negative_entropy": 0.75 * math.log(1.5) + 0.25 * math.log(0.5),
        "itakura_saito": 1.5 - math.log(1.5) - 1 + 0.5 - math.log(0.5) - 1,
    }
    for name, value in expected.items():
        assert igfast.bregman_divergence(p, q, name)[0] == pytest.approx(value, rel=1e-14)
        found = igfast.bregman_divergence(p, q, FUNCTIONS[name])[0]
        assert found == pytest.approx(value, rel=1e-13)


@pytest.mark.parametrize(("m0", "s0", "m1", "s1"), [(0, 1, 0.5, 1), (0, 1, 0, 0.8), (0.3, 1, 0, 1)])
def test_squared_euclidean_of_gaussians(gaussian, m0, s0, m1, s1):
    """Σ(p − q)² = w ∫(f − g)² dx, and ∫ f g = N(Δm; 0, σ₀² + σ₁²)."""

    def overlap(shift: float, variance: float) -> float:
        return math.exp(-(shift**2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)

    integral = overlap(0, 2 * s0**2) + overlap(0, 2 * s1**2) - 2 * overlap(m1 - m0, s0**2 + s1**2)
    found = igfast.bregman_divergence(gaussian(m0, s0), gaussian(m1, s1), "squared_euclidean")[0]
    assert found == pytest.approx(integral / 64, rel=2e-4)


def test_negative_entropy_is_kl(gaussian):
    p, q = gaussian(0, 1), gaussian(0.5, 1.1)
    found = igfast.bregman_divergence(p, q, "negative_entropy")[0]
    assert found == igfast.kl_divergence(p, q)[0]
    assert found == pytest.approx(math.log(1.1) + 1.25 / (2 * 1.21) - 0.5, rel=2e-4)


def test_itakura_saito_of_a_gaussian_shift(gaussian):
    """Per bin f/g − ln(f/g) − 1 with ln(f/g) = m²/2 − m x; the tails count as one cell each."""
    m, width = 0.125, 1 / 64

    def primitive(x: float) -> float:
        return -math.exp(m * m / 2 - m * x) / m - (m * m / 2 * x - m * x * x / 2) - x

    expected = (primitive(6) - primitive(-6)) / width
    for side in (-1, 1):
        ratio = math.erfc(6 / math.sqrt(2)) / math.erfc((6 - side * m) / math.sqrt(2))
        expected += ratio - math.log(ratio) - 1
    found = igfast.bregman_divergence(gaussian(0, 1), gaussian(m, 1), "itakura_saito")[0]
    assert found == pytest.approx(expected, rel=1e-3)


@settings(deadline=None, max_examples=150)
@given(p=cells, q=cells)
def test_equal_the_slow_definition(from_counts, p, q):
    p, q = np.array(p), np.array(q)
    for name in NAMES:
        a, b = (p + 1, q + 1) if name != "squared_euclidean" else (p, q)
        h0, h1 = pair(from_counts, a, b)
        function, slope = FUNCTIONS[name]
        expected = reference.bregman_divergence(
            a, b, lambda x, f=function: float(f(x)), lambda x, f=slope: float(f(x))
        )
        found = igfast.bregman_divergence(h0, h1, name)[0]
        assert found == pytest.approx(expected, rel=1e-10, abs=1e-12)
        by_functions = igfast.bregman_divergence(h0, h1, FUNCTIONS[name])[0]
        assert by_functions == pytest.approx(expected, rel=1e-10, abs=1e-12)
        assert found >= 0


def test_empty_cells(from_counts):
    p, q = from_counts([[1, 1, 0]]), from_counts([[1, 0, 0]])
    both = from_counts([[2, 2, 0]])
    for name in NAMES:
        assert igfast.bregman_divergence(p, both, name)[0] == 0.0
    assert igfast.bregman_divergence(p, q, "negative_entropy")[0] == math.inf
    assert igfast.bregman_divergence(p, q, FUNCTIONS["negative_entropy"])[0] == math.inf
    assert igfast.bregman_divergence(q, p, "negative_entropy")[0] == pytest.approx(math.log(2))
    for one, other in ((p, q), (q, p)):
        assert igfast.bregman_divergence(one, other, "itakura_saito")[0] == math.inf


def test_one_count_in_1e15(from_counts):
    n = 10**15
    p, q = from_counts([[n + 1, n - 1]]), from_counts([[n, n]])
    expected = {"squared_euclidean": 5e-31, "negative_entropy": 5e-31, "itakura_saito": 1e-30}
    for name, value in expected.items():
        assert igfast.bregman_divergence(p, q, name)[0] == pytest.approx(value, rel=1e-12)


def test_empty_layers_are_nan(from_counts):
    p, q = from_counts([[0, 0], [1, 1], [1, 0]]), from_counts([[1, 0], [0, 0], [1, 0]])
    for generator in (*NAMES, *FUNCTIONS.values()):
        found = igfast.bregman_divergence(p, q, generator)
        assert np.isnan(found).tolist() == [True, True, False]
        assert found[2] == 0.0


def test_torch_in_torch_out():
    torch = pytest.importorskip("torch")
    h = igfast.histogram(torch.linspace(-1, 1, 100), bins=8, range=(-1, 1))
    for generator in (*NAMES, *FUNCTIONS.values()):
        assert isinstance(igfast.bregman_divergence(h, h, generator), torch.Tensor)


def test_bad_generators(from_counts):
    h = from_counts([[1, 2]])
    with pytest.raises(
        ValueError, match=r"generator must be one of 'squared_euclidean', .*got 'kl'"
    ):
        igfast.bregman_divergence(h, h, "kl")
    for bad in (None, np.square, (np.square,), (np.square, 2.0)):
        with pytest.raises(TypeError, match="generator must be a name or a pair of functions"):
            igfast.bregman_divergence(h, h, bad)
    with pytest.raises(ValueError, match=r"F of the generator must return one number .*got \(\)"):
        igfast.bregman_divergence(h, h, (np.sum, lambda x: x))
    with pytest.raises(ValueError, match=r"F' of the generator must return one number .*got \(\)"):
        igfast.bregman_divergence(h, h, (np.square, lambda x: 1.0))


@pytest.mark.parametrize("generator", [*NAMES, FUNCTIONS["squared_euclidean"]])
def test_bad_operands(from_counts, generator):
    h = from_counts([[1, 2]])
    with pytest.raises(TypeError, match=r"h0 must be an igfast\.Histogram, got list"):
        igfast.bregman_divergence([1], h, generator)
    with pytest.raises(TypeError, match=r"h1 must be an igfast\.Histogram, got list"):
        igfast.bregman_divergence(h, [1], generator)
    with pytest.raises(ValueError, match="same layers, got 1 and 2"):
        igfast.bregman_divergence(h, from_counts([[1, 2], [1, 2]]), generator)
