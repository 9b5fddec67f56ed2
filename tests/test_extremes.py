"""Values near the ends of float64: analyses are finite and quiet."""

import numpy as np
import pytest

import igfast
from igfast import Grid, Trajectory
from igfast.extremes import LARGEST, finite_edges, in_units, unit_of

X = np.random.default_rng(0).normal(size=4000)
X /= np.abs(X).max()
STEPS = range(12)
HUGE, TINY = 2.0**1022, 2.0**-1030  # powers of two, so that counts are those of X


def run_of(scale, **choices):
    grid = Grid.uniform(256, low=-scale, high=scale)
    records = [
        igfast.histogram({"w": X * (0.6 + t / 30) * scale}, grid=grid, splits=8) for t in STEPS
    ]
    return Trajectory.from_histograms(STEPS, records)


def monitored(path, scale):
    weights = {"w": X.copy(), "b": X[:300].copy()}
    with igfast.Monitor(weights, store=path) as monitor:
        for t in STEPS:
            for values in weights.values():
                values[:] = X[: len(values)] * (0.9 + t / 300) * scale
            monitor.record(t)
    return igfast.open(path)


@pytest.mark.parametrize("scale", [HUGE, TINY])
def test_measures_scale_with_the_values(scale):
    far, near = run_of(scale), run_of(1.0)
    for estimator in ("split", "gaussian", "kde", "hellinger"):
        np.testing.assert_allclose(far.length("w", estimator), near.length("w", estimator))
    shift = np.log(scale)
    np.testing.assert_allclose(
        far.differential_entropy("w") - shift, near.differential_entropy("w"), atol=1e-10
    )
    for p in (1, 2):
        distance = far.divergence("wasserstein", "w", p=p)
        assert (distance > 0).all()
        expected = near.divergence("wasserstein", "w", p=p)
        np.testing.assert_allclose(distance / scale, expected, rtol=1e-3)  # few digits are left


def test_a_distance_beyond_float64_is_infinite():
    ends = [igfast.histogram(np.repeat([-LARGEST, LARGEST], [n, 9 - n]), bins=256) for n in (1, 8)]
    assert igfast.wasserstein_distance(*ends, p=2).tolist() == [np.inf]


@pytest.mark.parametrize("scale", [1e308, 1.79e308, 1e-310])
def test_a_monitored_run_is_measured_and_drawn(scale, tmp_path):
    run = monitored(tmp_path / "run.igf", scale)
    for layer in ("w", "model"):
        for estimator in ("split", "gaussian", "kde", "node", "hellinger"):
            assert np.isfinite(run.length(layer, estimator)).all()
        assert np.isfinite(run.differential_entropy(layer)).all()
        run.sampling(layer), run.resolution(layer)
    for p in (1, 2):
        assert np.isfinite(run.divergence("wasserstein", "w", p=p)).all()
    assert np.isfinite(run.histograms()[-1].quantile([0.01, 0.5, 0.99])).all()
    text = run.report(tmp_path / "run.html").read_text(encoding="utf-8")
    assert ("values near the end of float64 are not drawn" in text) == (scale > 1)


def test_the_last_bin_ends_where_float64_does():
    h = igfast.histogram(X * LARGEST, bins=256)
    assert np.isinf(h.edges[0, [0, -1]]).all()
    grid = Grid.dyadic(256, exponent=int(h.exponents[0]) - 24, origin=int(h.origins[0]))
    near = igfast.histogram(X * LARGEST * 2.0**-24, grid=grid)
    expected = igfast.differential_entropy(near) + 24 * np.log(2)
    np.testing.assert_allclose(igfast.differential_entropy(h), expected)
    assert finite_edges(h.edges)[0, -1] == LARGEST
    assert unit_of(h.edges).tolist() == [1024]
    assert np.abs(in_units(h.edges, unit_of(h.edges))).max() <= 1


def test_squares_that_float64_cannot_hold_give_nan_quietly():
    a, b = (igfast.histogram(X * s * 2.0**1000, bins=64) for s in (0.5, 0.6))
    assert np.isnan(igfast.information_velocity(a, b, dt=1.0, estimator="gaussian")).all()
