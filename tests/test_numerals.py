"""Numbers as text: one rule for a value and its error, wherever they are shown."""

from __future__ import annotations

import math

import numpy as np
import pytest

from igfast.analysis.resolution import Resolution
from igfast.analysis.sampling import Sampling
from igfast.analysis.scales import LengthByScale
from igfast.numerals import (
    number,
    plain_number,
    scalar_text,
    upper_limit,
    velocity_text,
    with_error,
)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.4, 0.019, "0.400 ± 0.019"),
        (1.0, 0.2, "1.00 ± 0.20"),
        (0.70155, 0.00564, "0.7016 ± 0.0056"),
        (0.5, 0.00996, "0.500 ± 0.010"),  # which has two digits, not three
        (12.0, 0.0996, "12.00 ± 0.10"),
        (781.4, 34.6, "781 ± 35"),
        (781.4, 346.0, "780 ± 350"),
        (1234567.0, 89.0, "(1.234567 ± 0.000089)·10⁶"),
        (0.0012, 0.0003, "0.00120 ± 0.00030"),
        (1e-9, 2e-9, "(1.0 ± 2.0)·10⁻⁹"),
        (-0.001, 0.3, "0.00 ± 0.30"),
        (-3.41, 0.52, "-3.41 ± 0.52"),
        (0.70155, 1e-12, "0.7015500 ± 1.0·10⁻¹²"),
        (0.0, 0.19, "0.00 ± 0.19"),
        (0.0, 1e-20, "(0.0 ± 1.0)·10⁻²⁰"),
        (3e-310, 2e-311, "(3.00 ± 0.20)·10⁻³¹⁰"),
        (5e-324, 5e-324, "(4.9 ± 4.9)·10⁻³²⁴"),
        (0.4, math.inf, "0.400 ± ∞"),
        (0.4, 0.0, "0.400"),
        (math.nan, 0.1, "–"),
    ],
)
def test_the_error_has_two_digits_and_the_value_its_decimals(value, error, text):
    assert with_error(value, error) == text


def test_what_a_run_says_of_its_length_is_written_by_the_same_rule():
    scales = LengthByScale(np.array([1.0, 2, 4]), np.full(3, 0.4), np.full(3, 0.019), (0, 2))
    assert "L = 0.400 ± 0.019 whether" in scales.statement
    sampling = Sampling(0.4, 0.019, 0.4, 0.39, 0.0, 0.1, 0.0, 9)
    assert "gives L = 0.400, every fourth 0.390, instead of 0.400 ± 0.019." in sampling.statement
    assert "of L = 0.400 ± 0.019 is" in Resolution(0.4, 0.019, 0.01, 0.0, 0.0).statement


def test_velocities_have_two_digits():
    assert [velocity_text(one) for one in (0.004, 1.31e-4, 0.0119, 0.0)] == [
        "4.0·10⁻³",
        "1.3·10⁻⁴",
        "0.012",
        "0",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5e-324, "4.94·10⁻³²⁴"),  # the smallest double
        (9.999e-5, "10⁻⁴"),
        (0.0099999, "0.01"),
        (9999.9, "10⁴"),
        (99_999.0, "10⁵"),
        (1.7976e308, "1.8·10³⁰⁸"),
        (-2.5e-7, "-2.5·10⁻⁷"),
        (-0.0, "0"),
    ],
)
def test_a_logged_number_has_one_digit_before_its_power(value, text):
    assert plain_number(value) == scalar_text(value) == text


def test_numbers_at_the_ends_of_the_doubles_are_short():
    ends = 5e-324, 999_999.0, 4.2e7, 1e300, 1.7976e308, -0.0
    assert [number(one) for one in ends] == [
        "4.9·10⁻³²⁴",
        "10⁶",
        "4.2·10⁷",
        "10³⁰⁰",
        "1.8·10³⁰⁸",
        "0",
    ]
    assert [upper_limit(one) for one in (5e-324, 0.39, 0.3901)] == [
        "< 4.9·10⁻³²⁴",
        "< 0.39",
        "< 0.40",
    ]
