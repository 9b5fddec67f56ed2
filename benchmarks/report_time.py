"""How long a report takes by one process and by several.

Prints seconds of measuring a run (all that a report, ``igfast info`` and ``igfast compare`` show),
of writing its numbers and of drawing its page: medians of rounds in which one process and more take
turns. The small run has the layers of a network of three, the large one of a transformer.

Usage: python -m benchmarks.report_time [--layers 6 100] [--records 771] [--rounds 3]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

import igfast
from igfast.report.collect import RunCurves, collect
from igfast.report.curves import curve_files, write_curves
from igfast.report.page import render_page
from igfast.workers import usual_jobs

ELEMENTS = 20_000


def recorded(path: Path, layers: int, records: int) -> Path:
    """A run of layers that widen, each by a pace of its own, and of a loss that falls and rises."""
    rng = np.random.default_rng(0)
    start = {
        f"layers.{i}.weight": rng.normal(size=(ELEMENTS // 100, 100)).astype(np.float32)
        for i in range(layers)
    }
    model = {name: values.copy() for name, values in start.items()}
    with igfast.Monitor(model, store=path, histograms="all") as monitor:
        for step in range(records):
            way = np.log1p(step)
            for number, (name, values) in enumerate(start.items()):
                model[name][:] = values * np.float32(1 + way * (number + 1) / layers / 10)
            monitor.record(step)
            monitor.log(step, test_loss=np.exp(-way / 2) + step / records / 5)
    return path


def seconds(path: Path, jobs: list[int], rounds: int) -> dict[str, float]:
    """Of measuring by so many processes, of writing and of drawing."""
    found: dict[str, list[float]] = {}
    curves: RunCurves | None = None

    def timed(what: str, begun: float) -> None:
        found.setdefault(what, []).append(time.perf_counter() - begun)

    for _ in range(rounds):
        for count in jobs:
            begun = time.perf_counter()
            curves = collect(igfast.open(path), jobs=count)
            timed(f"measuring by {count}", begun)
        assert curves is not None
        folder = path.with_name("report_data")
        begun = time.perf_counter()
        write_curves(curves, folder)
        timed("writing", begun)
        begun = time.perf_counter()
        render_page(curves, curve_files(folder))
        timed("drawing", begun)
    return {what: statistics.median(times) for what, times in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--layers", type=int, nargs="+", default=[6, 100])
    parser.add_argument("--records", type=int, default=771)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    jobs = sorted({1, usual_jobs()})
    for layers in asked.layers:
        with tempfile.TemporaryDirectory() as folder:
            path = recorded(Path(folder) / "run.igf", layers, asked.records)
            times = seconds(path, jobs, asked.rounds)
        told = ", ".join(f"{what} {time:.1f} s" for what, time in times.items())
        print(f"{layers} layers, {asked.records} records: {told}", flush=True)


if __name__ == "__main__":
    main()
