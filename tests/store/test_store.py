"""The run store: what is written comes back exactly, and bad files get clear errors."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from pathlib import Path

import numpy as np
import pytest

import igfast
from igfast.store import APPLICATION_ID, RunReader, RunWriter, StoreError, opening, reader
from igfast.store.schema import SCHEMA_VERSION

from .runs import ARRAYS, GRIDS, assert_same, define, histograms, write_run


@pytest.mark.parametrize("name", GRIDS)
def test_every_grid_comes_back(tmp_path, name):
    (first, last) = write_run(tmp_path / "run.igf", steps=(0, 5), grid=GRIDS[name])
    with RunReader(tmp_path / "run.igf") as run:
        assert_same(run.histogram("param", 0), first[0])
        assert_same(run.histogram("param", -1), last[0])
        assert_same(run.histogram("param", 1, ["odd", 0]), last[0].select([3, 0]))
        moments = run.moments("param")
        for field in ("count", "nan", "inf", "zeros", "min", "mean", "kurtosis", "l2"):
            np.testing.assert_array_equal(moments[field][1], getattr(last[1], field))


@pytest.mark.parametrize("splits", [1, 2, 8])
@pytest.mark.parametrize("offsets", [False, True])
def test_splits_and_offsets(tmp_path, splits, offsets):
    record = histograms(ARRAYS, GRIDS["log"], splits=splits, offsets=offsets)
    with RunWriter(tmp_path / "run.igf", config={}) as writer:
        define(writer)
        writer.write_record(0, 0.0, {"param": (record[0], None)})
    with RunReader(tmp_path / "run.igf") as run:
        assert_same(run.histogram("param", 0), record[0])
        assert run.moments("param")["mean"].shape == (0, 4)
        assert run.moment_steps("param").tolist() == []


def test_a_run_in_full(tmp_path):
    path = tmp_path / "run with spaces? #%.igf"
    records = write_run(path)
    assert os.listdir(tmp_path) == [path.name]  # one plain file
    with RunReader(path) as run:
        assert run.config == {"seed": 1}
        assert run.info["igfast"] == igfast.__version__
        assert run.resumes == []
        assert run.quantities == ("param",)
        assert run.steps.tolist() == run.steps_of("param").tolist() == [0, 10, 20]
        assert run.wall_times.tolist() == [100.0, 110.0, 120.0]
        assert run.memberships_of("param").tolist() == [0, 0, 0]
        assert run.layers("param") == tuple(ARRAYS)
        assert run.shapes("param") == [(40, 50), (50,), (0, 3), (6,)]
        assert run.dtypes("param") == ["float32"] * 4
        assert run.numel("param").tolist() == [2000, 50, 0, 6]
        series = run.histogram_series("param")
        assert len(series) == 3
        for found, wanted in zip(series, records, strict=True):
            assert_same(found, wanted[0])
        assert len(series[1:]) == 2
        steps, values = run.scalars()["loss"]
        assert steps.tolist() == [0, 10, 20]
        assert values.tolist() == [0.0, 10 / 3, 20 / 3]
        with pytest.raises(KeyError, match="no quantity 'grad'; it holds 'param'"):
            run.layers("grad")
        with pytest.raises(IndexError):
            run.histogram("param", 3)


def test_plain_sqlite_sees_the_tables(tmp_path):
    write_run(tmp_path / "run.igf")
    with contextlib.closing(sqlite3.connect(tmp_path / "run.igf")) as db:
        assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT step, value FROM scalars WHERE step=10").fetchall() == [
            (10, 10 / 3)
        ]


def test_running_measures_of_some_layers_and_steps(tmp_path):
    """More records than one query reads; all of them, and any choice."""
    path, steps = tmp_path / "run.igf", range(0, 1400, 7)
    write_run(path, steps=steps)
    with RunReader(path) as run:
        every = run.running()
        length = every["length"]
        assert length.shape == (200, 4)
        assert (np.diff(length[:, 0]) > 0).mean() > 0.9
        chosen = np.array([7, 70, 700, 1393])
        some = run.running("param", chosen, ["a.bias", 0])
        for name, values in every.items():
            np.testing.assert_array_equal(some[name], values[chosen // 7][:, [1, 0]])
        for of_steps in (run.running, run.moments):
            with pytest.raises(ValueError, match="'param' was not recorded at 8"):
                of_steps("param", np.array([7, 8]))


def test_same_step_again_replaces(tmp_path):
    first, second = (histograms({"w": np.full(9, v)}, GRIDS["automatic"]) for v in (1.0, 2.0))
    with RunWriter(tmp_path / "run.igf", config={}) as writer:
        writer.define_layers("param", ["w"], [(9,)], ["float64"])
        writer.define_layers("grad", ["w"], [(9,)], ["float64"])
        writer.write_record(3, 0.0, {"param": first, "grad": first}, membership=4)
        writer.write_record(3, 1.0, {"param": second})
        with pytest.raises(ValueError, match="step must not go back, got 2 after 3"):
            writer.write_record(2, 1.0, {"param": second})
    with RunReader(tmp_path / "run.igf") as run:
        assert run.steps.tolist() == [3]
        assert run.steps_of("grad").tolist() == []
        assert run.memberships.tolist() == [0]
        assert_same(run.histogram("param", 0), second[0])


def test_scalars(tmp_path):
    with RunWriter(tmp_path / "run.igf", config={}) as writer:
        writer.write_scalars(np.int64(1), {"loss": np.float32(0.5), "bad": np.nan})
        writer.write_scalars(1, {"loss": 0.25, "huge": np.inf})
        writer.write_scalars(0, {"loss": 1})
    with RunReader(tmp_path / "run.igf") as run:
        scalars = run.scalars()
        assert run.steps.tolist() == []
    assert scalars["loss"][0].tolist() == [0, 1]
    assert scalars["loss"][1].tolist() == [1.0, 0.25]
    assert np.isnan(scalars["bad"][1][0])
    assert scalars["huge"][1].tolist() == [np.inf]


def test_resume_drops_what_is_recorded_again(tmp_path):
    records = write_run(tmp_path / "run.igf", steps=(0, 10, 20, 30))
    with RunWriter(tmp_path / "run.igf", config={"seed": 2}, resume=True) as writer:
        assert writer.last_step == 30
        define(writer)
        writer.write_record(15, 7.0, {"param": records[0]})
    with RunReader(tmp_path / "run.igf") as run:
        assert run.steps.tolist() == [0, 10, 15]
        assert run.scalars()["loss"][0].tolist() == [0, 10]
        assert run.config == {"seed": 1}
        assert [entry["config"] for entry in run.resumes] == [{"seed": 2}]


def test_rewind(tmp_path):
    write_run(tmp_path / "run.igf", steps=(0, 10, 20, 30))
    with RunWriter(tmp_path / "run.igf", config={}, resume=True) as writer:
        writer.rewind(20)
        assert writer.last_step == 20
    with RunReader(tmp_path / "run.igf") as run:
        assert run.steps.tolist() == [0, 10, 20]
        assert run.scalars()["loss"][0].tolist() == [0, 10, 20]


def test_reading_while_writing(tmp_path):
    path = tmp_path / "run.igf"
    record = histograms(ARRAYS, GRIDS["automatic"])
    with RunWriter(path, config={}) as writer:
        define(writer)
        writer.write_record(0, 0.0, {"param": record})
        with RunReader(path) as run:
            writer.write_record(1, 0.0, {"param": record})
            assert run.steps.tolist() == [0]
            run.refresh()
            assert run.steps.tolist() == [0, 1]
            assert_same(run.histogram("param", 1), record[0])
            writer.rewind(0)
            with pytest.raises(StoreError, match=r"no longer holds step 1.*refresh"):
                run.histogram("param", 1)


def test_two_trajectories_are_not_mixed(tmp_path):
    """Steps that were recorded again since the run was opened: all of the first, or an error."""
    path = tmp_path / "run.igf"
    first, second = (histograms({"w": np.full(9, v)}, GRIDS["automatic"]) for v in (1.0, 2.0))
    with RunWriter(path, config={}, histograms="all") as writer:
        writer.define_layers("param", ["w"], [(9,)], ["float64"])
        for step in range(150):
            writer.write_record(step, 100.0 + step, {"param": first})
        with RunReader(path) as run:
            series = run.histogram_series("param")
            started = iter(series)
            assert_same(next(started), first[0])
            writer.rewind(3)
            for step in range(4, 150):
                writer.write_record(step, 900.0 + step, {"param": second})
            with pytest.raises(StoreError, match=r"no longer holds step \d+ as it was"):
                list(started)
            with pytest.raises(StoreError, match="step 4 as it was"):
                run.histogram("param", 4)
            with pytest.raises(StoreError, match="step 4 as it was"):
                run.moments("param")
            assert_same(series[3], first[0])
            for index in (150, -151):
                with pytest.raises(IndexError, match=f"record {index} of 'param' is out of range"):
                    series[index]
            run.refresh()
            assert_same(run.histogram("param", 4), second[0])
            writer.rewind(10)
            run.refresh()
            with pytest.raises(IndexError, match="record 11 of 'param' is out of range"):
                list(series)


def test_layers_are_chosen_by_name_or_number(tmp_path):
    path = tmp_path / "run.igf"
    write_run(path, steps=range(2))
    with RunReader(path) as run:
        names = run.layers()
        for layers in (names[-1:], [len(names) - 1], [-1], np.array([-1])):
            assert run.histogram("param", 0, layers).names == names[-1:]
        with pytest.raises(IndexError, match=f"no layer 99: there are {len(names)}"):
            run.histogram("param", 0, [99])
        with pytest.raises(KeyError, match="no layer 'nothing'; the layers are"):
            run.histogram("param", 0, ["nothing"])


def test_rows_are_read_as_memory_allows(tmp_path, monkeypatch):
    """One by one where a row is larger than a query's share; the same records."""
    path = tmp_path / "run.igf"
    write_run(path, steps=range(100))
    fetched = []
    for most in (reader.MOST_BYTES, 1):
        monkeypatch.setattr(reader, "MOST_BYTES", most)
        with RunReader(path) as run:
            queries = []
            run._db.set_trace_callback(queries.append)
            records = list(run.histogram_series("param"))
            fetched.append(sum("FROM histograms" in query for query in queries))
            run._db.set_trace_callback(None)
            assert len(records) == 100
            for index in (0, 1, 63, 99):
                assert_same(records[index], run.histogram("param", index))
    assert fetched == [3, 100]


def test_wrong_use_of_the_writer(tmp_path):
    record = histograms(ARRAYS, GRIDS["automatic"])
    with RunWriter(tmp_path / "run.igf", config={}) as writer:
        with pytest.raises(ValueError, match="call define_layers first"):
            writer.write_record(0, 0.0, {"param": record})
        define(writer)
        with pytest.raises(ValueError, match="must have the 4 layers"):
            writer.write_record(0, 0.0, {"param": (record[0].select([0]), None)})
        with pytest.raises(ValueError, match="needs at least one layer"):
            writer.define_layers("grad", [], [], [])
        wide = igfast.histogram(ARRAYS, grid=GRIDS["dyadic"], offsets=True).rebin(2)
        if wide.offsets is not None:
            with pytest.raises(ValueError, match="multiples of 1/256"):
                writer.write_record(0, 0.0, {"param": (wide, None)})
    with pytest.raises(StoreError, match="closed before; open it again"):
        writer.write_scalars(0, {"loss": 1.0})
    with pytest.raises(TypeError, match=r"config\['when'\] = .* cannot be written as JSON"):
        RunWriter(tmp_path / "other.igf", config={"when": object()})
    assert not (tmp_path / "other.igf").exists()


def test_an_existing_file_is_not_overwritten(tmp_path):
    write_run(tmp_path / "run.igf")
    with pytest.raises(FileExistsError, match=r"run\.igf' exists; pass resume=True"):
        RunWriter(tmp_path / "run.igf", config={})


def test_resuming_another_model(tmp_path):
    write_run(tmp_path / "run.igf")
    with RunWriter(tmp_path / "run.igf", config={}, resume=True) as writer:
        with pytest.raises(StoreError, match=r"layer 1 is 'a\.bias' \[50\] there and 'b' \[50\]"):
            writer.define_layers("param", ["a.weight", "b"], [(40, 50), (50,)], ["float32"] * 2)
        with pytest.raises(StoreError, match="4 layers there and 1 here"):
            writer.define_layers("param", ["a.weight"], [(40, 50)], ["float32"])


def test_a_second_writer_ends_the_first(tmp_path):
    first = RunWriter(tmp_path / "run.igf", config={})
    with RunWriter(tmp_path / "run.igf", config={}, resume=True) as second:
        second.write_scalars(1, {"loss": 1.0})
        with pytest.raises(StoreError, match=r"another writer has resumed .*only one may write"):
            first.write_scalars(2, {"loss": 2.0})
    first.close()
    with RunReader(tmp_path / "run.igf") as run:
        assert run.scalars()["loss"][0].tolist() == [1]


def test_missing_empty_foreign_and_newer(tmp_path):
    with pytest.raises(StoreError, match=r"no run at .*nothing\.igf.*does not exist"):
        RunReader(tmp_path / "nothing.igf")
    with pytest.raises(StoreError, match="it is not a file; check the path"):
        RunReader(tmp_path)
    with pytest.raises(StoreError, match=r"there is no directory .*create it first"):
        RunWriter(tmp_path / "no" / "run.igf", config={})
    with pytest.raises(StoreError, match="is a directory"):
        RunWriter(tmp_path, config={}, resume=True)

    (tmp_path / "text").write_text("steps: 1, 2, 3\n" * 50)
    (tmp_path / "short").write_bytes(b"SQLite format 3\0" + bytes(20))
    (tmp_path / "empty").touch()
    with contextlib.closing(sqlite3.connect(tmp_path / "foreign")) as db:
        db.execute("CREATE TABLE t (x)")
        db.commit()
    write_run(tmp_path / "newer")
    with contextlib.closing(sqlite3.connect(tmp_path / "newer")) as db:
        db.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    write_run(tmp_path / "older")
    with contextlib.closing(sqlite3.connect(tmp_path / "older")) as db:
        db.execute(f"PRAGMA user_version={SCHEMA_VERSION - 1}")
    write_run(tmp_path / "cut")
    size = (tmp_path / "cut").stat().st_size
    os.truncate(tmp_path / "cut", size - 100)
    write_run(tmp_path / "half")
    os.truncate(tmp_path / "half", 4096)
    cases = {
        "cut": rf"truncated .{size - 100} of {size} bytes.; restore it",
        "half": "truncated or damaged .4096 bytes.; restore it",
        "text": "not an igfast run .not a SQLite file.; check the path",
        "short": "truncated .36 bytes.; restore it",
        "foreign": "SQLite file but not an igfast run .application id 0x0, expected 0x49474653",
        "older": "development version of igfast .store version 3, this one reads 4.; record",
        "newer": "newer igfast .store version 5, this one reads up to 4.; upgrade",
    }
    for name, message in cases.items():
        before = (tmp_path / name).read_bytes()
        with pytest.raises(StoreError, match=rf"{name}' .*{message}"):
            RunReader(tmp_path / name)
        with pytest.raises(StoreError, match=message):
            RunWriter(tmp_path / name, config={}, resume=True)
        assert (tmp_path / name).read_bytes() == before
    with pytest.raises(StoreError, match="is empty: the run was stopped before it began"):
        RunReader(tmp_path / "empty")
    RunWriter(tmp_path / "empty", config={}, resume=True).close()
    with RunReader(tmp_path / "empty") as run:
        assert run.quantities == ()


def test_without_a_write_ahead_log(tmp_path, monkeypatch):
    """A virtual file system without shared memory stands for a network drive."""
    connect = opening.connect
    monkeypatch.setattr(
        "igfast.store.session.connect",
        lambda path, options: connect(path, f"{options}&vfs=unix-dotfile"),
    )
    with pytest.warns(UserWarning, match="without a write-ahead log; using journal_mode=delete"):
        writer = RunWriter(tmp_path / "run.igf", config={"a": 1})
    assert writer.journal == "delete"
    record = histograms(ARRAYS, GRIDS["automatic"])
    define(writer)
    writer.write_record(0, 0.0, {"param": record})
    with RunReader(tmp_path / "run.igf") as run:
        assert_same(run.histogram("param", 0), record[0])
    writer.close()


@pytest.fixture
def plain_user():
    """Run as a user that file permissions bind, and a directory that both can reach."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        root = os.geteuid() == 0
        yield directory, (lambda: os.seteuid(65534)) if root else (lambda: None)
        if root:
            os.seteuid(0)
        directory.chmod(0o755)


@pytest.mark.parametrize("killed", [False, True])
def test_reading_where_nothing_can_be_written(plain_user, killed):
    directory, drop_rights = plain_user
    path = directory / "run.igf"
    record = histograms(ARRAYS, GRIDS["automatic"])
    writer = RunWriter(path, config={})
    define(writer)
    writer.write_record(0, 0.0, {"param": record})
    if killed:  # what a killed process leaves: the file and its log
        copy = directory / "copy.igf"
        copy.write_bytes(path.read_bytes())
        Path(f"{copy}-wal").write_bytes(Path(f"{path}-wal").read_bytes())
        path = copy
    writer.close()
    for file in directory.iterdir():
        file.chmod(0o444)
    directory.chmod(0o555)
    drop_rights()
    with RunReader(path) as run:
        assert run.steps.tolist() == [0]
        assert_same(run.histogram("param", 0), record[0])
    with pytest.raises(StoreError, match="directory is read-only; choose another path"):
        RunWriter(directory / "new.igf", config={})
    with pytest.raises(StoreError, match="is read-only; make it writable"):
        RunWriter(path, config={}, resume=True)


def test_a_file_that_may_not_be_read(plain_user):
    directory, drop_rights = plain_user
    write_run(directory / "run.igf")
    (directory / "run.igf").chmod(0)
    drop_rights()
    with pytest.raises(StoreError, match=r"cannot read .*no permission; check the path"):
        RunReader(directory / "run.igf")
