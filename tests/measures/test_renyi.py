"""Rényi divergence: closed forms, special orders, limits, the slow definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import igfast
from igfast import reference_measures as reference

cells = st.lists(st.integers(0, 1_000), min_size=6, max_size=6).filter(any)
ORDERS = (0, 1e-9, 0.3, 0.5, 0.999999, 1, 1 + 1e-9, 2, 7.5, 300, math.inf)


def pair(from_counts, p, q):
    return (from_counts([c[1:-1]], [[c[0], c[-1]]]) for c in (p, q))


def test_hand_computed(from_counts):
    p, q = from_counts([[3, 1, 0]]), from_counts([[1, 1, 2]])
    expected = {
        0: math.log(2),  # q has half of its mass where p > 0
        0.5: -2 * math.log(math.sqrt(3 / 16) + math.sqrt(1 / 16)),
        1: 0.75 * math.log(3),
        2: math.log(9 / 4 + 1 / 4),
        3: 0.5 * math.log(27 / 4 + 1 / 4),
        math.inf: math.log(3),
    }
    for order, value in expected.items():
        found = igfast.renyi_divergence(p, q, order=order)[0]
        assert found == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize("order", [0.25, 0.5, 1, 2])
@pytest.mark.parametrize(("m0", "s0", "m1", "s1"), [(0, 1, 0.5, 1), (0, 0.9, 0, 1), (0.3, 1, 0, 1)])
def test_gaussian_closed_forms(gaussian, order, m0, s0, m1, s1):
    shift = (m1 - m0) ** 2
    if order == 1:
        expected = math.log(s1 / s0) + (s0**2 + shift) / (2 * s1**2) - 0.5
    else:
        s2 = order * s1**2 + (1 - order) * s0**2
        expected = math.log(s1 / s0) + math.log(s1**2 / s2) / (2 * (order - 1))
        expected += order * shift / (2 * s2)
    found = igfast.renyi_divergence(gaussian(m0, s0), gaussian(m1, s1), order=order)[0]
    assert found == pytest.approx(expected, rel=3e-4)


def test_max_divergence_of_gaussians(gaussian):
    """σ_p < σ_q: p/q is largest at the center, where it is σ_q/σ_p."""
    found = igfast.renyi_divergence(gaussian(0, 0.8), gaussian(0, 1), order=math.inf)[0]
    assert found == pytest.approx(math.log(1 / 0.8), rel=1e-3)


@settings(deadline=None, max_examples=150)
@given(p=cells, q=cells)
def test_equal_the_slow_definition_and_grow_with_the_order(from_counts, p, q):
    h0, h1 = pair(from_counts, p, q)
    last = 0.0
    for order in ORDERS:
        found = igfast.renyi_divergence(h0, h1, order=order)[0]
        expected = reference.renyi_divergence(np.array(p), np.array(q), order)
        near_one = 0 < abs(order - 1) < 1e-3  # the definition divides a rounding error by order - 1
        assert found == pytest.approx(expected, rel=1e-11, abs=1e-5 if near_one else 1e-13)
        assert found >= last * (1 - 1e-9) - 1e-13
        last = found


@settings(deadline=None, max_examples=100)
@given(p=cells, q=cells, order=st.floats(0.01, 0.99))
def test_identities(from_counts, p, q, order):
    h0, h1 = pair(from_counts, p, q)
    found = igfast.renyi_divergence(h0, h1, order=order)[0]
    # skew symmetry: (1 - a) R_a(p, q) = a R_(1-a)(q, p)
    other = igfast.renyi_divergence(h1, h0, order=1 - order)[0]
    assert (1 - order) * found == pytest.approx(order * other, rel=1e-10, abs=1e-13)
    # R_1/2 = -2 ln(1 - H²)
    hellinger = igfast.hellinger_distance(h0, h1)[0] ** 2
    half = igfast.renyi_divergence(h0, h1, order=0.5)[0]
    if hellinger < 0.99:
        assert half == pytest.approx(-2 * math.log1p(-hellinger), rel=1e-12, abs=1e-15)
    # R_2 = ln(1 + χ²)
    chi2 = 2 * igfast.alpha_divergence(h0, h1, alpha=-3)[0]
    second = igfast.renyi_divergence(h0, h1, order=2)[0]
    assert second == pytest.approx(math.log1p(chi2), rel=1e-12, abs=1e-15)


def test_smooth_through_order_one(from_counts):
    p, q = from_counts([[5, 3, 2]]), from_counts([[4, 3, 3]])
    kl = igfast.kl_divergence(p, q)[0]
    assert igfast.renyi_divergence(p, q, order=1)[0] == kl
    for step in (1e-12, 1e-9, 1e-6):
        for order in (1 - step, 1 + step):
            found = igfast.renyi_divergence(p, q, order=order)[0]
            assert found == pytest.approx(kl, rel=2 * step + 1e-14)


def test_limits_of_small_and_large_orders(from_counts):
    p, q = from_counts([[5, 3, 2, 0]]), from_counts([[4, 3, 1, 2]])
    support = igfast.renyi_divergence(p, q, order=0)[0]
    assert support == pytest.approx(-math.log(0.8), rel=1e-15)
    assert igfast.renyi_divergence(p, q, order=1e-10)[0] == pytest.approx(support, rel=1e-8)
    largest = igfast.renyi_divergence(p, q, order=math.inf)[0]
    assert largest == pytest.approx(math.log(2), rel=1e-15)
    # R_a = ln(Σ …)/(a − 1): off by ln(p_max)/a to first order
    found = igfast.renyi_divergence(p, q, order=1e5)[0]
    assert found == pytest.approx(largest, abs=2e-5)


def test_disjoint_and_missing_cells(from_counts):
    p, q = from_counts([[1, 0]]), from_counts([[0, 1]])
    for order in ORDERS:
        assert igfast.renyi_divergence(p, q, order=order)[0] == math.inf
    p, q = from_counts([[1, 1]]), from_counts([[1, 0]])
    assert igfast.renyi_divergence(p, q, order=0)[0] == 0.0
    assert igfast.renyi_divergence(p, q, order=0.5)[0] == pytest.approx(math.log(2))
    for order in (1, 2, 1e6, math.inf):
        assert igfast.renyi_divergence(p, q, order=order)[0] == math.inf


@pytest.mark.parametrize("order", ORDERS)
def test_one_count_in_1e9(from_counts, order):
    n = 10**9
    p, q = from_counts([[n + 1, n - 1]]), from_counts([[n, n]])
    found = igfast.renyi_divergence(p, q, order=order)[0]
    # close by R_a = a χ²/2; χ² = 2·(½/n)²/½
    expected = math.log1p(1 / n) if order == math.inf else order / (2 * n**2)
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-30)


def test_empty_and_incomparable_layers_are_nan(from_counts):
    p, q = from_counts([[0, 0], [1, 1], [1, 0]]), from_counts([[1, 0], [0, 0], [1, 0]])
    for order in ORDERS:
        assert np.isnan(igfast.renyi_divergence(p, q, order=order)).tolist() == [True, True, False]
    near = igfast.histogram(np.ones(3), grid=igfast.Grid.dyadic(4, exponent=0))
    far = igfast.histogram(np.ones(3), grid=igfast.Grid.dyadic(4, exponent=0, origin=100))
    assert math.isnan(igfast.renyi_divergence(near, far, order=0.5)[0])


def test_torch_in_torch_out():
    torch = pytest.importorskip("torch")
    h = igfast.histogram(torch.linspace(-1, 1, 100), bins=8, range=(-1, 1))
    for order in ORDERS:
        found = igfast.renyi_divergence(h, h, order=order)
        assert isinstance(found, torch.Tensor)
        assert found.tolist() == [0.0]


@pytest.mark.parametrize("order", [-0.1, -math.inf, math.nan, 1e-20, 1e308])
def test_order_is_none_that_doubles_cannot_tell_from_a_limit(from_counts, order):
    h = from_counts([[1, 2]])
    with pytest.raises(ValueError, match="order must be 0, from"):
        igfast.renyi_divergence(h, h, order=order)


def test_the_largest_ratio_of_counts_beyond_double(from_counts):
    """Of 42 cells of 2^40 to 2^44 one differs by one element; products of totals exceed 2^63."""
    n = [2**40 + 2**44 * (i % 2) + i for i in range(42)]
    m = list(n)
    m[5] -= 1
    excess = max(a * sum(m) - b * sum(n) for a, b in zip(n, m, strict=True))
    (cell,) = [i for i in range(42) if n[i] * sum(m) - m[i] * sum(n) == excess]
    found = igfast.renyi_divergence(from_counts([n]), from_counts([m]), order=math.inf)[0]
    assert found == pytest.approx(math.log1p(excess / (m[cell] * sum(n))), rel=1e-12)


@pytest.mark.parametrize("order", ["1", None, True, 1j])
def test_order_must_be_a_number(from_counts, order):
    h = from_counts([[1, 2]])
    with pytest.raises(TypeError, match="order must be a number, got"):
        igfast.renyi_divergence(h, h, order=order)


@pytest.mark.parametrize("order", [0, 0.5, 1, math.inf])
def test_bad_operands(from_counts, order):
    h = from_counts([[1, 2]])
    with pytest.raises(TypeError, match=r"h0 must be an igfast\.Histogram, got list"):
        igfast.renyi_divergence([1], h, order=order)
    with pytest.raises(TypeError, match=r"h1 must be an igfast\.Histogram, got list"):
        igfast.renyi_divergence(h, [1], order=order)
    with pytest.raises(ValueError, match="same layers, got 1 and 2"):
        igfast.renyi_divergence(h, from_counts([[1, 2], [1, 2]]), order=order)
