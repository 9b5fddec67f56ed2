"""A run that was interrupted is the run that was not."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import igfast
from igfast.health import Rule
from igfast.store import RunReader, StoreError, replay

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
            m, n = a.running(quantity), b.running(quantity)
            assert all(np.array_equal(m[name], n[name], equal_nan=True) for name in m), quantity
        assert a.scalars().keys() == b.scalars().keys()
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


class Keeper:
    """A sink: what holds at every record, and the curves of layers."""

    def __init__(self):
        self.held, self.curves = {}, {}

    def write(self, step, record):
        self.held[step] = record.health
        self.curves[step] = record.curves["param"]

    def flush(self): ...
    def close(self): ...


def scripted(step):
    """Layers that go through every condition, and one that only grows slowly."""
    chance = np.random.default_rng(step).normal(size=100)
    return {
        "healthy": 0.1 * chance,
        "still": np.where(20 <= step < 90, 1.0, step) * np.ones(4),
        "zero": np.full(5, 0.0 if 30 <= step < 36 or 101 <= step < 180 else 0.01 * step),
        "bursts": np.full(3, 1.5 ** min(step % 90, 20)),
        "jumped": np.full(3, 1.0 if step < 70 else 40.0 + step),  # and stays
        "slow": np.full(3, 0.1 * 1.03**step),  # 400 times within 200 records
        "holes": np.array([1.0, np.nan if 50 <= step < 140 else 1.0]),
    }


def run_in_parts(path, layers, cuts, last, **options):
    """Of ``layers(step)``, at every step; each part goes on from the last record before it."""
    sink, begin = Keeper(), 0
    for cut in (*cuts, last):
        weights = layers(begin)
        known = {"resume": True, "step": begin - 1} if begin else {}
        with igfast.Monitor(weights, store=path, sinks=[sink], **options, **known) as monitor:
            if begin:
                assert monitor.health == sink.held[begin - 1]
            for step in range(begin, cut):
                for name, values in layers(step).items():
                    weights[name][...] = values
                monitor.record(step)
        begin = cut
    return sink


def run_scripted(path, cuts=(), **options):
    return run_in_parts(path, scripted, cuts, 200, **options)


@pytest.mark.parametrize("rule", [Rule(), Rule(patience=4, window=1), Rule(patience=3, window=8)])
def test_health_goes_on_as_if_nothing_had_been(tmp_path, rule, caplog):
    """Same flags at the same steps, wherever a run of more records than are read is cut."""
    grid = igfast.Grid.dyadic(16, exponent=0)
    options = {"health": rule, "grid": grid, "splits": 1, "offsets": False}
    whole = run_scripted(tmp_path / "whole.igf", **options)
    wanted = igfast.open(tmp_path / "whole.igf").health()
    assert {flag.kind for flag in wanted} == {"zero", "unchanging", "exploding", "nan"}
    exploding = {flag.layer for flag in wanted if flag.kind == "exploding"}
    assert exploding == {"still", "jumped"} | ({"bursts"} if rule.window > 1 else set())
    assert not [flag for flag in wanted if flag.layer in ("slow", "healthy")]
    said = caplog.messages[:]
    for cuts in ((22, 29, 33, 74, 100, 107, 111, 178), (71, 72, 139, 140, 150), (199,)):
        caplog.clear()
        path = tmp_path / f"{cuts[0]}.igf"
        cut = run_scripted(path, cuts, **options)
        assert igfast.open(path).health() == wanted
        assert cut.held == whole.held
        assert caplog.messages == said


@pytest.mark.parametrize("cut", [15, 33])
def test_what_was_frozen_is_counted_from_where_it_is_trained(tmp_path, cut):
    """A layer that is frozen for twenty records, and forgotten by the optimizer afterwards."""
    found = []
    for cuts in ((), (cut,)):
        path, begin = tmp_path / f"{len(cuts)}.igf", 0
        for end in (*cuts, 40):
            model, _ = build()
            optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
            for number in range(begin):
                train_step(model, optimizer, number)
            options = {"every": 1, "store": path, "resume": begin > 0, "step": begin}
            with igfast.Monitor(model, optimizer, **options):
                for number in range(begin, end):
                    model[2].requires_grad_(number >= 20)
                    train_step(model, optimizer, number)
            begin = end
        found.append(igfast.open(path).health())
    assert [(flag.step, flag.layer, flag.kind) for flag in found[0]] == [
        (30, "2.bias", "unchanging"),
        (30, "2.weight", "unchanging"),
    ]
    assert found[1] == found[0]


def drifting(step):
    chance = np.random.default_rng(1)
    moved, turned = step / 400, 0.3 * np.sin(step / 12)
    return {
        "a": chance.normal(size=3000) + moved,  # segments of many records
        "b": chance.normal(size=3000) * (1 + turned),  # whose bins change
        "c": chance.normal(size=300) + moved / 9,  # hardly ever clear of noise
    }


def run_drifting(path, cuts=(), last=120, **options):
    return run_in_parts(path, drifting, cuts, last, bins=64, **options)


def assert_same_lengths(left, right, path, other):
    with RunReader(path) as a, RunReader(other) as b:
        m, n = a.running(), b.running()
        assert all(np.array_equal(m[name], n[name], equal_nan=True) for name in m)
        assert m["length"][-1][:2].min() > 0.2
    assert left.curves.keys() == right.curves.keys()
    for step, curves in left.curves.items():
        for name, values in vars(curves).items():
            found = getattr(right.curves[step], name)
            assert np.array_equal(values, found, equal_nan=True), (step, name)


def test_the_running_length_goes_on_as_if_nothing_had_been(tmp_path):
    """Bit for bit in the store and in sinks, with its errors, where all histograms are kept."""
    whole = run_drifting(tmp_path / "whole.igf")
    for cuts in ((1, 2, 30, 61, 119), (45, 90), tuple(range(5, 120, 5))):
        path = tmp_path / f"{cuts[0]}.igf"
        cut = run_drifting(path, cuts)
        assert_same_lengths(whole, cut, tmp_path / "whole.igf", path)


def test_the_running_length_of_a_thinned_run_goes_on_from_what_is_kept(tmp_path, monkeypatch):
    """Cut at every fifth record; the second layer lost a third of it so, the first all."""
    path = tmp_path / "run.igf"
    run_drifting(path, tuple(range(5, 120, 5)), histograms=16)
    with RunReader(path) as run:
        assert len(run.steps_of("param")) < 30
        found = run.running()["length"][-1]
        assert found[:2] == pytest.approx([0.2094, 1.6890], rel=0.02)  # of the run that was not cut
        for most in (3 * 16, 0):  # of the last records alone: what is stored is its length
            monkeypatch.setattr(replay, "TAIL", most)
            online, last = replay.replayed(run, "param"), run.histogram("param", -1)
            again = online(int(run.steps[-1]), last).length
            np.testing.assert_allclose(again, found, rtol=1e-6)


def test_a_running_length_is_never_negative(tmp_path, monkeypatch):
    """Noise of two kept records, which the run itself never saw side by side, is taken back."""
    monkeypatch.setattr(replay, "TAIL", 0)
    chance, path = np.random.default_rng(5), tmp_path / "run.igf"
    weights = {f"w{layer}": np.zeros(3000) for layer in range(20)}
    options = {"store": path, "bins": 64, "histograms": 16, "health": None}
    for begin, end in ((0, 30), (30, 33)):
        known = {"resume": True, "step": begin - 1} if begin else {}
        with igfast.Monitor(weights, **options, **known) as monitor:
            for step in range(begin, end):
                for values in weights.values():
                    values[:] = chance.normal(size=3000)
                monitor.record(step)
    with RunReader(path) as run:
        found = run.running()["length"]
        assert found.min() == 0.0
        assert found[29:, 3].tolist() == [0.0] * 4  # was -0.128 from step 30 on


def test_a_damaged_record_of_old_does_not_keep_a_run_from_going_on(tmp_path):
    path = tmp_path / "run.igf"
    run_drifting(path, last=30)
    db = sqlite3.connect(path)
    db.execute("UPDATE histograms SET segments=zeroblob(40) WHERE step=3")
    db.commit()
    db.close()
    weights = drifting(30)
    with igfast.Monitor(weights, store=path, bins=64, resume=True, step=29) as monitor:
        monitor.record(30)
    with RunReader(path) as run:
        assert run.steps.tolist() == list(range(31))
        assert run.running()["length"][-1][1] > 0.2
        with pytest.raises(StoreError, match="damaged at step 3"):
            run.histogram("param", 3)
