"""A writer shared by threads, inherited by a forked process, and steps beyond 64 bits."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest

import igfast
from igfast.store import RunReader, RunWriter, StoreError
from igfast.store.schema import database_errors

from .runs import ARRAYS, GRIDS, define, histograms, write_run


def test_two_threads_write_every_record_and_scalar(tmp_path):
    record, failures = histograms(ARRAYS, GRIDS["automatic"]), []
    with RunWriter(tmp_path / "run.igf", config={}) as writer:
        define(writer)

        def log():
            try:
                for step in range(400):
                    writer.write_scalars(step, {"test_loss": step / 7})
            except Exception as error:
                failures.append(error)

        thread = threading.Thread(target=log)
        thread.start()
        for step in range(60):
            writer.write_record(step, 0.0, {"param": record}, {"loss": step / 3})
        thread.join()
    assert failures == []
    with RunReader(tmp_path / "run.igf") as run:
        assert run.steps.tolist() == list(range(60))
        assert run.scalars()["loss"][1].tolist() == [step / 3 for step in range(60)]
        assert run.scalars()["test_loss"][1].tolist() == [step / 7 for step in range(400)]


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("cannot start a transaction within a transaction"),
        sqlite3.InterfaceError("bad parameter or other API misuse"),
    ],
)
def test_wrong_use_is_not_called_damage(error):
    with (
        pytest.raises(StoreError, match="the file is unharmed"),
        database_errors(Path("run.igf"), "writing"),
    ):
        raise error


def test_a_closed_run_is_one_file_also_beside_a_reader(tmp_path):
    """What lies beside it is empty, and gone as soon as nobody reads."""
    path, copy = tmp_path / "run.igf", tmp_path / "copies" / "run.igf"
    copy.parent.mkdir()
    with RunWriter(path, config={}) as writer:
        define(writer)
        writer.write_record(0, 0.0, {"param": histograms(ARRAYS, GRIDS["automatic"])})
        writer.flush()
        run = igfast.open(path)
        writer.write_record(1, 0.0, {"param": histograms(ARRAYS, GRIDS["automatic"])})
    copy.write_bytes(path.read_bytes())
    with igfast.open(copy) as copied:
        assert copied.steps.tolist() == [0, 1]
    with run:
        assert run.steps.tolist() == [0]
    with pytest.raises(StoreError, match="it was closed before; open it again"):
        run.scalars()


@pytest.mark.filterwarnings("error::ResourceWarning")
def test_a_forgotten_reader_closes_its_file(tmp_path):
    write_run(tmp_path / "run.igf")
    run = igfast.open(tmp_path / "run.igf")
    database = run._source._db
    del run
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        database.execute("SELECT 1")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_leaves_the_run_alone(tmp_path):
    writer = RunWriter(tmp_path / "run.igf", config={})
    writer.write_scalars(0, {"loss": 1.0})
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        said = []
        for write in (lambda: writer.write_scalars(1, {"loss": 2.0}), lambda: writer.rewind(-1)):
            try:
                write()
            except Exception as error:
                said.append(f"{type(error).__name__}: {error}")
        writer.flush()
        writer.close()
        os.write(writing, "\n".join(said).encode())
        os._exit(0)
    os.waitpid(child, 0)
    said = os.read(reading, 10_000).decode().splitlines()
    os.close(reading)
    os.close(writing)
    assert len(said) == 2
    for line in said:
        assert line.startswith("RuntimeError: ")
        assert f"belongs to process {os.getpid()}" in line
        assert "make a Monitor" in line
    assert Path(f"{writer.path}-wal").stat().st_size > 0  # not ended by the child
    writer.write_scalars(2, {"loss": 3.0})
    writer.close()
    with RunReader(tmp_path / "run.igf") as run:
        assert run.scalars()["loss"][0].tolist() == [0, 2]


@pytest.mark.parametrize("step", [2**63, 2**70, -(2**63) - 1])
def test_steps_beyond_64_bits_are_refused(tmp_path, step):
    record = histograms(ARRAYS, GRIDS["automatic"])
    with RunWriter(tmp_path / "run.igf", config={}) as writer:
        define(writer)
        for write in (
            lambda: writer.write_record(step, 0.0, {"param": record}),
            lambda: writer.write_scalars(step, {"loss": 1.0}),
            lambda: writer.rewind(step),
        ):
            with pytest.raises(ValueError, match=rf"^step must fit in 64 bits, got {step};"):
                write()
        writer.write_record(2**63 - 1, 0.0, {"param": record}, {"loss": -0.0})
        writer.rewind(2**63 - 1)
    with RunReader(tmp_path / "run.igf") as run:
        assert run.steps.tolist() == [2**63 - 1]
        assert run.scalars()["loss"][1].tolist() == [0.0]


def test_totals_follow_replaced_and_dropped_rows(tmp_path):
    """Opening and reading verifies them, after every way that rows go."""
    path = tmp_path / "run.igf"
    record = write_run(path, steps=(0, 10, 20))[0]
    with RunWriter(path, config={}, resume=True) as writer:
        define(writer)
        writer.write_record(10, 0.0, {"param": record}, {"loss": np.nan, "other": -0.0})
        writer.write_record(10, 1.0, {"param": record}, {"loss": 4})
        writer.write_scalars(30, {"loss": 5})
        with pytest.raises(ValueError, match="could not convert"):  # after rows were counted
            writer.write_record(11, 0.0, {"param": record}, {"loss": 1, "word": "x"})
        writer.write_record(11, 2.0, {"param": record})
        writer.rewind(11)
    with RunReader(path) as run:
        assert run.steps.tolist() == [0, 10, 11]
        assert run.scalars()["loss"][0].tolist() == [0, 10]
        assert run.scalars()["loss"][1].tolist() == [0.0, 4.0]
        assert run.scalars()["other"][1].tolist() == [0.0]
