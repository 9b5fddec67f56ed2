"""Regularized derivatives of known curves under known noise, at uneven times."""

import numpy as np
import pytest

from igfast.analysis import differentiate, local_exponent, log_differentiate, smooth
from igfast.analysis.growth import UnresolvedLength, informative


def uneven(count, seed, low=0.0, high=1.0):
    t = np.sort(np.random.default_rng(seed).uniform(low, high, count))
    t[[0, -1]] = low, high
    return t


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def running_sum(values, relative, rng):
    """Values with the error of a running sum whose relative standard error is constant."""
    error = relative * values
    steps = np.diff(error**2, prepend=0.0)
    return values + np.cumsum(np.sqrt(steps) * rng.normal(size=values.size)), error


def test_straight_lines_and_parabolas_are_exact():
    """They lie in the null space of the penalty: no λ may change them."""
    t = uneven(40, 0, 2.0, 7.0)
    line = differentiate(t, 3 - 2 * t + 0.5 * t**2, order=2, strength=1e6)
    np.testing.assert_allclose(line.value, 1.0, atol=1e-7)
    np.testing.assert_allclose(differentiate(t, 3 - 2 * t, strength=1e6).value, -2.0, atol=1e-8)
    power = log_differentiate(t, 3 * t**0.7, strength=1e6)
    np.testing.assert_allclose(power.value, 0.7, atol=1e-8)


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_strength_is_that_of_the_formula(scale):
    """λ multiplies ∫ (du/dt)² dt in the caller's units: compare with the plain minimization."""
    t = uneven(60, 1) * scale
    y = np.sin(5 * t / scale) + 0.1 * np.random.default_rng(1).normal(size=60)
    strength = 1e-4 * scale**3
    found = differentiate(t, y, strength=strength)
    # the same with finite differences on a fine even grid
    fine = np.linspace(0, scale, 1501)
    h = fine[1]
    running = np.tril(np.ones((1501, 1501)), -1) * h  # ∫ of u, piecewise linear
    running = (running + np.concatenate([running[:, 1:], np.zeros((1501, 1))], axis=1)) / 2
    running[:, 0] = h / 2
    running[0] = 0
    at = np.clip(np.searchsorted(fine, t), 1, 1500)
    part = ((t - fine[at - 1]) / h)[:, None]
    rows = (1 - part) * running[at - 1] + part * running[at]
    design = np.hstack([np.ones((60, 1)), rows])
    jumps = np.diff(np.eye(1501), axis=0) / np.sqrt(h)
    penalty = np.zeros((1502, 1502))
    penalty[1:, 1:] = jumps.T @ jumps
    solution = np.linalg.solve(design.T @ design + strength * penalty, design.T @ y)
    expected = np.interp(t, fine, solution[1:])
    assert np.abs(found.value - expected).max() < 0.01 * np.abs(expected).max()
    assert found.strength == pytest.approx(strength)
    assert found.chosen_by == "given"


CURVES = {
    "sine": (lambda t: np.sin(6 * t), lambda t: 6 * np.cos(6 * t), 1),
    "exponential": (lambda t: np.exp(-4 * t), lambda t: -4 * np.exp(-4 * t), 1),
    "logistic": (
        lambda t: 1 / (1 + np.exp(-10 * (t - 0.5))),
        lambda t: 2.5 / np.cosh(5 * (t - 0.5)) ** 2,
        1,
    ),
    "sine twice": (lambda t: np.sin(6 * t), lambda t: -36 * np.sin(6 * t), 2),
}
# largest root mean square error allowed, and the derivative's own size, at noise 0.01, 100 points
ALLOWED = {"sine": 0.2, "exponential": 0.15, "logistic": 0.12, "sine twice": 5.0}


@pytest.mark.parametrize("name", CURVES)
def test_accuracy_and_choice_of_strength(name):
    """GCV comes within 1.5 of the best λ in at least nine of ten data sets."""
    curve, slope, order = CURVES[name]
    ratios, errors = [], []
    for seed in range(20):
        t = uneven(100, seed)
        y = curve(t) + 0.01 * np.random.default_rng(seed).normal(size=100)
        chosen = differentiate(t, y, order=order)
        best = min(
            rms(
                differentiate(t, y, order=order, strength=chosen.strength * 10.0**shift).value
                - slope(t)
            )
            for shift in np.linspace(-2, 2, 9)
        )
        errors.append(rms(chosen.value - slope(t)))
        ratios.append(errors[-1] / best)
        assert chosen.chosen_by == "gcv"
    assert np.median(errors) < ALLOWED[name]
    assert np.median(ratios) < 1.2
    assert np.quantile(ratios, 0.9) < 1.5


@pytest.mark.parametrize("known", [False, True])
def test_noise_band_where_bias_is_negligible(known):
    """λ far below the best one: the truth is inside ± 2 errors as often as for a normal error."""
    curve, slope, _ = CURVES["sine"]
    error = np.full(80, 0.03) if known else None
    strength = 3e-6 / (0.03**2 if known else 1)
    covered = []
    for seed in range(200):
        t = uneven(80, seed)
        y = curve(t) + 0.03 * np.random.default_rng(seed).normal(size=80)
        found = differentiate(t, y, strength=strength, error=error)
        covered.append(np.mean(np.abs(found.value - slope(t)) < 2 * found.noise_error))
        assert (found.error >= found.noise_error).all()
    assert 0.92 < np.mean(covered) < 0.98


@pytest.mark.parametrize(("name", "low"), [("sine", 0.95), ("exponential", 0.93)])
def test_band_counts_what_smoothing_leaves_out(name, low):
    """At the chosen λ the truth is inside ± 2 errors, averaged over curve and seeds; noise alone
    would fall short."""
    curve, slope, _ = CURVES[name]
    covered, noise = [], []
    for seed in range(200):
        t = uneven(80, seed)
        found = differentiate(t, curve(t) + 0.03 * np.random.default_rng(seed).normal(size=80))
        miss = np.abs(found.value - slope(t))
        posterior = np.sqrt(np.square(found.root).sum(axis=1))  # what ends hide comes on top
        assert (found.error >= posterior * (1 - 1e-12)).all()
        covered.append(np.mean(miss < 2 * posterior))
        noise.append(np.mean(miss < 2 * found.noise_error))
    assert low < np.mean(covered) < 0.995
    assert np.mean(noise) < np.mean(covered) - 0.03


def test_band_at_the_ends():
    """The penalty makes a derivative level at the ends; the band there holds what that hides."""
    curves = {
        "exponential": (lambda t: np.exp(-4 * t), lambda t: -4 * np.exp(-4 * t), (0.8, 0.9)),
        "parabola": (lambda t: t**2, lambda t: 2 * t, (0.95, 0.95)),
    }
    for curve, slope, least in curves.values():
        covered, before, wider = [], [], []
        for seed in range(100):
            t = uneven(80, seed)
            found = differentiate(t, curve(t) + 0.03 * np.random.default_rng(seed).normal(size=80))
            miss, alone = np.abs(found.value - slope(t)), np.sqrt(np.square(found.root).sum(axis=1))
            covered.append(miss[[0, -1]] < 2 * found.error[[0, -1]])
            before.append(miss[0] < 2 * alone[0])
            wider.append(found.error / alone)
        assert (np.mean(covered, axis=0) >= least).all()
        assert np.mean(before) < 0.75
        assert 1.5 < np.median(wider, axis=0)[0] < 3
        assert np.median(wider, axis=0)[36:44].max() < 1.05


@pytest.mark.parametrize("strength", [1e-3, 1e-2, 0.1, 1.0])
def test_the_band_has_no_step_in_the_middle(strength):
    """However far what an end hides reaches into the curve."""
    rng = np.random.default_rng(0)
    t = np.sort(np.r_[0, 1, rng.random(60) ** 3])
    y = np.exp(-4 * t) + 0.03 * rng.normal(size=62)
    at = np.linspace(0, 1, 2001)
    found = differentiate(t, y, strength=strength, at=at)
    hidden = np.square(found.error) - np.square(found.root).sum(axis=1)
    hidden = np.sqrt(np.maximum(hidden, 0))
    assert np.abs(np.diff(hidden)).max() < 0.01 * hidden.max()


@pytest.mark.parametrize("strength", [1e-6, 1e-4, 1e-2])
def test_what_ends_hide_of_a_parabola(strength):
    """Without noise the derivative of t²/2 misses 0 and 1 at the ends by what is said to be hidden,
    and ½ in the middle by nothing."""
    t = np.linspace(0, 1, 201)
    found = differentiate(t, t**2 / 2, strength=strength)
    hidden = np.square(found.error) - np.square(found.root).sum(axis=1)
    hidden = np.sqrt(np.maximum(hidden, 0))
    assert abs(found.value[0]) > 9e-3
    np.testing.assert_allclose(hidden[[0, -1]], np.abs(found.value - t)[[0, -1]], rtol=0.07)
    assert abs(found.value[100] - 0.5) < 1e-9
    assert hidden[100] < 1e-7  # between knots, at the largest λ


def test_band_of_a_running_sum():
    """Cumulative errors: the band holds; taken as independent, the same errors give another one."""
    covered, plain = [], []
    t = np.geomspace(1, 1e4, 120)
    truth = 0.4 + 0.3 / (1 + (t / 100) ** 2)
    exact = np.exp(0.7 * np.log(t) - 0.15 * np.log1p((t / 100) ** 2))
    for seed in range(200):
        values, error = running_sum(exact, 0.02, np.random.default_rng(seed))
        found = log_differentiate(t, values, error=error)
        covered.append(np.mean(np.abs(found.value - truth) < 2 * found.error))
        if seed < 20:
            wrong = log_differentiate(
                t, values, error=error, cumulative=False, strength=found.strength
            )
            plain.append(np.mean(wrong.error) / np.mean(found.error))
    assert 0.93 < np.mean(covered) < 1.0
    assert not 0.9 < np.mean(plain) < 1.1


def test_second_logarithmic_derivative_of_an_analytic_curve():
    """ln L = 0.7 x − 0.3 w ln(1 + e^(x/w)): the exponent falls by 0.3 where x = ln(t/100) is 0."""
    t = np.geomspace(1, 1e4, 120)
    x, width = np.log(t / 100), 0.8
    exact = np.exp(0.7 * x - 0.3 * width * np.logaddexp(0, x / width))
    truth = -0.3 / (4 * width * np.cosh(x / (2 * width)) ** 2)  # −0.094 at its deepest
    covered, misses = [], []
    for seed in range(60):
        values, error = running_sum(exact, 0.01, np.random.default_rng(seed))
        found = log_differentiate(t, values, order=2, error=error)
        assert found.order == 2
        assert found.coordinates == "log-log"
        covered.append(np.mean(np.abs(found.value - truth) < 2 * found.error))
        misses.append(rms(found.value - truth))
    assert 0.9 < np.mean(covered) <= 1.0
    assert np.median(misses) < 0.03
    sure = log_differentiate(t, exact, order=2, strength=1e-6)
    np.testing.assert_allclose(sure.value[5:-5], truth[5:-5], atol=1e-3)


def test_covariance_says_the_same_as_cumulative():
    t = np.linspace(0, 10, 40)
    variance = np.cumsum(np.full(40, 1e-4))
    y = np.sin(t) + np.cumsum(0.01 * np.random.default_rng(0).normal(size=40))
    a = differentiate(t, y, error=np.sqrt(variance), cumulative=True)
    b = differentiate(t, y, error=np.minimum.outer(variance, variance))
    np.testing.assert_allclose(a.value, b.value, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(a.error, b.error, rtol=1e-6)


def test_exact_start_of_a_sum():
    """L(0) = 0 has no error: only differences count, and the fit starts there."""
    t = np.arange(60.0)
    step = np.random.default_rng(0).normal(1.0, 0.1, size=59)
    y = np.concatenate([[0.0], np.cumsum(step)])
    error = np.concatenate([[0.0], 0.1 * np.sqrt(np.arange(1, 60))])
    found = differentiate(t, y, error=error, cumulative=True, strength=1e9)
    assert found.fitted[0] == pytest.approx(0.0, abs=1e-12)
    assert found.value[0] == pytest.approx(step.mean(), abs=1e-4)
    assert found.error[0] == pytest.approx(0.1 / np.sqrt(59), rel=0.25)


def test_total_variation_keeps_a_jump():
    """|t − 1| from uneven noisy samples: the derivative jumps from −1 to 1 within a few gaps."""
    t = uneven(120, 3, 0.0, 2.0)
    y = np.abs(t - 1) + 0.01 * np.random.default_rng(3).normal(size=120)
    jump = differentiate(t, y, method="total_variation")
    smoothed = differentiate(t, y)
    truth = np.sign(t - 1)
    away = np.abs(t - 1) > 0.1
    assert np.abs(jump.value - truth)[away].max() < 0.15
    assert rms((jump.value - truth)[away]) < 0.7 * rms((smoothed.value - truth)[away])
    assert np.mean(np.abs(jump.value - truth) < 2 * jump.error + 1e-12) > 0.8
    assert jump.method == "total_variation"


@pytest.mark.parametrize(("order", "span"), [(1, 1.0), (1, 20.0), (2, 20.0)])
def test_the_strength_of_total_variation_is_that_of_the_formula(order, span):
    """Of Σ (f − y)² + λ ∫ |du/dt| dt in the caller's units the solution for λ is the least."""
    t = uneven(60, 2) * span
    y = np.abs(t / span - 0.5) + 0.02 * np.random.default_rng(2).normal(size=60)
    strength = 1e-3 * span**order
    fine = np.linspace(0, span, 4001)

    def objective(tried):
        chosen = {"order": order, "method": "total_variation", "strength": tried}
        fitted = differentiate(t, y, **chosen).fitted
        u = differentiate(t, y, **chosen, at=fine).value
        return np.square(fitted - y).sum() + strength * np.abs(np.diff(u)).sum()

    least = objective(strength)
    assert all(objective(strength * factor) > 1.02 * least for factor in (0.3, 3.0))


def test_smooth_gives_the_curve():
    t = uneven(100, 0)
    y = np.cos(3 * t) + 0.05 * np.random.default_rng(0).normal(size=100)
    found = smooth(t, y)
    assert rms(found.value - np.cos(3 * t)) < 0.025
    np.testing.assert_allclose(found.value, found.fitted)


def test_errors_keep_smooth_noise_from_passing_for_signal():
    """A wiggle well within the errors: followed where errors are unknown, smoothed where given."""
    t = np.linspace(0, 1, 200)
    y = t + 0.02 * np.sin(60 * t)
    blind = differentiate(t, y)
    assert blind.freedom > 20
    assert blind.chosen_by == "gcv"
    for strength in ("gcv", "risk"):
        found = differentiate(t, y, error=np.full(200, 0.05), strength=strength)
        assert found.freedom < 4
        assert found.chosen_by == "risk"
        assert found.scatter < 0.2


def test_residuals_beyond_the_errors_widen_the_band():
    """Errors a third of the true noise: cross-validation decides, and the band follows it."""
    t = uneven(150, 0)
    y = np.sin(6 * t) + 0.03 * np.random.default_rng(0).normal(size=150)
    found = differentiate(t, y, error=np.full(150, 0.01))
    right = differentiate(t, y, error=np.full(150, 0.03))
    assert found.chosen_by == "gcv"
    assert found.scatter == pytest.approx(9, rel=0.25)
    assert np.mean(found.error) == pytest.approx(np.mean(right.error), rel=0.3)


def test_informative_records_and_resolution():
    t = np.arange(0, 100.0)
    error = np.full(100, 0.01)
    length = np.where(t < 20, 0.001 * t, 0.02 + 0.1 * np.sqrt(np.maximum(t - 20, 0)))
    keep = informative(t, length, error)
    assert not keep[:21].any()
    assert keep[22:].all()
    with pytest.raises(UnresolvedLength, match="0 of 100 records"):
        local_exponent(t, 1e-3 * t / 100, error)


def test_covariances_that_are_symmetric_but_for_rounding():
    rng, t = np.random.default_rng(0), np.linspace(0, 1, 60)
    turn = np.linalg.qr(rng.normal(size=(60, 60)))[0]
    noise = turn @ np.diag(np.full(60, 1e-4)) @ turn.T
    assert (noise != noise.T).any()
    y = np.sin(3 * t) + 0.01 * rng.normal(size=60)
    found = differentiate(t, y, error=noise)
    np.testing.assert_allclose(found.value, differentiate(t, y, error=np.full(60, 0.01)).value)
