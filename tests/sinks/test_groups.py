"""Module groups and the whole model in every sink: their layers pooled, as a row of their own."""

from __future__ import annotations

import json

import numpy as np
import pandas
import pytest

import igfast
from igfast.sinks import JSONL, MLflow, Parquet, TensorBoard, WandB

from .recording import Keeper, record

GROUPS = {"drift": "moving", "rest": ["one", "bad"]}


def test_a_record_has_a_row_for_the_model_and_each_group():
    records = record(groups=GROUPS)
    for kept in records:
        assert [table.histogram.names for table in kept.groups] == [
            ("model",),
            ("drift",),
            ("rest",),
        ]
        model, drift, rest = kept.groups
        assert all(table.quantity == "param" and table.pooled for table in kept.groups)
        h, m = kept.histograms["param"], kept.moments["param"]
        wanted = h.pooled()
        np.testing.assert_array_equal(model.histogram.counts, wanted.counts)
        assert model.histogram.numel.tolist() == [100_067]
        assert model.moments.nan[0] == m.nan.sum()
        np.testing.assert_allclose(model.moments.sum, m.sum.sum(), rtol=1e-14)
        # a group of one layer is that layer
        for name in ("velocity", "noise_floor", "length", "entropy", "complexity"):
            own = getattr(kept.curves["param"], name)[0]
            np.testing.assert_allclose(getattr(drift.curves, name), own, rtol=1e-12)
        assert drift.moments.l2[0] == pytest.approx(m.l2[0], rel=1e-15)
        assert rest.histogram.numel.tolist() == [67]


def test_the_velocity_of_the_model_is_that_of_its_pooled_histogram():
    _, before, now = record()
    wanted = igfast.information_velocity(
        *(kept.histograms["param"].pooled() for kept in (before, now)), dt=5.0, estimator="split"
    )
    np.testing.assert_allclose(now.groups[0].curves.velocity, wanted, rtol=1e-6)
    assert wanted[0] == pytest.approx(0.02, rel=0.05)


def test_one_layer_is_its_model(tmp_path):
    keeper = Keeper()
    with igfast.Monitor({"w": np.arange(9.0)}, sinks=[keeper]) as monitor:
        monitor.record(0)
    assert keeper.records[0].groups == ()


def test_ranges_of_layers_that_cannot_be_pooled():
    grid = igfast.Grid.uniform(8, low=np.zeros(2), high=np.array([1.0, 2.0]))
    keeper, arrays = Keeper(), {"a": np.ones(3) / 2, "b": np.ones(4)}
    with igfast.Monitor(arrays, grid=grid, offsets=False, sinks=[keeper]) as monitor:
        monitor.record(0)
    assert keeper.records[0].groups == ()


def test_quantities_of_some_layers(tmp_path):
    torch = pytest.importorskip("torch")
    model, keeper = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2)), Keeper()
    optimizer = torch.optim.SGD(model[1].parameters(), lr=0.1)
    options = {"quantities": ("param", "update"), "groups": 1, "every": 1, "sinks": [keeper]}
    with igfast.Monitor(model, optimizer, **options):
        model(torch.ones(2, 4)).sum().backward()
        optimizer.step()
    found = [(table.quantity, table.histogram.names[0]) for table in keeper.records[-1].groups]
    assert found == [
        ("param", "model"),
        ("param", "0"),
        ("param", "1"),
        ("update", "model"),
        ("update", "1"),
    ]


def test_curves_of_groups_go_on_where_a_run_is_resumed(tmp_path):
    begin = {name: np.random.default_rng(6).normal(size=50_000) for name in ("a", "b")}

    def train(steps, name, **options):
        x, keeper = {key: value.copy() for key, value in begin.items()}, Keeper()
        options |= {"store": tmp_path / name, "sinks": [keeper], "groups": {"only": "a"}}
        with igfast.Monitor(x, **options) as monitor:
            for step in steps:
                for key, value in x.items():
                    value[:] = begin[key] + step / 100
                monitor.record(step)
        return {r.step: [table.curves.length[0] for table in r.groups] for r in keeper.records}

    whole = train(range(0, 51, 5), "whole.igf")
    train(range(0, 31, 5), "cut.igf")
    resumed = train(range(25, 51, 5), "cut.igf", resume=True, step=20)
    assert resumed == {step: whole[step] for step in range(25, 51, 5)}
    assert whole[50][0] == pytest.approx(0.5, rel=0.1)


def test_tensorboard(tmp_path):
    from .test_tensorboard import read

    records = record(TensorBoard(tmp_path), groups=GROUPS)
    events = read(tmp_path)
    for layer in ("model", "drift"):
        velocity = events.Scalars(f"param_velocity/{layer}")
        assert [e.step for e in velocity] == [5, 10]
        np.testing.assert_allclose([e.value for e in velocity], 0.02, rtol=0.05)
        assert len(events.Scalars(f"param_entropy/{layer}")) == 3
    drawn = events.Histograms("param_histogram/model")
    assert [e.step for e in drawn] == [0, 5, 10]
    for event, kept in zip(drawn, records, strict=True):
        value, table = event.histogram_value, kept.groups[0]
        assert value.num == table.moments.count[0] == 100_067 - 2 * bool(kept.step)
        assert value.sum == table.moments.sum[0]
        assert len(value.bucket) <= 512
        assert sum(value.bucket) == table.histogram.counts.sum()
    assert [e.value for e in events.Scalars("param_nan/rest")] == [1.0, 1.0]


def test_wandb(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    from .wandb_log import rows

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    with wandb.init(project="igfast", dir=tmp_path) as run:
        records = record(WandB(run), groups=GROUPS)
    (_, first), _, (_, last) = rows(tmp_path)
    assert "param_velocity/model" not in first
    assert last["param_velocity/model"] == pytest.approx(0.02, rel=0.05)
    assert last["param_length/drift"] == records[-1].curves["param"].length[0]
    assert last["param_histogram/model._type"] == "histogram"
    drawn = last["param_histogram/model.values"]
    assert len(drawn) <= 512
    assert sum(drawn) == int(records[-1].groups[0].histogram.counts.sum())


def test_mlflow(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"file://{tmp_path}/mlruns")
    try:
        with mlflow.start_run() as active:
            records = record(MLflow(), groups=GROUPS)
        client = mlflow.MlflowClient()
        found = client.get_metric_history(active.info.run_id, "param_length/model")
    finally:
        mlflow.set_tracking_uri(before)
    wanted = [kept.groups[0].curves.length[0] for kept in records]
    assert [(m.step, m.value) for m in found] == list(zip((0, 5, 10), wanted, strict=True))


@pytest.mark.parametrize("kind", [JSONL, Parquet])
def test_files(kind, tmp_path):
    path = tmp_path / "run"
    records = record(kind(path, histograms=True), groups=GROUPS)
    table = (
        pandas.read_json(path, lines=True, precise_float=True)
        if kind is JSONL
        else pandas.read_parquet(path)
    )
    assert table["layer"].tolist() == ["moving", "one", "bad", "model", "drift", "rest"] * 3
    assert table["pooled"].tolist() == ([False] * 3 + [True] * 3) * 3
    rows = table[table["layer"] == "model"]
    for (_, row), kept in zip(rows.iterrows(), records, strict=True):
        model = kept.groups[0]
        assert row["length"] == model.curves.length[0]
        assert row["kurtosis"] == model.moments.kurtosis[0]
        assert sum(row["counts"]) + row["underflow"] + row["overflow"] + row["nan"] == 100_067
        assert len(row["edges"]) == len(row["counts"]) + 1 <= 513


def test_a_group_with_nothing_to_draw(tmp_path):
    arrays = {"a": np.zeros(0), "b": np.full(3, np.nan)}
    with igfast.Monitor(arrays, sinks=[JSONL(tmp_path / "run", histograms=True)]) as monitor:
        monitor.record(0)
    row = json.loads((tmp_path / "run").read_text().splitlines()[-1])
    assert (row["layer"], row["counts"], row["edges"], row["nan"]) == ("model", [], [], 3)
    assert row["mean"] is None
