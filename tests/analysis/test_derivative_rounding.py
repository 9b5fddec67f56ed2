"""Curves without noise, or nearly: what rounding makes of them is neither signal nor hidden."""

import numpy as np
import pytest

from igfast.analysis import (
    differentiate,
    find_transitions,
    local_exponent,
    log_differentiate,
    overfitting_onset,
    smooth,
)


@pytest.mark.parametrize("spacing", ["log", "linear"])
def test_an_exact_power_law_is_straight(spacing):
    """Its rounding was fitted, and 57 and 21 transitions found, on values of 3e-5 ± 5e-8."""
    if spacing == "log":
        t = np.geomspace(1, 1e4, 1000)
        found = log_differentiate(t, t**0.5, order=2)
    else:
        t = np.arange(1.0, 1001)
        found = local_exponent(t, t**0.5, order=2)
    assert find_transitions(found) == ()
    assert found.freedom == pytest.approx(3, abs=0.01)  # a line in ln t, of two derivatives
    assert np.abs(found.value).max() < 1e-14
    assert (np.abs(found.value) < 2 * found.error).all()
    assert found.error.max() < 1e-13


@pytest.mark.parametrize("order", [1, 2])
def test_the_band_of_exact_power_laws_holds_their_rounding(order):
    t = np.geomspace(1, 1e4, 400)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        exponent, factor = rng.uniform(0.1, 2), 10 ** rng.uniform(-8, 8)
        found = log_differentiate(t, factor * t**exponent, order=order)
        truth = exponent if order == 1 else 0.0
        assert (np.abs(found.value - truth) < 2 * found.error).all()
        assert found.error.max() < 1e-11
        assert found.freedom < order + 1.1


@pytest.mark.parametrize(("order", "miss"), [(4, 0.2), (6, 0.6)])
def test_noise_far_below_the_curve(order, miss):
    """Noise of 1e-6 on e^t: directions of small singular values, orthogonal to polynomials but for
    rounding, took from e^t itself what they are divided by; values were off by 1e9 and 1e17."""
    t = np.linspace(0, 1, 500)
    y = np.exp(t) + 1e-6 * np.random.default_rng(0).normal(size=500)
    found = differentiate(t, y, order=order)
    assert np.abs(found.value - np.exp(t)).max() < miss * np.e
    assert found.freedom < 20


def test_residuals_far_below_the_curve_are_those_of_the_noise():
    """As a difference of two sums of squares they were off by 1e-16 of these."""
    t = np.linspace(0, 1, 500)
    noise = 1e-9 * np.random.default_rng(0).normal(size=500)
    found = differentiate(t, 1e3 * (1 + t) + noise)
    assert np.sqrt(found.scatter) == pytest.approx(1e-9, rel=0.1)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("count", [400, 1000])
def test_the_band_holds_what_is_between_knots(order, count):
    """Of a curve without noise the 320 knots are what limits: off by 30 errors and more."""
    t = np.linspace(0, 1, count)
    found = differentiate(t, np.sin(40 * t), order=order)
    truth = 40**order * np.sin(40 * t + order * np.pi / 2)
    miss = np.abs(found.value - truth)
    assert (miss < 2 * found.error).mean() > 0.99
    assert np.sqrt(np.mean(found.error[5:-5] ** 2)) < 10 * np.sqrt(np.mean(miss[5:-5] ** 2))


def test_a_constant_loss_has_no_onset():
    steps = np.arange(1, 21) * 364
    onset = overfitting_onset(steps, np.full(20, 1.7881218307131932))
    assert not onset.found
    assert onset.rise < 3 * onset.rise_error < 1e-14
    rng = np.random.default_rng(5)
    for _ in range(60):
        count = int(rng.integers(5, 60))
        steps = np.arange(1, count + 1) * rng.integers(1, 1000)
        assert not overfitting_onset(steps, np.full(count, rng.uniform(0.01, 5))).found


def test_of_equal_strengths_the_largest():
    """Zeros are fitted by any; what is told of the fit is that of the simplest."""
    found = smooth(np.arange(30.0), np.zeros(30))
    assert found.freedom == pytest.approx(2, abs=0.01)
    assert (found.value == 0).all()


def test_errors_below_rounding_count_as_rounding():
    """λ is found, and residuals beyond the errors say what the band is."""
    t = np.linspace(0, 6, 60)
    y = np.sin(t) + 0.01 * np.random.default_rng(0).normal(size=60)
    measured = differentiate(t, y)
    for error in (np.full(60, 1e-202), np.diag(np.full(60, 1e-300))):
        found = differentiate(t, y, error=error)
        np.testing.assert_allclose(found.value, measured.value, rtol=0, atol=1e-6)
        np.testing.assert_allclose(found.error, measured.error, rtol=1e-6)
    length = np.geomspace(1, 1e4, 100) ** 0.5
    exact = log_differentiate(length**2, length, error=1e-300 * length)
    assert (np.abs(exact.value - 0.5) < 2 * exact.error).all()
