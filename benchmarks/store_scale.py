"""Opening a long run of a large model: 100,000 records of 300 layers.

Writes such a run (its records' numbers are one record's, its histograms real ones), then opens it
in a fresh process and measures time and memory. Writes benchmarks/results/store_scale.json.

Usage: python benchmarks/store_scale.py FOLDER [--records N] [--layers N]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import igfast
from igfast.analysis.online import RUNNING_FIELDS
from igfast.store import RunWriter, columns
from igfast.store.columns import Columns
from igfast.store.encoding import moment_arrays
from igfast.store.given import Given, Quantity
from igfast.store.tables import RecordRows
from igfast.store.thinning import DEFAULT_HISTOGRAMS, Kept, Place, place_after

RESULT = Path(__file__).with_name("results") / "store_scale.json"
MOVED = 3000  # ticks between records: 0.003 standard deviations
BATCH = 1000  # records to a transaction

READ = """
import json, resource, sys, time
begun = time.perf_counter()
import igfast
loaded = time.perf_counter()
run = igfast.open(sys.argv[1])
found = {"import_s": loaded - begun, "open_s": time.perf_counter() - loaded}
def lap(name, work):
    begun = time.perf_counter()
    work()
    found[name] = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found[name.replace("_s", "_peak_mib")] = peak / 1024
lap("steps_s", lambda: (run.steps, run.recorded_steps(), run.layers))
lap("length_of_a_layer_s", lambda: run.length(run.layers[7]))
lap("measures_of_a_layer_s", lambda: run.running(run.layers[7]))
found["records"], found["histograms"] = len(run.recorded_steps()), len(run.steps)
print(json.dumps(found))
"""


def write(path: Path, records: int, layers: int) -> float:
    rng = np.random.default_rng(0)
    arrays = {f"layer.{i}": rng.normal(size=20_000).astype(np.float32) for i in range(layers)}
    plan = igfast.Plan(arrays, splits=4, offsets=True, moments=True)
    names = tuple(arrays)
    kept, place = Kept(DEFAULT_HISTOGRAMS), None
    last = Place(records - 1, records - 1, (records - 1) * MOVED, 0, 0)
    with RunWriter(path, config={}) as writer:
        writer.define_layers("param", names, [(20_000,)] * layers, ["float32"] * layers)
        session, tables = writer._session, writer._tables
        histogram, moments = plan()
        running = rng.normal(size=(len(RUNNING_FIELDS), layers)).astype(np.float32)
        bins = np.stack(plan.bins)
        numbers = Columns(running, *moment_arrays(moments), bins)
        quantity = Quantity.of(1, "param", names)
        given = Given.of(quantity, (histogram, None), None)
        begun = time.perf_counter()
        for first in range(0, records, BATCH):
            with session.transaction():
                for step in range(first, min(first + BATCH, records)):
                    place = place_after(place, step, MOVED, 0)
                    data = columns.encode(numbers, step, quantity.mark)
                    wanted = step == last.step or kept.wants(place, last)
                    rows = [given.histogram_row(step)] if wanted else []
                    record = RecordRows(place, float(step), rows, [(1, *data)])
                    tables.put_records([record], again=False)
        return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--layers", type=int, default=300)
    arguments = parser.parse_args()
    path = arguments.folder / "scale.igf"
    if not path.exists():
        write(path, arguments.records, arguments.layers)
    size = path.stat().st_size
    found = subprocess.run(
        [sys.executable, "-c", READ, str(path)], check=True, capture_output=True, text=True
    )
    result = json.loads(found.stdout) | {"layers": arguments.layers, "bytes": size}
    result["bytes_per_layer_record"] = size / arguments.layers / result["records"]
    print(json.dumps(result, indent=1))
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
