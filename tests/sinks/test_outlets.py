"""A sink that fails: said once, left alone for a while, and never in the way."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sqlite3

import numpy as np
import pytest

import igfast
from igfast.sinks import JSONL, Parquet, Record, Sink, SinkWarning, TensorBoard, outlets
from igfast.store import RunReader

from .recording import Keeper, record


class Broken(Keeper):
    def __init__(self, fails=lambda step: True):
        super().__init__()
        self.fails = fails

    def write(self, step, record):
        super().write(step, record)
        if self.fails(step):
            raise ConnectionError("no route to the logger")


def messages(found):
    return [str(warning.message) for warning in found]


def test_a_failing_sink_is_reported_once_and_training_goes_on(tmp_path):
    broken, sink = Broken(), Keeper()
    with pytest.warns(SinkWarning) as found:
        record(broken, sink, steps=range(12), store=tmp_path / "run.igf")
    report, missed = messages(found)
    assert "sink Broken failed in write at step 0: ConnectionError('no route" in report
    assert "training and the run store go on" in report
    assert "Remedy: " in report
    assert "missed 12 records between step 0 and 11" in missed
    assert [r.step for r in broken.records] == [0, 2, 5, 10]  # left out for 1, 2, 4, … records
    assert [r.step for r in sink.records] == list(range(12))
    assert broken.calls == ["close"]  # not flushed while it fails
    with RunReader(tmp_path / "run.igf") as run:
        assert run.steps.tolist() == list(range(12))


def test_a_sink_that_recovers_gets_every_later_record():
    sink = Broken(fails=lambda step: step in (3, 5))
    with pytest.warns(SinkWarning) as found:
        record(sink, steps=range(12))
    assert [r.step for r in sink.records] == [0, 1, 2, 3, 5, 8, 9, 10, 11]
    assert "missed 5 records between step 3 and 7; a run store" in messages(found)[1]
    assert sink.calls == ["flush", "close"]


def test_flush_and_close_that_fail_are_reported_once():
    class Stuck(Keeper):
        def flush(self):
            raise OSError("cannot flush")

        def close(self):
            raise OSError("cannot close")

    with pytest.warns(SinkWarning) as found:
        record(Stuck())
    assert len(found) == 1
    assert "sink Stuck failed in flush" in str(found[0].message)


def test_the_keyboard_still_interrupts():
    class Interrupted(Keeper):
        def write(self, step, record):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(Interrupted())


@pytest.mark.parametrize("ends", [False, True])
def test_a_signal_handler_does_not_enter_a_sink_that_it_interrupts(ends, tmp_path):
    """Whose locks it could not pass, as those of TensorBoard's queue."""

    class Locked:
        def __init__(self):
            self.calls, self.inside = [], False

        def write(self, step, record):
            self.enter(f"write {step}")
            if step == 1:
                signal.raise_signal(signal.SIGUSR1)
                self.calls.append("written")
            self.inside = False

        def write_scalars(self, step, scalars):
            self.enter(f"log {step}")
            self.inside = False

        def enter(self, call):
            assert not self.inside
            self.calls.append(call)
            self.inside = call == "write 1" and not ends  # an exception lets a lock go

        def flush(self):
            self.enter("flush")

        def close(self):
            self.enter("close")

    def handle(number, frame):
        monitor.log(1, loss=2.0)
        monitor.flush()
        with RunReader(tmp_path / "run.igf") as run:  # the store does not wait for the sink
            assert run.steps.tolist() == [0, 1]
        if ends:
            raise SystemExit

    sink, before = Locked(), signal.signal(signal.SIGUSR1, handle)
    try:
        with (
            contextlib.suppress(SystemExit),
            igfast.Monitor({"w": np.ones(3)}, store=tmp_path / "run.igf", sinks=[sink]) as monitor,
        ):
            monitor.record(0)
            monitor.record(1)
            monitor.record(2)
    finally:
        signal.signal(signal.SIGUSR1, before)
    after = ["log 1", "flush"]
    rest = after if ends else ["written", *after, "write 2"]
    assert sink.calls == ["write 0", "write 1", *rest, "flush", "close"]


@pytest.mark.parametrize("kind", [JSONL, Parquet, TensorBoard])
def test_a_path_that_cannot_be_written(kind, tmp_path):
    """A file where a folder should be: refused to root as well."""
    (tmp_path / "file").write_text("")
    with pytest.warns(SinkWarning) as found:
        record(kind(tmp_path / "file" / "below"), store=tmp_path / "run.igf")
    assert f"sink {kind.__name__} failed in" in messages(found)[0]
    with RunReader(tmp_path / "run.igf") as run:
        assert run.steps.tolist() == [0, 5, 10]


def test_a_full_disk_leaves_whole_lines(tmp_path):
    """The first record fits, the second one does not, the third one does again."""
    path, limits = tmp_path / "run.jsonl", resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def fill(step):
        room = {0: path.stat().st_size + 100, 1: limits[0]}.get(step, limits[0])
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))

    try:
        with pytest.warns(SinkWarning) as found:
            record(JSONL(path), steps=range(4), between=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    assert (
        "sink JSONL failed in write at step 1: OSError(27, 'File too large')" in messages(found)[0]
    )
    lines = path.read_text().splitlines()
    assert [line[: line.index(",")] for line in lines] == ['{"step": 0'] * 4 + ['{"step": 3'] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_writes_to_no_sink(tmp_path):
    with igfast.Monitor({"w": np.zeros(4)}, sinks=[JSONL(tmp_path / "run.jsonl")]) as monitor:
        monitor.record(0)
        child = os.fork()
        if not child:
            monitor.record(1)
            monitor.log(1, loss=0.5)
            monitor.flush()
            monitor.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        monitor.record(2)
    lines = (tmp_path / "run.jsonl").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ['{"step": 0', '{"step": 2']
    assert not (tmp_path / "run.scalars.jsonl").exists()


def test_what_is_no_sink_is_refused():
    assert isinstance(Keeper(), Sink)
    with pytest.raises(TypeError, match="a sink needs write, flush and close, got <built-in"):
        record(print)
    with pytest.raises(TypeError, match="got the class Keeper; make one of it"):
        record(Keeper)
    with pytest.raises(TypeError, match=r"pass sinks=\[...\]"):
        igfast.Monitor({"w": np.zeros(1)}, sinks=Keeper())


def test_records_carry_curves_for_sinks():
    first, second, third = record()
    assert isinstance(first, Record)
    assert set(first.curves) == set(first.histograms) == {"param"}
    assert second.curves["param"].velocity.shape == (3,)
    assert third.step == 10


def test_no_sink_costs_no_curves(monkeypatch):
    def refuse(*_):
        raise AssertionError("computed for nobody")

    monkeypatch.setattr(outlets.LiveCurves, "add", refuse)
    with igfast.Monitor({"w": np.zeros(4)}) as monitor:
        monitor.record(0)


def test_curves_go_on_where_a_run_is_resumed(tmp_path):
    begin = np.random.default_rng(6).normal(size=100_000)

    def train(steps, name, **options):
        x, keeper = begin.copy(), Keeper()
        with igfast.Monitor({"w": x}, store=tmp_path / name, sinks=[keeper], **options) as monitor:
            for step in steps:
                x[:] = begin + step / 100
                monitor.record(step)
        return {record.step: record.curves["param"] for record in keeper.records}

    whole = train(range(0, 51, 5), "whole.igf")
    train(range(0, 31, 5), "cut.igf")
    resumed = train(range(25, 51, 5), "cut.igf", resume=True, step=20)  # 25 and 30 once more
    assert list(resumed) == list(range(25, 51, 5))
    for step, curves in resumed.items():
        assert curves.velocity[0] == whole[step].velocity[0]
        assert curves.length[0] == pytest.approx(whole[step].length[0], abs=0.03)
    stored = igfast.open(tmp_path / "cut.igf").running("w")["length"]
    found = [one.length[0] for one in resumed.values()]
    np.testing.assert_allclose(found, stored[-6:], rtol=1e-6)  # stored in single precision
    assert whole[50].length[0] == pytest.approx(0.5, rel=0.1)


def test_sinks_go_on_where_an_old_record_is_damaged(tmp_path):
    begin, path = np.random.default_rng(8).normal(size=100_000), tmp_path / "run.igf"

    def train(steps, **options):
        layers, keeper = {"w": begin.copy(), "b": begin[:9].copy()}, Keeper()
        with igfast.Monitor(layers, store=path, sinks=[keeper], **options) as monitor:
            for step in steps:
                layers["w"][:] = begin + step / 100
                monitor.record(step)
        return [record.curves["param"].length[0] for record in keeper.records]

    known = train(range(0, 60, 10))[-1]
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE histograms SET segments=zeroblob(40) WHERE step=20")
    (after,) = train((60,), resume=True, step=50)
    assert after == pytest.approx(known + 0.1, rel=0.05)


def test_a_resumed_run_knows_lengths_from_before_nan(tmp_path):
    begin, path = np.random.default_rng(7).normal(size=100_000), tmp_path / "run.igf"

    def train(steps, **options):
        x, keeper = begin.copy(), Keeper()
        layers = {"w": x, "never": np.full(9, np.nan)}
        with igfast.Monitor(layers, store=path, sinks=[keeper], **options) as monitor:
            for step in steps:
                x[:] = np.nan if step == 20 else begin + step / 100
                monitor.record(step)
        return [record.curves["param"].length for record in keeper.records]

    known = train((0, 10, 20))[1][0]
    (after,) = train((30,), resume=True, step=20)
    assert known == pytest.approx(0.1, abs=0.01)
    assert after[0] == pytest.approx(known, rel=1e-6)
    assert np.isnan(after[1])
    stored = igfast.open(path).running("w")["length"]
    np.testing.assert_allclose(stored[[1, 3]], known, rtol=1e-6)
