"""L(τ) and the judgment of sampling."""

import numpy as np
import pytest

import igfast
from igfast import Grid, Trajectory
from igfast.analysis.sampling import Sampling, judge_sampling
from igfast.analysis.scales import length_by_scale
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


def test_a_layer_that_shakes_has_a_length_for_each_scale():
    found = length_by_scale([series(SHAKEN, 250)], 251)
    assert found.scales[:3].tolist() == [1, 2, 4]
    assert found.lengths[0] > 1.1
    assert found.lengths[-1] == pytest.approx(1.0, abs=0.03)
    assert found.plateau is not None
    assert found.plateau[0] > 0
    assert "whether smoothed" in found.statement


def test_a_straight_path_is_the_same_on_all_scales():
    found = length_by_scale([series(KNOWN["shift"], 100)], 101)
    assert found.plateau == (0, len(found.scales) - 1)
    np.testing.assert_allclose(found.lengths, 1.0, atol=0.03)
    assert (found.errors > 0).all()


def test_no_plateau_is_said():
    found = length_by_scale([series(KNOWN["breathing"], 60)], 61)
    assert found.plateau is None
    assert "no plateau" in found.statement


def test_too_few_records_for_scales():
    found = length_by_scale([series(KNOWN["shift"], 5)], 6)
    assert found.scales.tolist() == [1]
    assert found.plateau is None
    assert "Too few records" in found.statement
    assert length_by_scale([], 1).lengths.tolist() == [0]


def judged(name, intervals):
    process = {**KNOWN, **LATER}[name]
    return judge_sampling(
        *([series(process, intervals, every)] for every in (1, 2, 4)), intervals + 1
    )


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
    known = {"error": 0.01, "added": 0.0, "turning": 0.1, "lost_direction": 0.0}
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


def test_no_records():
    for call in (lambda: length_by_scale([], 0), lambda: judge_sampling([], [], [], 0)):
        with pytest.raises(ValueError, match="this run has none yet"):
            call()


def test_one_record():
    run = Trajectory.from_histograms([0], [igfast.histogram({"w": np.zeros(9)}, splits=8)])
    sampling = run.sampling("w")
    assert (sampling.length, sampling.length_every_second) == (0, 0)
    assert not sampling.coarse
    assert run.length_scales("w").lengths.tolist() == [0]
