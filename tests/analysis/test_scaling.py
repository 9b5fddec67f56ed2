"""Exponents of planted finite-size scaling, with errors that hold them."""

import numpy as np
import pytest

from igfast.analysis import collapse

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
    y = [n**-0.2 * at**0.5 * np.exp(0.02 * rng.normal(size=at.size)) for n, at in zip(sizes, x)]  # noqa: B905
    found = collapse(sizes, x, y, draws=10)
    assert found.a + 0.5 * found.b == pytest.approx(-0.2, abs=0.02)
    assert abs(found.correlation) > 0.9


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
        ({"y": [[1, 2, -3], [1, 2, 3]]}, "must be positive"),
        ({"resample": "blocks"}, "resample must be"),
    ],
)
def test_bad_input(change, message):
    arguments = {"sizes": [64, 128], "x": [[1, 2, 3]] * 2, "y": [[1, 2, 3]] * 2, **change}
    with pytest.raises(ValueError, match=message):
        collapse(**arguments)
