"""L(τ) and the judgment of sampling."""

import numpy as np
import pytest

import igfast
from igfast import Grid, Trajectory
from igfast.analysis import estimate
from igfast.analysis.paths import split_estimate
from igfast.analysis.sampling import Sampling, judge_sampling
from igfast.analysis.scales import _windows, length_by_scale
from igfast.analysis.series import LayerSeries

from .known_processes import KNOWN, SHAKEN
from .later_processes import LATER
from .processes import simulate

N = 100_000


def series(process, intervals, every=1, n=N):
    records = simulate(process, n, intervals)
    kept = slice(None, None, every)
    steps = np.arange(intervals + 1)[kept]
    return LayerSeries(
        0, steps, records.counts[kept], records.outside[kept], None,
        slice(0, len(steps) - 1), np.linspace(0, 1, records.counts.shape[2] + 1),
    )  # fmt: skip


def scales(process, intervals):
    parts = [series(process, intervals)]
    return length_by_scale(parts, split_estimate(parts, intervals + 1))


def test_a_layer_that_shakes_has_a_length_for_each_scale():
    found = scales(SHAKEN, 250)
    assert found.scales[:3].tolist() == [1, 2, 4]
    assert found.lengths[0] > 1.1
    assert found.lengths[-1] == pytest.approx(1.0, abs=0.03)
    assert found.plateau is not None
    assert found.plateau[0] > 0
    assert "whether smoothed" in found.statement


def test_a_straight_path_is_the_same_on_all_scales():
    found = scales(KNOWN["shift"], 100)
    assert found.plateau == (0, len(found.scales) - 1)
    np.testing.assert_allclose(found.lengths, 1.0, atol=0.03)
    assert (found.errors > 0).all()


def test_a_smoothed_path_is_read_four_times_in_each_window():
    at, half = _windows(200, 32)
    assert half.max() == 16
    assert half[[0, -1]].tolist() == [0, 0]  # windows shrink towards the ends
    assert at[[0, -1]].tolist() == [0, 199]
    spacing = np.diff(at)
    assert spacing.max() == 8
    assert spacing[:2].tolist() == [1, 1]
    assert 30 < len(at) < 50
    assert _windows(50, 4)[0].tolist() == list(range(50))
    assert _windows(1, 2)[0].tolist() == [0]


def test_smoothing_rounds_off_what_is_narrower_than_the_window():
    """m = t/50 + ½ sin(2πt/16): an average over 17 records leaves the drift, L = 2 of 9.9."""
    x = np.random.default_rng(0).normal(size=50_000)
    grid = Grid.dyadic(256, exponent=-4)
    steps = range(101)
    moved = [t / 50 + 0.5 * np.sin(2 * np.pi * t / 16) for t in steps]
    records = [igfast.histogram({"w": x + m}, grid=grid, splits=8) for m in moved]
    found = Trajectory.from_histograms(steps, records).length_scales("w")
    assert found.scales.tolist() == [1, 2, 4, 8, 16]
    turns = np.abs(np.diff(moved)).sum()
    assert found.lengths[0] == pytest.approx(turns, rel=0.03)
    smoothed = np.array([np.mean(moved[t - 8 : t + 9]) for t in range(8, 93)])
    assert np.abs(np.diff(smoothed)).sum() < 2.3
    assert 2 < found.lengths[-1] < 4.2  # at the ends windows are narrow
    assert (np.diff(found.lengths) < 0).all()


def test_no_plateau_is_said():
    found = scales(KNOWN["breathing"], 60)
    assert found.plateau is None
    assert "no plateau" in found.statement


def test_too_few_records_for_scales():
    found = scales(KNOWN["shift"], 5)
    assert found.scales.tolist() == [1]
    assert found.plateau is None
    assert "Too few records" in found.statement
    assert length_by_scale([], split_estimate([], 1)).lengths.tolist() == [0]


def judged(name, intervals):
    process = {**KNOWN, **LATER}[name]
    whole = split_estimate([series(process, intervals)], intervals + 1)
    fewer = [
        estimate([series(process, intervals, every)], "split", -(-(intervals + 1) // every))
        for every in (2, 4)
    ]
    return judge_sampling(whole, *fewer)


@pytest.mark.parametrize(("name", "intervals"), [("shift", 10), ("circle", 60), ("return", 40)])
def test_fine_sampling(name, intervals):
    found = judged(name, intervals)
    assert not found.coarse
    assert found.length_every_second == pytest.approx(found.length, rel=0.02)
    assert "resolves" in found.statement


@pytest.mark.parametrize(("name", "intervals"), [("breathing", 10), ("circle", 8)])
def test_coarse_sampling_is_said(name, intervals):
    found = judged(name, intervals)
    assert found.coarse
    assert min(found.length_every_second, found.length_every_fourth) < 0.95 * found.length
    assert "Sampling is coarse" in found.statement


@pytest.mark.parametrize("intervals", [5, 8, 10])
def test_waves_of_a_few_records(intervals):
    """Three waves, two to three records each: nobody can tell how long the path is."""
    found = judged("three waves", intervals)
    assert found.coarse
    assert "Sampling is coarse" in found.statement


def test_losses_that_do_not_converge_are_coarse():
    """Half of the records lose 3 %, half of these again 3 %: more records would add as much."""
    known = {"error": 0.01, "added": 0.0, "turning": 0.1, "lost_direction": 0.0, "records": 9}
    found = Sampling(length=1.0, length_every_second=0.97, length_every_fourth=0.94, **known)
    assert found.expected == pytest.approx(0.12)
    assert found.coarse
    smooth = Sampling(length=1.0, length_every_second=0.97, length_every_fourth=0.85, **known)
    assert smooth.expected == pytest.approx(0.01)
    assert not smooth.coarse
    noise = Sampling(length=1.0, length_every_second=1.01, length_every_fourth=1.0, **known)
    assert noise.expected == 0
    assert not noise.coarse


def test_the_angle_from_record_to_record():
    """The circle of 2π/60 in phase turns by about that angle, more where it is narrow."""
    assert judged("circle", 60).turning == pytest.approx(0.15, rel=0.3)


def test_trajectories_have_scales_and_sampling():
    x = np.random.default_rng(0).normal(size=20_000)
    grid = Grid.dyadic(256, exponent=-4)
    steps = range(0, 105, 5)
    records = [igfast.histogram({"w": x + t / 100}, grid=grid, splits=8) for t in steps]
    run = Trajectory.from_histograms(steps, records)
    found = run.length_scales("w")
    assert found.scales.tolist() == [5, 10, 20]
    assert found.lengths[0] == run.length("w")[-1]
    sampling = run.sampling("w")
    assert sampling.length == run.length("w")[-1]
    assert sampling.length_every_second == pytest.approx(1.0, abs=0.05)
    assert not sampling.coarse


def test_length_from_fewer_records():
    """A path that turns within ten records: every second follows it, every tenth cuts corners."""
    x = np.random.default_rng(0).normal(size=50_000)
    grid = Grid.dyadic(256, exponent=-4)
    moved = [0.5 * np.sin(2 * np.pi * t / 20) for t in range(43)]  # 0 to ½ to −½, twice
    records = [
        igfast.histogram({"w": x + m, "v": x[:20_000] + m}, grid=grid, splits=8) for m in moved
    ]
    run = Trajectory.from_histograms(range(43), records)
    assert run.thinned_length(1, "w") == run.length("w")[-1]
    assert run.thinned_length(2, "w") == pytest.approx(4.294, rel=0.02)
    # every tenth stands still but for what follows record 40, which all records give
    assert run.thinned_length(10, "w") == pytest.approx(0.3, abs=0.05)
    assert run.thinned_length(2).shape == (2,)
    assert run.thinned_length(2)[0] == run.thinned_length(2, "w")
    published = run.thinned_length(2, "v", estimator="hellinger")
    assert 4.2 < published < run.length("v", "hellinger")[-1]
    sampling = run.sampling("w")
    assert sampling.length_every_second == run.thinned_length(2, "w")  # the last record is even
    for bad in (0, 2.0, True, "4"):
        with pytest.raises(ValueError, match="every must be a positive integer, got"):
            run.thinned_length(bad, "w")


def test_what_was_measured_once_is_read_by_all(monkeypatch):
    """Length, velocity, noise floor, sampling and scales of a layer share its estimates."""
    from igfast.analysis import paths, split

    calls = []

    def counted(steps, *rest):
        calls.append(len(steps))
        return split.split_length(steps, *rest)

    monkeypatch.setattr(paths, "split_length", counted)
    x = np.random.default_rng(0).normal(size=20_000)
    records = [
        igfast.histogram({"w": x + t / 20}, grid=Grid.dyadic(256, exponent=-4), splits=8)
        for t in range(41)
    ]
    run = Trajectory.from_histograms(range(41), records)
    for _ in range(2):
        run.length("w", error=True)
        run.velocity("w", error=True)
        run.noise_floor("w")
        run.sampling("w")
        run.length_scales("w")
        run.thinned_length(4, "w")
    assert sorted(calls) == [11, 21, 41]


def test_no_records():
    none = split_estimate([], 0)
    for call in (lambda: length_by_scale([], none), lambda: judge_sampling(none, none, none)):
        with pytest.raises(ValueError, match="this run has none yet"):
            call()


def test_one_record():
    run = Trajectory.from_histograms([0], [igfast.histogram({"w": np.zeros(9)}, splits=8)])
    sampling = run.sampling("w")
    assert (sampling.length, sampling.length_every_second) == (0, 0)
    assert not sampling.coarse
    assert run.length_scales("w").lengths.tolist() == [0]
