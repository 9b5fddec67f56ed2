"""Wasserstein distances against shifts, scalings and the slow definition."""

from __future__ import annotations

import decimal
import itertools
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import igfast
from igfast import reference_measures as reference

CELLS = 8


def counts(largest: int) -> st.SearchStrategy:
    return st.lists(st.integers(0, largest), min_size=CELLS, max_size=CELLS).filter(any)


@pytest.mark.parametrize("p", [1, 2])
def test_shift_by_whole_bins(from_counts, p):
    h0, h1 = from_counts([[3, 1, 2, 0, 0, 0]]), from_counts([[0, 0, 0, 3, 1, 2]])
    assert igfast.wasserstein_distance(h0, h1, p=p)[0] == pytest.approx(3.0, rel=1e-15)


def test_hand_computed(from_counts):
    h0, h1 = from_counts([[1, 0, 1]]), from_counts([[0, 2, 0]])
    assert igfast.wasserstein_distance(h0, h1)[0] == pytest.approx(0.75, rel=1e-15)
    # F⁻¹ = 2u | 1 + 2u, G⁻¹ = 1 + u: W₂² = ∫₀^½ (1 − u)² + ∫_½^1 u² = 7/12
    assert igfast.wasserstein_distance(h0, h1, p=2)[0] == pytest.approx(math.sqrt(7 / 12))


def test_sign_change_inside_a_bin(from_counts):
    h0, h1 = from_counts([[1, 2, 1]]), from_counts([[2, 0, 2]])
    # F − G is 0, −¼, ¼, 0 at the edges: it crosses in the middle bin
    assert igfast.wasserstein_distance(h0, h1)[0] == pytest.approx(0.125 + 0.125 + 0.125, rel=1e-15)


@pytest.mark.parametrize(
    ("m0", "s0", "m1", "s1"), [(0, 1, 0.5, 1), (0.5, 0.8, -0.1, 1), (0, 1, 0, 0.5)]
)
def test_gaussian_closed_forms(gaussian, m0, s0, m1, s1):
    h0, h1 = gaussian(m0, s0), gaussian(m1, s1)
    quadratic = math.hypot(m1 - m0, s1 - s0)
    assert igfast.wasserstein_distance(h0, h1, p=2)[0] == pytest.approx(quadratic, rel=1e-4)
    # W₁ = E|a + bZ|, a = Δm, b = Δσ
    a, b = m1 - m0, abs(s1 - s0)
    area = abs(a)
    if b:
        area = b * math.sqrt(2 / math.pi) * math.exp(-((a / b) ** 2) / 2)
        area += a * math.erf(a / b / math.sqrt(2))
    assert igfast.wasserstein_distance(h0, h1, p=1)[0] == pytest.approx(area, rel=1e-4)


def test_outside_sits_on_the_outermost_edges(from_counts):
    h0, h1 = from_counts([[0, 0]], [[1, 0]]), from_counts([[0, 0]], [[0, 1]])
    for p in (1, 2):
        assert igfast.wasserstein_distance(h0, h1, p=p)[0] == 2.0
    uniform = from_counts([[1, 1]])
    assert igfast.wasserstein_distance(h0, uniform)[0] == 1.0
    assert igfast.wasserstein_distance(h0, uniform, p=2)[0] == pytest.approx(math.sqrt(4 / 3))


def test_scipy_agrees_on_narrow_bins():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=2_000), rng.gamma(2.0, size=3_000)
    grid = igfast.Grid.dyadic(2**15, exponent=-11)  # ±8 in bins of 2^-11
    h0, h1 = igfast.histogram(x, grid=grid), igfast.histogram(y, grid=grid)
    expected = stats.wasserstein_distance(np.clip(x, -8, 8), np.clip(y, -8, 8))
    assert igfast.wasserstein_distance(h0, h1)[0] == pytest.approx(expected, abs=2 * 2**-11)


@settings(deadline=None, max_examples=150)
@given(p=counts(1_000), q=counts(1_000))
def test_equal_the_slow_definition(from_counts, p, q):
    h0, h1 = (from_counts([c[1:-1]], [[c[0], c[-1]]]) for c in (p, q))
    for order in (1, 2):
        expected = reference.wasserstein_distance(np.array(p), np.array(q), h0.edges, order)
        found = igfast.wasserstein_distance(h0, h1, p=order)[0]
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-7 if order == 2 else 1e-12)
        assert igfast.wasserstein_distance(h1, h0, p=order)[0] == pytest.approx(found, rel=1e-15)
        assert igfast.wasserstein_distance(h0, h0, p=order)[0] == 0.0


def test_one_count_in_1e15(from_counts):
    h0 = from_counts([[10**15, 10**15, 10**15]])
    h1 = from_counts([[10**15 - 1, 10**15, 10**15 + 1]])
    assert igfast.wasserstein_distance(h0, h1)[0] == pytest.approx(2 / 3e15, rel=1e-14)


def exact(edges: list[float], p: list[int], q: list[int], order: int) -> float:
    """W_p^p by rational numbers, of cells with under- and overflow; its root to all digits."""
    place = [Fraction(edge) for edge in edges]
    start, end = [place[0], *place], [*place, place[-1]]
    f, g = ([Fraction(n, sum(c)) for n in itertools.accumulate([0, *c])] for c in (p, q))

    def value(below: list[Fraction], low: Fraction, level: Fraction) -> Fraction:
        cell = max(k for k in range(len(start)) if below[k] <= low)
        share = (level - below[cell]) / (below[cell + 1] - below[cell])
        return start[cell] + share * (end[cell] - start[cell])

    total = Fraction(0)
    for low, high in itertools.pairwise(sorted({*f, *g})):
        a, b = (value(f, low, level) - value(g, low, level) for level in (low, high))
        if order == 2:
            total += (high - low) * (a * a + a * b + b * b) / 3
        elif a * b < 0:
            total += (high - low) * (a * a + b * b) / (abs(a) + abs(b)) / 2
        else:
            total += (high - low) * abs(a + b) / 2
    with decimal.localcontext(decimal.Context(prec=40)):
        found = decimal.Decimal(total.numerator) / decimal.Decimal(total.denominator)
        return float(found.sqrt() if order == 2 else found)


@pytest.mark.parametrize("n", [10**6, 10**9, 10**12, 10**18])
@pytest.mark.parametrize("other", [(1, -1), (0, 1)])
def test_one_count_in_many(from_counts, n, other):
    p, q = (n, 3 * n), (n + other[0], 3 * n + other[1])
    for order in (1, 2):
        found = igfast.wasserstein_distance(from_counts([p]), from_counts([q]), p=order)[0]
        wanted = exact([0.0, 1.0, 2.0], [0, *p, 0], [0, *q, 0], order)
        assert found == pytest.approx(wanted, rel=4e-15, abs=0)


@settings(deadline=None, max_examples=150)
@given(
    p=st.lists(st.integers(0, 10**16), min_size=CELLS, max_size=CELLS).filter(any),
    steps=st.lists(st.integers(-2, 2), min_size=CELLS, max_size=CELLS),
)
def test_nearly_equal_histograms_keep_their_digits(p, steps):
    q = [max(n + step, 0) for n, step in zip(p, steps, strict=True)]
    assume(any(q))
    edges = np.linspace(-0.1, 0.3, CELLS - 1)
    h0, h1 = (on_edges(edges, cells) for cells in (p, q))
    for order in (1, 2):
        wanted = exact(edges.tolist(), p, q, order)
        found = igfast.wasserstein_distance(h0, h1, p=order)[0]
        assert found == pytest.approx(wanted, rel=4e-15, abs=0)
        assert igfast.wasserstein_distance(h1, h0, p=order)[0] == pytest.approx(found, rel=1e-15)


def on_edges(edges: np.ndarray, cells: list[int]) -> igfast.Histogram:
    h = igfast.histogram(np.zeros(0), bins=len(edges) - 1, range=(edges[0], edges[-1]))
    counts = np.array(cells)
    return replace(
        h, split_counts=counts[None, None, 1:-1], split_outside=counts[None, None, [0, -1]]
    )


def test_each_layer_on_its_own_common_grid():
    """A layer's last edge is its own, also where another layer of the batch has more bins."""
    x = np.array([0.25, 100.0])
    y = np.array([0.75, -100.0])
    grids = [
        igfast.Grid.dyadic(8, exponent=(-1, -1), origin=(0, 0)),
        igfast.Grid.dyadic(8, exponent=(-1, -1), origin=(0, -4)),
    ]
    h0, h1 = (igfast.histogram([v, v], grid=g) for v, g in zip((x, y), grids, strict=True))
    alone = [igfast.wasserstein_distance(h0[row], h1[row])[0] for row in (0, 1)]
    # sorted: x is at ¼ and on the last edge, y on the first edge and at ¾
    assert alone == pytest.approx([(0.25 + 3.25) / 2, (0.25 + 1.25) / 2], rel=1e-15)
    np.testing.assert_array_equal(igfast.wasserstein_distance(h0, h1), alone)


def test_empty_and_incomparable_layers_are_nan(from_counts):
    h0, h1 = from_counts([[0, 0], [1, 0]]), from_counts([[1, 1], [0, 1]])
    for p in (1, 2):
        assert np.isnan(igfast.wasserstein_distance(h0, h1, p=p)).tolist() == [True, False]
    x = np.ones(3)
    near = igfast.histogram(x, grid=igfast.Grid.dyadic(4, exponent=0))
    far = igfast.histogram(x, grid=igfast.Grid.dyadic(4, exponent=0, origin=100))
    assert math.isnan(igfast.wasserstein_distance(near, far)[0])


def test_torch_in_torch_out():
    torch = pytest.importorskip("torch")
    h = igfast.histogram(torch.linspace(-1, 1, 100), bins=8, range=(-1, 1))
    found = igfast.wasserstein_distance(h, h)
    assert isinstance(found, torch.Tensor)
    assert found.dtype is torch.float64


@pytest.mark.parametrize("p", [0, 3, 1.5, math.inf, "1", None])
def test_bad_order(from_counts, p):
    h = from_counts([[1, 2]])
    with pytest.raises(ValueError, match="p must be 1 or 2, got"):
        igfast.wasserstein_distance(h, h, p=p)


def test_bad_operands(from_counts):
    h = from_counts([[1, 2]])
    with pytest.raises(TypeError, match=r"h0 must be an igfast\.Histogram, got list"):
        igfast.wasserstein_distance([1, 2], h)
    with pytest.raises(TypeError, match=r"h1 must be an igfast\.Histogram, got list"):
        igfast.wasserstein_distance(h, [1, 2])
    with pytest.raises(ValueError, match="different edges"):
        igfast.wasserstein_distance(h, igfast.histogram(np.ones(3), bins=2, range=(0, 3)))
    with pytest.raises(ValueError, match="same layers, got 1 and 2"):
        igfast.wasserstein_distance(h, from_counts([[1, 2], [1, 2]]))
