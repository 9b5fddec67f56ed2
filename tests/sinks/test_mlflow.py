"""MLflow, with a store of files: what its client returns."""

from __future__ import annotations

import numpy as np
import pytest

import igfast
from igfast.sinks import MLflow, SinkWarning
from igfast.sinks.mlflow import MOST_METRICS, key_of

from .recording import Keeper, record, repeated

mlflow = pytest.importorskip("mlflow")


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"file://{tmp_path}/mlruns")
    yield mlflow.MlflowClient()
    mlflow.set_tracking_uri(before)


def test_scalars(client):
    with mlflow.start_run() as active:
        records = record(MLflow())
        mlflow.log_metric("loss", 0.5, step=3)
    run = active.info.run_id
    velocity = client.get_metric_history(run, "param_velocity/moving")
    assert [m.step for m in velocity] == [5, 10]
    np.testing.assert_allclose([m.value for m in velocity], 0.02, rtol=0.05)
    norms = client.get_metric_history(run, "param_l2/moving")
    assert [m.value for m in norms] == [r.moments["param"].l2[0] for r in records]
    assert [m.timestamp for m in norms] == [int(r.wall_time * 1000) for r in records]
    bad = client.get_metric_history(run, "param_nan/bad")
    assert [(m.step, m.value) for m in bad] == [(5, 1.0), (10, 1.0)]
    assert client.get_metric_history(run, "loss")[0].step == 3


def test_a_run_by_its_number(client):
    run = client.create_run(client.create_experiment("by number")).info.run_id
    sink = MLflow(run, client=client, scalars=("l2",))
    with igfast.Monitor({"block": np.full(4, 2.0)}, sinks=[sink]) as monitor:
        monitor.record(1)
    assert client.get_run(run).data.metrics == {"param_l2/block": 4.0, "health/flags": 0.0}


def test_names_that_mlflow_refuses(client):
    """Too long, other characters, no path: each keeps its numbers, under a key of its own."""
    long = "block." * 50
    layers = (f"{long}0.weight", f"{long}1.weight", "a[0]", "a(0)", "b//c", "./d", "e/", "/f", "..")
    given = {name: np.array([1.0 + i]) for i, name in enumerate(layers)}
    with (
        mlflow.start_run() as active,
        igfast.Monitor(given, sinks=[MLflow(scalars=("mean",))]) as monitor,
    ):
        monitor.record(0)
        monitor.log(0, **{"loss[0]": 1.0, "train//loss": 2.0, ".": 3.0})
    found = client.get_run(active.info.run_id).data.metrics
    means = {key: value for key, value in found.items() if key.startswith("param_mean/")}
    assert sorted(means.values()) == sorted([*range(1, len(layers) + 1), found["param_mean/model"]])
    first, second = (key for key in means if means[key] in (1.0, 2.0))
    for key in (first, second):
        assert len(key) == 250
        assert key.startswith("param_mean/block.block.")
    assert {first[-18:-9], second[-18:-9]} == {".0.weight", ".1.weight"}
    assert {found[key_of(name)] for name in ("loss[0]", "train//loss", ".")} == {1.0, 2.0, 3.0}


def test_a_name_that_mlflow_takes_stays_itself():
    for name in ("param_l2/layers.0.weight", "a b/c-d_e.f", ".hidden", "x" * 250, "größe/λ"):
        assert key_of(name) == name


def test_more_metrics_than_one_call_takes(client):
    layers = {f"layer{i}": np.ones(1) for i in range(MOST_METRICS + 1)}
    with (
        mlflow.start_run() as active,
        igfast.Monitor(layers, sinks=[MLflow(scalars=("mean",))]) as monitor,
    ):
        monitor.record(0)
    metrics = client.get_run(active.info.run_id).data.metrics
    assert sum(name.startswith("param_mean/layer") for name in metrics) == MOST_METRICS + 1


def test_without_a_run_the_remedy_is_said():
    keeper = Keeper()
    with pytest.warns(SinkWarning) as found:
        record(MLflow(), keeper)
    assert "train inside mlflow.start_run(), or pass run_id=" in str(found[0].message)
    assert len(keeper.records) == 3


def test_steps_that_a_run_holds_already_are_told_of_once(client):
    with mlflow.start_run() as active, pytest.warns(SinkWarning) as found:
        repeated(MLflow)
    (said,) = found
    assert "the MLflow run has steps to 10 at least, and training goes on after step 4" in (
        str(said.message)
    )
    norms = client.get_metric_history(active.info.run_id, "param_l2/w")
    assert sorted(m.step for m in norms) == [0, 2, 4, 6, 6, 8, 8, 10]


def test_a_run_of_its_own_goes_on_without_a_word(client):
    with (
        mlflow.start_run() as active,
        igfast.Monitor({"w": np.ones(3)}, sinks=[MLflow()], step=4) as monitor,
    ):
        monitor.record(6)
    assert [m.step for m in client.get_metric_history(active.info.run_id, "param_l2/w")] == [6]
