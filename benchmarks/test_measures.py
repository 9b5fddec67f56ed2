"""Measures between two records of many layers: milliseconds for a model's worth."""

from __future__ import annotations

import numpy as np
import pytest

import igfast

LAYERS = 1_000
GRID = igfast.Grid.dyadic(256, exponent=-7, origin=-128)

BETWEEN = {
    "hellinger_distance": igfast.hellinger_distance,
    "kl_divergence": igfast.kl_divergence,
    "js_divergence": igfast.js_divergence,
    "fisher_rao_distance": igfast.fisher_rao_distance,
    "alpha_divergence": lambda p, q: igfast.alpha_divergence(p, q, alpha=0.5),
    "renyi_divergence": lambda p, q: igfast.renyi_divergence(p, q, order=0.5),
    "bregman_divergence": lambda p, q: igfast.bregman_divergence(p, q, "squared_euclidean"),
    "wasserstein_distance": igfast.wasserstein_distance,
    "information_velocity": igfast.information_velocity,
}
OF_ONE = {
    "shannon_entropy": igfast.shannon_entropy,
    "statistical_complexity": igfast.statistical_complexity,
}

OF_HISTOGRAMS = {
    "merge": lambda p, q: p + q,
    "rebin": lambda p, q: p.rebin(4),
    "quantile": lambda p, q: p.quantile([0.05, 0.5, 0.95]),
    "pooled": lambda p, q: p.pooled(),
    "align": lambda p, q: igfast.histograms.align(p, q),
}


@pytest.fixture(scope="module")
def records():
    rng = np.random.default_rng(0)
    layers = [rng.normal(0, 0.3, 2_000).astype(np.float32) for _ in range(LAYERS)]
    moved = [layer + np.float32(0.01) for layer in layers]
    return igfast.histogram(layers, grid=GRID), igfast.histogram(moved, grid=GRID)


@pytest.mark.parametrize("measure", BETWEEN)
def test_between(compare, records, measure):
    p, q = records
    found = np.asarray(BETWEEN[measure](p, q))
    assert found.shape == (LAYERS,)
    assert not np.isnan(found).any()
    assert np.allclose(np.asarray(BETWEEN[measure](p, p)), 0, atol=1e-9)
    compare(lambda: BETWEEN[measure](p, q), elements=LAYERS * GRID.bins)


@pytest.mark.parametrize("measure", OF_ONE)
def test_of_one(compare, records, measure):
    p, _ = records
    found = np.asarray(OF_ONE[measure](p))
    assert found.shape == (LAYERS,)
    assert ((found > 0) & (found < np.log(GRID.bins))).all()
    compare(lambda: OF_ONE[measure](p), elements=LAYERS * GRID.bins)


@pytest.mark.parametrize("operation", OF_HISTOGRAMS)
def test_of_histograms(compare, records, operation):
    p, q = records
    found = OF_HISTOGRAMS[operation](p, q)
    if isinstance(found, igfast.Histogram):
        cells = found.counts.sum() + found.underflow.sum() + found.overflow.sum()
        assert cells == found.numel.sum()
    compare(lambda: OF_HISTOGRAMS[operation](p, q), elements=LAYERS * GRID.bins)
