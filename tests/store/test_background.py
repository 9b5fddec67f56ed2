"""Writing by a thread: nothing is dropped, training is not stopped, exits and forks are safe."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import igfast
from igfast.store import BackgroundWriter, RunReader, RunWriter, StoreError, StoreWarning, handover

from .runs import ARRAYS, GRIDS, assert_same, define, histograms

FULL = "writing 'run.igf' failed: database or disk is full. Remedy: free disk space."


@pytest.fixture
def record():
    return histograms(ARRAYS, GRIDS["automatic"])


def stored(path: Path) -> list[int]:
    with RunReader(path) as run:
        return run.steps.tolist()


def test_what_is_handed_over_comes_back(tmp_path, record):
    path = tmp_path / "run.igf"
    with BackgroundWriter(path, config={"seed": 1}) as writer:
        define(writer)
        assert writer.last_step is None
        for step in range(20):
            writer.write_record(step, 100.0, {"param": record}, {"loss": 1 / (step + 1)})
        writer.write_scalars(3, {"late": np.float32(0.5)})
        writer.flush()
        assert stored(path) == list(range(20))
        assert writer.last_step == 19
        writer.rewind(9)
        writer.write_record(10, 0.0, {"param": record})
    assert writer.lost == 0
    with RunReader(path) as run:
        assert run.steps.tolist() == list(range(11))
        assert run.scalars()["late"][1].tolist() == [0.5]
        assert run.scalars()["loss"][0].tolist() == list(range(10))
        assert_same(run.histogram("param", 10), record[0])
    assert os.listdir(tmp_path) == ["run.igf"]


def test_wrong_use_is_said_where_it_happens(tmp_path, record):
    with pytest.raises(StoreError, match="there is no directory"):
        BackgroundWriter(tmp_path / "no" / "run.igf", config={})
    with BackgroundWriter(tmp_path / "run.igf", config={}) as writer:
        with pytest.raises(ValueError, match="needs at least one layer"):
            writer.define_layers("param", [], [], [])
        with pytest.raises(ValueError, match="step must fit in 64 bits"):
            writer.write_scalars(2**63, {"loss": 1.0})
        with pytest.raises(ValueError, match="could not convert"):
            writer.write_scalars(0, {"loss": "high"})
        with pytest.raises(FileExistsError, match="pass resume=True"):
            BackgroundWriter(tmp_path / "run.igf", config={})
    with pytest.raises(StoreError, match="closed before; open it again"):
        writer.write_scalars(0, {"loss": 1.0})
    writer.flush()
    writer.close()
    assert not any(one.name.startswith("igfast-store") for one in threading.enumerate())


def test_training_waits_when_too_much_waits(tmp_path, record, monkeypatch):
    """The fifth record finds no room until the writer has written the first."""
    size = record[0].split_counts.nbytes + record[0].offsets.nbytes
    monkeypatch.setattr(handover, "MAX_WAITING", 4 * size)
    go_on = threading.Event()
    write = RunWriter.write_all

    def slow(self, pending):
        go_on.wait()
        write(self, pending)

    monkeypatch.setattr(RunWriter, "write_all", slow)
    handed: list[int] = []
    with BackgroundWriter(tmp_path / "run.igf", config={}) as writer:
        define(writer)

        def train():
            for step in range(8):
                writer.write_record(step, 0.0, {"param": record})
                handed.append(step)

        training = threading.Thread(target=train)
        training.start()
        deadline = time.monotonic() + 30
        while len(handed) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)
        assert handed == [0, 1, 2, 3]
        go_on.set()
        training.join()
    assert stored(tmp_path / "run.igf") == list(range(8))


def test_closing_refuses_what_waits_for_room(tmp_path, record, monkeypatch):
    """A record that another thread could not hand over yet is refused, not taken and lost."""
    monkeypatch.setattr(handover, "MAX_WAITING", 1)
    go_on, refused = threading.Event(), []
    write = RunWriter.write_all

    def slow(self, pending):
        go_on.wait()
        write(self, pending)

    monkeypatch.setattr(RunWriter, "write_all", slow)
    writer = BackgroundWriter(tmp_path / "run.igf", config={})
    define(writer)
    writer.write_record(0, 0.0, {"param": record})

    def train():
        try:
            writer.write_record(1, 0.0, {"param": record})
        except StoreError as error:
            refused.append(str(error))

    training = threading.Thread(target=train)
    training.start()
    time.sleep(0.2)
    closing = threading.Thread(target=writer.close)
    closing.start()
    training.join(timeout=30)
    go_on.set()
    closing.join()
    assert stored(tmp_path / "run.igf") == [0]
    assert len(refused) == 1
    assert "it was closed before" in refused[0]


def test_what_cannot_be_stored_is_counted_and_said(tmp_path, record, monkeypatch):
    """One warning when it begins; later records are stored again; flush and close name the loss."""
    write = RunWriter.write_all

    def full(self, pending):
        if any(2 <= one.step < 5 for one in pending):
            raise StoreError(FULL)
        write(self, pending)

    monkeypatch.setattr(RunWriter, "write_all", full)
    writer = BackgroundWriter(tmp_path / "run.igf", config={})
    define(writer)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for step in range(5):
            writer.write_record(step, 0.0, {"param": record})
            assert writer.last_step == min(step, 1)  # waits for the thread
    assert [str(one.message) for one in seen] == [
        f"{FULL} The run goes on without what could not be stored; what is recorded later is "
        "tried again."
    ]
    with pytest.warns(StoreWarning, match=r"^3 records or logs could not be stored: .*full"):
        writer.flush()
    writer.flush()  # said
    writer.write_record(5, 0.0, {"param": record})
    with pytest.warns(StoreWarning, match=r"^3 records or logs could not be stored: .*full"):
        writer.close()
    assert writer.lost == 3
    assert stored(tmp_path / "run.igf") == [0, 1, 5]


def test_what_gathers_is_written_at_once_and_only_what_fails_is_lost(tmp_path, record, monkeypatch):
    """One transaction for records and logs; one that cannot be written takes no other with it."""
    monkeypatch.setattr(handover, "LINGER", 60.0)  # until somebody asks
    sizes: list[int] = []
    write = RunWriter.write_all

    def noted(self, pending):
        sizes.append(len(pending))
        write(self, pending)

    monkeypatch.setattr(RunWriter, "write_all", noted)
    wrong = replace(record[0], numel=record[0].numel + 1), record[1]
    path = tmp_path / "run.igf"
    writer = BackgroundWriter(path, config={})
    define(writer)
    for step in range(3):
        writer.write_record(step, 0.0, {"param": record}, {"kept": 1.0})
        writer.write_scalars(step, {"loss": step})
    writer.write_record(2, 1.0, {"param": record})  # again
    writer.flush()
    assert sizes == [6, 1]
    assert stored(path) == [0, 1, 2]
    for step in range(3, 6):
        writer.write_record(step, 0.0, {"param": wrong if step == 4 else record})
    with pytest.warns(StoreWarning, match=r"^1 record or log could not be stored: counts"):
        writer.flush()
    assert sizes == [6, 1, 3, 1, 1, 1]
    assert writer.lost == 1
    with pytest.warns(StoreWarning, match=r"^1 record or log could not be stored: counts"):
        writer.close()
    with RunReader(path) as run:
        assert run.steps.tolist() == [0, 1, 2, 3, 5]
        assert run.wall_times[2] == 1.0
        assert run.scalars()["loss"][1].tolist() == [0, 1, 2]
        assert run.scalars()["kept"][0].tolist() == [0, 1, 2]
        assert_same(run.histogram("param", -1), record[0])
        assert run.running("param")["noise_floor"].shape == (5, len(record[0]))


def run(code: str, *arguments: object) -> str:
    found = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


DISK_FULL = """
import os, resource, sys, time, warnings
import numpy as np
import igfast
from igfast.store import StoreWarning

weights = {"w": np.random.default_rng(0).normal(size=30_000)}
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    with igfast.Monitor(weights, store=sys.argv[1]) as monitor:
        for step in range(300):
            if step == 100:  # no file may grow beyond what it takes now
                monitor.flush()
                limits = resource.getrlimit(resource.RLIMIT_FSIZE)
                size = max(os.path.getsize(sys.argv[1] + end) for end in ("", "-wal"))
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
            if step == 150:
                time.sleep(0.5)  # records may gather for a while
            if step == 200:
                monitor.flush()  # what waits is still refused
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            weights["w"] += 0.001
            monitor.record(step)
            monitor.log(step, loss=1 / (step + 1))
for warning in seen:
    assert warning.category is StoreWarning
    print(warning.message)
"""


NO_ROOM = """
import resource, sys
import numpy as np
import igfast
from igfast.store import StoreError

limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), limits[1]))
try:
    igfast.Monitor({"w": np.ones(1)}, store=sys.argv[1])
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("room", [0, 10_000])
def test_a_run_that_cannot_begin_leaves_no_file(tmp_path, room):
    pytest.importorskip("resource")
    said = run(NO_ROOM, tmp_path / "run.igf", str(room))
    assert "run.igf' failed: " in said
    assert "disk" in said
    assert os.listdir(tmp_path) == []
    kept = tmp_path / "given.igf"
    kept.touch()  # by the user, to be resumed
    assert "failed" in run(
        NO_ROOM.replace("store=", "resume=True, step=0, store="), kept, str(room)
    )
    assert os.listdir(tmp_path) == ["given.igf"]


def test_a_disk_that_fills_does_not_stop_training(tmp_path):
    """The system refuses to let files grow, then lets them again."""
    pytest.importorskip("resource")
    said = run(DISK_FULL, tmp_path / "run.igf").splitlines()
    assert len(said) == 3
    assert "run.igf' failed: " in said[0]
    assert "disk" in said[0]
    assert "The run goes on" in said[0]
    assert "could not be stored" in said[1]
    lost = int(said[2].split()[0])
    with RunReader(tmp_path / "run.igf") as found:
        steps = found.steps.tolist()
        logged = found.scalars()["loss"][0].tolist()
    assert 600 - len(steps) - len(logged) == lost
    assert 100 < lost <= 202
    assert set(range(100)) <= set(steps)
    assert set(range(205, 300)) <= set(steps)  # again
    assert igfast.open(tmp_path / "run.igf").length("w")[-1] > 0


LEAVE = """
import sys
import numpy as np
import igfast

weights = {"w": np.arange(3000.0)}
monitor = igfast.Monitor(weights, store=sys.argv[1]).start()
for step in range(50):
    monitor.record(step)
if sys.argv[2] == "raise":
    raise SystemExit(0)
"""


@pytest.mark.parametrize("way", ["end", "raise"])
def test_leaving_without_closing_loses_nothing(tmp_path, way):
    run(LEAVE, tmp_path / "run.igf", way)
    assert stored(tmp_path / "run.igf") == list(range(50))
    assert os.listdir(tmp_path) == ["run.igf"]


def test_a_forgotten_writer_finishes(tmp_path, record):
    writer = BackgroundWriter(tmp_path / "run.igf", config={})
    define(writer)
    writer.write_record(0, 0.0, {"param": record})
    del writer
    gc.collect()
    assert os.listdir(tmp_path) == ["run.igf"]
    assert stored(tmp_path / "run.igf") == [0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_neither_writes_nor_waits(tmp_path, record):
    """A data loader's worker that inherits the monitor, and drops it."""
    writer = BackgroundWriter(tmp_path / "run.igf", config={})
    define(writer)
    for step in range(5):
        writer.write_record(step, 0.0, {"param": record})
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            writer.write_scalars(1, {"loss": 2.0})
        except RuntimeError as error:
            os.write(writing, str(error).encode())
        writer.flush()
        writer.close()
        del writer
        gc.collect()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    said = os.read(reading, 10_000).decode()
    os.close(reading)
    os.close(writing)
    assert f"belongs to process {os.getpid()}" in said
    writer.write_record(5, 0.0, {"param": record})
    writer.close()
    assert stored(tmp_path / "run.igf") == list(range(6))


def test_a_monitor_counts_every_record_into_arrays_of_its_own(tmp_path):
    """They are handed to the thread as they are."""
    weights = {"w": np.random.default_rng(0).normal(size=5000)}
    with igfast.Monitor(weights, store=tmp_path / "run.igf") as monitor:
        monitor.record(0)
        first = monitor.last["param"]
        monitor.record(1)
        for name in ("split_counts", "offsets", "split_outside", "nan", "numel"):
            pair = (getattr(one, name) for one in (first, monitor.last["param"]))
            assert not np.shares_memory(*pair), name
