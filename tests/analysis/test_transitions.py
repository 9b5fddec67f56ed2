"""Transitions are found where they were planted, and nowhere else; onsets and lags."""

import math
from dataclasses import replace

import numpy as np
import pytest

import igfast
from igfast.analysis import (
    Transition,
    find_transitions,
    lag,
    local_exponent,
    log_differentiate,
    overfitting_onset,
)


def noisy(length, relative, rng):
    """A running sum with constant relative standard error."""
    error = relative * length
    steps = np.sqrt(np.diff(error**2, prepend=0.0))
    return length + np.cumsum(steps * rng.normal(size=length.size)), error


def kinked(t, at, before=0.8, after=0.3, width=0.0):
    """Exponent ``before`` until ``at``, then ``after``; logistic over ``width`` in ln t."""
    x = np.log(t / at)
    bend = width * np.logaddexp(0, x / width) if width else np.maximum(x, 0)
    return 0.3 * np.exp(before * x + (after - before) * bend)


@pytest.mark.parametrize("spacing", ["log", "linear"])
def test_a_pure_power_law_has_no_transition(spacing):
    t = np.geomspace(1, 1e4, 100) if spacing == "log" else np.arange(1.0, 301)
    found = 0
    for seed in range(60):
        length, error = noisy(0.01 * t**0.5, 0.01, np.random.default_rng(seed))
        found += bool(find_transitions(local_exponent(t, length, error, order=2)))
    assert found <= 3


@pytest.mark.parametrize(("width", "relative"), [(0.0, 0.01), (0.0, 0.03), (0.3, 0.01)])
def test_a_planted_kink_is_found_in_its_interval(width, relative):
    seeds = 40
    found = inside = spurious = 0
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        t = np.geomspace(1, 1e4, 100)
        at = 10 ** rng.uniform(1.2, 2.8)
        length, error = noisy(kinked(t, at, width=width), relative, rng)
        here = find_transitions(local_exponent(t, length, error, order=2))
        hits = [one for one in here if one.start <= at <= one.stop]
        found += bool(here)
        inside += bool(hits)
        spurious += len(here) - len(hits)
        for one in hits:
            assert abs(math.log10(one.time / at)) < 0.2
            assert one.depth > 2.5 * one.depth_error
            assert one.before < one.start < one.time < one.stop < one.after
            assert one.stop / one.start < 30
    assert inside >= 0.9 * seeds
    assert spurious <= 0.05 * seeds


def test_two_kinks_are_two_transitions():
    t = np.geomspace(1, 1e5, 150)
    x = np.log(t)
    # exponent 1 → 0.4 at 100, up again to 1 at 1000 (no transition), → 0.3 at 10,000
    bends = [(100, -0.6), (1000, 0.6), (10_000, -0.7)]
    log_length = x + sum(change * np.maximum(x - np.log(at), 0) for at, change in bends)
    length, error = noisy(1e-3 * np.exp(log_length), 0.005, np.random.default_rng(0))
    found = find_transitions(local_exponent(t, length, error, order=2))
    assert len(found) == 2
    assert found[0].start < 100 < found[0].stop
    assert found[1].start < 10_000 < found[1].stop
    assert found[0].value < -0.2


def test_total_variation_finds_it_too():
    t = np.geomspace(1, 1e4, 100)
    length, error = noisy(kinked(t, 100), 0.005, np.random.default_rng(0))
    curve = local_exponent(t, length, error, order=2, method="total_variation")
    assert any(one.start <= 100 <= one.stop for one in find_transitions(curve))


def test_only_second_derivatives():
    t = np.geomspace(1, 100, 30)
    with pytest.raises(ValueError, match="order=1; make it with order=2"):
        find_transitions(log_differentiate(t, t**0.5))


@pytest.mark.parametrize(
    ("threshold", "error", "message"),
    [
        (math.nan, ValueError, "threshold must be 0 standard errors or more, got nan"),
        (-1.0, ValueError, r"threshold must be 0 standard errors or more, got -1\.0"),
        ("a", TypeError, "threshold must be a number of standard errors, got 'a'"),
        (True, TypeError, "threshold must be a number of standard errors, got True"),
    ],
)
def test_thresholds_that_tell_no_minimum(threshold, error, message):
    t = np.geomspace(1, 100, 30)
    curve = log_differentiate(t, t**0.5, order=2)
    assert find_transitions(curve, threshold=math.inf) == ()
    with pytest.raises(error, match=message):
        find_transitions(curve, threshold=threshold)


def u_shaped(steps, bottom, curvature=0.05):
    return 0.1 * np.exp(curvature * np.log(steps / bottom) ** 2)


def test_onset_of_a_u_shaped_loss():
    seeds, inside, off = 60, 0, []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        steps = np.arange(200, 20_001, 200)
        bottom = 10 ** rng.uniform(3.2, 3.8)
        loss = u_shaped(steps, bottom) * np.exp(0.02 * rng.normal(size=steps.size))
        onset = overfitting_onset(steps, loss)
        assert onset.found
        assert onset.loss == pytest.approx(0.1, rel=0.05)
        inside += onset.start <= bottom <= onset.stop
        off.append(math.log10(onset.time / bottom))
        assert onset.stop / onset.start < 12
    assert inside >= 0.9 * seeds
    assert np.sqrt(np.mean(np.square(off))) < 0.1


def test_no_onset_while_the_loss_falls():
    none = 0
    for seed in range(40):
        steps = np.arange(0, 20_001, 200)
        loss = (
            2.0 * (1 + steps) ** -0.3 * np.exp(0.02 * np.random.default_rng(seed).normal(size=101))
        )
        onset = overfitting_onset(steps, loss)
        none += not onset.found
        if not onset.found:
            assert math.isnan(onset.time)
            assert onset.stop == math.inf
    assert none >= 38


def test_a_plateau_is_seldom_an_onset():
    """Three errors of rise: with two, one of twenty."""
    steps = np.linspace(100, 10_000, 20)
    noise = np.random.default_rng(0).normal(size=(100, 20))
    found = [overfitting_onset(steps, 0.3 * np.exp(0.02 * one)).found for one in noise]
    assert sum(found) <= 4


def test_a_loss_that_becomes_infinite_has_risen():
    steps = np.arange(1, 21.0)
    loss = 1 / steps
    loss[17:] = np.inf
    onset = overfitting_onset(steps, loss)
    assert onset.found
    assert onset.rise == math.inf
    assert onset.time == pytest.approx(17)
    assert onset.stop == 18
    for odd in (np.inf, -np.inf, np.nan):
        missing = 1 / steps
        missing[[0, 5]] = odd
        assert not overfitting_onset(steps, missing).found
    assert not overfitting_onset([0, *steps], [0.0, *(1 / steps)]).found  # step 0 is left out


def test_lag_holds_every_pair_of_times():
    t = np.geomspace(1, 1e4, 100)
    length, error = noisy(kinked(t, 50), 0.01, np.random.default_rng(1))
    (transition,) = find_transitions(local_exponent(t, length, error, order=2))
    steps = np.arange(100, 10_001, 100)
    rng = np.random.default_rng(2)
    onset = overfitting_onset(steps, u_shaped(steps, 1000) * np.exp(0.01 * rng.normal(size=100)))
    found = lag(transition, onset)
    assert found.low < math.log10(1000 / 50) < found.high
    assert found.decades == pytest.approx(1.3, abs=0.15)
    falling = lag(transition, overfitting_onset(steps, 1.0 / steps))
    assert math.isnan(falling.decades)
    assert falling.high == math.inf
    assert falling.low > 1.5  # the loss fell until step 10,000


def test_lag_of_a_transition_at_the_origin_of_time():
    """One of d²y/dt² may be found there: nothing precedes it by a number of decades."""
    onset = overfitting_onset(range(1, 10), (np.arange(1, 10) - 5.0) ** 2 + 1)
    transition = Transition(0.0, 0.0, 1.0, -1.0, 0.1, 1.0, 0.1, 0.0, 2.0)
    with pytest.raises(
        ValueError, match=r"transition\.time must be positive .* got 0; count steps"
    ):
        lag(transition, onset)
    found = lag(replace(transition, time=0.5), onset)
    assert found.high == math.inf
    assert found.low == math.log10(onset.start)


@pytest.mark.parametrize(
    ("steps", "loss", "message"),
    [
        ([0, 1, 2, 3, 4], np.ones(5), "5 finite evaluations or more at positive steps, got 4"),
        (range(1, 10), np.full(9, np.nan), "steps and loss must hold .* got 0"),
        (range(9, 0, -1), np.ones(9), r"steps must increase, got steps\[1\] = 8 after 9; sort"),
        (
            [0, 1, 2, 2, 3, 4, 5],
            np.ones(7),
            r"must increase, got steps\[3\] = 2 after 2; .*keep one",
        ),
        ([1, 2, 3, np.nan, 5, 6], np.ones(6), r"steps must be finite, got steps\[3\] = nan"),
        (range(1, 10), np.r_[np.ones(8), -1], "loss must be positive .* least is -1 at step 9"),
        (range(1, 10), np.ones(8), "one shape"),
    ],
)
def test_losses_without_an_onset_to_find(steps, loss, message):
    with pytest.raises(ValueError, match=message):
        overfitting_onset(steps, loss)


def test_along_a_run():
    """Weights that move at an even pace until step 100, then as t^0.2."""
    x = np.random.default_rng(0).normal(size=40_000)
    steps = np.unique(np.geomspace(1, 3000, 90).astype(int))
    steps = np.concatenate([[0], steps])
    grid = igfast.Grid.dyadic(128, exponent=-4)
    moved = 2.0 * kinked(np.maximum(steps, 1e-9), 100.0, before=1.0, after=0.2)
    records = [
        igfast.histogram({"w": x + m, "still": x}, grid=grid, splits=8, offsets=True) for m in moved
    ]
    run = igfast.Trajectory.from_histograms(steps, records)
    slope = run.log_derivative("w")
    assert slope.order == 1
    assert np.interp(30, slope.times, slope.value) == pytest.approx(1.0, abs=0.1)
    assert np.interp(1500, slope.times, slope.value) == pytest.approx(0.2, abs=0.1)
    every = run.transitions()
    assert "still" not in every
    assert set(every) <= {"w", "model"}
    assert any(one.start <= 100 <= one.stop for one in every["w"])
    assert run.transitions("w") == every["w"]
    with pytest.raises(ValueError, match="layer 'still'"):
        run.log_derivative("still")


def test_an_onset_knows_no_errors_to_choose_by():
    steps = np.arange(1, 41)
    with pytest.raises(ValueError, match='strength="risk" needs the error of each loss'):
        overfitting_onset(steps, 1 / steps, strength="risk")
