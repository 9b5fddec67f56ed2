"""Accuracy and coverage of the split estimator of length, on processes of known length.

    OMP_NUM_THREADS=1 python benchmarks/length_accuracy.py [--seeds TIMES] [--jobs N]

writes benchmarks/results/length_accuracy.json and length_accuracy.md as it goes: half an hour on
two cores (--jobs 2). Started again, it goes on where it ended, unless the estimator or a process
has changed.
With --tables it writes the tables into docs/length.md, of what has been measured.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import sys
import time
import zlib
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import igfast
from igfast import Grid, Trajectory
from igfast.analysis.split import split_length

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
sys.path.insert(0, str(ROOT / "tests"))

from analysis.blind_processes import BLIND  # noqa: E402
from analysis.fresh_processes import FRESH, UNTOUCHED  # noqa: E402
from analysis.held_out_processes import HELD_OUT  # noqa: E402
from analysis.known_processes import KNOWN  # noqa: E402
from analysis.last_processes import LAST  # noqa: E402
from analysis.later_processes import LATER  # noqa: E402
from analysis.processes import Process, numeric_length  # noqa: E402
from analysis.skeptical_processes import SKEPTICAL  # noqa: E402
from analysis.unseen_processes import UNSEEN  # noqa: E402
from length_tables import CASE, KEYS, markdown, write_page  # noqa: E402

EVERY = {**KNOWN, **HELD_OUT, **UNSEEN, **FRESH, **UNTOUCHED, **LATER, **LAST, **SKEPTICAL, **BLIND}
SHOWED = (*FRESH, *UNTOUCHED, *LATER, *SKEPTICAL, *BLIND)
MARKS = {**dict.fromkeys(SHOWED, "*"), **dict.fromkeys(LAST, "†")}
FEW = ("shift", "relaxation", "return", "Laplace scale", "circle", "far shift")
SOME = (*FEW, "scale", "diffusion", "Student shift", "modes part", "half zeros", "beta drift")
# n, T, bins, splits, seeds: of all processes, of some, and of a few where that takes long
ALL = [
    (100_000, 30, 256, 8, 24),
    (100_000, 10, 256, 8, 24),
    (10_000, 30, 256, 8, 20),
    (1_000, 30, 256, 8, 20),
    (300, 30, 256, 8, 20),
]
LONG = [
    (100_000, 1000, 256, 8, 10),
    (1_000_000, 30, 256, 8, 10),
    (10_000_000, 30, 256, 8, 4),
]
OTHER = [
    (100_000, 30, 256, 8, 200),
    (100_000, 30, 64, 8, 40),
    (100_000, 30, 1024, 8, 20),
    (100_000, 30, 256, 4, 40),
    (100_000, 100, 256, 8, 40),
]
LAST_OF_ALL = [(100_000, 100, 256, 8, 8)]
AUTOMATIC = [(100_000, 30, 256, 8, 24), (100_000, 30, 64, 8, 12)]
CASES = [
    ((bins, *case), names)
    for bins, cases, names in (
        ("uniform", ALL, tuple(EVERY)),
        ("automatic", AUTOMATIC, tuple(EVERY)),  # as a Monitor records, with offsets
        ("uniform", OTHER, SOME),
        ("uniform", LAST_OF_ALL, tuple(EVERY)),
        ("uniform", LONG, FEW),
    )
    for case in cases
]
GRIDS = {
    "uniform, 256": Grid.uniform(bins=256, low=-6, high=14),
    "uniform, 64": Grid.uniform(bins=64, low=-6, high=14),
    "dyadic, fixed": Grid.dyadic(bins=256, exponent=-4),
    "dyadic, automatic": Grid.dyadic(bins=256),
    "log, 8 per octave": Grid.log(mantissa_bits=3, min_exponent=-8, max_exponent=4),
}
SEEDS_OF_GRIDS = 10


def version() -> str:
    """Of the estimator and the processes: what was measured with others is measured again."""
    analysis = ROOT / "igfast" / "analysis"
    sources = [*analysis.glob("split*.py"), *analysis.glob("st*s.py"), analysis / "series.py"]
    sources += (ROOT / "tests" / "analysis").glob("*processes.py")
    text = b"".join(source.read_bytes() for source in sorted(sources))
    return hashlib.sha256(text).hexdigest()[:12]


def records(process: Process, n: int, intervals: int, grid: Grid, splits: int, seed: int) -> Any:
    """Histograms of equally spaced times, as a plan counts them."""
    times = np.linspace(0, process.duration, intervals + 1)
    place, offsets = np.empty(n), grid.kind != "uniform"
    plan = igfast.Plan({"w": place}, grid=grid, splits=splits, offsets=offsets)
    name = zlib.crc32(process.name.encode())  # no two processes share their noise
    rng = np.random.Generator(np.random.SFC64([name, seed, intervals, n]))
    found = []
    for x in process.elements(rng, n, times):
        place[:] = x
        found.append(plan())
    return times, found


def measure(name: str, case: tuple[str, int, int, int, int, int]) -> dict[str, Any]:
    """Length, error and coverage of one process over all seeds."""
    process = EVERY[name]
    kind, n, intervals, bins, splits, seeds = case
    grid = Grid.uniform(bins=bins, low=process.low, high=process.high)
    if kind == "automatic":
        grid = Grid.dyadic(bins=bins)
    found, seconds = [], 0.0
    for seed in range(seeds):
        times, counted = records(process, n, intervals, grid, splits, seed)
        began = time.process_time()
        if kind == "automatic":
            run = Trajectory.from_histograms(range(len(counted)), counted)
            length, error = run.length("w", error=True)
        else:
            counts = np.array([one.split_counts[0] for one in counted])
            outside = np.array([one.split_outside[0] for one in counted])
            result = split_length(times, counts, outside)
            length, error = result.length, result.standard_error
        seconds += time.process_time() - began
        found.append((float(length[-1]), float(error[-1])))
    row = dict(zip(KEYS, case[:-1], strict=True))
    truth = process.truth if kind == "uniform" else everywhere(process)
    return {**judged(name, truth, found), **row, "seconds": seconds / seeds}


def everywhere(process: Process) -> float:
    """L with what lies outside the range of the process, which automatic bins cover."""
    times = np.linspace(0, process.duration, 101)
    below = process.below
    if process.closed_form is not None or below is None:
        return process.truth
    inside = [np.diff(below(np.array([process.low, process.high]), t)) for t in times]
    if np.min(inside) > 1 - 1e-5:
        return process.truth
    margin = 2 * (process.high - process.low)
    wide = replace(
        process,
        low=process.low - margin,
        high=process.high + margin,
        below=lambda x, t: np.nan_to_num(below(x, t)),  # of what cannot be negative
    )
    return numeric_length(wide, bins=20_000)


def judged(name: str, truth: float, found: list[tuple[float, float]]) -> dict[str, Any]:
    """Lengths and errors of all seeds against the truth."""
    length, error = np.array(found).T
    inside = (np.abs(length - truth) <= 2 * error) & (error > 0)
    return {
        "process": name,
        "mark": MARKS.get(name, ""),
        "seeds": len(found),
        "truth": truth,
        "mean": float(length.mean()),
        "spread": float(length.std(ddof=min(1, len(found) - 1))),
        "error": float(np.median(error)),
        "coverage": float(inside.mean()),
    }


def measure_on_grid(name: str, grid: str, seeds: int) -> dict[str, Any]:
    """The same through a trajectory: 10⁵ elements, 30 intervals, 8 splits."""
    found = []
    for seed in range(seeds):
        _, counted = records(EVERY[name], 100_000, 30, GRIDS[grid], 8, seed)
        run = Trajectory.from_histograms(range(len(counted)), counted)
        length, error = run.length("w", error=True)
        found.append((float(length[-1]), float(error[-1])))
    return {**judged(name, EVERY[name].truth, found), "grid": grid}


class Results:
    """What has been measured, kept after every case; of this version of the code."""

    def __init__(self, path: Path) -> None:
        self.path, self.version = path, version()
        kept = json.loads(path.read_text()) if path.exists() else {}
        same = kept.get("version") == self.version
        self.rows: list[dict[str, Any]] = kept["cases"] if same else []
        self.grids: list[dict[str, Any]] = kept["grids"] if same else []

    def has(self, case: tuple[int, ...], name: str) -> bool:
        keys = (*CASE, "process")
        return any(tuple(row[key] for key in keys) == (*case, name) for row in self.rows)

    def complete(self) -> list[dict[str, Any]]:
        """Rows of cases of which every process has been measured."""
        held = Counter(tuple(row[key] for key in CASE) for row in self.rows)
        whole = {case for case, names in CASES if held[case] == len(names)}
        return [row for row in self.rows if tuple(row[key] for key in CASE) in whole]

    def write(self) -> None:
        order = [(*case, name) for case, names in CASES for name in names]
        keys = (*CASE, "process")
        place = {key: at for at, key in enumerate(order)}
        self.rows.sort(key=lambda row: place.get(tuple(row[key] for key in keys), len(order)))
        found = {"version": self.version, "cases": self.rows, "grids": self.grids}
        self.path.write_text(json.dumps(found, indent=1) + "\n")
        self.path.with_suffix(".md").write_text(markdown(self.rows, self.grids))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=float, default=1.0, help="times as many seeds")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--tables", action="store_true", help="write tables, measure nothing")
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    results = Results(RESULTS / "length_accuracy.json")
    if options.tables:
        write_page(markdown(results.complete(), results.grids))
        return
    with ProcessPoolExecutor(options.jobs) as pool:
        pairs = [(grid, name) for grid in GRIDS for name in FEW]
        if len(results.grids) < len(pairs):
            results.grids = list(pool.map(
                measure_on_grid, [name for _, name in pairs], [grid for grid, _ in pairs],
                itertools.repeat(max(1, round(options.seeds * SEEDS_OF_GRIDS))),
            ))  # fmt: skip
        results.write()
        for (*case, seeds), names in CASES:
            case = (*case, max(1, round(options.seeds * seeds)))
            missing = [name for name in names if not results.has(case, name)]
            for row in pool.map(measure, missing, itertools.repeat(case)):
                results.rows.append(row)
                results.write()
            print(case, time.strftime("%H:%M:%S"), flush=True)


if __name__ == "__main__":
    main()
