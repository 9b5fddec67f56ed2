"""A run that was interrupted is the run that was not."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import igfast
from igfast.store import RunReader, StoreError

from .training_process import QUANTITIES, STEPS, build, train, train_step

PROCESS = Path(__file__).with_name("training_process.py")
FIELDS = ("split_counts", "split_outside", "nan", "numel", "offsets", "exponents", "origins")


def assert_same_runs(left: Path, right: Path) -> None:
    with RunReader(left) as a, RunReader(right) as b:
        assert a.steps.tolist() == b.steps.tolist()
        for quantity in QUANTITIES:
            assert a.steps_of(quantity).tolist() == b.steps_of(quantity).tolist()
            pairs = zip(a.histogram_series(quantity), b.histogram_series(quantity), strict=True)
            for x, y in pairs:
                for field in FIELDS:
                    assert (getattr(x, field) == getattr(y, field)).all(), (quantity, field)
            m, n = a.moments(quantity), b.moments(quantity)
            assert all((m[field].view("i8") == n[field].view("i8")).all() for field in m)
        for name, (steps, values) in a.scalars().items():
            assert steps.tolist() == b.scalars()[name][0].tolist()
            assert values.tolist() == b.scalars()[name][1].tolist()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    directory = tmp_path_factory.mktemp("uninterrupted")
    train(directory, checkpoint_every=0)
    return directory / "run.igf"


def test_killed_trainings_resume_to_the_same_run(tmp_path, uninterrupted):
    """SIGKILL twice; each time go on from the last checkpoint, some steps before."""
    chance = random.Random(0)
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, str(PROCESS), str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(chance.randint(9, 16)):
            process.stdout.readline()
        process.kill()
        with process:  # not communicate(), which overlooks what readline() has read ahead
            said = process.stdout.readlines()
            assert process.stderr.read() == ""
        lines = [line for line in said if line.endswith("\n")]
        if lines:
            with RunReader(tmp_path / "run.igf") as run:
                acknowledged = int(lines[-1])
                assert run.steps[-1] >= acknowledged - acknowledged % 2
    train(tmp_path, checkpoint_every=7)
    assert_same_runs(tmp_path / "run.igf", uninterrupted)
    with RunReader(tmp_path / "run.igf") as run:
        assert run.steps.tolist() == list(range(0, STEPS + 1, 2))
        assert len(run.resumes) == 2


def run_to(path, steps, resume=False, step=None, **options):
    model, optimizer = build()
    for number in range(step or 0):  # what loading a checkpoint would give
        train_step(model, optimizer, number)
    options = {"every": 4, "bins": 64, "store": path} | options
    with igfast.Monitor(model, optimizer, resume=resume, step=step, **options) as monitor:
        while monitor.step < steps:
            train_step(model, optimizer, monitor.step)
    return monitor


def steps_in(path):
    with RunReader(path) as run:
        return run.steps.tolist()


def test_rewinds_to_the_checkpoint(tmp_path):
    path = tmp_path / "run.igf"
    run_to(path, 20)
    assert steps_in(path) == [0, 4, 8, 12, 16, 20]
    monitor = run_to(path, 10, resume=True, step=10)
    assert steps_in(path) == [0, 4, 8]
    assert monitor.last == {}
    run_to(path, 16, resume=True, step=9)
    assert steps_in(path) == [0, 4, 8, 12, 16]


def test_records_at_entry_what_an_uninterrupted_run_would_have(tmp_path):
    path = tmp_path / "run.igf"
    run_to(path, 6)
    assert steps_in(path) == [0, 4]
    run_to(path, 8, resume=True, step=8)  # a checkpoint ahead of the store
    assert steps_in(path) == [0, 4, 8]


def test_resuming_nothing_begins(tmp_path):
    run_to(tmp_path / "run.igf", 4, resume=True)
    assert steps_in(tmp_path / "run.igf") == [0, 4]
    run_to(tmp_path / "late.igf", 8, step=6)
    assert steps_in(tmp_path / "late.igf") == [6, 8]


def test_what_cannot_be_resumed(tmp_path):
    path = tmp_path / "run.igf"
    run_to(path, 20)
    with pytest.raises(ValueError, match=r"needs step=.*last record in the store is at step 20"):
        run_to(path, 24, resume=True)
    with pytest.raises(FileExistsError, match="pass resume=True"):
        run_to(path, 24)
    with pytest.raises(ValueError, match=r"wise .*64 bins.* there.*32 bins.* here.*resume with"):
        run_to(path, 24, resume=True, step=8, bins=32)
    with pytest.raises(ValueError, match="resume with the same grid"):
        run_to(path, 24, resume=True, step=8, splits=2)
    with pytest.raises(StoreError, match=r"holds another model under 'param'"):
        igfast.Monitor(torch.nn.Linear(3, 3), store=path, resume=True, step=20)
    with pytest.raises(ValueError, match="resume=True needs store="):
        run_to(None, 4, resume=True, step=4)
    with pytest.raises(ValueError, match="step must not be negative, got -1"):
        run_to(tmp_path / "new.igf", 4, step=-1)
    assert steps_in(path) == [0, 4, 8, 12, 16, 20]
    with RunReader(path) as run:
        assert run.resumes == []


def test_another_dtype_is_warned_of(tmp_path):
    path, model = tmp_path / "run.igf", torch.nn.Linear(30, 4)
    with igfast.Monitor(model, store=path) as monitor:
        monitor.record(0)
    with pytest.warns(
        UserWarning, match=r"^'weight' was recorded as float32 in .* is bfloat16 now"
    ):
        monitor = igfast.Monitor(model.bfloat16(), store=path, resume=True, step=0)
    with monitor:
        monitor.record(1)
    assert steps_in(path) == [0, 1]
