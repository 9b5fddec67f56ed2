"""Who may write a run: one living process, into a file that is still there."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import igfast
from igfast.store import Pending, RunReader, RunWriter, StoreError, StoreWarning
from igfast.store.processes import living, new_mark

WRITER = """
import sys, time
from igfast.store import RunWriter

writer = RunWriter(sys.argv[1], config={}, resume=True)
writer.write_scalars(1, {"loss": 1.0})
if len(sys.argv) > 2:
    writer.close()
print("written", flush=True)
time.sleep(600)
"""

needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")


@contextlib.contextmanager
def other_process(path: Path, *closes: str):
    command = [sys.executable, "-c", WRITER, str(path), *closes]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "written\n"
            yield process
        finally:
            process.kill()


@needs_proc
def test_a_run_that_another_process_writes_is_not_taken_from_it(tmp_path):
    path = tmp_path / "run.igf"
    with other_process(path) as process:
        with pytest.raises(StoreError, match=rf"written by process {process.pid} of this machine"):
            igfast.Monitor({"w": np.zeros(4)}, store=path, resume=True, step=0)
        with RunReader(path) as run:  # nothing was dropped
            assert run.scalars()["loss"][0].tolist() == [1]
    with igfast.Monitor({"w": np.zeros(4)}, store=path, resume=True, step=1) as monitor:
        monitor.record(2)  # it was killed
    with RunReader(path) as run:
        assert run.steps.tolist() == [2]


@needs_proc
def test_a_run_that_a_living_process_has_closed_goes_on(tmp_path):
    path = tmp_path / "run.igf"
    with other_process(path, "close"), RunWriter(path, config={}, resume=True) as writer:
        writer.write_scalars(2, {"loss": 0.5})
    with RunReader(path) as run:
        assert run.scalars()["loss"][0].tolist() == [1, 2]


@needs_proc
def test_marks():
    mine = new_mark()
    assert living(mine) is None  # this process takes its own runs over
    parent = {**mine, "process": os.getppid(), "started": "0"}
    assert living(parent) is None  # started at another time: another process of this number
    fields = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()
    parent["started"] = fields[19]
    assert living(parent) == os.getppid()
    assert living({**parent, "boot": "of another machine"}) is None
    assert living({"token": "1"}) is None
    assert living(None) is None
    assert living("as written before") is None


@needs_proc
def test_a_zombie_does_not_write():
    with subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read()  # it has ended, and is not waited for yet
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert living({**new_mark(), "process": process.pid, "started": "0"}) is None


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_removed_is_noticed_at_the_next_record(tmp_path, replaced):
    path, w = tmp_path / "run.igf", np.zeros(4)
    monitor = igfast.Monitor({"w": w}, store=path)
    monitor.record(0)
    monitor.flush()
    for file in tmp_path.iterdir():
        file.unlink()
    if replaced:
        other = igfast.Monitor({"w": w}, store=path)
        other.record(7)
        other.flush()

    def go_on():
        monitor.record(1)
        monitor.flush()
        monitor.record(2)
        monitor.close()

    with pytest.warns(StoreWarning) as found:
        go_on()
    assert "run.igf' was removed or replaced while it was being written" in str(found[0].message)
    assert "2 records or logs could not be stored" in str(found[-1].message)
    if replaced:  # the first writer has not touched what is not its own
        other.record(8)
        other.close()
        with RunReader(path) as run:
            assert run.steps.tolist() == [7, 8]
    else:
        assert not path.exists()


def test_a_process_may_move_to_another_folder(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    record = (igfast.histogram({"w": np.arange(4.0)}), None)
    with RunWriter("run.igf", config={}) as writer:
        writer.define_layers("param", ["w"], [(4,)], ["float64"])
        os.chdir(tmp_path / "elsewhere")
        for step in (0, 1):
            writer.write_record(step, 0.0, {"param": record})
        writer.rewind(0)
        writer.write_scalars(1, {"loss": 1.0})
    with RunReader(tmp_path / "run.igf") as run:
        assert run.scalars()["loss"][0].tolist() == [1]
        assert run.steps.tolist() == [0]
    with contextlib.closing(sqlite3.connect(tmp_path / "run.igf")) as db:
        (value,) = db.execute("SELECT value FROM meta WHERE key='writer'").fetchone()
    assert json.loads(value) is None


def test_a_run_that_was_taken_over_says_so_of_every_record(tmp_path):
    """Records that wait are tried together, then one by one, when the other one is steps ahead."""
    path, record = tmp_path / "run.igf", (igfast.histogram({"w": np.arange(4.0)}), None)
    layers = ("param", ["w"], [(4,)], ["float64"])
    with RunWriter(path, config={}) as first:
        first.define_layers(*layers)
        with RunWriter(path, config={}, resume=True) as second:
            second.define_layers(*layers)
            second.write_record(9, 0.0, {"param": record})
            waiting = [Pending(step, 0.0, {"param": record}, {}) for step in (1, 2)]
            for together in (waiting, waiting[:1], waiting[1:]):
                with pytest.raises(StoreError, match="another writer has resumed"):
                    first.write_all(together)
    with RunReader(path) as run:
        assert run.steps.tolist() == [9]
