"""Numbers of ``monitor.log`` in every sink, at their own steps, between records and with them."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas
import pytest

import igfast
from igfast.sinks import JSONL, MLflow, Parquet, SinkWarning, TensorBoard, WandB

from .recording import Keeper

LOSSES = {0: 2.5, 1: 2.0, 2: 1.5, 3: math.nan, 4: math.inf, 5: 1.0}


class Taker(Keeper):
    def __init__(self):
        super().__init__()
        self.logged = []

    def write_scalars(self, step, scalars):
        self.logged.append((step, dict(scalars)))


def train(*sinks, **options):
    """A record at steps 0, 3 and 6; a loss logged after each of 6 steps."""
    x = np.random.default_rng(0).normal(size=1000)
    with igfast.Monitor({"w": x}, sinks=list(sinks), **options) as monitor:
        monitor.record(0)
        for step, loss in LOSSES.items():
            monitor.log(step, train_loss=loss, **{"lr/main": 0.1})
            if step % 3 == 2:
                monitor.record(step + 1)
        monitor.log(6, test_loss=0.25)


def test_a_sink_that_takes_them_gets_them_at_once():
    taker, keeper = Taker(), Keeper()
    train(keeper, taker)
    assert [step for step, _ in taker.logged] == [*LOSSES, 6]
    assert taker.logged[0] == (0, {"train_loss": 2.5, "lr/main": 0.1})
    assert taker.logged[-1] == (6, {"test_loss": 0.25})
    assert [kept.step for kept in keeper.records] == [0, 3, 6]


def test_a_sink_that_fails_is_left_out_for_a_while():
    class Broken(Taker):
        def write_scalars(self, step, scalars):
            super().write_scalars(step, scalars)
            raise ConnectionError("no route")

    broken = Broken()
    with pytest.warns(SinkWarning) as found:
        train(broken)
    report, missed = (str(warning.message) for warning in found)
    assert "sink Broken failed in write_scalars at step 0: ConnectionError('no route')" in report
    # log 0 fails, 1 is left out, 2 fails, 3 and 4 are left out, 5 fails, 6 is left out
    assert [step for step, _ in broken.logged] == [0, 2, 5]
    assert [kept.step for kept in broken.records] == [0, 3, 6]
    assert "missed 7 logs between step 0 and 6" in missed


def test_a_step_that_is_none():
    with igfast.Monitor({"w": np.zeros(3)}) as monitor:
        with pytest.raises(TypeError, match=r"step must be an integer, got 0\.5"):
            monitor.log(0.5, loss=1.0)
        with pytest.raises(TypeError, match="log: loss='a' is not one number"):
            monitor.log(0, loss="a")


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    from .test_tensorboard import read

    train(TensorBoard(tmp_path))
    events = read(tmp_path)
    found = events.Scalars("train_loss")
    assert [e.step for e in found] == list(LOSSES)
    np.testing.assert_array_equal([e.value for e in found], list(LOSSES.values()))
    assert [(e.step, e.value) for e in events.Scalars("test_loss")] == [(6, 0.25)]
    assert len(events.Scalars("param_length/w")) == 3


@pytest.fixture
def run(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    with wandb.init(project="igfast", dir=tmp_path) as run:
        yield run


def test_wandb(run, tmp_path):
    from .wandb_log import metrics, rows

    train(WandB(run))
    run.finish()
    found = rows(tmp_path)
    assert [row["igfast/step"] for _, row in found] == [0, 1, 2, 3, 4, 5, 6]
    losses = [row["train_loss"] for _, row in found[:-1]]
    assert losses[:3] + losses[5:] == [2.5, 2.0, 1.5, 1.0]
    # a record and what is logged at its step share a row
    assert [step for step, (_, row) in enumerate(found) if "param_length/w" in row] == [0, 3, 6]
    assert found[-1][1]["test_loss"] == 0.25
    axes = metrics(tmp_path)
    assert axes["train_loss"] == axes["lr/main"] == "igfast/step"
    assert "lr/*" not in axes  # charts that others have in this section keep their axes


def test_wandb_beside_calls_of_the_user(run, tmp_path):
    from .wandb_log import rows

    with igfast.Monitor({"w": np.ones(9)}, sinks=[WandB(run, histograms=False)]) as monitor:
        for step in range(4):
            monitor.record(step)
            monitor.log(step, train_loss=step / 2)
            run.log({"mine": step})
    run.finish()
    found = rows(tmp_path)
    assert [(row["igfast/step"], row["train_loss"], row["mine"]) for _, row in found] == [
        (0, 0.0, 0),
        (1, 0.5, 1),
        (2, 1.0, 2),
        (3, 1.5, 3),
    ]


def test_mlflow(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"file://{tmp_path}/mlruns")
    calls = []
    try:
        client = mlflow.MlflowClient()
        batch = client.log_batch

        def log_batch(run, metrics):
            calls.append(len(metrics))
            batch(run, metrics)

        monkeypatch.setattr(client, "log_batch", log_batch)
        with mlflow.start_run() as active:
            train(MLflow(client=client, scalars=("l2",)))
        run = active.info.run_id
        found = client.get_metric_history(run, "train_loss")
        last = client.get_metric_history(run, "test_loss")
    finally:
        mlflow.set_tracking_uri(before)
    assert [m.step for m in found] == list(LOSSES)
    np.testing.assert_array_equal([m.value for m in found], list(LOSSES.values()))
    assert [(m.step, m.value) for m in last] == [(6, 0.25)]
    assert len(calls) == 4  # with records and at the end, not at every step


def test_mlflow_keeps_numbers_while_its_server_is_away(monkeypatch):
    pytest.importorskip("mlflow")
    sent, fails = [], [True, True]

    class Client:
        def log_batch(self, run, metrics):
            if fails:
                raise ConnectionError(fails.pop())
            sent.extend((m.key, m.step) for m in metrics)

    with pytest.warns(SinkWarning):
        train(MLflow("run", client=Client(), scalars=("l2",)))
    # records 0 and 6 fail and 3 is left out; what is held goes out at the end
    assert [step for key, step in sent if key == "train_loss"] == [0, 1, 2, 3, 4, 5]
    assert sent[-1] == ("test_loss", 6)
    assert not any(key.startswith("param_l2") for key, _ in sent)


def test_jsonl(tmp_path):
    path, beside = tmp_path / "run.jsonl", tmp_path / "run.scalars.jsonl"
    train(JSONL(path))
    rows = [
        json.loads(line, parse_constant=pytest.fail) for line in beside.read_text().splitlines()
    ]
    losses = {row["step"]: row["value"] for row in rows if row["name"] == "train_loss"}
    assert losses == {0: 2.5, 1: 2.0, 2: 1.5, 3: None, 4: None, 5: 1.0}
    assert len(pandas.read_json(path, lines=True)) == 3
    path.unlink()
    with pytest.raises(FileExistsError, match=r"run.scalars.jsonl' exists"):
        JSONL(path)
    with igfast.Monitor({"w": np.zeros(3)}, sinks=[JSONL(path, resume=True)]) as monitor:
        monitor.log(2, train_loss=9.0)
    rows = [json.loads(line) for line in beside.read_text().splitlines() if "train_loss" in line]
    assert [(row["step"], row["value"]) for row in rows] == [(0, 2.5), (1, 2.0), (2, 9.0)]


def test_parquet(tmp_path):
    folder, beside = tmp_path / "run.parquet", tmp_path / "run.scalars.parquet"
    train(Parquet(folder))
    table = pandas.read_parquet(beside)
    losses = table[table["name"] == "train_loss"]
    assert losses["step"].tolist() == list(LOSSES)
    np.testing.assert_array_equal(losses["value"], list(LOSSES.values()))
    assert len(pandas.read_parquet(folder)) == 3
    with pytest.raises(FileExistsError, match="holds records"):
        Parquet(folder)
    with igfast.Monitor({"w": np.zeros(3)}, sinks=[Parquet(folder, resume=True)]) as monitor:
        for loss in (8.0, 9.0):  # a step that begins two files
            monitor.log(2, **{f"loss{loss:.0f}": loss})
            monitor.flush()
    table = pandas.read_parquet(beside)
    assert table["step"].tolist() == [0, 0, 1, 1, 2, 2]
    assert sorted(table["value"]) == [0.1, 0.1, 2.0, 2.5, 8.0, 9.0]


def test_trackio(tmp_path):
    pytest.importorskip("trackio")
    script = """
import json, trackio
from igfast.sinks import Trackio
from tests.sinks.test_logged import train

trackio.init(project="igfast", name="first", embed=False)
train(Trackio())
trackio.finish()
from trackio.sqlite_storage import SQLiteStorage

print("found:" + json.dumps(SQLiteStorage.get_logs("igfast", "first")))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "TRACKIO_DIR": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("found:")]
    logs = json.loads(line.removeprefix("found:"))
    losses = {row["step"]: row["train_loss"] for row in logs if "train_loss" in row}
    assert {step: losses[step] for step in (0, 1, 2, 5)} == {0: 2.5, 1: 2.0, 2: 1.5, 5: 1.0}
    assert [row["step"] for row in logs if "test_loss" in row] == [6]
    assert [row["step"] for row in logs if "param_l2/w" in row] == [0, 3, 6]


def test_threads_may_log_while_training_records(tmp_path):
    taker, path = Taker(), tmp_path / "run.jsonl"
    with igfast.Monitor({"w": np.zeros(50)}, sinks=[taker, JSONL(path)]) as monitor:

        def log(thread):
            for step in range(50):
                monitor.log(step, **{f"loss{thread}": step})

        threads = [threading.Thread(target=log, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for step in range(50):
            monitor.record(step)
        for thread in threads:
            thread.join()
    assert len(taker.logged) == len((tmp_path / "run.scalars.jsonl").read_text().splitlines())
    assert len(taker.logged) == 200
    assert len(pandas.read_json(path, lines=True)) == 50
