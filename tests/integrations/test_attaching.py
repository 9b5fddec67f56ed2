"""What the callbacks of all trainers have in common."""

from __future__ import annotations

import pytest
import torch

import igfast
from igfast.integrations.attaching import Attachment


@pytest.fixture
def model():
    return torch.nn.Linear(2, 2)


@pytest.fixture
def optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def test_a_store_is_where_it_was_when_the_callback_was_made(
    tmp_path, monkeypatch, model, optimizer
):
    """Trainers, and what sets them up, may move to another folder; runs go on all the same."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    attachment = Attachment({"store": "run.igf", "every": 1})
    for step in (0, 1):
        monkeypatch.chdir(tmp_path / "elsewhere")
        attachment.begin(model, optimizer, step)
        optimizer.step()
        attachment.end()
    assert igfast.open(tmp_path / "run.igf").recorded_steps().tolist() == [0, 1, 2]


def test_a_monitor_that_cannot_start_is_closed(tmp_path, model, optimizer, monkeypatch):
    monkeypatch.setattr("igfast.monitor.recording.Recorder.take", lambda *_: 1 / 0)
    attachment = Attachment({"store": tmp_path / "run.igf"})
    with pytest.raises(ZeroDivisionError):
        attachment.begin(model, optimizer, 0)
    assert not optimizer._optimizer_step_post_hooks
    with pytest.raises(RuntimeError, match="this Monitor is closed"):
        attachment.monitor.record()
