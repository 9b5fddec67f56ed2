"""Schedules: which steps they want, and what they refuse."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from igfast.schedules import any_of, dense, every, log_spaced, resolve


def wanted(schedule, steps):
    return [step for step in steps if schedule(step)]


def test_every():
    assert wanted(every(10), range(35)) == [0, 10, 20, 30]
    assert wanted(every(1), range(3)) == [0, 1, 2]


def test_log_spaced_three_per_decade():
    assert wanted(log_spaced(3), range(1001)) == [0, 1, 2, 5, 10, 22, 46, 100, 215, 464, 1000]


def test_log_spaced_starts_with_every_step_while_they_are_closer_than_one():
    assert wanted(log_spaced(20), range(9)) == [0, 1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("per_decade", [1, 7, 10, 64])
def test_log_spaced_holds_every_power_of_ten(per_decade):
    assert all(log_spaced(per_decade)(10**decade) for decade in range(16))


@given(st.integers(1, 50), st.integers(0, 40))
def test_log_spaced_is_as_dense_as_it_says(per_decade, index):
    assume(index <= 15 * per_decade)  # floats are exact integers up to there
    step = int(10 ** (index / per_decade) + 0.5)
    assert log_spaced(per_decade)(step)


def test_log_spaced_counts_of_large_decades():
    assert len(wanted(log_spaced(10), range(10_001, 100_001))) == 10


def test_dense():
    assert wanted(dense(around=100, radius=2), range(200)) == [98, 99, 100, 101, 102]
    assert wanted(dense(around=3, radius=0), range(9)) == [3]


def test_any_of_takes_intervals_and_functions():
    schedule = any_of(100, dense(around=7, radius=1), lambda step: step == 55)
    assert wanted(schedule, range(101)) == [0, 6, 7, 8, 55, 100]


def test_resolve():
    assert wanted(resolve(4), range(9)) == [0, 4, 8]
    own = lambda step: step == 3  # noqa: E731
    assert resolve(own) is own


@pytest.mark.parametrize("value", [0, -1])
def test_interval_below_one(value):
    with pytest.raises(ValueError, match=rf"every must be at least 1, got {value}"):
        resolve(value)


@pytest.mark.parametrize("value", [1.5, "10", None, True])
def test_not_an_interval(value):
    with pytest.raises(TypeError, match=r"every must be a positive integer or a function step"):
        resolve(value)


def test_other_arguments():
    with pytest.raises(TypeError, match=r"per_decade must be a positive integer, got 2\.5"):
        log_spaced(2.5)
    with pytest.raises(ValueError, match="radius must not be negative, got -1"):
        dense(around=5, radius=-1)
    with pytest.raises(TypeError, match=r"around must be an integer number of steps, got 1\.5"):
        dense(around=1.5, radius=1)
    with pytest.raises(TypeError, match="radius must be an integer number of steps, got '2'"):
        dense(around=5, radius="2")
    with pytest.raises(ValueError, match="at least one schedule"):
        any_of()


def test_schedules_describe_themselves():
    schedule = any_of(15, log_spaced(20), dense(around=60, radius=0))
    assert (
        repr(schedule) == "any_of(every(15), log_spaced(per_decade=20), dense(around=60, radius=0))"
    )
