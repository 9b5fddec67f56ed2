"""Live curves against those of the whole run, and against what is known."""

from __future__ import annotations

import numpy as np
import pytest

import igfast
from igfast.sinks.curves import LiveCurves

GRID = igfast.Grid.dyadic(256, exponent=-4)


def follow(steps, tensors, splits=4, grid=GRID):
    live = LiveCurves()
    records = [igfast.histogram(t, grid=grid, splits=splits, offsets=True) for t in tensors]
    curves = [live.add(s, {"param": h})["param"] for s, h in zip(steps, records, strict=True)]
    return curves, igfast.Trajectory.from_histograms(steps, records)


def column(curves, name):
    return np.array([getattr(one, name) for one in curves])


@pytest.fixture(scope="module")
def drift():
    x = np.random.default_rng(1).normal(size=100_000)
    steps = np.array([0, 4, 8, 12, 20, 30])
    return steps, [{"a": x + s / 100, "b": 2 * x + s / 50} for s in steps]


def test_velocity_floor_entropy_and_complexity_are_those_of_the_run(drift):
    steps, tensors = drift
    curves, run = follow(steps, tensors)
    assert np.isnan(curves[0].velocity).all()
    for name, wanted in {
        "velocity": run.velocity(),
        "noise_floor": run.noise_floor(),
    }.items():
        np.testing.assert_allclose(column(curves[1:], name), wanted, rtol=1e-6)
    np.testing.assert_allclose(column(curves, "entropy"), run.entropy(), rtol=1e-12)
    np.testing.assert_allclose(column(curves, "complexity"), run.complexity(), rtol=1e-12)


def test_a_drift_by_one_standard_deviation_has_length_one():
    x = np.random.default_rng(2).normal(size=100_000)
    curves, _ = follow(range(51), [{"w": x + t / 50} for t in range(51)])
    assert column(curves, "length")[0, 0] == 0.0
    assert column(curves, "length")[-1, 0] == pytest.approx(1.0, abs=0.1)
    assert column(curves[1:], "velocity").mean() == pytest.approx(0.02, abs=0.003)


def test_the_length_is_that_of_the_store(drift):
    """One number, whoever shows it: a sink, a terminal, or the run that was recorded."""
    steps, tensors = drift
    curves, run = follow(steps, tensors)
    for name in ("length", "entropy", "complexity", "noise_floor"):
        np.testing.assert_array_equal(column(curves, name), run.running()[name])


def test_noise_adds_no_length():
    """New samples at every record: the published estimator adds up to 40 times its floor."""
    rng = np.random.default_rng(3)
    curves, run = follow(range(41), [{"w": rng.normal(size=20_000)} for _ in range(41)])
    assert column(curves, "length")[-1, 0] < 0.2
    assert run.length("w", estimator="hellinger")[-1] > 3.0


def test_a_step_recorded_again_and_one_that_goes_back():
    x = np.random.default_rng(4).normal(size=50_000)
    live = LiveCurves()
    for step, shift in ((0, 0.0), (10, 0.2), (10, 0.2)):
        h = igfast.histogram({"w": x + shift}, grid=GRID, splits=4)
        found = live.add(step, {"param": h})["param"]
    assert found.velocity == pytest.approx(0.02, abs=0.001)  # since step 0
    assert found.length == pytest.approx(0.2, abs=0.01)
    assert live.add(5, {"param": h})["param"].length == 0.0  # a run that begins again


def test_grids_that_follow_a_layer():
    """Automatic bins: another width and another place at every record."""
    x = np.random.default_rng(5).normal(size=100_000)
    live = LiveCurves()
    for step in range(9):
        h = igfast.histogram({"w": x * 1.2**step, "still": x}, splits=4)
        found = live.add(step, {"param": h})["param"]
    # N(0, σ) travels √2 |ln σ| in σ
    assert found.length[0] == pytest.approx(np.sqrt(2) * 8 * np.log(1.2), rel=0.1)
    assert found.length[1] == 0.0


def test_layers_pooled_into_more_and_more_bins():
    """What ``igfast watch`` shows of the whole model: its bins span those of all layers."""
    x, y = np.random.default_rng(6).normal(size=(2, 50_000))
    live, bins, lengths = LiveCurves(), set(), []
    for step in range(9):
        h = igfast.histogram({"moves": x + step / 4, "still": y - 8}, splits=4).pooled()
        bins.add(h.bins)
        lengths.append(live.add(step, {"model": h})["model"].length[0])
    assert len(bins) > 1
    assert lengths[0] == 0.0
    # all of the motion is that of one half of the elements, which begins apart from the other
    assert lengths[-1] == pytest.approx(2 / np.sqrt(2), rel=0.15)


def far(shift):
    """A row of two layers, one of which lies elsewhere: it spans more bins."""
    grid = igfast.Grid.dyadic(64)
    x, y = np.random.default_rng(8).normal(size=(2, 20_000))
    return igfast.histogram({"a": x, "b": y + shift}, grid=grid, splits=4).pooled()


def test_entropy_of_a_row_is_on_its_own_bins_after_wider_ones():
    live, widths = LiveCurves(), []
    for step, shift in enumerate((0, 0, 100, 100, 0, 0)):
        row = far(shift)
        widths.append(row.bins)
        found = live.add(step, {"row": row})["row"]
        np.testing.assert_allclose(found.entropy, igfast.shannon_entropy(row, True), rtol=1e-12)
        complexity = igfast.statistical_complexity(row)
        np.testing.assert_allclose(found.complexity, complexity, rtol=1e-12)
    assert max(widths) > widths[-1]


def test_a_step_again_on_wider_bins_is_the_later_one():
    once, twice = LiveCurves(), LiveCurves()
    for step, shift in ((0, 0), (1, 0), (2, 100), (3, 100)):
        if step == 2:
            twice.add(step, {"row": far(0)})  # replaced by wider bins
        wanted = once.add(step, {"row": far(shift)})["row"]
        found = twice.add(step, {"row": far(shift)})["row"]
    assert wanted.length[0] > 1
    np.testing.assert_allclose(found.length, wanted.length, rtol=1e-6)


def test_a_length_outlives_nan_and_wider_bins():
    live = LiveCurves()
    x = np.random.default_rng(9).normal(size=20_000)
    for step, values in enumerate((x, x + 0.5, np.full(20_000, np.nan), x + 0.5)):
        before = live.add(step, {"row": igfast.histogram({"a": values}, grid=GRID, splits=4)})
    assert before["row"].length[0] == pytest.approx(0.5, abs=0.05)


def test_layers_that_cannot_be_measured():
    empty = {"none": np.zeros(0), "nan": np.full(9, np.nan), "one": np.ones(100)}
    curves, _ = follow([0, 1], [empty, empty])
    assert np.isnan(curves[1].length[:2]).all()
    assert np.isnan(curves[1].velocity[:2]).all()
    assert curves[1].length[2] == curves[1].velocity[2] == 0.0
    one_split, _ = follow([0, 1], [{"w": np.arange(9.0)}] * 2, splits=1)
    assert np.isnan(one_split[1].velocity).all()
    assert np.isnan(one_split[1].length).all()
