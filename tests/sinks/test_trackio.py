"""trackio, in a folder of its own: what its store returns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("trackio")

# trackio settles on its folder when it is imported
SCRIPT = """
import json, trackio, warnings
import igfast, numpy as np
from igfast.sinks import Trackio
from tests.sinks.recording import record

run = trackio.init(project="igfast", name="first", embed=False)
kept = record(Trackio())
trackio.log({"loss": 0.5}, step=7)
record(Trackio(run, most_bins=16), steps=(20,))
trackio.finish()
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    for resume in ("never", "allow"):  # a new run, and once more
        trackio.init(project="igfast", name="again", embed=False, resume=resume)
        with igfast.Monitor({"w": np.ones(3)}, sinks=[Trackio()], step=4) as monitor:
            for step in (6, 8):
                monitor.record(step)
        trackio.finish()
told = [str(one.message) for one in said if one.category is igfast.sinks.SinkWarning]

from trackio.sqlite_storage import SQLiteStorage

logs = SQLiteStorage.get_logs("igfast", "first")
wanted = [record.histograms["param"].counts[0].tolist() for record in kept]
edges = [record.histograms["param"].edges[0].tolist() for record in kept]
print("found:" + json.dumps([logs, wanted, edges, told]))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trackio")
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=root,
        env={**os.environ, "TRACKIO_DIR": str(folder), "HF_HUB_OFFLINE": "1"},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("found:")]
    return json.loads(line.removeprefix("found:"))


def test_scalars(found):
    logs = {row["step"]: row for row in found[0]}
    assert sorted(logs) == [0, 5, 7, 10, 20]
    assert logs[7]["loss"] == 0.5
    np.testing.assert_allclose([logs[s]["param_velocity/moving"] for s in (5, 10)], 0.02, rtol=0.05)
    assert logs[10]["param_nan/bad"] == 1
    assert "param_nan/bad" not in logs[0]


def test_histograms(found):
    logs, counts, edges, _ = found
    for step, wanted, bounds in zip((0, 5, 10), counts, edges, strict=True):
        (row,) = [row for row in logs if row["step"] == step]
        drawn = row["param_histogram/moving"]
        assert drawn["_type"] == "trackio.histogram"
        assert sum(drawn["values"]) == sum(wanted)
        first = bounds.index(drawn["bins"][0])
        assert drawn["values"] == wanted[first : first + len(drawn["values"])]
        assert drawn["bins"] == bounds[first : first + len(drawn["bins"])]
    merged = logs[-1]["param_histogram/moving"]
    assert len(merged["values"]) <= 16
    assert sum(merged["values"]) == sum(counts[0])


def test_steps_that_a_run_holds_already_are_told_of_once(found):
    (said,) = found[3]
    assert "the trackio run has steps to 8 at least, and training goes on after step" in said
    assert "Remedy: go on in a run of another name, by trackio.init()" in said
