"""A run opened in the process that writes it: the writer keeps its locks, and so its log."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from igfast.store import RunReader

WRITING = """
import sys
import numpy as np
import igfast
from igfast.live.following import Follower
from igfast.store import RunReader, RunWriter

path, way = sys.argv[1:]
record = igfast.histogram({"w": np.linspace(-1, 1, 1000)}, splits=4, offsets=True, moments=True)
writer = RunWriter(path, config={}, histograms="all")
writer.define_layers("param", ["w"], [(1000,)], ["float64"])
first = 0
while True:
    for step in range(first, first + 5):
        writer.write_record(step, 0.0, {"param": record})
    writer.flush()
    if way == "open":
        with RunReader(path) as run:
            assert len(run.steps) == first + 5
    else:
        assert not Follower(path).look()[-1].ended
    first += 5
    print(first - 1, flush=True)
    sys.stdin.readline()
"""


def opened_elsewhere(path: Path) -> None:
    """By programs that read and that could write: SQLite's last one to close ends the log."""
    with RunReader(path) as run:
        run.steps.tolist()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("SELECT count(*) FROM records").fetchone()


@pytest.mark.parametrize("way", ["open", "watch"])
def test_opening_a_run_where_it_is_written_leaves_the_writer_its_locks(tmp_path, way):
    path = tmp_path / "run.igf"
    arguments = [sys.executable, "-c", WRITING, str(path), way]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(3):
            last = int(process.stdout.readline())
            opened_elsewhere(path)
            assert Path(f"{path}-wal").exists()
            process.stdin.write("\n")
            process.stdin.flush()
        last = int(process.stdout.readline())
        process.kill()
    with RunReader(path) as run:
        assert run.steps.tolist() == run.steps_of().tolist() == list(range(last + 1))
