"""Divergences along a run equal the measures of the pairs they are made of."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import igfast
from igfast import Grid, Trajectory
from igfast.analysis import DIVERGENCES

X = np.random.default_rng(0).normal(size=20_000)
CASES = {
    "kl": ({}, igfast.kl_divergence),
    "reverse_kl": ({}, lambda p, q: igfast.kl_divergence(q, p)),
    "js": ({"weight": 0.3}, igfast.js_divergence),
    "hellinger": ({}, igfast.hellinger_distance),
    "fisher_rao": ({}, igfast.fisher_rao_distance),
    "chi2": ({}, lambda p, q: 2 * igfast.alpha_divergence(p, q, alpha=-3.0)),
    "reverse_chi2": ({}, lambda p, q: 2 * igfast.alpha_divergence(q, p, alpha=-3.0)),
    "alpha": ({"alpha": 0.5}, igfast.alpha_divergence),
    "renyi": ({"order": 0.5}, igfast.renyi_divergence),
    "bregman": ({"generator": "squared_euclidean"}, igfast.bregman_divergence),
    "wasserstein": ({"p": 2}, igfast.wasserstein_distance),
}


def record(t, grid):
    return igfast.histogram({"w": X + 0.2 * t, "v": X[:500] * (1 + t / 8)}, grid=grid)


@pytest.fixture(scope="module")
def records():
    """Six records, two of them on a coarser grid."""
    return [record(t, Grid.dyadic(256, exponent=-3 if t in (2, 3) else -4)) for t in range(6)]


@pytest.fixture(scope="module")
def run(records):
    return Trajectory.from_histograms(range(6), records)


def test_every_kind_has_a_case():
    assert set(CASES) == set(DIVERGENCES)


@pytest.mark.parametrize("kind", CASES)
def test_equal_the_measure_of_each_pair(run, records, kind):
    parameters, measure = CASES[kind]
    found = run.divergence(kind, **parameters)
    assert found.shape == (5, 2)
    assert found.dtype == np.float64
    expected = [measure(records[t], records[t + 1], **parameters) for t in range(5)]
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    one = run.divergence(kind, layer="v", **parameters)
    np.testing.assert_array_equal(one, found[:, 1])
    for reference, index in (("first", 0), (3, 3), (-1, 5)):
        found = run.divergence(kind, reference=reference, **parameters)
        expected = [measure(records[index], h, **parameters) for h in records]
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-300)
        assert found.shape == (6, 2)
        assert (found[index] == 0).all()


def test_a_known_drift():
    """N(0, 1) moved by t/5: KL = m²/2, W = m, whichever the reference."""
    records = [
        igfast.histogram({"w": np.tile(X, 5) + t / 5}, grid=Grid.dyadic(128, exponent=-3))
        for t in range(6)
    ]
    run = Trajectory.from_histograms(range(6), records)
    m = np.arange(6) / 5
    renyi = run.divergence("renyi", layer="w", reference="first", order=0.5)
    np.testing.assert_allclose(renyi, m**2 / 4, atol=8e-3)
    distance = run.divergence("wasserstein", layer="w", reference="first")
    np.testing.assert_allclose(distance, m, atol=5e-3)
    steps = run.divergence("wasserstein", layer="w", p=2)
    np.testing.assert_allclose(steps, 0.2, atol=2e-2)


def test_the_pooled_model(run):
    found = run.divergence("js", layer="model")
    assert found.shape == (5,)
    assert (found > 0).all()


@pytest.mark.parametrize("grid", [Grid.uniform(64, low=-8, high=8), Grid.log(3, -6, 4)])
def test_other_grids(grid):
    records = [record(t, grid) for t in range(3)]
    run = Trajectory.from_histograms(range(3), records)
    expected = [igfast.js_divergence(records[0], h) for h in records]
    np.testing.assert_allclose(run.divergence("js", reference="first"), expected, rtol=1e-13)


def test_log_grids_that_differ_are_merged():
    records = [record(t, Grid.log(b, -6, 4)) for t, b in enumerate((3, 2, 3))]
    run = Trajectory.from_histograms(range(3), records)
    coarse = [record(t, Grid.log(2, -6, 4)) for t in range(3)]
    expected = [igfast.js_divergence(a, b) for a, b in itertools.pairwise(coarse)]
    np.testing.assert_allclose(run.divergence("js"), expected, rtol=1e-13)


def test_one_record():
    run = Trajectory.from_histograms([4], [record(0, Grid.dyadic(64, exponent=-3))])
    assert run.divergence("kl").shape == (0, 2)
    assert run.divergence("kl", reference="first").tolist() == [[0, 0]]


def test_differential_entropy_of_records_on_their_own_grids(run, records):
    found = run.differential_entropy()
    expected = [igfast.differential_entropy(h) for h in records]
    np.testing.assert_array_equal(found, expected)
    exact = 0.5 * math.log(2 * math.pi * math.e)
    assert found[:, 0] == pytest.approx(np.full(6, exact), abs=0.01)
    corrected = run.differential_entropy(layer="v", correction="miller_madow")
    expected = [igfast.differential_entropy(h, correction="miller_madow")[1] for h in records]
    np.testing.assert_array_equal(corrected, expected)


def test_corrected_entropy_along_a_run(run):
    plain, corrected = (run.entropy(normalized=False, correction=c) for c in (None, "miller_madow"))
    occupied = (run.common("v").counts > 0).sum(axis=1)
    np.testing.assert_allclose((corrected - plain)[:, 1], (occupied - 1) / 1_000, rtol=1e-2)
    complexity = run.complexity("v", correction="miller_madow")
    assert ((complexity < run.complexity("v")) & (complexity > 0)).all()


BAD = [
    (ValueError, {"kind": "tv"}, "kind must be one of 'kl', .*got 'tv'"),
    (ValueError, {"kind": ["kl"]}, r"kind must be one of 'kl', .*got \['kl'\]"),
    (ValueError, {"kind": "kl", "reference": "last"}, "reference must be 'previous', 'first' or"),
    (ValueError, {"kind": "kl", "reference": 1.5}, "reference must be 'previous', 'first' or"),
    (ValueError, {"kind": "kl", "reference": True}, "reference must be 'previous', 'first' or"),
    (IndexError, {"kind": "kl", "reference": 6}, "reference=6 is not one of the 6 records"),
    (IndexError, {"kind": "kl", "reference": -7}, "reference=-7 is not one of the 6 records"),
    (TypeError, {"kind": "kl", "alpha": 1}, "'kl' takes no parameters, got alpha=1"),
    (TypeError, {"kind": "alpha", "order": 1}, "'alpha' takes alpha, got order=1"),
    (TypeError, {"kind": "renyi"}, "divergence 'renyi' needs order="),
    (ValueError, {"kind": "renyi", "order": -1}, "order must be 0, from"),
    (ValueError, {"kind": "wasserstein", "p": 3}, "p must be 1 or 2"),
]


@pytest.mark.parametrize(("error", "call", "message"), BAD, ids=[m for _, _, m in BAD])
def test_bad_arguments(run, error, call, message):
    with pytest.raises(error, match=message):
        run.divergence(**call)


def test_unknown_layer(run):
    with pytest.raises(KeyError, match="no layer 'x'"):
        run.divergence("kl", layer="x")
