"""Entropy and complexity against published values, limits and the slow definitions."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import igfast
from igfast import reference_measures as reference

MEASURES = (
    igfast.shannon_entropy,
    igfast.differential_entropy,
    igfast.statistical_complexity,
)
ORACLE = [5, 1, 4, 2, 3, 0]  # p = 1/3, 1/15, 4/15, 2/15, 1/5, 0


def test_oracle_of_the_literature(from_counts):
    h = from_counts([ORACLE])
    assert igfast.shannon_entropy(h, normalized=True)[0] == pytest.approx(
        0.8314454838586238, rel=1e-14
    )
    assert igfast.shannon_entropy(h)[0] == pytest.approx(
        0.8314454838586238 * math.log(6), rel=1e-14
    )
    assert igfast.statistical_complexity(h)[0] == pytest.approx(0.16576716623440763, rel=1e-13)


@pytest.mark.parametrize("scale", [1, 10**6, 10**15])
def test_oracle_at_any_count(from_counts, scale):
    h = from_counts([np.array(ORACLE) * scale])
    assert igfast.statistical_complexity(h)[0] == pytest.approx(0.16576716623440763, rel=1e-13)


@pytest.mark.parametrize(("dimension", "bins"), [(2, 2), (3, 6), (4, 24), (5, 120)])
def test_ordpy_agrees(from_counts, dimension, bins):
    ordpy = pytest.importorskip("ordpy")
    counts = np.random.default_rng(bins).integers(0, 50, size=bins) + (np.arange(bins) == 0)
    expected = ordpy.complexity_entropy(counts / counts.sum(), dx=dimension, probs=True)
    h = from_counts([counts])
    found = igfast.shannon_entropy(h, normalized=True)[0], igfast.statistical_complexity(h)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("bins", [2, 7, 256, 65_536])
def test_uniform_and_delta(from_counts, bins):
    delta = np.zeros(bins)
    delta[bins // 2] = 12
    h = from_counts([np.full(bins, 3), delta])
    entropy, complexity = igfast.shannon_entropy(h), igfast.statistical_complexity(h)
    assert entropy[0] == pytest.approx(math.log(bins), rel=1e-14)
    assert entropy[1] == 0.0
    np.testing.assert_array_equal(complexity, [0.0, 0.0])
    assert igfast.shannon_entropy(h, normalized=True)[0] == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize("bins", [2, 6, 256])
def test_delta_has_the_largest_divergence_from_uniform(from_counts, bins):
    """Q0·JS → 1 as p → delta: C/H_norm at one part in 10^15."""
    counts = np.zeros(bins)
    counts[:2] = 10**15, 1
    h = from_counts([counts])
    ratio = igfast.statistical_complexity(h) / igfast.shannon_entropy(h, normalized=True)
    assert ratio[0] == pytest.approx(1.0, abs=1e-13)


def test_nearly_a_delta_keeps_its_digits(from_counts):
    rest = 1e-15
    h = from_counts([[10**15 - 1, 1]])
    expected = rest * (1 - rest / 2) - rest * math.log(rest)
    assert igfast.shannon_entropy(h)[0] == pytest.approx(expected, rel=1e-14)


def test_nearly_uniform_keeps_its_digits(from_counts):
    # p = ½ ± ε: JS = ε²/2 to leading order; Q0 for two bins is 1/(¾ ln(4/3))
    epsilon = 1e-12
    h = from_counts([[500_000_000_001, 499_999_999_999]])
    q0 = -2 / (1.5 * math.log(3) - 2 * math.log(4) + math.log(2))
    assert igfast.statistical_complexity(h)[0] == pytest.approx(q0 * epsilon**2 / 2, rel=1e-9)


def test_gaussian_differential_entropy(gaussian):
    width, variance = 1 / 64, 0.81
    h = gaussian(0.1, 0.9)
    differential = 0.5 * math.log(2 * math.pi * math.e * variance)
    binned = igfast.shannon_entropy(h)[0] + math.log(width)
    assert binned - width**2 / (24 * variance) == pytest.approx(differential, abs=2e-9)


@settings(deadline=None, max_examples=100)
@given(counts=st.lists(st.integers(0, 50), min_size=2, max_size=20).filter(any))
def test_miller_madow_equals_its_definition(from_counts, counts):
    h, term = from_counts([counts], [[7, 9]]), reference.miller_madow(np.array(counts))
    found = igfast.shannon_entropy(h, correction="miller_madow")[0]
    assert found == pytest.approx(igfast.shannon_entropy(h)[0] + term, rel=1e-14, abs=1e-15)
    normalized = igfast.shannon_entropy(h, normalized=True, correction="miller_madow")[0]
    assert normalized == pytest.approx(found / math.log(len(counts)), rel=1e-14, abs=1e-15)
    differential = igfast.differential_entropy(h, correction="miller_madow")[0]
    assert differential == pytest.approx(igfast.differential_entropy(h)[0] + term, abs=1e-13)


def test_miller_madow_removes_the_bias():
    """1,000 samples of 2,000 uniform values in 100 bins: 0.0248 nats, of which 0.0002 are left."""
    rng = np.random.default_rng(0)
    h = igfast.histogram(list(rng.random((1_000, 2_000))), bins=100, range=(0, 1))
    plain = igfast.shannon_entropy(h) - math.log(100)
    corrected = igfast.shannon_entropy(h, correction="miller_madow") - math.log(100)
    assert plain.mean() == pytest.approx(-99 / 4_000, abs=5e-4)
    assert abs(corrected.mean()) < 5e-4
    assert igfast.shannon_entropy(h[0], correction=None)[0] == igfast.shannon_entropy(h[0])[0]


@settings(deadline=None, max_examples=100)
@given(counts=st.lists(st.integers(0, 50), min_size=2, max_size=20).filter(any))
def test_corrected_complexity_equals_its_definition(from_counts, counts):
    h = from_counts([counts, [0] * len(counts)], [[7, 9], [1, 0]])
    found = igfast.statistical_complexity(h, correction="miller_madow")
    expected = reference.corrected_complexity(np.array(counts))
    assert found[0] == pytest.approx(expected, rel=1e-11, abs=1e-13)
    assert math.isnan(found[1])


def test_corrected_complexity_by_hand(from_counts):
    """½, ½ of 2n elements: H = ln 2, JS = 0, K = 2; Σ p(1 − p)/(p + u) = ½."""
    n = 50
    q0 = -2 / (1.5 * math.log(3) - 2 * math.log(4) + math.log(2))
    entropy, divergence = math.log(2) + 1 / (4 * n), -(1 - 0.5) / (8 * n)
    found = igfast.statistical_complexity(from_counts([[n, n]]), correction="miller_madow")[0]
    assert found == pytest.approx(q0 * divergence * entropy / math.log(2), rel=1e-12)


def test_corrected_complexity_loses_its_bias():
    """Samples of 10,000 from 100 equal bins: C is 0, the plain estimate .0019, corrected < .0001;
    of 2,000 from N(0, 0.02): .009 too much, corrected .003."""
    rng = np.random.default_rng(0)
    h = igfast.histogram(list(rng.random((300, 10_000))), bins=100, range=(0, 1))
    plain, corrected = (igfast.statistical_complexity(h, c).mean() for c in (None, "miller_madow"))
    assert plain == pytest.approx(0.00186, rel=0.05)
    assert abs(corrected) < 1e-4
    grid = igfast.Grid.dyadic(256, exponent=-10)
    quantiles = [NormalDist(0, 0.02).inv_cdf((i + 0.5) / 200_000) for i in range(200_000)]
    exact = igfast.statistical_complexity(igfast.histogram(np.array(quantiles), grid=grid))[0]
    h = igfast.histogram(list(rng.normal(0, 0.02, size=(300, 2_000))), grid=grid)
    plain, corrected = (igfast.statistical_complexity(h, c).mean() for c in (None, "miller_madow"))
    assert plain - exact == pytest.approx(0.009, abs=0.001)
    assert corrected - exact == pytest.approx(0.003, abs=0.001)


def test_the_grid_decides():
    """The same N(0, 0.02) on 256 bins of 2^-10 and of 2^-9."""
    values = [NormalDist(0, 0.02).inv_cdf((i + 0.5) / 200_000) for i in range(200_000)]
    expected = {-10: (0.80, 0.35), -9: (0.68, 0.43)}
    found = []
    for exponent, (entropy, complexity) in expected.items():
        h = igfast.histogram(np.array(values), grid=igfast.Grid.dyadic(256, exponent=exponent))
        assert igfast.shannon_entropy(h, normalized=True)[0] == pytest.approx(entropy, abs=0.005)
        assert igfast.statistical_complexity(h)[0] == pytest.approx(complexity, abs=0.005)
        found.append(igfast.differential_entropy(h)[0])
    exact = 0.5 * math.log(2 * math.pi * math.e * 0.02**2)
    assert found == pytest.approx([exact, exact], abs=6e-4)


# ---- differential entropy -----------------------------------------------------------------------


@pytest.mark.parametrize(("mean", "sigma"), [(0, 1), (0.1, 0.9), (-0.5, 0.25)])
def test_differential_entropy_of_gaussians(gaussian, mean, sigma):
    h = gaussian(mean, sigma)
    exact = 0.5 * math.log(2 * math.pi * math.e * sigma**2)
    width = 1 / 64
    found = igfast.differential_entropy(h)[0]
    assert found - width**2 / (24 * sigma**2) == pytest.approx(exact, abs=2e-7)


@pytest.mark.parametrize("factor", [2, 4, 8, 16])
def test_rebin_changes_little(gaussian, factor):
    """Bins up to σ/4: the documented w²/(24σ²), at most 0.0026, and no more."""
    h = gaussian(0, 1)
    width = factor / 64
    change = igfast.differential_entropy(h.rebin(factor))[0] - igfast.differential_entropy(h)[0]
    assert change == pytest.approx((width**2 - 1 / 64**2) / 24, rel=0.02)


@pytest.mark.parametrize("scale", [2.0**-20, 1.0, 2.0**30])
def test_uniform_and_unit(scale):
    x = scale * (np.arange(3 * 2**12) + 0.5) / 2**12  # uniform on [0, 3·scale)
    k = int(math.log2(scale))
    grids = [igfast.Grid.dyadic(64, exponent=k - 3), igfast.Grid.dyadic(1024, exponent=k - 7)]
    grids.append(igfast.Grid.uniform(48, low=0.0, high=3 * scale))
    for grid in grids:
        found = igfast.differential_entropy(igfast.histogram(x, grid=grid))[0]
        assert found == pytest.approx(math.log(3 * scale), rel=1e-13)


def test_on_a_log_grid():
    """Bins of different widths: the exponential distribution has 1 nat."""
    x = -np.log1p(-(np.arange(200_000) + 0.5) / 200_000)
    h = igfast.histogram(x, grid=igfast.Grid.log(5, -20, 5))
    assert igfast.differential_entropy(h)[0] == pytest.approx(1.0, abs=1e-3)
    h = igfast.histogram(x, grid=igfast.Grid.dyadic(2048, exponent=-6, origin=0))
    assert igfast.differential_entropy(h)[0] == pytest.approx(1.0, abs=1e-3)


def test_given_that_a_value_is_in_range(gaussian):
    """N(0, 1) on ±3: ln(√(2πe) Z) − 3φ(3)/Z, Z the mass in range."""
    h = gaussian(0, 1)
    inner = h.to_numpy().counts[:, 192:-192]
    cut = igfast.Histogram(
        split_counts=inner[:, None],
        split_outside=np.array([[[10**13, 10**14]]]),
        nan=h.nan,
        numel=h.numel,
        grid=igfast.Grid.dyadic(384, exponent=-6),
        names=h.names,
        exponents=np.array([-6]),
        origins=np.array([-192]),
    )
    mass = math.erf(3 / math.sqrt(2))
    density = math.exp(-4.5) / math.sqrt(2 * math.pi)
    exact = math.log(math.sqrt(2 * math.pi * math.e) * mass) - 3 * density / mass
    assert exact == pytest.approx(1.403, abs=5e-4)  # as documented
    assert igfast.differential_entropy(cut)[0] == pytest.approx(exact, abs=2e-5)


@settings(deadline=None, max_examples=100)
@given(counts=st.lists(st.integers(0, 1_000), min_size=4, max_size=4).filter(any))
def test_differential_entropy_equals_its_definition(from_counts, counts):
    edges = np.array([-1.0, 0.0, 0.5, 4.0, 4.25])
    grid = igfast.Grid.uniform(4, low=-1.0, high=4.25)
    h = from_counts([counts], [[3, 4]], grid=grid, uniform_edges=edges)
    expected = reference.differential_entropy(np.array(counts), edges)
    assert igfast.differential_entropy(h)[0] == pytest.approx(expected, rel=1e-13, abs=1e-14)


def test_differential_entropy_of_empty_layers_and_single_bins(from_counts):
    h = from_counts([[0, 0], [5, 0]], [[5, 5], [0, 0]])
    found = igfast.differential_entropy(h)
    assert np.isnan(found).tolist() == [True, False]
    assert found[1] == 0.0  # all in one bin of width 1
    assert np.isnan(igfast.shannon_entropy(h, correction="miller_madow")).tolist() == [True, False]


@pytest.mark.parametrize("measure", MEASURES)
def test_unknown_corrections(from_counts, measure):
    with pytest.raises(ValueError, match="correction must be None or 'miller_madow', got 'james'"):
        measure(from_counts([[1, 2]]), correction="james")


def test_only_bins_in_range_count(from_counts):
    h = from_counts([[1, 1, 2]], [[100, 7]])
    expected = 1.5 * math.log(2)
    assert igfast.shannon_entropy(h)[0] == pytest.approx(expected, rel=1e-15)
    inside = igfast.statistical_complexity(from_counts([[1, 1, 2]]))
    np.testing.assert_array_equal(igfast.statistical_complexity(h), inside)


def test_empty_layers_and_single_bins(from_counts):
    h = from_counts([[0, 0], [1, 1]], [[5, 5], [0, 0]])
    assert np.isnan(igfast.shannon_entropy(h)).tolist() == [True, False]
    assert np.isnan(igfast.statistical_complexity(h)).tolist() == [True, False]
    one = from_counts([[4]])
    assert igfast.shannon_entropy(one)[0] == 0.0
    assert math.isnan(igfast.shannon_entropy(one, normalized=True)[0])
    assert math.isnan(igfast.statistical_complexity(one)[0])


@settings(deadline=None, max_examples=200)
@given(
    counts=st.lists(st.integers(0, 10**15), min_size=2, max_size=40).filter(any),
    power=st.integers(1, 40),
)
def test_equal_the_slow_definitions(from_counts, counts, power):
    counts = np.array(counts) // 10 ** (15 - min(power, 15))
    counts[0] += not counts.any()
    h = from_counts([counts])
    entropy = igfast.shannon_entropy(h)[0]
    assert entropy == pytest.approx(reference.shannon_entropy(counts), rel=1e-12, abs=1e-14)
    complexity = igfast.statistical_complexity(h)[0]
    assert complexity == pytest.approx(
        reference.statistical_complexity(counts), rel=1e-12, abs=1e-13
    )
    assert 0 <= entropy <= math.log(len(counts)) * (1 + 1e-15)
    assert 0 <= complexity < 1


def test_results_live_where_the_counts_live():
    torch = pytest.importorskip("torch")
    h = igfast.histogram(torch.linspace(-1, 1, 100), bins=8, range=(-1, 1))
    for measure in MEASURES:
        found = measure(h)
        assert isinstance(found, torch.Tensor)
        assert found.dtype is torch.float64
        np.testing.assert_array_equal(found.numpy(), measure(h.to_numpy()))


@pytest.mark.parametrize("measure", MEASURES)
def test_bad_operand(measure):
    with pytest.raises(TypeError, match=r"h must be an igfast\.Histogram, got ndarray; make one"):
        measure(np.ones(4))
