"""Entropy and complexity against published values, limits and the slow definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import igfast
from igfast import reference_measures as reference

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
    for measure in (igfast.shannon_entropy, igfast.statistical_complexity):
        found = measure(h)
        assert isinstance(found, torch.Tensor)
        assert found.dtype is torch.float64
        np.testing.assert_array_equal(found.numpy(), measure(h.to_numpy()))


@pytest.mark.parametrize("measure", [igfast.shannon_entropy, igfast.statistical_complexity])
def test_bad_operand(measure):
    with pytest.raises(TypeError, match=r"h must be an igfast\.Histogram, got ndarray; make one"):
        measure(np.ones(4))
