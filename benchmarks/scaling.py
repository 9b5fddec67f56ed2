"""Time against elements, layers, bins and threads: benchmarks/results/scaling.json and the figure.

Usage: python -m benchmarks.scaling [--plot-only]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

import igfast

from . import cases, peers
from .timing import machine, side_by_side

RESULTS = Path(__file__).parent / "results/scaling.json"
FIGURE = Path(__file__).parents[1] / "docs/figures/performance.svg"
LEAST = 0.01


def milliseconds(actions, **options) -> dict[str, float]:
    times = side_by_side(actions, rounds=5, least=LEAST, **options)
    return {name: times.median(name) * 1e3 for name in actions}


def by_elements() -> dict[str, dict[str, float]]:
    found = {}
    for size in (10**3, 10**4, 10**5, 10**6, 10**7, 10**8):
        values = cases.tensor(size)
        plan = igfast.Plan(values, bins=256, range=cases.RANGE)
        exact = plan().counts[0].numpy()
        actions = {"igfast": plan, "torch.sum": values.sum}
        for name in ("torch.histc", "fast-histogram"):
            if name in peers.PEERS:
                theirs = peers.PEERS[name](values, 256)
                assert peers.disagreement(theirs, exact) < 1e-3
                actions[name] = lambda name=name, values=values: peers.PEERS[name](values, 256)
        found[str(size)] = milliseconds(actions)
    return found


def by_layers() -> dict[str, dict[str, float]]:
    """A million elements in ever more layers."""
    found = {}
    for layers in (1, 10, 100, 1_000, 10_000):
        parts = list(cases.tensor(10**6).chunk(layers))
        plan = igfast.Plan(parts, bins=256, range=cases.RANGE)
        assert int(plan().nan.sum()) == 0

        def loop(parts=parts):
            return [torch.histc(part, 256, *cases.RANGE) for part in parts]

        found[str(layers)] = milliseconds({"igfast": plan, "torch.histc, a loop": loop})
    return found


def by_bins() -> dict[str, dict[str, float]]:
    values = cases.tensor(10**7)
    found = {}
    for bins in (2, 16, 64, 256, 1_024, 4_096, 16_384, 65_536):
        exponent = 1 - int(np.log2(bins))
        grid = igfast.Grid.dyadic(bins, exponent=exponent, origin=-bins // 2)
        actions = {
            "uniform": igfast.Plan(values, bins=bins, range=cases.RANGE),
            "dyadic": igfast.Plan(values, grid=grid),
            "dyadic, 4 splits, offsets": igfast.Plan(values, grid=grid, splits=4, offsets=True),
        }
        for plan in actions.values():
            h = plan()
            assert int(h.counts.sum() + h.underflow + h.overflow) == values.numel()
        found[str(bins)] = milliseconds(actions)
    return found


def by_threads() -> dict[str, dict[str, float]]:
    values = cases.tensor(4 * 10**7)
    plan = igfast.Plan(values, bins=256, range=cases.RANGE)
    found = {}
    for threads in (1, 2, 4):

        def on(action, threads=threads):
            def run():
                igfast.set_num_threads(threads)
                torch.set_num_threads(threads)
                return action()

            return run

        found[str(threads)] = milliseconds(
            {"igfast": on(plan), "torch.sum": on(values.sum)}, cpu=False
        )
    igfast.set_num_threads(1)
    torch.set_num_threads(1)
    return found


def plot(record: dict) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "igfast", "svg.fonttype": "none", "font.size": 8})
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(8, 6), layout="constrained")
    for axis, name in zip(axes.flat, ("elements", "layers", "bins", "threads"), strict=True):
        series = record[name]
        x = [int(key) for key in series]
        for label in next(iter(series.values())):
            axis.plot(x, [point[label] for point in series.values()], "o-", ms=3, label=label)
        axis.set(xlabel=name, ylabel="ms", xscale="log", yscale="log")
        if name == "threads":
            axis.set(xscale="linear", yscale="linear", xticks=x, ylim=(0, None))
        axis.minorticks_off()
        axis.grid(alpha=0.3)
        axis.legend(frameon=False)
    figure.savefig(FIGURE, metadata={"Date": None})


def main() -> None:
    if "--plot-only" not in sys.argv:
        igfast.set_num_threads(1)
        torch.set_num_threads(1)
        record = {
            "machine": machine(),
            "elements": by_elements(),
            "layers": by_layers(),
            "bins": by_bins(),
            "threads": by_threads(),
        }
        rounded = json.loads(json.dumps(record), parse_float=lambda text: round(float(text), 5))
        RESULTS.write_text(json.dumps(rounded, indent=1) + "\n")
    plot(json.loads(RESULTS.read_text()))


if __name__ == "__main__":
    main()
