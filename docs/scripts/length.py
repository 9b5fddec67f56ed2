"""The tables of docs/length.md: python docs/scripts/length.py

Accuracy and coverage come from benchmarks/length_accuracy.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

import igfast
from igfast import Grid, Histogram, Trajectory

N = 100_000
ESTIMATORS = ("hellinger", "chi2", "fisher_rao", "gaussian", "kde", "node", "split")
GRID = Grid.dyadic(bins=128, exponent=-3)  # bins of σ/8 on ±8
GRIDS = {
    "uniform, 256": Grid.uniform(bins=256, low=-6, high=7),
    "uniform, 32": Grid.uniform(bins=32, low=-6, high=7),
    "dyadic, fixed": GRID,
    "dyadic, automatic": Grid.dyadic(bins=256),
    "log, 8 per octave": Grid.log(mantissa_bits=3, min_exponent=-8, max_exponent=4),
}
OFFSETS = (0, 0.25, 0.5, 0.75)
Moving = Callable[[int], Iterator[np.ndarray]]


def shift(intervals: int) -> Iterator[np.ndarray]:
    x = np.random.default_rng(0).normal(size=N)
    yield from (x + t / intervals for t in range(intervals + 1))


def relaxation(intervals: int) -> Iterator[np.ndarray]:
    rng, kept = np.random.default_rng(0), math.exp(-2 / intervals)
    x = rng.normal(size=N)
    yield x
    for _ in range(intervals):
        x = kept * x + 0.5 * math.sqrt(1 - kept**2) * rng.normal(size=N)
        yield x


def still(intervals: int) -> Iterator[np.ndarray]:
    rng, kept = np.random.default_rng(0), math.exp(-10 / intervals)
    x = rng.normal(size=N)
    for _ in range(intervals + 1):
        yield x
        x = kept * x + math.sqrt(1 - kept**2) * rng.normal(size=N)


def shaken(intervals: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=N)
    yield from (x + t / intervals + 0.003 * rng.normal() for t in range(intervals + 1))


def circle(intervals: int) -> Iterator[np.ndarray]:
    x = np.random.default_rng(0).normal(size=N)
    for t in np.linspace(0, 2 * np.pi, intervals + 1):
        yield 0.5 * np.exp(0.4 * np.cos(t)) * x + 0.35 * np.sin(t)


def run_of(values: Iterator[np.ndarray], grid: Grid = GRID) -> Trajectory:
    offsets = grid.kind != "uniform"
    plan: igfast.Plan | None = None
    place, records = np.empty(N), list[Histogram]()
    for x in values:
        place[:] = x
        if plan is None:
            plan = igfast.Plan({"w": place}, grid=grid, splits=8, offsets=offsets)
        records.append(plan())
    return Trajectory.from_histograms(range(len(records)), records)


def row(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |")


def trap(processes: Sequence[tuple[str, Moving]]) -> None:
    row("process", "records", *ESTIMATORS, "± (split)")
    for name, moving in processes:
        for intervals in (10, 100, 1000):
            run = run_of(moving(intervals))
            found = [f"{run.length('w', estimator=e)[-1]:.3f}" for e in ESTIMATORS]
            error = run.length("w", error=True)[1][-1]
            row(name, intervals, *found, f"{error:.3f}")


def grids() -> None:
    row("grid", "L of the shift, 40 records", "±")
    for name, grid in GRIDS.items():
        length, error = run_of(shift(40), grid).length("w", error=True)
        row(name, f"{length[-1]:.3f}", f"{error[-1]:.3f}")


def blurred(intervals: int) -> Iterator[np.ndarray]:
    """A uniform density on ±1 whose edges wear off: L = 0.725 in cells of no width."""
    rng = np.random.default_rng(0)
    x, z = rng.uniform(-1, 1, N), rng.normal(size=N)
    yield from (x + (0.002 + 0.15 * t / intervals) * z for t in range(intervals + 1))


def edges() -> None:
    row("cells on ±1", *(f"edge at {at:g} of a cell" for at in OFFSETS))
    for cells in (256, 64, 36):
        found = []
        for at in OFFSETS:
            width = 2 / cells
            low = -2 - at * width
            grid = Grid.uniform(bins=2 * cells, low=low, high=low + 2 * cells * width)
            length, error = run_of(blurred(30), grid).length("w", error=True)
            found.append(f"{length[-1]:.3f} ± {error[-1]:.3f}")
        row(cells, *found)


def scales() -> None:
    found = run_of(shaken(1000)).length_scales("w")
    row("τ", *(f"{scale:g}" for scale in found.scales))
    row("L(τ)", *(f"{length:.3f}" for length in found.lengths))
    print(found.statement)


def sampling() -> None:
    row("records", "L", "±", "every second", "every fourth", "turn per record", "verdict")
    for intervals in (8, 16, 32, 64):
        found = run_of(circle(intervals)).sampling("w")
        row(
            intervals,
            f"{found.length:.3f}",
            f"{found.error:.3f}",
            f"{found.length_every_second:.3f}",
            f"{found.length_every_fourth:.3f}",
            f"{math.degrees(found.turning):.0f}°",
            "coarse" if found.coarse else "resolved",
        )


if __name__ == "__main__":
    trap(
        [
            ("shift by σ, L = 1", shift),
            ("relaxation, L = 0.942", relaxation),
            ("still, L = 0", still),
        ]
    )
    grids()
    edges()
    scales()
    sampling()
