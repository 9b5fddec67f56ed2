"""How far the running length of a store is from the truth, on every process of known length.

python docs/scripts/running_length.py [--elements 100000] [--records 200] [--splits 4]

Takes two minutes. Two numbers per process, and the quantiles that docs/store.md names.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from igfast import Grid
from igfast.analysis.online import Counts, Online

sys.path += [str(Path(__file__).resolve().parents[2] / part) for part in ("tests", "benchmarks")]

from analysis.processes import simulate
from length_accuracy import EVERY


def running_length(name: str, elements: int, records: int, splits: int) -> float:
    """Of the whole path of a process."""
    found = simulate(EVERY[name], elements, records, splits=splits)
    online, bins = Online(), (Grid.uniform(256, low=0.0, high=1.0), None, None)
    for step in range(records + 1):
        cells = (found.counts[step][None].copy(), found.outside[step][None].copy())
        of_record = Counts((1, splits, 256), cells, bins, lambda: None)
        length = online.measure(step, of_record)[2, 0]
    return float(length)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--elements", type=int, default=100_000)
    parser.add_argument("--records", type=int, default=200)
    parser.add_argument("--splits", type=int, default=4)
    chosen = parser.parse_args()
    how = [[value] * len(EVERY) for value in vars(chosen).values()]
    with ProcessPoolExecutor(2) as pool:
        lengths = list(pool.map(running_length, EVERY, *how))
    off = []
    for name, length in zip(EVERY, lengths, strict=True):
        truth = EVERY[name].truth
        print(f"{name}: {length:.3f}, true {truth:.3f}")
        if truth > 0:
            off.append(length / truth - 1)
    low, median, high = np.quantile(off, [0.1, 0.5, 0.9])
    print(f"{len(off)} processes: median {median:+.1%}, middle 80 % {low:+.1%} to {high:+.1%}")


if __name__ == "__main__":
    main()
