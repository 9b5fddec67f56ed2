"""Derivatives in any units: the same but for scale, or refused where float64 cannot hold them."""

import warnings

import numpy as np
import pytest

from igfast.analysis import collapse, differentiate, local_exponent, log_differentiate

T = np.linspace(0, 6, 60)
Y = np.sin(T) + 0.01 * np.random.default_rng(0).normal(size=60)
ERROR = np.full(60, 0.01)
STEPS = np.geomspace(1, 1e4, 100)
LENGTH = STEPS**0.5 * np.exp(1e-3 * np.random.default_rng(1).normal(size=100))


@pytest.mark.parametrize(
    ("times", "values", "method"),
    [
        (150, -200, "tikhonov"),
        (-150, 200, "tikhonov"),
        (0, 300, "tikhonov"),
        (0, -300, "tikhonov"),
        (40, -60, "tikhonov"),
        (250, -300, "total_variation"),
    ],
)
def test_powers_of_two_change_nothing_but_exponents(times, values, method):
    """λ ∝ t³ for squares of u′, ∝ y·t for its size, and ∝ 1/y² of these where errors are given."""
    squares = method == "tikhonov"
    t, y = np.ldexp(T, times), np.ldexp(Y, values)
    for error in (None, ERROR):
        base = differentiate(T, Y, method=method, error=error)
        scaled = None if error is None else np.ldexp(error, values)
        found = differentiate(t, y, method=method, error=scaled)
        for name in ("value", "error", "noise_error", "root"):
            expected = np.ldexp(getattr(base, name), values - times)
            np.testing.assert_array_equal(getattr(found, name), expected)
        np.testing.assert_array_equal(found.fitted, np.ldexp(base.fitted, values))
        of_values = (0 if squares else 1) - (0 if error is None else 2)
        of_times = 3 if squares else 1
        assert found.strength == np.ldexp(base.strength, values * of_values + times * of_times)
        assert found.scatter == np.ldexp(base.scatter, 2 * values if error is None else 0)
        assert found.freedom == base.freedom
        again = differentiate(t, y, method=method, error=scaled, strength=found.strength)
        np.testing.assert_allclose(again.fitted, found.fitted, rtol=1e-9)


def test_differences_far_below_one():
    """Their squares vanish."""
    how = {"method": "total_variation", "strength": 2.0}
    base = differentiate(T, Y, error=ERROR, **how)
    found = differentiate(
        T, 1e-200 * Y, error=1e-200 * ERROR, method="total_variation", strength=2e200
    )
    np.testing.assert_allclose(
        found.difference_error(30), 1e-200 * base.difference_error(30), rtol=1e-6
    )


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
def test_lengths_and_steps_far_from_one(scale):
    base = local_exponent(STEPS, LENGTH, 0.01 * LENGTH)
    for found in (
        local_exponent(STEPS, scale * LENGTH, scale * 0.01 * LENGTH),
        local_exponent(scale * STEPS, LENGTH, 0.01 * LENGTH),
        log_differentiate(STEPS, scale * LENGTH, error=scale * 0.01 * LENGTH, at=base.times),
    ):
        np.testing.assert_allclose(found.value, base.value, rtol=1e-9)
        np.testing.assert_allclose(found.error, base.error, rtol=1e-9)
        assert found.strength == pytest.approx(base.strength, rel=1e-9)


@pytest.mark.parametrize(
    ("times", "values", "error", "order", "message"),
    [
        (1e80, 1, None, 2, r"strength, the λ chosen, is about 1e\+397, .* span about 1e\+81, and"),
        (1e150, 1, None, 1, r"strength, the λ chosen, is about 1e\+448, which float64 cannot hold"),
        (2e307, 1, None, 1, r"error is about 1e-308, .* span about 1e\+308"),
        (1e-80, 1, None, 2, r"strength, the λ chosen, is about 1e-403, .* span about 1e-79"),
        (1e-200, 1, None, 2, r"value is about 1e\+400"),
        (
            1,
            1e200,
            None,
            1,
            r"scatter is about 1e\+396, .* and values and errors reach about 1e\+2",
        ),
        (1, 1e-200, None, 1, r"scatter is about 1e-404"),
        (1, 1e-310, 1e-310, 1, "value is about 1e-310"),
        (1, 1, 1e200, 1, r"strength, the λ chosen, is about 1e-392.* give them in units that"),
        (1, 1e200, 1e200, 1, r"strength, the λ chosen, is about 1e-398"),
    ],
)
def test_results_that_float64_cannot_hold(times, values, error, order, message):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=message):
            differentiate(
                times * T, values * Y, order=order, error=None if error is None else error * ERROR
            )


def test_errors_that_cannot_be_compared():
    with pytest.raises(ValueError, match="error must not span more decades than squares hold"):
        differentiate(T, Y, error=np.geomspace(1e-200, 1e200, 60))
    steep = np.geomspace(1e-300, 1, 100)
    for values, error in ((1e-300 * LENGTH, 1e300), (steep, 1e100)):
        with pytest.raises(ValueError, match="comparable with values, and at record 0 is beyond"):
            log_differentiate(STEPS, values, error=np.full(100, error))


def test_errors_of_curves_to_collapse():
    """Weights vanished or overflowed, and the curves were said never to meet."""
    sizes = [64, 128, 256, 512]
    x, y = [STEPS] * 4, [n**-0.5 * (STEPS / n) / (1 + STEPS / n) for n in sizes]
    base = collapse(sizes, x, y, errors=[0.01 * v for v in y], draws=0)
    for scale in (1e-200, 1e200):
        found = collapse(
            sizes, x, [scale * v for v in y], errors=[scale * 0.01 * v for v in y], draws=0
        )
        assert (found.a, found.b) == pytest.approx((base.a, base.b), abs=1e-6)
    sharp = collapse(sizes, x, y, errors=[1e-200 * v for v in y], draws=0)
    assert (sharp.a, sharp.b) == pytest.approx((-0.5, -1.0), abs=0.01)
    with pytest.raises(
        ValueError, match=r"errors of curve 0 must be comparable with y, got .*e\+19"
    ):
        collapse(sizes, x, y, errors=[1e200 * v for v in y])
