"""What is written replaces what was there as a whole, or not at all."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from igfast.files import replacing


def test_what_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "curves.csv"
    path.write_text("old")

    def write():
        with replacing(path) as unfinished:
            unfinished.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left") as told:
        write()
    assert told.value.filename == str(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["curves.csv"]


def test_links_and_devices_stay_what_they_are(tmp_path):
    target, link = tmp_path / "kept.csv", tmp_path / "link.csv"
    target.write_text("old")
    link.symlink_to(target)
    with replacing(link) as unfinished:
        unfinished.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    with replacing(Path("/dev/null")) as unfinished:
        assert str(unfinished) == "/dev/null"


EXPORT = """
import sys, numpy as np, igfast
from igfast.export import WRITERS
from pathlib import Path
x = np.random.default_rng(0).normal(size=(30, 50))
records = [igfast.histogram({"w": x + t / 10}, splits=4) for t in range(200)]
run = igfast.Trajectory.from_histograms(range(200), records)
WRITERS[sys.argv[1]](run, Path(sys.argv[2]), "param", "hellinger")
"""


@pytest.mark.parametrize("format", ["csv", "json", "npz"])
def test_an_export_that_finds_no_room_leaves_the_last_one(tmp_path, format):
    path = tmp_path / f"run.{format}"
    path.write_text("the last one")

    def little_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    command = [sys.executable, "-c", EXPORT, format, str(path)]
    done = subprocess.run(command, preexec_fn=little_room, capture_output=True, text=True)
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert path.read_text() == "the last one"
    assert os.listdir(tmp_path) == [path.name]
