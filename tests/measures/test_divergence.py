"""Divergences against closed forms, a 60-digit oracle and the slow definitions."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import igfast
from igfast import reference_measures as reference

SYMMETRIC = {
    "js": igfast.js_divergence,
    "hellinger": igfast.hellinger_distance,
    "fisher_rao": igfast.fisher_rao_distance,
}
ALPHAS = (-3.0, -1.0, -1 + 1e-9, -0.4, 0.0, 0.5, 0.999, 1.0, 1 + 1e-6, 3.0)


def counts(cells: int, largest: int) -> st.SearchStrategy:
    return st.lists(st.integers(0, largest), min_size=cells, max_size=cells).filter(any)


@st.composite
def pairs(draw, largest: int = 10**6) -> tuple[np.ndarray, np.ndarray]:
    """Cells [underflow, bins..., overflow] of two histograms, independent or nearly the same."""
    cells = draw(st.integers(3, 9))
    p = np.array(draw(counts(cells, largest)))
    if draw(st.booleans()):
        q = np.array(draw(counts(cells, largest)))
    else:
        step = st.lists(st.integers(-2, 2), min_size=cells, max_size=cells)
        q = np.maximum(p * draw(st.integers(1, 3)) + np.array(draw(step)), 0)
        q[0] += not q.any()
    return p, q


def histograms(from_counts, p, q):
    return (from_counts([cells[1:-1]], [[cells[0], cells[-1]]]) for cells in (p, q))


def exact(kind: str, p, q, alpha: float = 0.0) -> float:
    """The formula in 60 decimal digits: nothing cancels."""
    with localcontext() as context:
        context.prec = 60
        n, m = (Decimal(int(np.sum(cells, dtype=object))) for cells in (p, q))
        terms = [(int(a) / n, int(b) / m) for a, b in zip(p, q, strict=True) if a or b]
        if kind == "hellinger_squared":
            return float(sum((a.sqrt() - b.sqrt()) ** 2 for a, b in terms))
        if kind == "chi2":
            return float(sum(2 * (a - b) ** 2 / (a + b) for a, b in terms))
        if kind == "js":
            halves = [(x, (a + b) / 2) for a, b in terms for x in (a, b) if x]
            return float(sum(x * (x / h).ln() for x, h in halves) / 2)
        if kind == "kl" or alpha == -1:
            if any(a and not b for a, b in terms):
                return math.inf
            return float(sum(a * (a / b).ln() for a, b in terms if a))
        if alpha == 1:
            return exact("kl", q, p)
        powers = (1 - Decimal(alpha)) / 2, (1 + Decimal(alpha)) / 2
        if any((not a and powers[0] < 0) or (not b and powers[1] < 0) for a, b in terms):
            return math.inf
        total = sum(a ** powers[0] * b ** powers[1] for a, b in terms if a and b)
        return float((1 - total) / (powers[0] * powers[1]))


def test_hand_computed(from_counts):
    p, q = from_counts([[3, 1]]), from_counts([[1, 1]])
    kl = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    back = 0.5 * math.log(2 / 3) + 0.5 * math.log(2)
    overlap = math.sqrt(3 / 8) + math.sqrt(1 / 8)
    assert igfast.kl_divergence(p, q)[0] == pytest.approx(kl, rel=1e-15)
    assert igfast.kl_divergence(q, p)[0] == pytest.approx(back, rel=1e-15)
    assert igfast.hellinger_distance(p, q)[0] == pytest.approx(math.sqrt(1 - overlap), rel=1e-14)
    assert igfast.fisher_rao_distance(p, q)[0] == pytest.approx(2 * math.acos(overlap), rel=1e-14)
    assert igfast.alpha_divergence(p, q, alpha=0)[0] == pytest.approx(4 * (1 - overlap), rel=1e-14)
    # Pearson's and Neyman's chi-squared, halved
    assert igfast.alpha_divergence(p, q, alpha=-3)[0] == pytest.approx(0.5 * 2 / 8, rel=1e-15)
    assert igfast.alpha_divergence(p, q, alpha=3)[0] == pytest.approx(
        0.5 * (1 / 12 + 1 / 4), rel=1e-15
    )
    js = 0.5 * (0.75 * math.log(6 / 5) + 0.25 * math.log(2 / 3))
    js += 0.5 * (0.5 * math.log(4 / 5) + 0.5 * math.log(4 / 3))
    assert igfast.js_divergence(p, q)[0] == pytest.approx(js, rel=1e-14)


def test_disjoint_reach_the_largest_value(from_counts):
    p, q = from_counts([[5, 0, 2, 0]]), from_counts([[0, 1, 0, 1]])
    assert igfast.js_divergence(p, q)[0] == pytest.approx(math.log(2), rel=1e-15)
    assert igfast.hellinger_distance(p, q)[0] == pytest.approx(1.0, rel=1e-15)
    assert igfast.fisher_rao_distance(p, q)[0] == pytest.approx(math.pi, rel=1e-15)
    assert igfast.alpha_divergence(p, q, alpha=0.5)[0] == pytest.approx(4 / 0.75, rel=1e-15)
    for alpha in (-1, 1, 3, -3):
        assert igfast.alpha_divergence(p, q, alpha=alpha)[0] == math.inf


@pytest.mark.parametrize(
    ("m0", "s0", "m1", "s1"), [(0, 1, 0.5, 1), (0, 1, 0, 1.25), (0.3, 1, 0, 0.8)]
)
def test_gaussian_closed_forms(gaussian, m0, s0, m1, s1):
    p, q = gaussian(m0, s0), gaussian(m1, s1)
    v0, v1, shift = s0**2, s1**2, (m1 - m0) ** 2
    kl = math.log(s1 / s0) + (v0 + shift) / (2 * v1) - 0.5
    overlap = math.sqrt(2 * s0 * s1 / (v0 + v1)) * math.exp(-shift / (4 * (v0 + v1)))
    # bins of 1/64 merge little: what they cost is of the order of (width/sigma)²/12 = 2e-5
    assert igfast.kl_divergence(p, q)[0] == pytest.approx(kl, rel=2e-4)
    assert igfast.hellinger_distance(p, q)[0] == pytest.approx(math.sqrt(1 - overlap), rel=1e-4)
    assert igfast.fisher_rao_distance(p, q)[0] == pytest.approx(2 * math.acos(overlap), rel=1e-4)
    a, b = 0.25, 0.75  # alpha = 1/2
    v = a * v1 + b * v0
    power = s1**a * s0**b / math.sqrt(v) * math.exp(-a * b * shift / (2 * v))
    expected = (1 - power) / (a * b)
    assert igfast.alpha_divergence(p, q, alpha=0.5)[0] == pytest.approx(expected, rel=2e-4)


@settings(deadline=None, max_examples=150)
@given(pair=pairs(largest=10**4))
def test_special_cases_of_the_alpha_family(from_counts, pair):
    p, q = (cells + 1 for cells in pair)  # no empty cells: every member is finite
    h0, h1 = histograms(from_counts, p, q)
    a, b = p / p.sum(), q / q.sum()
    alpha = {v: igfast.alpha_divergence(h0, h1, alpha=v)[0] for v in (-3, -1, 0, 1, 3)}
    close = {"rel": 1e-12, "abs": 1e-15}
    assert alpha[-1] == pytest.approx(igfast.kl_divergence(h0, h1)[0], **close)
    assert alpha[1] == pytest.approx(igfast.kl_divergence(h1, h0)[0], **close)
    assert alpha[0] == pytest.approx(4 * igfast.hellinger_distance(h0, h1)[0] ** 2, **close)
    assert alpha[-3] == pytest.approx(np.sum((a - b) ** 2 / b) / 2, rel=1e-11, abs=1e-15)
    assert alpha[3] == pytest.approx(np.sum((a - b) ** 2 / a) / 2, rel=1e-11, abs=1e-15)
    for value in (0.3, 1.7):
        dual = igfast.alpha_divergence(h1, h0, alpha=-value)[0]
        assert igfast.alpha_divergence(h0, h1, alpha=value)[0] == pytest.approx(dual, **close)


@settings(deadline=None, max_examples=150)
@given(pair=pairs(), weight=st.floats(0.01, 0.99))
def test_weighted_jensen_shannon(from_counts, pair, weight):
    p, q = pair
    h0, h1 = histograms(from_counts, p, q)
    found = igfast.js_divergence(h0, h1, weight=weight)[0]
    assert found == pytest.approx(reference.js_divergence(p, q, weight), rel=1e-12, abs=1e-14)
    swapped = igfast.js_divergence(h1, h0, weight=1 - weight)[0]
    assert found == pytest.approx(swapped, rel=1e-12, abs=1e-16)
    half = igfast.js_divergence(h0, h1, weight=0.5 + 1e-15)[0]
    assert half == pytest.approx(igfast.js_divergence(h0, h1)[0], rel=1e-12, abs=1e-16)
    assert 0 <= found <= -weight * math.log(weight) - (1 - weight) * math.log1p(-weight) + 1e-15


def test_weighted_jensen_shannon_by_hand_and_limits(from_counts):
    p, q = from_counts([[3, 1]]), from_counts([[1, 1]])
    m = [0.25 * 0.75 + 0.75 * 0.5, 0.25 * 0.25 + 0.75 * 0.5]
    expected = 0.25 * (0.75 * math.log(0.75 / m[0]) + 0.25 * math.log(0.25 / m[1]))
    expected += 0.75 * (0.5 * math.log(0.5 / m[0]) + 0.5 * math.log(0.5 / m[1]))
    assert igfast.js_divergence(p, q, weight=0.25)[0] == pytest.approx(expected, rel=1e-14)
    small = igfast.js_divergence(p, q, weight=1e-9)[0]
    assert small == pytest.approx(1e-9 * igfast.kl_divergence(p, q)[0], rel=1e-8)
    apart = igfast.js_divergence(from_counts([[1, 0]]), from_counts([[0, 1]]), weight=0.2)[0]
    assert apart == pytest.approx(-0.2 * math.log(0.2) - 0.8 * math.log(0.8), rel=1e-15)
    near = from_counts([[10**15 + 1, 10**15 - 1]]), from_counts([[10**15, 10**15]])
    # w(1 − w)/2 · Σ(p − q)²/q: all digits, where S(m) − w S(p) − (1 − w) S(q) has none
    assert igfast.js_divergence(*near, weight=0.2)[0] == pytest.approx(0.08e-30, rel=1e-12)


@pytest.mark.parametrize("weight", [0, 1, -0.5, math.nan, math.inf])
def test_weight_must_be_between_zero_and_one(from_counts, weight):
    h = from_counts([[1, 2]])
    with pytest.raises(ValueError, match="weight must be between 0 and 1, both excluded, got"):
        igfast.js_divergence(h, h, weight=weight)
    with pytest.raises(TypeError, match="weight must be a number, got 'half'"):
        igfast.js_divergence(h, h, weight="half")


def test_splits_may_differ_where_they_do_not_matter(from_counts):
    one, two = from_counts([[3, 1]]), from_counts([[[1, 1], [2, 0]]])
    assert igfast.js_divergence(one, two)[0] == 0.0
    assert igfast.wasserstein_distance(one, two)[0] == 0.0
    assert igfast.information_velocity(one, two, estimator="hellinger")[0] == 0.0


def test_no_smoothing_and_direction(from_counts):
    p, q = from_counts([[1, 1, 0]]), from_counts([[1, 1, 1]])
    assert igfast.kl_divergence(p, q)[0] == pytest.approx(math.log(1.5), rel=1e-15)
    assert igfast.kl_divergence(q, p)[0] == math.inf
    assert igfast.alpha_divergence(p, q, alpha=1)[0] == math.inf
    assert igfast.alpha_divergence(q, p, alpha=1)[0] == pytest.approx(math.log(1.5), rel=1e-15)


def test_outside_counts_and_nan_does_not(from_counts):
    p, q = from_counts([[4]], [[4, 0]]), from_counts([[4]], [[0, 4]])
    assert igfast.js_divergence(p, q)[0] == pytest.approx(0.5 * math.log(2), rel=1e-15)
    x = np.array([0.5, np.nan, np.nan, np.inf])
    with_nan = igfast.histogram(x, bins=2, range=(0, 2))
    without = igfast.histogram(x[[0, 3]], bins=2, range=(0, 2))
    assert igfast.js_divergence(with_nan, without)[0] == 0.0


def test_empty_layers_are_nan_and_leave_others_alone(from_counts):
    p, q = from_counts([[0, 0], [3, 1], [1, 1]]), from_counts([[1, 0], [1, 1], [0, 0]])
    for measure in (*SYMMETRIC.values(), igfast.kl_divergence):
        assert np.isnan(measure(p, q)).tolist() == [True, False, True]
        assert np.isnan(measure(q, p)).tolist() == [True, False, True]
    assert np.isnan(igfast.alpha_divergence(p, q, alpha=0.3)).tolist() == [True, False, True]


@settings(deadline=None, max_examples=150)
@given(pair=pairs())
def test_equal_the_slow_definitions(from_counts, pair):
    p, q = pair
    h0, h1 = histograms(from_counts, p, q)
    # the second term is what the slow definitions lose to cancellation
    close = {"rel": 1e-12, "abs": 1e-13}
    half = reference.hellinger_squared(p, q) / 2
    assert igfast.hellinger_distance(h0, h1)[0] ** 2 == pytest.approx(half, **close)
    assert igfast.js_divergence(h0, h1)[0] == pytest.approx(reference.js_divergence(p, q), **close)
    assert igfast.kl_divergence(h0, h1)[0] == pytest.approx(reference.kl_divergence(p, q), **close)
    arc = reference.fisher_rao_distance(p, q)
    assert igfast.fisher_rao_distance(h0, h1)[0] == pytest.approx(arc, rel=1e-12, abs=1e-7)
    for alpha in (-2.5, -1.0, 0.0, 0.5, 1.0, 3.0):
        found = igfast.alpha_divergence(h0, h1, alpha=alpha)[0]
        assert found == pytest.approx(reference.alpha_divergence(p, q, alpha), rel=1e-11, abs=1e-12)
    for measure in SYMMETRIC.values():
        assert measure(h0, h1)[0] == measure(h1, h0)[0] >= 0
        assert measure(h0, h0)[0] == 0.0


@settings(deadline=None, max_examples=100)
@given(pair=pairs(largest=10**15), alpha=st.sampled_from(ALPHAS))
def test_all_digits_of_nearly_equal_histograms(from_counts, pair, alpha):
    p, q = pair
    h0, h1 = histograms(from_counts, p, q)
    close = {"rel": 1e-13, "abs": 1e-50}
    squared = exact("hellinger_squared", p, q)
    assert igfast.hellinger_distance(h0, h1)[0] == pytest.approx(math.sqrt(squared / 2), **close)
    arc = 4 * math.asin(math.sqrt(squared) / 2)
    assert igfast.fisher_rao_distance(h0, h1)[0] == pytest.approx(arc, **close)
    assert igfast.js_divergence(h0, h1)[0] == pytest.approx(exact("js", p, q), **close)
    assert igfast.kl_divergence(h0, h1)[0] == pytest.approx(exact("kl", p, q), **close)
    found = igfast.alpha_divergence(h0, h1, alpha=alpha)[0]
    assert found == pytest.approx(exact("alpha", p, q, alpha), **close)
    chi2 = igfast.information_velocity(h0, h1, estimator="chi2")[0]
    assert chi2 == pytest.approx(math.sqrt(exact("chi2", p, q)), **close)


def test_one_count_in_1e15(from_counts):
    p = from_counts([[10**15, 10**15, 7]])
    q = from_counts([[10**15 + 1, 10**15 - 1, 7]])
    # to leading order KL = ½ Σ (p - q)²/q = 2 · ½ · 1e-15 / 2e15
    assert igfast.kl_divergence(p, q)[0] == pytest.approx(5e-31, rel=1e-12)
    assert igfast.js_divergence(p, q)[0] == pytest.approx(1.25e-31, rel=1e-12)
    assert igfast.fisher_rao_distance(p, q)[0] == pytest.approx(1e-15, rel=1e-12)


def test_different_dyadic_grids_are_merged(from_counts):
    x = np.arange(-64, 64) / 16 + 1 / 32
    fine = igfast.histogram(x, grid=igfast.Grid.dyadic(128, exponent=-4))
    coarse = igfast.histogram(x, grid=igfast.Grid.dyadic(16, exponent=-1))
    assert igfast.js_divergence(fine, coarse)[0] == 0.0
    apart = igfast.histogram(x, grid=igfast.Grid.dyadic(16, exponent=-4, origin=1000))
    assert math.isnan(igfast.js_divergence(fine, apart)[0])


def test_results_live_where_the_counts_live(from_counts):
    torch = pytest.importorskip("torch")
    x = torch.linspace(-1, 1, 100)
    h = igfast.histogram({"a": x, "b": x**2}, bins=8, range=(-1, 1))
    other = igfast.histogram({"a": x**3, "b": x**2}, bins=8, range=(-1, 1))
    for measure in (*SYMMETRIC.values(), igfast.kl_divergence):
        found = measure(h, other)
        assert isinstance(found, torch.Tensor)
        assert found.dtype is torch.float64
        assert found.shape == (2,)
        np.testing.assert_array_equal(found.numpy(), measure(h.to_numpy(), other.to_numpy()))


@pytest.mark.parametrize("measure", [*SYMMETRIC.values(), igfast.kl_divergence])
def test_bad_operands(from_counts, measure):
    h = from_counts([[1, 2]])
    with pytest.raises(TypeError, match=r"h0 must be an igfast\.Histogram, got ndarray"):
        measure(np.ones(3), h)
    with pytest.raises(TypeError, match=r"h1 must be an igfast\.Histogram, got list"):
        measure(h, [1, 2])
    other = igfast.histogram(np.ones(3), bins=2, range=(0, 3))
    with pytest.raises(ValueError, match="uniform grids with different edges"):
        measure(h, other)
    with pytest.raises(ValueError, match="same layers, got 1 and 2"):
        measure(h, from_counts([[1, 2], [1, 2]]))
    dyadic = igfast.histogram(np.ones(3), grid=igfast.Grid.dyadic(2, exponent=0))
    with pytest.raises(ValueError, match="same kind of grid, got uniform and dyadic"):
        measure(h, dyadic)


@pytest.mark.parametrize("alpha", [math.nan, math.inf, -math.inf, 1e308])
def test_alpha_must_be_within_reach(from_counts, alpha):
    h = from_counts([[1, 2]])
    with pytest.raises(ValueError, match="alpha must be within"):
        igfast.alpha_divergence(h, h, alpha=alpha)


@pytest.mark.parametrize("alpha", ["0", None, True, 1j])
def test_alpha_must_be_a_number(from_counts, alpha):
    h = from_counts([[1, 2]])
    with pytest.raises(TypeError, match="alpha must be a number, got"):
        igfast.alpha_divergence(h, h, alpha=alpha)
