"""What the length of a layer costs where other programs have the other cores.

Prints seconds of one length as it is computed, on one thread, and as NumPy's OpenBLAS would do it
by itself: on free cores, and with one program to each core but one, and to each: medians of several
in turn.

Usage: python -m benchmarks.beside_training
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

import igfast
from igfast.analysis import paths
from igfast.analysis.series import LayerSeries, cut

RECORDS, ELEMENTS, SPLITS = 700, 20_000, 4
ROUNDS = 5


def drifting() -> LayerSeries:
    """A layer of normal weights that widen by a fifth."""
    x, grid = np.random.default_rng(0).normal(size=ELEMENTS), igfast.Grid.dyadic(256, exponent=-5)
    widths = np.linspace(1, 1.2, RECORDS)
    records = [igfast.histogram({"w": x * w}, grid=grid, splits=SPLITS) for w in widths]
    (series,) = cut(np.arange(RECORDS), records, np.zeros(RECORDS, np.int64))
    return series


def seconds(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Of each way, in turn."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            begun = time.perf_counter()
            way()
            found[name].append(time.perf_counter() - begun)
    return {name: statistics.median(times) for name, times in found.items()}


def main() -> None:
    series = drifting()
    ways = {
        "one thread": lambda: paths.split(series),
        "OpenBLAS by itself": lambda: paths.split.__wrapped__(series),  # type: ignore[attr-defined]
    }
    seconds(ways)
    report("free cores", seconds(ways))
    cores = os.cpu_count() or 2
    for programs in (cores - 1, cores):
        busy = [
            subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(programs)
        ]
        try:
            report(f"{programs} busy programs, {cores} cores", seconds(ways))
        finally:
            for one in busy:
                one.kill()
                one.wait()


def report(where: str, found: dict[str, float]) -> None:
    """One line."""
    print(f"{where}: " + ", ".join(f"{name} {time:.3f} s" for name, time in found.items()))


if __name__ == "__main__":
    main()
