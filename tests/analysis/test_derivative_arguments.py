"""What derivatives, transitions and collapses refuse: each with the argument, its value and what it
must be."""

import re

import numpy as np
import pytest

from igfast.analysis import (
    collapse,
    differentiate,
    local_exponent,
    log_differentiate,
    overfitting_onset,
    smooth,
)

T = np.arange(9.0)
HOLE = np.where(T == 3, np.nan, 1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order": 0}, "order must be from 1 to 6, got 0"),
        ({"order": 7}, "order must be from 1 to 6, got 7: rounding of float64 alone hides higher"),
        ({"order": 6}, "must hold 10 records or more for order=6, got 9"),
        ({"method": "spline"}, "method must be one of .*, got 'spline'"),
        ({"strength": "aic"}, "strength must be a number or one of .*, got 'aic'"),
        ({"strength": -1.0}, r"strength must be positive and finite, got -1\.0"),
        ({"strength": np.nan}, "strength must be positive and finite, got nan"),
        ({"strength": 10**400}, "strength must be positive and finite, got 1000"),
        ({"strength": 1e-30}, "strength=1e-30 leaves no residual"),
        ({"strength": 1e-30, "method": "total_variation"}, "strength=1e-30 leaves no residual"),
        ({"strength": "risk"}, 'strength="risk" needs error'),
        ({"cumulative": True}, "cumulative=True needs error"),
        ({"error": [1.0, 2.0]}, r"error must be \(T,\) standard errors .* got shape \(2,\)"),
        ({"error": np.zeros(9)}, r"error must be positive, got error\[0\] = 0"),
        (
            {"error": np.r_[-1.0, np.ones(8)], "cumulative": True},
            r"error must be positive \(of a running sum the first may be 0\), got error\[0\] = -1",
        ),
        ({"error": HOLE}, r"error must be finite, got error\[3\] = nan"),
        ({"error": np.ones((9, 9))}, "not positive definite: its least eigenvalue is -?[0-9]"),
        ({"error": np.tri(9)}, r"not symmetric: error\[0, 1\] = 0, error\[1, 0\] = 1"),
        ({"error": np.full((9, 9), np.inf)}, r"error must be finite, got error\[0, 0\] = inf"),
        ({"at": [np.nan]}, "at must be"),
        ({"at": [20.0]}, r"at must be \(N,\) times within \[0, 8\], got 20"),
        ({"at": 2.0}, r"got shape \(\); for one, \[time\]"),
        ({"times": np.r_[0:4, 3:8]}, r"must strictly increase, got times\[4\] = 3 after 3; sort"),
        ({"times": np.r_[0:8, np.inf]}, r"times must be finite, got times\[8\] = inf"),
        ({"values": HOLE}, r"values must be finite, got values\[3\] = nan; leave out such"),
        ({"values": np.ones(4)}, "must be of one shape"),
    ],
)
def test_bad_input(change, message):
    arguments = {"times": T, "values": T**2, **change}
    with pytest.raises(ValueError, match=message):
        differentiate(**arguments)


@pytest.mark.parametrize("strength", [None, True, [1.0], np.complex128(1)])
def test_a_strength_that_is_no_number(strength):
    with pytest.raises(TypeError, match="strength must be a number or one of"):
        differentiate(T, T**2, strength=strength)


@pytest.mark.parametrize("order", ["2", 1.5, True])
def test_orders_are_integers(order):
    with pytest.raises(TypeError, match="order must be an integer, got"):
        differentiate(T, T**2, order=order)


def test_logarithms_need_positive_values():
    with pytest.raises(ValueError, match="times must be positive for logarithms, the least is 0"):
        log_differentiate(T, np.ones(9))
    with pytest.raises(ValueError, match="more than the rounding of their logarithms"):
        log_differentiate(1e16 + 2 * T, T + 1)


def test_a_smoothed_curve_has_neither_order_nor_running_sums():
    with pytest.raises(ValueError, match=r"hold 5 records or more, got 4$"):
        smooth(T[:4], T[:4])
    with pytest.raises(ValueError, match=r"error must be positive, got error\[0\] = 0; leave out"):
        smooth(T, T, error=T)


MASKED = np.ma.masked_equal(T + 1, 4)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            MASKED,
            r"is a masked array; leave masked records out of every argument, or pass .*\.data",
        ),
        (np.ma.array(T + 1), "is a masked array"),
        (T + 1 + 1j, r"must be real numbers, .* got complex128, for example .*1\+1j"),
        ([str(i + 1) for i in range(9)], "must be numbers, not text; got <U1, for example .*'1'"),
        (np.arange(1, 10).astype("M8[D]"), r"must be numbers: count from .* got datetime64\[D\]"),
    ],
)
def test_what_float64_would_change_silently(wrong, message):
    """A mask was ignored, an imaginary part cut off, text read as numbers."""
    good, curves = T + 1, [T + 1] * 2
    asked = {
        "times": lambda: differentiate(wrong, good),
        "values": lambda: log_differentiate(good, wrong),
        "error": lambda: smooth(good, good, error=wrong),
        "at": lambda: differentiate(good, good, at=wrong),
        "length": lambda: local_exponent(good, wrong),
        "steps": lambda: overfitting_onset(wrong, good),
        "loss": lambda: overfitting_onset(good, wrong),
        "sizes": lambda: collapse(wrong, curves, curves),
        "x[1]": lambda: collapse([1, 2], [good, wrong], curves),
        "y[0]": lambda: collapse([1, 2], curves, [wrong, good]),
        "errors[1]": lambda: collapse([1, 2], curves, curves, errors=[good, wrong]),
    }
    for name, ask in asked.items():
        with pytest.raises(TypeError, match=re.escape(name) + " " + message):
            ask()
    np.testing.assert_array_equal(  # what is as good in float64
        differentiate(range(9), good.astype(np.float32)).value, differentiate(T, good).value
    )
