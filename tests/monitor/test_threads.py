"""A Monitor that threads share."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

import igfast
from igfast.store import StoreError

SECONDS = 100  # after which a process hangs
CLOSED = "this Monitor is closed; make a new one, .* only when other threads have recorded and log"


class Steps:
    def __init__(self):
        self.seen = []

    def write(self, step, record):
        h = record.histograms["param"]
        self.seen.append((step, int((h.counts.sum(1) + h.underflow + h.overflow).sum())))

    def flush(self): ...
    def close(self): ...


@pytest.fixture
def impatient():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_records_of_several_threads_are_made_one_after_the_other(tmp_path, impatient):
    arrays = {"w": np.random.default_rng(0).normal(size=50_000), "b": np.ones(100)}
    sink, refused = Steps(), []
    with igfast.Monitor(arrays, store=tmp_path / "run.igf", sinks=[sink]) as monitor:

        def record():
            for step in range(100):
                try:
                    monitor.record(step)
                except ValueError as error:  # another thread is ahead
                    refused.append(str(error))

        threads = [threading.Thread(target=record) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all("step must not go back" in text for text in refused)
    steps = [step for step, _ in sink.seen]
    assert steps == sorted(steps)
    assert {total for _, total in sink.seen} == {50_100}
    assert igfast.open(tmp_path / "run.igf").recorded_steps().tolist() == list(range(100))


class Blocking(Steps):
    """Whose close() takes as long as a test wants."""

    def __init__(self):
        super().__init__()
        self.closing, self.go_on = threading.Event(), threading.Event()

    def write_scalars(self, step, scalars):
        self.seen.append((step, scalars))

    def close(self):
        self.closing.set()
        self.go_on.wait(SECONDS)


def test_a_log_while_another_thread_closes_is_told_so(tmp_path):
    sink = Blocking()
    monitor = igfast.Monitor({"w": np.zeros(5)}, store=tmp_path / "run.igf", sinks=[sink])
    thread = threading.Thread(target=monitor.close)
    thread.start()
    assert sink.closing.wait(SECONDS)
    try:
        with pytest.raises(RuntimeError, match=CLOSED):
            monitor.log(1, loss=1.0)
    finally:
        sink.go_on.set()
        thread.join()


@pytest.mark.parametrize("stored", [True, False])
def test_a_log_that_a_close_overtakes_is_told_so(tmp_path, monkeypatch, stored):
    """Between looking whether the Monitor is open and handing over; no sink gets it afterwards."""
    sink, store = Blocking(), tmp_path / "run.igf" if stored else None
    sink.go_on.set()
    monitor = igfast.Monitor({"w": np.zeros(5)}, store=store, sinks=[sink])

    def overtaken(values, check=monitor._logged):
        monitor.close()
        return check(values)

    monkeypatch.setattr(monitor, "_logged", overtaken)
    with pytest.raises(RuntimeError, match=CLOSED) as caught:
        monitor.log(1, loss=1.0)
    assert isinstance(caught.value.__cause__, StoreError) == stored
    assert sink.seen == []


COLLECTED = """
import gc, sys, threading
import numpy as np
import igfast
from igfast.store import RunReader, RunWriter
from igfast.store.handover import Question

path, called, waiting = sys.argv[1], sys.argv[2], threading.Event()

class Trainer:
    def __init__(self):
        self.itself = self

    def __del__(self):
        print(threading.current_thread().name)
        monitor.record(5) if called == "record" else getattr(monitor, called)()

def wait(self, wait=Question.wait):
    waiting.set()
    return wait(self)

def collecting(self, jobs, write_all=RunWriter.write_all):
    waiting.wait()
    gc.collect()
    write_all(self, jobs)

def said(unraisable):
    print(unraisable.exc_value)

gc.disable()
sys.unraisablehook = said
monitor = igfast.Monitor({"w": np.arange(30.0)}, store=path)
Question.wait, RunWriter.write_all = wait, collecting
Trainer()
monitor.record(0)
monitor.flush()  # has the Monitor's lock, and waits for the thread that writes
monitor.close()
with RunReader(path) as reader:
    print(*reader.steps)
"""


@pytest.mark.parametrize("called", ["record", "flush", "close"])
def test_what_the_writing_thread_collects_does_not_wait_for_who_waits_for_it(tmp_path, called):
    command = [sys.executable, "-W", "error", "-c", COLLECTED, tmp_path / "run.igf", called]
    found = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert found.returncode == 0, found.stderr
    thread, said, steps = found.stdout.splitlines()
    assert thread == "igfast-store-run.igf"
    assert said.startswith(f"{called}() was called in the thread that writes the store, as by a ")
    assert said.endswith("would wait for ever; call it where training goes on, not in __del__")
    assert steps == "0"
