"""JSONL and Parquet, read back with json, pandas and pyarrow."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pandas
import pyarrow.parquet
import pytest

import igfast
from igfast.sinks import JSONL, Parquet, SinkWarning

from .recording import record


def check(table, records):
    """A table of step, layer and columns against the records it was written from."""
    assert table["step"].tolist() == [0, 0, 0, 5, 5, 5, 10, 10, 10]
    assert table["layer"].tolist() == ["moving", "one", "bad"] * 3
    assert set(table["quantity"]) == {"param"}
    moving = table[table["layer"] == "moving"]
    assert np.isnan(moving["velocity"].iloc[0])
    np.testing.assert_allclose(moving["velocity"].iloc[1:], 0.02, rtol=0.05)
    assert moving["length"].iloc[-1] == pytest.approx(0.2, rel=0.05)
    np.testing.assert_allclose(np.diff(moving["mean"]), 0.1, rtol=1e-9)
    assert moving["count"].tolist() == [100_000] * 3
    assert moving["overflow"].min() >= 1  # the outlier
    bad = table[table["layer"] == "bad"]
    assert bad["nan"].tolist() == bad["inf"].tolist() == [0, 1, 1]
    assert bad["health"].tolist() == ["", "nan,inf", "nan,inf"]
    for row, kept in zip((0, 3, 6), records, strict=True):
        for name in ("mean", "l2", "kurtosis", "zeros"):
            assert table[name].iloc[row] == getattr(kept.moments["param"], name)[0]
        assert table["entropy"].iloc[row] == kept.curves["param"].entropy[0]


def test_jsonl(tmp_path):
    records = record(JSONL(tmp_path / "made" / "run.jsonl"))
    lines = (tmp_path / "made" / "run.jsonl").read_text().splitlines()
    first = json.loads(lines[0], parse_constant=pytest.fail)  # no NaN: that is not JSON
    assert first["velocity"] is None
    assert first["wall_time"] == records[0].wall_time
    path = tmp_path / "made" / "run.jsonl"
    table = pandas.read_json(path, lines=True, precise_float=True)
    check(table[~table["pooled"]], records)


def test_jsonl_with_histograms(tmp_path):
    records = record(JSONL(tmp_path / "run.jsonl", histograms=True))
    row = json.loads((tmp_path / "run.jsonl").read_text().splitlines()[0])
    histogram = records[0].histograms["param"]
    assert row["counts"] == histogram.counts[0].tolist()
    assert row["edges"] == histogram.edges[0].tolist()
    assert sum(row["counts"]) + row["underflow"] + row["overflow"] == 100_000


def test_jsonl_goes_on_after_a_kill(tmp_path):
    path = tmp_path / "run.jsonl"
    record(JSONL(path), steps=(0, 5, 10))
    with path.open("a") as file:
        file.write('{"step": 15, "wall')
    with pytest.raises(FileExistsError, match=r"exists; choose another path, or pass resume=True"):
        JSONL(path)
    record(JSONL(path, resume=True), steps=(10, 20))
    assert pandas.read_json(path, lines=True)["step"].tolist()[::4] == [0, 5, 10, 20]


@pytest.mark.parametrize("line", ["a,b,c", '{"epoch": 1}', "[1, 2]", '{"step": null}'])
def test_jsonl_leaves_files_of_others_alone(tmp_path, line):
    path = tmp_path / "run.jsonl"
    path.write_text(f"{line}\n")
    with pytest.warns(igfast.sinks.SinkWarning) as found:
        record(JSONL(path, resume=True), steps=(0,))
    assert "was not written by this sink, it holds" in str(found[0].message)
    assert path.read_text() == f"{line}\n"
    assert [file.name for file in tmp_path.iterdir()] == ["run.jsonl"]


def test_parquet(tmp_path):
    folder = tmp_path / "made" / "run.parquet"
    records = record(Parquet(folder, every=2))
    assert sorted(path.name for path in folder.iterdir()) == [
        "step-000000000000.parquet",
        "step-000000000010.parquet",
    ]
    table = pandas.read_parquet(folder)
    check(table[~table["pooled"]], records)
    for row, kept in zip((0, 4, 8), records, strict=True):
        histogram = kept.histograms["param"].to_numpy()
        np.testing.assert_array_equal(table["counts"].iloc[row], histogram.counts[0])
        np.testing.assert_array_equal(table["edges"].iloc[row], histogram.edges[0])
    kinds = {f.name: str(f.type) for f in pyarrow.parquet.read_schema(next(folder.iterdir()))}
    assert kinds["step"] == kinds["nan"] == "int64"
    assert kinds["velocity"] == "double"
    assert kinds["counts"] == "list<element: int64>"


def test_parquet_is_readable_while_training_goes_on(tmp_path):
    folder, seen = tmp_path / "run.parquet", {}

    def look(step):
        seen[step] = len(pandas.read_parquet(folder)) if step else 0

    record(Parquet(folder, every=1), between=look)
    assert seen == {0: 0, 5: 8, 10: 12}


def test_parquet_flushes_with_the_monitor(tmp_path):
    sink = Parquet(tmp_path / "run", histograms=False)
    with igfast.Monitor({"w": np.zeros(8)}, sinks=[sink]) as monitor:
        monitor.record(3)
        assert not list((tmp_path / "run").iterdir())
        monitor.flush()
        assert pandas.read_parquet(tmp_path / "run")["step"].tolist() == [3]


def test_parquet_goes_on(tmp_path):
    folder = tmp_path / "run"
    record(Parquet(folder, every=2), steps=(0, 5, 10, 15))
    with pytest.raises(FileExistsError, match=r"holds records; choose another folder, or pass"):
        Parquet(folder)
    record(Parquet(folder, every=2, resume=True), steps=(5, 20))
    assert pandas.read_parquet(folder)["step"].tolist()[::4] == [0, 5, 20]
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        Parquet(folder, every=0)
    with pytest.raises(TypeError, match="every must be an integer, got '2'"):
        Parquet(folder, every="2")


def test_parquet_leaves_out_logs_without_a_number(tmp_path):
    with igfast.Monitor({"w": np.zeros(8)}, sinks=[Parquet(tmp_path / "run")]) as monitor:
        for step in range(2):
            monitor.record(step)
            monitor.log(step)
            monitor.log(step, loss=1.0)
    assert pandas.read_parquet(tmp_path / "run")["step"].tolist() == [0, 1]
    assert pandas.read_parquet(tmp_path / "run.scalars")["step"].tolist() == [0, 1]


@pytest.mark.parametrize("broken", ["run", "run.scalars"])
def test_parquet_saves_one_folder_where_the_other_fails(tmp_path, broken):
    sink = Parquet(tmp_path / "run")
    with igfast.Monitor({"w": np.zeros(8)}, sinks=[sink]) as monitor:
        monitor.record(0)
        monitor.log(0, loss=1.0)
        shutil.rmtree(tmp_path / broken)
        with pytest.raises(FileNotFoundError, match=f"{broken}/"):
            sink.flush()
        (saved,) = tmp_path.iterdir()
        assert pandas.read_parquet(saved)["step"].tolist() == [0]
        (tmp_path / broken).mkdir()
    assert pandas.read_parquet(tmp_path / broken)["step"].tolist() == [0]


def test_readers_leave_out_what_a_killed_process_leaves(tmp_path, monkeypatch):
    """And the next one takes it away, also under its old name."""
    folder = tmp_path / "run"
    record(Parquet(folder, every=1), steps=(0, 5))

    def killed(table, path, **options):
        path.write_bytes(b"PAR")
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(pyarrow.parquet, "write_table", killed)
        with pytest.raises(SystemExit):
            record(Parquet(folder, every=1, resume=True), steps=(10,))
    assert len(list(folder.iterdir())) == 3
    assert len(pandas.read_parquet(folder)) == 8
    polars, duckdb = pytest.importorskip("polars"), pytest.importorskip("duckdb")
    assert len(polars.read_parquet(f"{folder}/*.parquet")) == 8
    assert duckdb.sql(f"SELECT count(*) FROM '{folder}/*.parquet'").fetchall() == [(8,)]
    (folder / "step-000000000010.unfinished").write_bytes(b"PAR")
    record(Parquet(folder, every=1, resume=True), steps=(10,))
    assert sorted(path.suffix for path in folder.iterdir()) == [".parquet"] * 3
    assert pandas.read_parquet(folder)["step"].tolist()[::4] == [0, 5, 10]


def recorded_again(sink):
    """Records at 0, 1, 2 and once more at 2 and 3, with other weights; logs twice at a step."""
    weights = np.arange(4.0)
    with igfast.Monitor({"w": weights}, sinks=[sink]) as monitor:
        for step in (0, 1, 2, 2, 3, 3):
            monitor.record(step)
            monitor.log(step, loss=1.0)
            weights += 1.0


def test_a_step_that_is_recorded_again_replaces_its_rows(tmp_path):
    recorded_again(JSONL(tmp_path / "run.jsonl"))
    recorded_again(Parquet(tmp_path / "held.parquet", every=100))
    recorded_again(Parquet(tmp_path / "saved.parquet", every=2))
    lines = pandas.read_json(tmp_path / "run.jsonl", lines=True)
    for table in (
        lines,
        pandas.read_parquet(tmp_path / "held.parquet"),
        pandas.read_parquet(tmp_path / "saved.parquet"),
    ):
        assert table["step"].tolist() == [0, 1, 2, 3]
        assert table["mean"].tolist() == [1.5, 2.5, 4.5, 6.5]
    logged = pandas.read_json(tmp_path / "run.scalars.jsonl", lines=True)
    assert logged["step"].tolist() == [0, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("make", [JSONL, Parquet])
def test_files_are_where_they_were_when_the_sink_was_made(tmp_path, monkeypatch, make):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    sink = make("run.out")
    monkeypatch.chdir(tmp_path / "elsewhere")
    with igfast.Monitor({"w": np.ones(3)}, sinks=[sink]) as monitor:
        monitor.record(0)
        monitor.log(0, loss=1.0)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == ["elsewhere", "run.out", "run.scalars.out"]
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("make", [JSONL, Parquet])
def test_a_sink_that_is_used_again_drops_what_is_made_again(tmp_path, make):
    """Logged numbers too: those of another Monitor from its checkpoint on are new ones."""
    sink = make(tmp_path / "run.out")
    for begin in (0, 2):
        with igfast.Monitor({"w": np.ones(3)}, sinks=[sink], step=begin) as monitor:
            for step in range(begin, 4):
                monitor.record(step)
                monitor.log(step, loss=begin)
    for name in ("run.out", "run.scalars.out"):
        if make is JSONL:
            table = pandas.read_json(tmp_path / name, lines=True)
        else:
            table = pandas.read_parquet(tmp_path / name)
        assert table.sort_values("step")["step"].tolist() == [0, 1, 2, 3]
    assert table.sort_values("step")["value"].tolist() == [0.0, 0.0, 2.0, 2.0]


def read(path):
    """Steps of a file of lines, or of a folder of Parquet files."""
    rows = pandas.read_parquet(path) if path.is_dir() else pandas.read_json(path, lines=True)
    return sorted(rows["step"]) if len(rows) else []


KINDS = [JSONL, lambda path, **options: Parquet(path, every=1, **options)]


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("stored", [True, False])
def test_what_is_made_again_goes_when_training_is_resumed(tmp_path, make, stored):
    """Not only when it has been: of the checkpoint's step the record may not come again."""
    path, beside = tmp_path / "run.out", tmp_path / "run.scalars.out"
    options = {"store": tmp_path / "run.igf"} if stored else {}
    with igfast.Monitor({"w": np.ones(3)}, sinks=[make(path)], **options) as monitor:
        for step in range(6):
            monitor.record(step)
            monitor.log(step, loss=1.0)
    options |= {"resume": True} if stored else {}
    sinks = [make(path, resume=True)]
    with igfast.Monitor({"w": np.ones(3)}, sinks=sinks, step=2, **options) as monitor:
        assert read(path) == read(beside) == [0, 1, 2]
        monitor.record(4)
        monitor.log(5, loss=1.0)
    assert read(path) == [0, 1, 2, 4]
    assert read(beside) == [0, 1, 2, 5]


@pytest.mark.parametrize("make", KINDS)
def test_of_two_sinks_on_one_path_the_last_to_begin_goes_on(tmp_path, make):
    """Whoever wrote before is told: what is resumed belongs to the one that resumed it."""
    path, weights = tmp_path / "run.out", {"w": np.ones(3)}
    other = "another sink or process has written to .*run.out' since this one; only one may write"
    first = igfast.Monitor(weights, sinks=[make(path)])
    first.record(0)
    first.record(1)
    second = igfast.Monitor(weights, sinks=[make(path, resume=True)])
    second.record(1)
    second.record(2)
    with pytest.warns(SinkWarning, match=other):
        first.record(2)
    with pytest.warns(SinkWarning, match=r"missed 1 record"):
        first.close()
    second.record(3)
    second.close()
    assert read(path) == [0, 1, 2, 3]


@pytest.mark.parametrize("make", KINDS)
def test_two_sinks_that_are_made_on_one_path_before_either_writes(tmp_path, make):
    path, weights = tmp_path / "run.out", {"w": np.ones(3)}
    first, second = (igfast.Monitor(weights, sinks=[make(path)]) for _ in range(2))
    first.record(0)
    first.record(1)
    with pytest.warns(SinkWarning, match=r"run.out' (exists|holds records); choose another"):
        second.record(0)
    with pytest.warns(SinkWarning, match="missed 1 record"):
        second.close()
    first.record(2)
    first.close()
    assert read(path) == [0, 1, 2]


def test_a_file_of_lines_that_is_taken_away_is_begun_anew(tmp_path):
    path = tmp_path / "run.jsonl"
    with igfast.Monitor({"w": np.ones(3)}, sinks=[JSONL(path)]) as monitor:
        for step in range(4):
            monitor.record(step)
            if step == 1:
                path.rename(tmp_path / "old.jsonl")
    assert read(tmp_path / "old.jsonl") == [0, 1]
    assert read(path) == [2, 3]


def test_lines_go_on_where_their_folder_is_taken_away(tmp_path):
    path = tmp_path / "logs" / "run.jsonl"
    with igfast.Monitor({"w": np.ones(3)}, sinks=[JSONL(path)]) as monitor:
        monitor.record(0)
        shutil.rmtree(tmp_path / "logs")
        monitor.record(1)
        monitor.log(1, loss=0.5)
    assert read(path) == read(tmp_path / "logs" / "run.scalars.jsonl") == [1]


def test_lines_behind_a_link_stay_there(tmp_path):
    """A resumed file is another one than before: the link must not become it."""
    path, link = tmp_path / "run.jsonl", tmp_path / "latest.jsonl"
    link.symlink_to(path)
    for steps, resume in ((range(4), False), (range(2, 5), True)):
        sink = JSONL(link, resume=resume)
        with igfast.Monitor({"w": np.ones(3)}, sinks=[sink]) as monitor:
            for step in steps:
                monitor.record(step)
                monitor.log(step, loss=1.0)
    assert link.is_symlink()
    assert read(path) == read(tmp_path / "run.scalars.jsonl") == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("resume", [False, True])
def test_lines_take_no_folder_and_no_device(tmp_path, resume):
    pipe = tmp_path / "pipe"  # as /dev/null: resuming would put a file in its place
    os.mkfifo(pipe)
    for path in (tmp_path, pipe):
        with pytest.raises(ValueError, match="is a folder or a device, not a file; choose the"):
            JSONL(path, resume=resume)
    assert pipe.is_fifo()
