"""Accuracy and coverage of the split estimator of length, on processes of known length.

    python benchmarks/length_accuracy.py [--seeds TIMES] [--jobs N]

writes benchmarks/results/length_accuracy.json and length_accuracy.md after each case: an hour on a
free core.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from igfast.analysis.split import split_length

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
sys.path.insert(0, str(ROOT / "tests"))

from analysis.fresh_processes import FRESH, UNTOUCHED  # noqa: E402
from analysis.held_out_processes import HELD_OUT  # noqa: E402
from analysis.known_processes import KNOWN  # noqa: E402
from analysis.processes import simulate  # noqa: E402
from analysis.unseen_processes import UNSEEN  # noqa: E402

EVERY = {**KNOWN, **HELD_OUT, **UNSEEN, **FRESH, **UNTOUCHED}
MARKS = {**dict.fromkeys(FRESH, "*"), **dict.fromkeys(UNTOUCHED, "†")}
FEW = ("shift", "relaxation", "return", "Laplace scale", "circle", "far shift")
SOME = (*FEW, "scale", "diffusion", "Student shift", "modes part", "half zeros", "beta drift")
# n, T, bins, splits, seeds: of all processes, of some, and of a few where that takes long
ALL = [
    (100_000, 30, 256, 8, 80),
    (100_000, 10, 256, 8, 24),
    (100_000, 100, 256, 8, 6),
]
OTHER = [
    (1_000, 30, 256, 8, 40),
    (10_000, 30, 256, 8, 20),
    (100_000, 30, 256, 4, 20),
    (100_000, 30, 64, 8, 20),
    (100_000, 30, 1024, 8, 4),
]
LONG = [
    (100_000, 1000, 256, 8, 4),
    (1_000_000, 30, 256, 8, 3),
    (10_000_000, 30, 256, 8, 1),
]
CASES = [(case, names) for cases, names in ((ALL, tuple(EVERY)), (OTHER, SOME), (LONG, FEW))
         for case in cases]  # fmt: skip


def measure(name: str, case: tuple[int, int, int, int, int]) -> dict[str, Any]:
    """Length, error and coverage of one process over all seeds."""
    process = EVERY[name]
    n, intervals, bins, splits, seeds = case
    found, seconds = [], 0.0
    for seed in range(seeds):
        records = simulate(process, n, intervals, bins=bins, splits=splits, seed=seed)
        began = time.process_time()
        result = split_length(*records)
        seconds += time.process_time() - began
        found.append((result.length[-1], result.standard_error[-1]))
    length, error = np.array(found).T
    inside = (np.abs(length - process.truth) <= 2 * error) & (error > 0)
    return {
        "process": process.name,
        "mark": MARKS.get(process.name, ""),
        "n": n,
        "T": intervals,
        "bins": bins,
        "splits": splits,
        "seeds": seeds,
        "truth": process.truth,
        "mean": float(length.mean()),
        "spread": float(length.std(ddof=min(1, seeds - 1))),
        "error": float(np.median(error)),
        "coverage": float(inside.mean()),
        "seconds": seconds / seeds,
    }


def describe(row: dict[str, Any]) -> str:
    """A line of the table of one case; relative to the truth where something moves."""
    scale = row["truth"] or 1.0
    off = row["mean"] / scale - (1 if row["truth"] else 0)
    return (
        f"| {row['process']}{row['mark']} | {row['truth']:.3f} | {100 * off:+.2f} | "
        f"{100 * row['spread'] / scale:.2f} | {100 * row['error'] / scale:.2f} | "
        f"{100 * row['coverage']:.1f} |"
    )


def summarize(rows: list[dict[str, Any]]) -> str:
    """A line for all processes of one case."""
    first, moving = rows[0], [row for row in rows if row["truth"] > 0.2]
    off = [abs(row["mean"] / row["truth"] - 1) for row in moving]
    error = [row["error"] / row["truth"] for row in moving]
    coverage = np.array([row["coverage"] for row in rows if row["truth"] > 0])
    below, above = int((coverage < 0.9).sum()), int((coverage > 0.984).sum())
    worst = moving[int(np.argmax(off))]["process"]
    return (
        f"| {first['n']:.0e} | {first['T']} | {first['bins']} | {first['splits']} | "
        f"{first['seeds']} | {100 * np.median(off):.2f} | {100 * max(off):.1f} ({worst}) | "
        f"{100 * np.median(error):.1f} | {100 * coverage.mean():.1f} | {below} | "
        f"{len(coverage) - below - above} | {above} | "
        f"{np.mean([row['seconds'] for row in rows]):.3f} |"
    )


def markdown(rows: list[dict[str, Any]]) -> str:
    """Both tables."""
    cases = [list(group) for _, group in itertools.groupby(rows, key=lambda row: (
        row["n"], row["T"], row["bins"], row["splits"]))]  # fmt: skip
    lines = [
        "Median and largest error of the mean over seeds (%, of lengths above 0.2),",
        "median standard error (%), coverage of ±2 errors: its mean (%) and how many processes,",
        "of those that move, are below 90 %, up to 98.4 %, and above; time per layer.",
        "",
        "| n | T | bins | G | seeds | median | largest | error | coverage | < | = | > | s |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
        *map(summarize, cases),
    ]
    for case in cases[:1]:
        lines += [
            "",
            f"Every process, n = {case[0]['n']:.0e}, T = {case[0]['T']}, {case[0]['bins']} bins, "
            f"{case[0]['seeds']} seeds. In % of the length, where not 0. * fresh, † untouched.",
            "",
            "| process | L | mean off by | spread | standard error | coverage |",
            "|---|---|---|---|---|---|",
            *map(describe, case),
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=float, default=1.0, help="times as many seeds")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    RESULTS.mkdir(exist_ok=True)
    with ProcessPoolExecutor(options.jobs) as pool:
        for (*case, seeds), names in CASES:
            case = (*case, max(1, round(options.seeds * seeds)))
            rows += pool.map(measure, names, itertools.repeat(case))
            print(summarize(rows[-len(names) :]), flush=True)
            (RESULTS / "length_accuracy.json").write_text(json.dumps(rows, indent=1) + "\n")
            (RESULTS / "length_accuracy.md").write_text(markdown(rows))


if __name__ == "__main__":
    main()
