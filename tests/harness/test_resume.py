"""A run that was stopped goes on to the same end, bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from igfast.harness import checkpoint, data
from igfast.harness.checkpoint import CheckpointError
from igfast.harness.data import Dataset
from igfast.harness.settings import Settings
from igfast.harness.training import train
from igfast.histograms import Histogram
from igfast.store import RunReader

from .runs import SMALL, Listener, assert_same_run


def text(examples: int = 40) -> Dataset:
    generator = torch.Generator().manual_seed(3)
    tokens = torch.randint(0, 20, (examples, 17), generator=generator)
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    return Dataset(
        "shakespeare", "shakespeare", "text", inputs, targets, inputs[:8], targets[:8],
        classes=20, source="test", sha256={},
    )  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "momentum", "quantities": ("param", "grad", "update")},
        {"optimizer": "adam", "model": "convnet", "widths": (4, 4)},
        {"optimizer": "adamw", "model": "gpt", "widths": (32,), "batch_size": 4},
    ],
    ids=["mlp-momentum", "convnet-adam", "gpt-adamw"],
)
def test_resumed_run_equals_the_uninterrupted_one(
    changes: dict[str, Any], mnist: Dataset, tmp_path: Path
) -> None:
    settings = replace(SMALL, **changes)
    dataset = text() if settings.model == "gpt" else mnist
    whole, broken = tmp_path / "whole.igf", tmp_path / "broken.igf"
    train(settings, dataset, whole, observer=Listener())
    with pytest.raises(InterruptedError):
        train(settings, dataset, broken, observer=Listener(stop_at=34))
    at = checkpoint.load(broken)["step"]
    assert 0 < at < 34
    listener = Listener()
    train(settings, dataset, broken, observer=listener, resume=True)
    assert listener.outline is not None
    assert listener.outline.start_step == at
    assert_same_run(whole, broken)


def test_resuming_a_finished_run_changes_nothing(mnist: Dataset, tmp_path: Path) -> None:
    path, copy = tmp_path / "run.igf", tmp_path / "copy.igf"
    train(SMALL, mnist, path, observer=Listener())
    train(SMALL, mnist, copy, observer=Listener())
    train(SMALL, mnist, path, observer=Listener(), resume=True)
    assert_same_run(path, copy)


def test_killed_run_continues_to_the_same_end(small_mnist: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "igfast", "train", "--no-report", "--no-download"]
    options = ["--width", "16,8", "--epochs", "50", "--batch-size", "32", "--records", "500"]
    options += ["--checkpoint-every", "50"]
    environment = os.environ | {"IGFAST_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    killed, whole = tmp_path / "killed.igf", tmp_path / "whole.igf"
    process = subprocess.Popen(
        [*command, *options, "--output", str(killed)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline and _recorded(killed) < 120:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors.decode()
    recorded = _recorded(killed)
    assert 120 <= recorded < 500
    assert checkpoint.load(killed)["step"] < 500

    settings = Settings.from_dict(checkpoint.load(killed)["config"]["settings"])
    dataset = data.load("mnist", download=False)
    train(settings, dataset, whole, observer=Listener())
    resumed = subprocess.run(
        [*command[:4], "--resume", str(killed), "--no-report"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert resumed.returncode == 0, resumed.stderr
    assert "continued after step" in resumed.stdout
    assert_same_run(killed, whole)


class Presser(Listener):
    """Presses Ctrl-C at a step."""

    def recorded(self, step: int, loss: float | None, histogram: Histogram) -> None:
        super().recorded(step, loss, histogram)
        if step == 3:
            signal.raise_signal(signal.SIGINT)


@pytest.fixture
def pressable() -> Iterator[None]:
    """Ctrl-C as in a terminal; a shell's background job is started with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("pressable")
def test_interrupted_run_is_saved_where_it_stopped(mnist: Dataset, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole.igf", tmp_path / "broken.igf"
    settings = replace(SMALL, checkpoint_every=1000)
    train(settings, mnist, whole, observer=Listener())
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(settings, mnist, broken, observer=Presser())
    assert signal.getsignal(signal.SIGINT) is before
    assert checkpoint.load(broken)["step"] == 3
    train(settings, mnist, broken, observer=Listener(), resume=True)
    assert_same_run(whole, broken)


def _recorded(path: Path) -> int:
    """The last step that a run file, which may be growing, holds; -1 if none yet."""
    try:
        reader = RunReader(path)
    except (ValueError, OSError):
        return -1
    try:
        return int(reader.steps[-1]) if len(reader.steps) else -1
    finally:
        reader.close()


def test_resume_errors(mnist: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "run.igf"
    with pytest.raises(CheckpointError, match="does not exist"):
        train(SMALL, mnist, path, observer=Listener(), resume=True)
    train(replace(SMALL, epochs=1), mnist, path, observer=Listener())
    other = replace(mnist, sha256={"pixels": "0"}, name="digits")
    with pytest.raises(CheckpointError, match=r"trained on mnist from .* digits .* differ"):
        train(SMALL, other, path, observer=Listener(), resume=True)
    place = checkpoint.checkpoint_path(path)
    place.write_bytes(place.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoint.load(path)
    place.unlink()
    with pytest.raises(CheckpointError, match="no checkpoint"):
        checkpoint.load(path)


def test_checkpoint_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run.igf"
    run.touch()
    checkpoint.save(run, {"step": 1})

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        checkpoint.save(run, {"step": 2})
    assert checkpoint.load(run)["step"] == 1
