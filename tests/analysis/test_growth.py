"""The local exponent where a layer rests, and which records it is read from."""

from __future__ import annotations

import numpy as np
import pytest

import igfast
from igfast.analysis import local_exponent
from igfast.analysis.growth import UnresolvedLength, informative

GRID = igfast.Grid.dyadic(256, exponent=-4)
X = np.random.default_rng(0).normal(size=100_000)
STEPS = np.unique(np.r_[np.arange(0, 101, 4), np.geomspace(104, 5000, 60).round().astype(int)])


def run(place, jitter=0.0):
    rng = np.random.default_rng(1)
    records = [
        igfast.histogram(
            {"w": X + place(t) + jitter * rng.normal(size=X.size)}, grid=GRID, splits=8
        )
        for t in STEPS
    ]
    return igfast.Trajectory.from_histograms(STEPS, records)


def exponent(found, step):
    return np.interp(step, found.times, found.value)


@pytest.mark.parametrize("jitter", [0.0, 0.02])
def test_a_layer_that_comes_to_rest(jitter):
    """L grows as t until step 100, and not at all from there on: the exponent falls from 1 to 0."""
    rest = run(lambda t: 0.01 * min(t, 100), jitter)
    found = rest.log_derivative("w")
    assert exponent(found, 30) == pytest.approx(1, abs=0.05)
    assert np.abs(found.value[found.times > 300]).max() < 0.05
    (kink,) = rest.transitions("w")
    assert kink.start < 100 < kink.stop < 130


def test_a_layer_that_pauses():
    pause = run(lambda t: 0.01 * min(t, 100) + 0.0005 * max(t - 1000, 0))
    found = pause.log_derivative("w")
    assert abs(exponent(found, 400)) < 0.05
    assert exponent(found, 4000) > 0.5
    kink = pause.transitions("w")[0]
    assert kink.start < 100 < kink.stop


def test_interpolated_records_are_not_read_and_resting_ones_are():
    length = np.array([0.0, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 5.0])
    error = np.full(8, 0.01)
    ends = [False, False, False, True, False, False, True, True]
    assert informative(np.arange(8.0), length, error).tolist() == ends  # of steps 3 to 6
    long = [False, False, False, True, True, True, True, True]
    times = np.array([0.0, 1, 2, 3, 6, 9, 12, 15])
    assert informative(times, length, error).tolist() == long  # four times as late


def test_what_is_not_known_is_left_out():
    """After a record without elements L is NaN; what was before is read as if the run had ended."""
    t = np.arange(60.0)
    length = t**0.5 + 1e-3 * np.random.default_rng(0).normal(size=60)
    error = np.full(60, 1e-3)
    lost = np.where(t < 50, length, np.nan)
    found = local_exponent(t, lost, error)
    whole = local_exponent(t[:50], length[:50], error[:50])
    np.testing.assert_array_equal(found.value, whole.value)
    unsure = error.copy()
    unsure[40:45] = np.nan
    assert informative(t, length, unsure).sum() == informative(t, length, error).sum() - 5


def test_why_a_length_is_unresolved():
    t, error = np.arange(40.0), np.full(40, 1.0)
    length = np.minimum(t, 20.0)
    length[35:] = np.nan
    with pytest.raises(UnresolvedLength) as raised:
        local_exponent(t[:31], t[:31], error[:31])
    assert "by 1 of 31 records" in str(raised.value)
    assert "at 5 it is not yet 4 standard errors clear of zero, at 25 interp" in str(raised.value)
    error[:] = 10
    with pytest.raises(UnresolvedLength, match="at 35 it is not yet"):
        local_exponent(t, length, error)


T = np.arange(1.0, 41)
RISING = T**0.5


@pytest.mark.parametrize(
    ("times", "length", "error", "message"),
    [
        (
            T[::-1],
            RISING,
            None,
            r"times must strictly increase, got times\[1\] = 39 after 40; sort",
        ),
        (np.r_[T[:20], T[19:39]], RISING, None, r"got times\[20\] = 20 after 20; .* one of each"),
        (
            np.where(T == 30, np.nan, T),
            RISING,
            None,
            r"times must be finite, got times\[29\] = nan",
        ),
        (T[1:], RISING, None, r"times and length must be of one shape \(T,\), got \(39,\) and"),
        (T[:, None], RISING[:, None], None, r"must be of one shape \(T,\), got \(40, 1\)"),
        (T, RISING, np.ones(39), r"error must be \(T,\) .* for T = 40, got shape \(39,\)"),
        (T, RISING, 0.1, r"error must be \(T,\) .* for T = 40, got shape \(\)"),
    ],
)
def test_records_that_are_none_of_a_length(times, length, error, message):
    with pytest.raises(ValueError, match=message) as raised:
        local_exponent(times, length, error)
    assert raised.type is ValueError  # not UnresolvedLength
