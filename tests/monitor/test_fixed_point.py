"""Sums that do not depend on the order of their terms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from igfast.monitor.fixed_point import from_fixed, to_fixed
from igfast.monitor.reduction import ordered, unordered


def total(values, bound):
    values = np.asarray(values, dtype=np.float64)
    words = to_fixed(values, np.full(len(values), bound)).sum(axis=0)
    return float(from_fixed(words, np.array(bound)))


@pytest.mark.parametrize("scale", [-900, -3, 0, 700])
def test_ten_thousand_terms_add_up_exactly_in_any_order(scale):
    chance = np.random.default_rng(0)
    values = np.ldexp(
        chance.standard_normal(10_000) * 2.0 ** chance.integers(-12, 12, 10_000), scale
    )
    wanted = math.fsum(values)
    assert total(values, scale + 32) == wanted
    assert total(values[::-1], scale + 32) == wanted
    assert total(np.sort(values), scale + 32) == wanted
    assert total(-values, scale + 32) == -wanted


def test_a_million_terms_do_not_overflow():
    assert total(np.full(2**20, 1.0), 1) == 2.0**20
    assert total(np.full(2**20, -1.0), 1) == -(2.0**20)


def test_cancellation_leaves_the_rest():
    assert total([1.0, 2.0**-70, -1.0], 1) == 2.0**-70
    assert total([1.0, -(2.0**-70), -1.0], 1) == -(2.0**-70)
    assert total([0.0, -0.0], 5) == 0.0


def test_below_the_last_place_is_cut_off():
    assert total([2.0**-119], 0) == 2.0**-119 + 2.0**-120 - 2.0**-120
    assert abs(total([2.0**-130], 0)) <= 2.0**-120


def test_infinities_and_nan():
    assert total([np.inf, 1.0, np.inf], 3) == np.inf
    assert total([-np.inf, 1.0], 3) == -np.inf
    assert math.isnan(total([np.inf, -np.inf], 3))
    assert math.isnan(total([np.nan, 1.0], 3))
    assert total([1e308, 1e308], 1026) == np.inf


def test_ordered_integers():
    values = np.array([-np.inf, -1e300, -1.0, -5e-324, -0.0, 0.0, 5e-324, 2.0, np.inf])
    assert (np.diff(ordered(values)) > 0).all()
    assert unordered(ordered(values)).tobytes() == values.tobytes()
