"""Processes killed at random moments, files cut and damaged: the truth or a clear error."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import igfast
from igfast.store import RunReader, RunWriter, StoreError

from .recording_process import fresh_weights, set_weights
from .runs import assert_same, write_run

PROCESS = Path(__file__).with_name("recording_process.py")


class Expected:
    """The records of a run that is never interrupted."""

    def __init__(self) -> None:
        self._weights = fresh_weights()
        self._plan = igfast.Plan(
            self._weights, grid=igfast.Grid.dyadic(64), splits=4, offsets=True, moments=True
        )
        self._records: list[tuple[igfast.Histogram, igfast.Moments]] = []

    def __getitem__(self, step: int) -> tuple[igfast.Histogram, igfast.Moments]:
        while len(self._records) < step:
            set_weights(self._weights, len(self._records) + 1)
            self._records.append(self._plan())
        return self._records[step - 1]

    def check(self, path: Path, chance: random.Random | None = None) -> None:
        """Numbers of all records, or of some and the last ones, and histograms as they are kept."""
        with RunReader(path) as run:
            steps, kept = run.steps.tolist(), run.steps_of("param").tolist()
            some = steps if chance is None else {*steps[-5:], chance.choice(steps)}
            l2 = run.moments("param")["l2"]
            for step in some:
                np.testing.assert_array_equal(l2[steps.index(step)], self[step][1].l2)
            for step in {*some} & {*kept}:
                assert_same(run.histogram("param", kept.index(step)), self[step][0])


def record_until_killed(
    path: Path, checkpoint: int, lines: int, seconds: float, histograms: int | str = "all"
) -> int:
    """Kill it after so many acknowledged steps and seconds; returns the last of those steps."""
    process = subprocess.Popen(
        [sys.executable, str(PROCESS), str(path), str(checkpoint), str(histograms)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said = [process.stdout.readline() for _ in range(lines)]
    time.sleep(seconds)
    process.kill()
    with process:  # not communicate(), which overlooks what readline() has read ahead
        said += process.stdout.readlines()
        assert process.stderr.read() == ""
    whole = [int(line) for line in said if line.endswith("\n")]
    return whole[-1] if whole else checkpoint


def kill_at_random_moments(path: Path, kills: int, histograms: int | str) -> None:
    """Every acknowledged step survives SIGKILL, and the resumed run is the uninterrupted one."""
    expected, chance = Expected(), random.Random(kills)
    checkpoint = resumed = 0
    for kill in range(kills):
        early = kill % 4 == 3  # also while it starts and opens the store
        lines = 0 if early else chance.randint(1, 8)
        seconds = chance.uniform(0.05, 0.5) if early else chance.uniform(0, 0.02)
        last = record_until_killed(path, checkpoint, lines, seconds, histograms)
        if not path.exists() or path.stat().st_size == 0:
            assert last == checkpoint == 0
            continue
        with RunReader(path) as run:
            stored = run.steps.tolist()
            kept = run.steps_of("param").tolist() if "param" in run.quantities else []
        # all that was said, and what the thread had committed besides, in order
        assert stored == list(range(1, len(stored) + 1))
        assert len(stored) >= (last if last > checkpoint else checkpoint)
        if stored:
            resumed += last > checkpoint
            expected.check(path, chance)
            assert kept == stored if histograms == "all" else kept[0] == 1 and len(kept) <= 19
        # the checkpoint to go on from is a few steps older than the last record that was said
        checkpoint = max(0, last - chance.randint(0, 3))
    assert resumed >= kills // 2
    expected.check(path)


@pytest.mark.parametrize("histograms", ["all", 16])
def test_killed_at_random_moments(tmp_path, histograms):
    kill_at_random_moments(tmp_path / "run.igf", 8, histograms)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("histograms", "kills"), [("all", 80), (16, 120)])
def test_killed_at_two_hundred_moments(tmp_path, histograms, kills):
    kill_at_random_moments(tmp_path / "run.igf", kills, histograms)


def test_killed_while_it_creates_the_store(tmp_path):
    """Whatever is left of a run that never began can be begun."""
    for number in range(3):
        path = tmp_path / f"{number}.igf"
        record_until_killed(path, 0, 0, 0.1 + 0.08 * number)
        for suffix in ("", "-journal", "-wal"):
            left = Path(f"{path}{suffix}")
            if left.exists() and not left.stat().st_size:
                break
        RunWriter(path, config={}, resume=True).close()
        with RunReader(path) as run:
            run.steps.tolist()


def all_of(path: Path) -> list:
    with RunReader(path) as run:
        found = [run.steps.tolist(), run.config, run.layers("param"), run.scalars()]
        found += list(run.histogram_series("param"))
        return [*found, run.moments("param")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "run.igf"
    arrays = {"w": np.random.default_rng(0).normal(size=30_000).astype(np.float32)}
    records = write_run(path, steps=range(30), arrays=arrays)
    return path.read_bytes(), records


def test_cut_files_are_refused(tmp_path, whole):
    data, _ = whole
    path = tmp_path / "cut.igf"
    lengths = {*range(0, len(data), 1009), *range(0, len(data), 4096), len(data) - 1}
    for length in sorted(lengths):
        path.write_bytes(data[:length])
        with pytest.raises(StoreError, match=r"cut\.igf.*(truncated|is empty|not an igfast run)"):
            all_of(path)


def test_a_cut_log_loses_only_the_end(tmp_path):
    """A write-ahead log cut anywhere gives the records whose commits are whole."""
    path, arrays = tmp_path / "run.igf", {"w": np.linspace(-1, 1, 5000)}
    record = igfast.histogram(arrays, splits=4, offsets=True, moments=True)
    with RunWriter(path, config={}) as writer:
        writer.define_layers("param", ["w"], [(5000,)], ["float64"])
        for step in range(6):
            writer.write_record(step, 0.0, {"param": record})
        data, log = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    seen = set()
    for length in range(0, len(log) + 1, 1999):
        copy = tmp_path / f"{length}.igf"
        copy.write_bytes(data)
        Path(f"{copy}-wal").write_bytes(log[:length])
        with RunReader(copy) as run:
            assert run.steps.tolist() == list(range(len(run.steps)))
            seen.add(len(run.steps))
            for found in run.histogram_series("param") if run.quantities else ():
                assert_same(found, record[0])
    assert seen >= {0, 1, 2, 3, 4, 5}


def test_damaged_files_give_the_truth_or_an_error(tmp_path, whole):
    """A block of noise anywhere in the file."""
    data, records = whole
    path, chance = tmp_path / "damaged.igf", random.Random(1)
    errors: list[str] = []
    for _ in range(150):
        start = chance.randrange(100, len(data))
        noise = chance.randbytes(chance.choice([1, 16, 600]))
        path.write_bytes((data[:start] + noise + data[start + len(noise) :])[: len(data)])
        try:
            with RunReader(path) as run:
                series = run.histogram_series("param")
                for step, found in zip(run.steps_of("param").tolist(), series, strict=True):
                    np.testing.assert_array_equal(found.split_counts, records[step][0].split_counts)
                    np.testing.assert_array_equal(found.offsets, records[step][0].offsets)
                l2 = run.moments("param")["l2"]
                for step, row in zip(run.moment_steps("param").tolist(), l2, strict=True):
                    np.testing.assert_array_equal(row, records[step][1].l2)
        except StoreError as error:
            errors.append(str(error))
    assert all("damaged.igf" in error for error in errors)
    assert len(errors) > 30


def everything(path: Path) -> dict[str, str]:
    """All that a reader and a trajectory give, as text that tells any two values apart."""
    with RunReader(path) as run:
        found = {
            "steps": run.steps.tolist(),
            "wall_times": run.wall_times.tolist(),
            "memberships": run.memberships_of().tolist(),
            "scalars": [(n, s.tolist(), v.tolist()) for n, (s, v) in run.scalars().items()],
            "described": [run.config, run.info, run.resumes, run.quantities],
            "layers": [run.layers(), run.dtypes(), run.shapes(), run.numel().tolist()],
            "histograms": [
                (h.grid, h.split_counts.tolist(), h.split_outside.tolist(), h.offsets.tolist())
                for h in run.histogram_series()
            ],
            "moments": {name: values.tolist() for name, values in run.moments().items()},
            "moment_steps": run.moment_steps().tolist(),
        }
    igfast.open(path).velocity()
    return {name: repr(value) for name, value in found.items()}


def damaged_copies(data: bytes, number: int):
    """Flipped bytes and zeroed blocks, half of them in the bytes that steer SQLite's pages."""
    chance = random.Random(2)
    for i in range(number):
        at = chance.randrange(len(data))
        if i % 2:  # page header, cell pointers, first cells; and the last cells of the page
            at = at // 4096 * 4096 + chance.choice(
                [chance.randrange(60), 4095 - chance.randrange(60)]
            )
        size = 2000 if i % 10 == 0 else 1
        new = bytes(size) if size > 1 else bytes([chance.randrange(256)])
        yield (data[:at] + new + data[at + size :])[: len(data)]


def small_run(path: Path) -> bytes:
    x = np.random.default_rng(0).normal(size=1000)
    with RunWriter(path, config={"lr": 0.1, "name": "a run" * 5}) as writer:
        writer.define_layers("param", ["a"], [(1000,)], ["float64"])
        for step in range(6):
            record = igfast.histogram(
                {"a": x + step}, splits=4, offsets=True, moments=True, bins=16
            )
            writer.write_record(step, 100.0 + step, {"param": record}, {"loss": 1 / (step + 1)})
    return path.read_bytes()


def test_damage_in_any_table_gives_the_truth_or_an_error(tmp_path):
    data, path = small_run(tmp_path / "run.igf"), tmp_path / "damaged.igf"
    wanted = everything(tmp_path / "run.igf")
    errors = 0
    for damaged in damaged_copies(data, 400):
        path.write_bytes(damaged)
        try:
            assert everything(path) == wanted
        except StoreError:
            errors += 1
    assert errors > 60


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE scalars SET value=0.75 WHERE step=2",
        "UPDATE scalars SET step=9 WHERE step=2",
        "DELETE FROM scalars WHERE step=5",
        "UPDATE records SET wall_time=7 WHERE step=2",
        "UPDATE records SET membership=7 WHERE step=2",
        "DELETE FROM records WHERE step=5",
        "DELETE FROM histograms WHERE step=5",
        "DELETE FROM columns WHERE step=0",
        "UPDATE layers SET dtype='float32'",
        "UPDATE layers SET numel=1001",
        "DELETE FROM layers",
        "UPDATE meta SET value='{\"lr\": 0.2}' WHERE key='config'",
        "DELETE FROM meta WHERE key='config'",
        "UPDATE grids SET json='{}'",
        f"UPDATE grids SET json='{'[' * 5000}'",
        "DELETE FROM grids",
        "DELETE FROM quantities",
        "DELETE FROM totals",
    ],
)
def test_a_changed_or_missing_row_is_found(tmp_path, damage):
    path = tmp_path / "run.igf"
    small_run(path)
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute(damage).rowcount > 0
        db.commit()
    with pytest.raises(StoreError, match=r"run\.igf' is damaged: .*; restore it from a copy"):
        everything(path)


def test_damage_in_one_record_leaves_the_others(tmp_path, whole):
    data, records = whole
    path = tmp_path / "run.igf"
    path.write_bytes(data)
    with contextlib.closing(sqlite3.connect(path)) as db:
        (blob,) = db.execute("SELECT segments FROM histograms WHERE step=3").fetchone()
        wrong = blob[:100] + bytes([blob[100] ^ 1]) + blob[101:]
        db.execute("UPDATE histograms SET segments=? WHERE step=3", (wrong,))
        db.commit()
    with RunReader(path) as run:
        assert_same(run.histogram("param", 4), records[4][0])
        with pytest.raises(StoreError, match=r"damaged at step 3 of 'param'.*checksum.*restore"):
            run.histogram("param", 3)


def test_disk_full(tmp_path):
    """SQLite's page limit stands for the disk's end: a clear error, and what was there stays."""
    arrays = {"w": np.random.default_rng(0).normal(size=30_000)}
    record = igfast.histogram(arrays, splits=4, offsets=True, moments=True)
    with RunWriter(tmp_path / "run.igf", config={}) as writer:
        writer.define_layers("param", ["w"], [(30_000,)], ["float64"])
        writer._session.db.execute("PRAGMA max_page_count=40")

        def write_on():
            for step in range(100):
                writer.write_record(step, 0.0, {"param": record})

        with pytest.raises(StoreError, match=r"run\.igf' failed: .*full.*free disk space"):
            write_on()
    with RunReader(tmp_path / "run.igf") as run:
        assert 5 < len(run.steps) < 100
        for found in run.histogram_series("param"):
            assert_same(found, record[0])
    assert os.listdir(tmp_path) == ["run.igf"]
