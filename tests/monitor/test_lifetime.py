"""What a Monitor does once it is closed, and when the model that holds it is copied."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch

import igfast


class Noted:
    """A sink that keeps the names of what is called."""

    def __init__(self):
        self.calls = []

    def write(self, step, record):
        self.calls.append("write")

    def write_scalars(self, step, scalars):
        self.calls.append("write_scalars")

    def flush(self):
        self.calls.append("flush")

    def close(self):
        self.calls.append("close")


@pytest.mark.parametrize("stored", [True, False])
def test_nothing_reaches_a_sink_that_was_closed(tmp_path, stored):
    sink, store = Noted(), tmp_path / "run.igf" if stored else None
    monitor = igfast.Monitor({"w": np.arange(4.0)}, store=store, sinks=[sink])
    monitor.record(0)
    monitor.log(0, loss=1.0)
    monitor.close()
    with pytest.raises(RuntimeError, match="this Monitor is closed; make a new one"):
        monitor.log(1, loss=0.5)
    monitor.flush()  # all there was is committed
    monitor.close()
    assert sink.calls == ["write", "write_scalars", "flush", "close"]


def test_a_store_is_finished_where_a_sink_is_interrupted(tmp_path):
    class Interrupted(Noted):
        def close(self):
            raise KeyboardInterrupt

    monitor = igfast.Monitor({"w": np.ones(4)}, store=tmp_path / "run.igf", sinks=[Interrupted()])
    monitor.record(0)
    with pytest.raises(KeyboardInterrupt):
        monitor.close()
    assert [file.name for file in tmp_path.iterdir()] == ["run.igf"]  # no log beside it


@pytest.mark.parametrize("strict", [False, True])
def test_what_ended_the_training_is_raised_where_closing_fails_too(monkeypatch, strict):
    monitor = igfast.Monitor({"w": np.ones(4)})
    monkeypatch.setattr(monitor._recorder, "close", lambda: 1 / 0)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("error" if strict else "always")
        with pytest.raises(ArithmeticError, match="diverged"), monitor:
            raise ArithmeticError("diverged")
    assert ["closing the monitor failed as well" in str(one.message) for one in said] == (
        [] if strict else [True]
    )


def test_what_kept_a_monitor_from_starting_is_raised_where_closing_fails_too(monkeypatch):
    model = torch.nn.Linear(2, 2)
    monitor = igfast.Monitor(model, torch.optim.SGD(model.parameters(), lr=0.1))
    monkeypatch.setattr(monitor._recorder, "take", lambda *_: [][0])
    monkeypatch.setattr(monitor._recorder, "close", lambda: 1 / 0)
    with (
        pytest.warns(UserWarning, match="closing the monitor failed as well: ZeroDivisionError"),
        pytest.raises(IndexError),
        monitor,
    ):
        pass


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_monitor_is_not_copied_with_its_model(duplicate):
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with igfast.Monitor(model, optimizer, every=1) as monitor:
        duplicate((model, optimizer))  # hooks stay behind
        model.monitor = monitor
        with pytest.raises(TypeError, match="neither copied nor pickled; keep it outside"):
            duplicate(monitor)
        if duplicate is not copy.copy:
            with pytest.raises(TypeError, match="neither copied nor pickled"):
                duplicate(model)


def test_a_copied_optimizer_is_not_followed():
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with igfast.Monitor(model, optimizer, every=1) as monitor:
        other, its_optimizer = copy.deepcopy((model, optimizer))
        other(torch.ones(1, 2)).sum().backward()
        its_optimizer.step()
        assert monitor.step == 0
