"""What a length depends on, transitions and the onset of overfitting, as the report tells them."""

import math
from dataclasses import replace

import numpy as np
import pytest

import igfast
from igfast.analysis import Resolution, Sampling, Transition, overfitting_onset
from igfast.report import figures, sections
from igfast.report.collect import collect
from igfast.report.curves import write_curves
from igfast.report.growth import growth_shown
from igfast.report.headline import notes, summary
from igfast.report.scrutiny import held_out_loss, onset_sentence

from .runs import read_csv

FOUND = Transition(20.0, 16.0, 25.0, -0.8, 0.1, 0.6, 0.2, 8.0, 60.0)


@pytest.fixture(scope="module")
def curves(drift):
    return collect(drift)


@pytest.fixture
def with_transition(curves):
    found = replace(curves.growth, transitions={"model": (FOUND,), "net.weight": ()})
    return replace(curves, growth=found)


def test_scales_and_sampling_are_those_of_the_trajectory(drift, curves, tmp_path):
    assert list(curves.main.scrutiny) == [0]  # the bias has ten elements
    scales, sampling = drift.length_scales("net.weight"), drift.sampling("net.weight")
    text = sections.scales(curves)
    assert scales.statement in text
    assert sampling.statement in text
    write_curves(curves, tmp_path)
    rows = read_csv(tmp_path, "scales")
    assert [float(row["tau"]) for row in rows] == scales.scales.tolist()
    assert [float(row["length"]) for row in rows] == scales.lengths.tolist()
    first, last = scales.plateau
    assert [row["plateau"] for row in rows].count("1") == last - first + 1
    assert [row["sampling"] for row in read_csv(tmp_path, "layers")] == ["resolved", "", ""]
    (panel,) = figures.length_scales(curves).axes
    assert panel.get_xlabel() == "τ (steps)"
    np.testing.assert_array_equal(panel.lines[1].get_ydata(), scales.lengths)


def test_growth_is_that_of_the_trajectory(drift, curves, tmp_path):
    write_curves(curves, tmp_path)
    for order in (1, 2):
        expected = drift.log_derivative("net.weight", order=order)
        rows = [
            row
            for row in read_csv(tmp_path, "growth")
            if row["layer"] == "net.weight" and row["order"] == str(order)
        ]
        assert [float(row["value"]) for row in rows] == expected.value.tolist()
        assert [float(row["step"]) for row in rows] == expected.times.tolist()
    slope = drift.log_derivative("net.weight")
    assert slope.value[-1] == pytest.approx(1.0, abs=0.05)  # L grows as t
    labels = [panel.get_ylabel() for panel in figures.growth(curves).axes]
    assert labels[:3] == ["d ln L / d ln t", "d² ln L / d(ln t)²", "test loss"]
    assert {panel.get_xscale() for panel in figures.growth(curves).axes} == {"log"}


def test_transitions_are_lines_with_intervals_rows_and_a_sentence(with_transition, tmp_path):
    write_curves(with_transition, tmp_path)
    (row,) = read_csv(tmp_path, "transitions")
    onset = with_transition.growth.onset
    assert (row["layer"], float(row["step"]), float(row["stop"])) == ("model", 20.0, 25.0)
    assert float(row["onset"]) == onset.time
    assert float(row["lag"]) == pytest.approx(math.log10(onset.time / 20))
    assert "16 to 25" in sections.transition_table(with_transition)
    assert "slows down most sharply at step 20." in summary(with_transition)[2]
    model, weight = (figures.growth(with_transition).axes[column * 3 + 1] for column in (0, 1))
    marked = [
        [line.get_xdata()[0] for line in panel.lines if len(set(line.get_xdata())) == 1]
        for panel in (model, weight)
    ]
    assert marked == [[20.0, onset.time], [onset.time]]


def test_transitions_are_looked_for_at_other_strengths(tmp_path):
    """Weights that move as t until step 60, then as t^0.2: found at every λ near the chosen one."""
    x = np.random.default_rng(0).normal(size=20_000)
    steps = np.concatenate([[0], np.unique(np.geomspace(1, 1500, 70).astype(int))])
    moved = 1.5 * np.where(steps < 60, steps / 60, (np.maximum(steps, 1) / 60) ** 0.2)
    grid = igfast.Grid.dyadic(128, exponent=-4)
    records = [igfast.histogram({"w": x + m}, grid=grid, splits=8) for m in moved]
    run = igfast.Trajectory.from_histograms(steps, records)
    found = collect(run)
    (one,) = found.growth.transitions["w"]
    assert one.start < 60 < one.stop
    assert found.growth.persists("w", 0) == (True, True)
    assert found.growth.persists("other", 0) == ()
    assert "yes / yes" in sections.transition_table(found)
    write_curves(found, tmp_path)
    rows = read_csv(tmp_path, "transitions")
    assert {(row["at_tenth"], row["at_tenfold"]) for row in rows} == {("1", "1")}
    alone = replace(found.growth, persistence={"model": ((True, False),), "w": ((False, False),)})
    assert "slows down" in " ".join(summary(found))
    assert "slows down" not in " ".join(summary(replace(found, growth=alone)))


def test_growth_of_one_layer_is_told_once_and_of_no_loss_where_there_is_none():
    x, steps = np.random.default_rng(0).normal(size=(50, 60)), range(0, 101, 2)
    grid = igfast.Grid.dyadic(64, exponent=-3)
    records = [igfast.histogram({"w": x + t / 50}, grid=grid, splits=4) for t in steps]
    found = collect(igfast.Trajectory.from_histograms(steps, records))
    assert list(found.growth.curvatures) == ["w"]
    assert growth_shown(found) == ["w"]
    assert "At the bottom, the" not in sections.growth(found)
    losses = {"val_loss": (steps, [1.0 + t for t in steps])}
    found = collect(igfast.Trajectory.from_histograms(steps, records, losses))
    assert "At the bottom, the val loss, which" in sections.growth(found)


def test_what_the_figure_of_growth_leaves_out_is_counted():
    """Two matrices are drawn beside the model; the curves of two biases are in the file."""
    x, steps = np.random.default_rng(0).normal(size=(50, 60)), range(0, 101, 2)
    moving = ("a.weight", "a.bias", "b.weight", "b.bias")
    records = [
        igfast.histogram(
            dict.fromkeys(moving, x + t / 50), grid=igfast.Grid.dyadic(64, exponent=-3), splits=4
        )
        for t in steps
    ]
    found = collect(igfast.Trajectory.from_histograms(steps, records))
    assert list(found.growth.curvatures) == [*moving, "model"]
    assert growth_shown(found) == ["model", "a.weight", "b.weight"]
    told = "Drawn are 2 of 4 layers whose L is resolved; the table holds the transitions of all"
    assert told in sections.growth(found)
    three = {name: found.growth.curvatures[name] for name in ("a.weight", "b.weight", "b.bias")}
    without_model = replace(found, growth=replace(found.growth, curvatures=three))
    assert "Drawn are 2 of 3 layers" in sections.growth(without_model)
    two = {name: three[name] for name in ("a.weight", "b.weight")}
    drawn = replace(found, growth=replace(found.growth, curvatures=two))
    assert "Drawn are" not in sections.growth(drawn)


def test_onset_is_told_with_its_interval_or_denied(curves):
    onset = curves.growth.onset
    assert onset.start < 60 < onset.stop  # the planted loss is least at step 60
    assert onset_sentence(curves.growth).startswith("Overfitting begins at step 6")
    steps = np.arange(0, 101, 2)
    falling = overfitting_onset(steps, np.exp(-steps / 50))
    without = replace(curves, growth=replace(curves.growth, onset=falling))
    assert onset_sentence(without.growth) == (
        "There is no onset of overfitting: at the last evaluation the smoothed test_loss is not "
        "more than three standard errors above its minimum."
    )
    unknown = replace(curves, growth=replace(curves.growth, onset=None))
    assert "No test loss that is positive was logged 8 times or more" in onset_sentence(
        unknown.growth
    )


def test_no_transition_is_said_and_lags_without_onset_are_limits(curves, with_transition):
    assert "no transition" in sections.transition_table(curves)
    steps = np.arange(0, 101, 2)
    falling = overfitting_onset(steps, np.exp(-steps / 50))
    found = replace(with_transition, growth=replace(with_transition.growth, onset=falling))
    limit = math.log10(falling.start / 25)
    assert f"&gt; {limit:.2f}" in sections.transition_table(found)


def test_coarse_sampling_is_a_note_at_the_top(curves):
    assert not any("coarse" in note for note in notes(curves))
    coarse = Sampling(1.0, 0.01, 0.7, 0.6, 0.0, 0.5, 0.1, 9)
    motion = curves.main
    scrutiny = {0: replace(motion.scrutiny[0], sampling=coarse)}
    told = notes(replace(curves, main=replace(motion, scrutiny=scrutiny)))
    assert any(note.startswith("Sampling is coarse for net.weight:") for note in told)


def test_too_few_records_judge_no_sampling(curves, tmp_path):
    few = Sampling(1.0, 0.01, 0.7, 0.6, 0.0, 0.5, 0.1, 2)
    scrutiny = {0: replace(curves.main.scrutiny[0], sampling=few)}
    found = replace(curves, main=replace(curves.main, scrutiny=scrutiny))
    assert not any("coarse" in note for note in notes(found))
    write_curves(found, tmp_path)
    assert [row["sampling"] for row in read_csv(tmp_path, "layers")] == ["", "", ""]


def test_what_bins_hide_stands_beside_sampling(curves, tmp_path):
    coarse = Resolution(1.0, 0.1, 0.12, 0.0, 0.0)
    scrutiny = {0: replace(curves.main.scrutiny[0], resolution=coarse)}
    found = replace(curves, main=replace(curves.main, scrutiny=scrutiny))
    assert "over the width of bins" in sections.scales(found)
    assert "Bins are coarse: 12% of L = 1.00 ± 0.10 is added" in sections.scales(found)
    assert "Bins resolve the motion" in sections.scales(curves)
    write_curves(found, tmp_path)
    assert [row["bins"] for row in read_csv(tmp_path, "layers")] == ["coarse", "", ""]


def test_held_out_loss_is_found_by_its_name():
    steps = np.arange(10)
    good, short = (steps, np.ones(10)), (steps[:4], np.ones(4))
    assert (
        held_out_loss({"train_loss": good, "val_loss": good, "test_loss": good}, 0) == "test_loss"
    )
    assert held_out_loss({"test_loss": short, "val/loss": good}, 0) == "val/loss"
    assert held_out_loss({"test_accuracy": good, "train_loss": good}, 0) == ""
    assert held_out_loss({"test_loss": (steps, np.zeros(10))}, 0) == ""
    assert held_out_loss({"test_loss": good}, int(steps[-4])) == ""  # a run that begins later
    assert held_out_loss({"test_loss": (steps[:0], np.zeros(0))}, 0) == ""
