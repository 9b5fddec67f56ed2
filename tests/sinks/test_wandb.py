"""Weights & Biases, offline: what its log of the run holds."""

from __future__ import annotations

import numpy as np
import pytest

import igfast
from igfast.sinks import SinkWarning, WandB

from .recording import record, repeated
from .wandb_log import metrics, rows

wandb = pytest.importorskip("wandb")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    with wandb.init(project="igfast", dir=tmp_path) as run:
        yield run


def steps(found):
    return [(step, row.get("igfast/step"), row.get("loss")) for step, row in found]


def test_a_run_of_records_alone(run, tmp_path):
    records = record(WandB(run))
    run.finish()
    found = rows(tmp_path)
    assert steps(found) == [(0, 0, None), (1, 5, None), (2, 10, None)]
    assert "param_velocity/moving" not in found[0][1]
    for (_, row), kept in zip(found[1:], records[1:], strict=True):
        assert row["param_velocity/moving"] == pytest.approx(0.02, rel=0.05)
        assert row["param_nan/bad"] == row["param_inf/bad"] == 1
        assert row["param_l2/moving"] == kept.moments["param"].l2[0]
        assert row["param_histogram/moving._type"] == "histogram"
        histogram = kept.histograms["param"]
        held = np.flatnonzero(histogram.counts[0])
        inside = histogram.counts[0, held[0] : held[-1] + 1]
        assert row["param_histogram/moving.values"] == inside.tolist()
        edges = histogram.edges[0, held[0] : held[-1] + 2]
        assert row["param_histogram/moving.bins"] == edges.tolist()


def test_the_optimizer_step_is_the_x_axis(run, tmp_path):
    record(WandB())  # the active run
    run.finish()
    axes = metrics(tmp_path)
    assert axes["param_velocity/*"] == axes["param_histogram/*"] == "igfast/step"


def test_calls_of_the_user_without_steps_keep_theirs(run, tmp_path):
    """One call per iteration, a record at some: W&B's steps are the user's calls."""
    shared = WandB(run, histograms=False)
    record(shared, steps=range(4), between=lambda step: run.log({"loss": step / 2}))
    run.finish()
    assert steps(rows(tmp_path)) == [(0, 0, 0), (1, 1, 0.5), (2, 2, 1), (3, 3, 1.5)]


def test_no_record_is_lost_between_calls_of_the_user(run, tmp_path):
    def log(step):
        if step % 3 == 2:
            run.log({"loss": step})

    record(WandB(run, histograms=False), steps=range(7), between=log)
    run.finish()
    found = rows(tmp_path)
    assert [row["igfast/step"] for _, row in found] == list(range(7))
    assert [row["loss"] for _, row in found if "loss" in row] == [2, 5]


def test_calls_of_the_user_with_steps(run, tmp_path):
    def log(step):
        if step % 20 == 0:
            run.log({"loss": step}, step=step)

    record(WandB(run, histograms=False), steps=range(0, 60, 5), between=log)
    run.finish()
    found = rows(tmp_path)
    assert [row["igfast/step"] for _, row in found if "igfast/step" in row] == list(range(0, 60, 5))
    assert [(step, row["loss"]) for step, row in found if "loss" in row] == [
        (0, 0),
        (20, 20),
        (40, 40),
    ]


def test_steps_that_grow_slower_than_records(run, tmp_path):
    """Epochs as steps: nothing of the user is dropped with advance=False."""

    def log(step):
        if step % 4 == 3:
            run.log({"loss": step}, step=step // 4)

    record(WandB(run, histograms=False, advance=False), steps=range(12), between=log)
    run.finish()
    assert steps(rows(tmp_path)) == [(0, 7, 3), (1, 11, 7), (2, None, 11)]


def test_more_bins_than_fit_are_merged(run, tmp_path):
    grid = igfast.Grid.uniform(2000, low=-3.0, high=5.0)
    records = record(WandB(run), grid=grid, offsets=False)
    run.finish()
    row = rows(tmp_path)[0][1]
    values, bins = row["param_histogram/moving.values"], row["param_histogram/moving.bins"]
    assert 400 < len(values) <= 512
    assert len(bins) == len(values) + 1
    assert sum(values) == int(records[0].histograms["param"].counts[0].sum())
    low = round((bins[0] + 3.0) / 0.004)
    inside = records[0].histograms["param"].counts[0, low : low + 4]
    assert values[0] == inside.sum()
    assert bins[1] - bins[0] == pytest.approx(0.016)


def test_without_a_run_the_remedy_is_said():
    with pytest.warns(SinkWarning) as found:
        record(WandB())
    assert "call wandb.init() before" in str(found[0].message)
    with pytest.raises(TypeError, match=r"most_bins must be an integer, got 2\.5"):
        WandB(most_bins=2.5)
    with pytest.raises(ValueError, match="most_bins must be in 1 to 512, W&B's limit; got 513"):
        WandB(most_bins=513)


def test_steps_that_a_run_holds_already_are_told_of_once(run, tmp_path):
    with pytest.warns(SinkWarning) as found:
        repeated(lambda: WandB(run, histograms=False))
    (said,) = found
    assert "the W&B run has steps to 8 at least, and training goes on after step 4" in str(
        said.message
    )
    assert "Remedy: go on in a run of its own, by wandb.init() without this id" in str(said.message)
    run.finish()
    # 10 was in the row that was open
    assert [row["igfast/step"] for _, row in rows(tmp_path)] == [0, 2, 4, 6, 8, 6, 8]


def test_a_run_of_its_own_goes_on_without_a_word(run, tmp_path):
    with igfast.Monitor({"w": np.ones(3)}, sinks=[WandB(run)], step=4) as monitor:
        monitor.record(6)
        monitor.record(8)
    run.finish()
    assert [row["igfast/step"] for _, row in rows(tmp_path)] == [6, 8]
