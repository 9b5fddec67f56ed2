"""Γ between smoothed densities: the slow definition, bandwidths, layers, bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import igfast
from igfast import reference_measures as reference
from igfast.measures import binned, information_velocity_squared

cells = st.lists(st.integers(0, 500), min_size=8, max_size=8).filter(any)
DYADIC = igfast.Grid.dyadic(128, exponent=-4)


def records(x, y):
    return (igfast.histogram(v, grid=DYADIC, splits=4, offsets=True) for v in (x, y))


@settings(deadline=None, max_examples=100)
@given(p=cells, q=cells, bandwidth=st.floats(0.3, 5.0))
def test_kde_equals_its_definition(from_counts, p, q, bandwidth):
    h0, h1 = (from_counts([c[1:-1]], [[c[0], c[-1]]]) for c in (p, q))
    expected = reference.kde_squared(np.array(p), np.array(q), bandwidth)
    found = information_velocity_squared(h0, h1, estimator="kde", bandwidth=bandwidth)[0]
    # the kernel is cut at six bandwidths here and at twelve there
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-7)
    wide = information_velocity_squared(h0, h1, estimator="hellinger")[0]
    assert found <= wide * (1 + 1e-9) + 1e-7  # smoothing brings two histograms closer


def test_kde_with_a_narrow_kernel_is_hellinger(from_counts):
    h0, h1 = from_counts([[3, 1, 5]], [[1, 0]]), from_counts([[1, 1, 4]], [[0, 2]])
    found = igfast.information_velocity(h0, h1, estimator="kde", bandwidth=1e-3)[0]
    expected = igfast.information_velocity(h0, h1, estimator="hellinger")[0]
    assert found == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("width", [2.0**-6, 2.0**-3])
def test_kde_bandwidth_is_in_the_unit_of_the_values(gaussian, width):
    """Kernel of standard deviation ½ on N(0, 1): Γ of a shift falls by 1/√(1 + ¼)."""
    factor = int(width * 64)
    h0, h1 = (gaussian(m, 1).rebin(factor) for m in (-0.005, 0.005))
    found = igfast.information_velocity(h0, h1, dt=0.01, estimator="kde", bandwidth=0.5)[0]
    assert found == pytest.approx(1 / math.sqrt(1.25), rel=2e-3)


def test_silverman_bandwidth_of_a_normal_sample():
    """0.9·min(σ, IQR/1.349)·n^(−1/5): 0.09 for 1e5 elements of N(0, 1)."""
    x = np.random.default_rng(0).normal(size=100_000)
    h0, h1 = records(x, x + 0.01)
    default = igfast.information_velocity(h0, h1, estimator="kde")[0]
    named = igfast.information_velocity(h0, h1, estimator="kde", bandwidth="silverman")[0]
    given = igfast.information_velocity(h0, h1, estimator="kde", bandwidth=0.09)[0]
    assert default == named
    assert given == pytest.approx(default, rel=1e-3)
    q75, q25 = np.percentile(x, [75, 25])
    exact = 0.9 * min(x.std(), (q75 - q25) / 1.349) * 1e5**-0.2
    rows = binned.Rows(h0.counts.astype(float), None, np.zeros((1, 2)))
    assert binned.silverman(rows)[0] / 16 == pytest.approx(exact, rel=2e-3)  # bins of 1/16


def test_kde_of_several_layers_on_different_grids():
    """Each layer equals the same layer alone."""
    rng = np.random.default_rng(0)
    x = [rng.normal(size=500), rng.normal(size=500) * 3, np.zeros(0)]
    early = igfast.Grid.dyadic(32, exponent=(-3, -2, 0), origin=(-16, -16, 0))
    late = igfast.Grid.dyadic(32, exponent=(-2, -2, 0), origin=(-16, -10, 0))
    h0 = igfast.histogram(x, grid=early, offsets=True)
    h1 = igfast.histogram([v * 1.1 for v in x], grid=late, offsets=True)
    both = igfast.information_velocity(h0, h1, estimator="kde")
    alone = [igfast.information_velocity(h0[i], h1[i], estimator="kde")[0] for i in (0, 1)]
    np.testing.assert_allclose(both[:2], alone, rtol=1e-9)
    assert math.isnan(both[2])


def test_bad_bandwidths(from_counts):
    h = from_counts([[1, 2]])
    for bad in (0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="bandwidth must be finite and positive, got"):
            igfast.information_velocity(h, h, estimator="kde", bandwidth=bad)
    for bad in ("scott", True, [1.0]):
        with pytest.raises(TypeError, match="bandwidth must be 'silverman' or a number"):
            igfast.information_velocity(h, h, estimator="kde", bandwidth=bad)
    with pytest.raises(ValueError, match="at most 65,536 bins wide, got 1e"):
        igfast.information_velocity(h, h, estimator="kde", bandwidth=1e9)
    with pytest.raises(ValueError, match="bandwidth belongs to estimator='kde', got it with"):
        igfast.information_velocity(h, h, estimator="hellinger", bandwidth=1.0)
    log = igfast.histogram(np.ones(4), grid=igfast.Grid.log())
    with pytest.raises(ValueError, match="estimator='kde' needs bins of one width"):
        igfast.information_velocity(log, log, estimator="kde")
