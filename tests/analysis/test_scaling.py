"""Exponents of planted finite-size scaling, with errors that hold them."""

from dataclasses import replace

import numpy as np
import pytest

from igfast.analysis import collapse, scaling
from igfast.analysis.scaling_curves import checked_curves

A, B = -0.4, -0.7
SIZES = [32, 64, 128, 256, 512]


def curves(seed, sizes=SIZES, noise=0.02, shared=0.0, points=30):
    """y = N^a f(x N^b), f from slope 0.8 to slope 0.2, at other times in every run."""
    rng = np.random.default_rng(seed)
    x = [np.geomspace(1, 1e4, points) * rng.uniform(0.9, 1.1) for _ in sizes]
    y = []
    for n, at in zip(sizes, x, strict=True):
        z = at * n**B
        scatter = np.exp(shared * rng.normal() + noise * rng.normal(size=points))
        y.append(n**A * z**0.8 / (1 + z) ** 0.6 * scatter)
    return sizes, x, y


def test_exact_curves_collapse():
    found = collapse(*curves(0, noise=0.0, points=60), draws=2)
    assert found.a == pytest.approx(A, abs=0.01)
    assert found.b == pytest.approx(B, abs=0.02)
    assert found.quality < 0.01  # rms distance in ln y, of interpolation alone
    assert found.overlap > 0.9
    x, y = found.scaled(2)
    np.testing.assert_allclose(x, found.x[2] * 128**found.b)
    np.testing.assert_allclose(y, found.y[2] / 128**found.a)


def test_noisy_curves_within_errors():
    off = []
    for seed in range(4):
        sizes, x, y = curves(seed, points=20)
        found = collapse(sizes, x, y, errors=[0.02 * v for v in y], draws=10)
        assert found.resampled == "points"
        assert 0.6 < found.quality < 1.4  # S of a true collapse
        assert found.a_error < 0.02
        assert found.b_error < 0.05
        off.append([(found.a - A) / found.a_error, (found.b - B) / found.b_error])
    assert np.abs(off).max() < 4
    assert np.sqrt(np.mean(np.square(off))) < 2


@pytest.mark.parametrize(("a", "b"), [(2.0, -2.0), (-1.5, 2.0), (0.3, -2.5)])
def test_exponents_far_from_the_start(a, b):
    sizes, x, y = curves(0)
    at = [v * n ** (B - b) for n, v in zip(sizes, x, strict=True)]
    level = [v * n ** (a - A) for n, v in zip(sizes, y, strict=True)]
    found = collapse(sizes, at, level, draws=2)
    assert (found.a, found.b) == (pytest.approx(a, abs=0.02), pytest.approx(b, abs=0.03))
    assert found.quality < 0.03


def test_noise_shared_along_runs_needs_runs_resampled():
    sizes, x, y = curves(0, sizes=[32, 128, 512] * 3, noise=0.005, shared=0.05, points=20)
    by_run = collapse(sizes, x, y, draws=10)
    by_point = collapse(sizes, x, y, draws=10, resample="points")
    assert by_run.resampled == "runs"
    assert by_run.a_error > 2 * by_point.a_error
    assert abs(by_run.a - A) < 3 * by_run.a_error
    assert abs(by_run.b - B) < 3 * by_run.b_error


def test_a_power_law_does_not_fix_both_exponents():
    sizes, x, _ = curves(0)
    rng = np.random.default_rng(0)
    y = [
        n**-0.2 * at**0.5 * np.exp(0.02 * rng.normal(size=at.size))
        for n, at in zip(sizes, x, strict=True)
    ]
    found = collapse(sizes, x, y, draws=10)
    assert found.a + 0.5 * found.b == pytest.approx(-0.2, abs=0.02)
    assert abs(found.correlation) > 0.9
    assert found.a_error == found.b_error == np.inf
    exact = collapse(sizes, x, [n**-0.2 * at**0.5 for n, at in zip(sizes, x, strict=True)], draws=2)
    assert exact.a_error == exact.b_error == np.inf


def test_points_drawn_twice_count_twice():
    """Left out, errors were three quarters of the scatter of refits to other noise."""
    sizes, x, y = curves(0, points=20)
    given, _ = checked_curves(sizes, x, y, None)
    drawn = scaling._redrawn(given, "points", np.random.default_rng(0))
    assert [times.sum() for times in drawn.times] == [20] * len(sizes)
    assert all(times.max() > 1 for times in drawn.times)
    point = np.array([A, B])
    once = scaling._distance(given, point)
    twice = scaling._distance(replace(given, times=[2 * t for t in given.times]), point)
    assert twice == pytest.approx(once, rel=1e-12)
    alone = [np.zeros(20) for _ in sizes]
    alone[2][7] = 1.0
    whole = replace(given, times=[t + 1e9 * a for t, a in zip(given.times, alone, strict=True)])
    assert scaling._distance(whole, point)[0] != pytest.approx(once[0], rel=0.1)


def test_runs_drawn_with_replacement_spread_too_little():
    """Three runs of each size: their spread is widened by √(3/2)."""
    sizes, x, y = curves(0, sizes=[32, 128, 512] * 3, shared=0.05, points=20)
    found = collapse(sizes, x, y, draws=10)
    assert found.resampled == "runs"
    spread = found.draws.std(axis=0, ddof=1)
    np.testing.assert_allclose([found.a_error, found.b_error], spread * np.sqrt(1.5), rtol=1e-12)
    assert found.sizes.tolist() == sizes


def test_curves_that_never_meet():
    with pytest.raises(ValueError, match="no power law of the size brings the curves together"):
        collapse([64, 128], [[1, 2, 3], [1e9, 2e9, 3e9]], [[1, 2, 3], [1, 2, 3]], draws=2)


def test_wrong_exponents_cost():
    """S at the wrong exponents is many times S at the best ones: the measure discriminates."""
    sizes, x, y = curves(1)
    errors = [0.02 * v for v in y]
    best = collapse(sizes, x, y, errors=errors, draws=2)
    flat = collapse(
        sizes, x, [v * n**0.4 for n, v in zip(sizes, y, strict=True)], errors=errors, draws=2
    )
    assert flat.a == pytest.approx(best.a + 0.4, abs=0.02)


def test_the_figure_shows_both():
    figures = pytest.importorskip("igfast.report.scaling")
    found = collapse(*curves(0), draws=3)
    figure = figures.collapse_figure(found)
    raw, scaled = figure.axes
    assert len(raw.lines) == len(scaled.lines) == 5
    np.testing.assert_allclose(scaled.lines[3].get_xdata(), found.scaled(3)[0])
    assert "rms distance" in scaled.get_title(loc="right")
    figure.canvas.draw()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": [64, 64]}, "two different positive sizes"),
        ({"x": [[1, 2, 3]]}, "one curve for each of the 2 sizes"),
        ({"x": [[1, 2], [1, 2]], "y": [[1, 2], [1, 2]]}, "T ≥ 3"),
        ({"y": [[1, 2, -3], [1, 2, 3]]}, "y of curve 0 must be positive and finite, got -3"),
        ({"y": [[1, 2, np.inf], [1, 2, 3]]}, "must be positive and finite"),
        ({"x": [[1, 2, np.inf], [1, 2, 3]]}, "x of curve 0 must be positive and finite, got inf"),
        ({"sizes": [64, np.inf]}, "two different positive sizes"),
        ({"start": (np.nan, 0)}, "start must be two finite numbers"),
        ({"start": 0.0}, "start must be two finite numbers"),
        ({"resample": "blocks"}, "resample must be"),
        ({"draws": -1}, "draws must be 0 bootstrap samples or more, got -1"),
    ],
)
def test_bad_input(change, message):
    arguments = {"sizes": [64, 128], "x": [[1, 2, 3]] * 2, "y": [[1, 2, 3]] * 2, **change}
    with pytest.raises(ValueError, match=message):
        collapse(**arguments)


def test_draws_are_counted():
    with pytest.raises(TypeError, match=r"draws must be an integer, got 2\.5"):
        collapse(*curves(0), draws=2.5)
