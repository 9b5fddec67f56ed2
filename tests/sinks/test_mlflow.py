"""MLflow, with a store of files: what its client returns."""

from __future__ import annotations

import numpy as np
import pytest

import igfast
from igfast.sinks import MLflow, SinkWarning
from igfast.sinks.mlflow import MOST_METRICS

from .recording import Keeper, record

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


def test_a_run_by_its_number_and_names_that_mlflow_refuses(client):
    run = client.create_run(client.create_experiment("by number")).info.run_id
    sink = MLflow(run, client=client, scalars=("l2",))
    with igfast.Monitor({"block[0]": np.full(4, 2.0)}, sinks=[sink]) as monitor:
        monitor.record(1)
    assert client.get_run(run).data.metrics == {"param_l2/block_0_": 4.0, "health/flags": 0.0}


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
