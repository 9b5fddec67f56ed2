"""Which conclusions about two real runs change with a choice: the tables of docs/sceptic.md.

python docs/scripts/sceptic.py FOLDER    measures the runs of real_training.py, a quarter of an hour
python docs/scripts/sceptic.py           writes the tables from what was measured before

Numbers go to docs/results/sceptic.json, the tables into docs/sceptic.md.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from real_runs import BASE, DOCS, LAYERS, RUNS, of_scales, opened, thinned, write_between_marks
from real_training import SPACING, path_of

import igfast
from igfast import Histogram, Trajectory
from igfast.analysis import find_transitions
from igfast.analysis.growth import UnresolvedLength
from igfast.numerals import three_digits, with_error

RESULT = DOCS / "results" / "sceptic.json"
PAGE = DOCS / "sceptic.md"
BINS = {1024: 1, 512: 2, 256: 4, 128: 8, 64: 16}
GRIDS = {
    "automatic dyadic, 256 bins": ("", 1),
    "dyadic, 512 bins on ±0.5": ("reference", 2),
    "uniform, 500 bins on ±0.5": ("uniform", 1),
    "log, 8 bins per octave": ("log", 1),
}
STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
STRIDES = (1, 2, 4, 8, 16)
SEEDS = (0, 1, 2, 3)
ORIGINS = (0, 3, 12)
TITLES = {"mnist": "MNIST", "fashion": "Fashion-MNIST"}


def measured(run: Trajectory, strength: float = 1.0) -> dict[str, Any]:
    """What is concluded from a run, by layer: L, how H and C change, transitions."""
    found = {}
    for layer in run.layers:
        length, error = run.length(layer, error=True)
        entropy, complexity = run.entropy(layer), run.complexity(layer)
        found[layer] = {
            "L": [float(length[-1]), float(error[-1])],
            "published": float(run.length(layer, "hellinger")[-1]),
            "H": [float(entropy[0]), float(entropy[-1])],
            "C": [float(complexity[0]), float(complexity[-1])],
            "transitions": transitions(run, layer, strength),
        }
    found["model"] = {"transitions": transitions(run, "model", strength)}
    return found


def transitions(run: Trajectory, layer: str, factor: float = 1.0) -> list[list[float]] | None:
    """[start, time, stop] of each at ``factor`` times the chosen λ; None where L is unresolved."""
    try:
        chosen = run.log_derivative(layer, order=2)
        if factor != 1.0:
            chosen = run.log_derivative(layer, order=2, strength=factor * chosen.strength)
    except UnresolvedLength:
        return None
    return [[one.start, one.time, one.stop] for one in find_transitions(chosen)]


def with_splits(record: Histogram, splits: int) -> Histogram:
    """The record dealt into fewer splits: element i of 8 joins split i mod ``splits``."""

    def joined(values: np.ndarray) -> np.ndarray:
        layers, _, last = values.shape
        return values.reshape(layers, -1, splits, last).sum(axis=1)

    offsets = None if record.offsets is None else joined(record.offsets)
    return replace(
        record,
        split_counts=joined(record.split_counts),
        split_outside=joined(record.split_outside),
        offsets=offsets,
    )


def changed(run: Trajectory, change: Callable[[Histogram], Histogram]) -> Trajectory:
    return Trajectory.from_histograms(run.steps, [change(one) for one in run.histograms()])


def every(run: Trajectory, stride: int) -> Trajectory:
    """Every so many records, and the last."""
    records = run.histograms()
    kept = np.union1d(np.arange(0, len(records), stride), [len(records) - 1])
    return Trajectory.from_histograms(run.steps[kept], [records[int(i)] for i in kept])


def since(run: Trajectory, step: int) -> Trajectory:
    """The run without the records before a step."""
    first = int(np.searchsorted(run.steps, step))
    return Trajectory.from_histograms(run.steps[first:], list(run.histograms())[first:])


def dense(folder: Path, name: str, base: int) -> Trajectory:
    """The records at steps 0 to 20, every ``base`` steps and at the end, the weights only."""
    run = opened(folder, name, "", merged=1)
    steps, records = run.steps, run.histograms()
    kept = np.flatnonzero((steps % base == 0) | (steps <= 20) | (steps == steps[-1]))
    return Trajectory.from_histograms(steps[kept], [records[int(i)] for i in kept])


def own_range(folder: Path, name: str) -> dict[str, Any]:
    """H and C of the first and the last record on 500 bins from its own minimum to its maximum."""
    run = igfast.open(path_of(folder, name, "fine"))
    moments, found = run.moments(), {}
    for layer in LAYERS:
        column = run.layers.index(layer)
        records = []
        for number in (0, -1):
            one = run.histograms()[number][layer]
            low, high = (moments[key][number, column] for key in ("min", "max"))
            edges = np.concatenate([[low], one.edges.ravel(), [high]])
            counts = np.concatenate([one.underflow, one.counts[0], one.overflow])
            known = np.concatenate([[0], np.cumsum(counts)])
            order = np.argsort(edges, kind="stable")  # a grid wider than the range: nothing there
            at = np.interp(np.linspace(low, high, 501), edges[order], np.sort(known))
            records.append(np.diff(at))
        values = [entropy_and_complexity(counts) for counts in records]
        found[layer] = {"H": [h for h, _ in values], "C": [c for _, c in values]}
    return found


def entropy_and_complexity(counts: np.ndarray) -> tuple[float, float]:
    p = counts / counts.sum()
    bins = len(p)

    def entropy(q: np.ndarray) -> float:
        return float(-np.sum(q[q > 0] * np.log(q[q > 0])))

    mixed = entropy((p + 1 / bins) / 2) - entropy(p) / 2 - math.log(bins) / 2
    scale = (bins + 1) / bins * math.log(bins + 1) - 2 * math.log(2 * bins) + math.log(bins)
    h = entropy(p) / math.log(bins)
    return h, -2 / scale * mixed * h


def measure(folder: Path) -> None:
    found: dict[str, Any] = {}
    for name, base in BASE.items():
        run = dense(folder, name, base)
        every_layer = (*run.layers, "model")
        found[name] = {
            "range": own_range(folder, name),
            "bins": {
                bins: measured(thinned(opened(folder, name, "fine", factor), SPACING))
                for bins, factor in BINS.items()
            },
            "grid": {
                title: measured(thinned(opened(folder, name, grid, factor), SPACING))
                for title, (grid, factor) in GRIDS.items()
            },
            "stride": {stride: measured(every(run, stride)) for stride in STRIDES},
            "strength": {
                factor: {layer: transitions(run, layer, factor) for layer in every_layer}
                for factor in STRENGTHS
            },
            "origin": {
                step: {layer: transitions(since(run, step), layer) for layer in every_layer}
                for step in ORIGINS
            },
            "splits": {
                splits: measured(changed(run, partial(with_splits, splits=splits)))
                for splits in (8, 4, 2)
            },
            "seed": {
                seed: measured(dense(folder, f"{name}-seed{seed}" if seed else name, base))
                for seed in SEEDS
            },
            "tau": {layer: of_scales(thinned(run, base), layer) for layer in run.layers},
        }
        print(name, flush=True)
    RESULT.write_text(json.dumps(rounded(found)) + "\n")


def rounded(value: Any) -> Any:
    """Numbers to five digits."""
    if isinstance(value, dict):
        return {str(key): rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def choice_table(found: dict[str, Any], key: str, heading: str) -> list[str]:
    """L ± error, change of H and of C, and times of transitions, for every value of a choice."""
    layers = list(LAYERS)
    lines = [
        f"| run | {heading} | "
        + " | ".join(f"L {shape}" for shape in LAYERS.values())
        + " | published L | H of 784×512 | C of 784×512 | transitions: model; layers |",
        "|---|---|" + "---|" * (len(layers) + 4),
    ]
    for name in RUNS:
        for number, (value, one) in enumerate(found[name][key].items()):
            lengths = [with_error(*one[layer]["L"]) for layer in layers]
            published = ", ".join(three_digits(one[layer]["published"]) for layer in layers)
            first = one[layers[0]]
            changes = [f"{a:.3f} → {b:.3f}" for a, b in (first["H"], first["C"])]
            cells = ["" if number else TITLES[name], value, *lengths, published, *changes]
            lines.append(f"| {' | '.join(map(str, cells))} | {times(one)} |")
    return lines


def times(one: dict[str, Any]) -> str:
    """Times of the transitions of the model, then of each layer."""

    def told(entry: Any) -> str:
        found = entry["transitions"] if isinstance(entry, dict) else entry
        if found is None:
            return "?"
        return ", ".join(f"{time:.0f} [{a:.0f}, {b:.0f}]" for a, time, b in found) or "–"

    return f"{told(one['model'])}; " + " / ".join(told(one[layer]) for layer in LAYERS)


def transition_table(found: dict[str, Any], key: str, heading: str) -> list[str]:
    lines = [f"| run | {heading} | transitions: model; layers |", "|---|---|---|"]
    for name in RUNS:
        for number, (value, one) in enumerate(found[name][key].items()):
            lines.append(f"| {'' if number else TITLES[name]} | {value} | {times(one)} |")
    return lines


def scale_table(found: dict[str, Any]) -> list[str]:
    scales = [max((found[n]["tau"][layer]["scales"] for layer in LAYERS), key=len) for n in RUNS]
    width = max(map(len, scales))
    lines = ["| run | layer |" + " L(τ) |" * width, "|---|---|" + "---|" * width]
    for name, taus in zip(RUNS, scales, strict=True):
        cells = [TITLES[name], "τ =", *(f"{tau:g}" for tau in taus)]
        lines.append("| " + " | ".join(cells + [""] * (width - len(taus))) + " |")
        for layer, shape in LAYERS.items():
            one = found[name]["tau"][layer]
            cells = ["", shape, *map(three_digits, one["lengths"])]
            lines.append("| " + " | ".join(cells + [""] * (width + 2 - len(cells))) + " |")
    return lines


def range_table(found: dict[str, Any]) -> list[str]:
    lines = [
        "| run | layer | H, own range | C, own range | H, one grid | C, one grid |",
        "|---|---|---|---|---|---|",
    ]
    for name in RUNS:
        for number, (layer, shape) in enumerate(LAYERS.items()):
            both = (found[name]["range"][layer], found[name]["bins"]["512"][layer])
            cells = [" → ".join(f"{x:.3f}" for x in one[key]) for one in both for key in "HC"]
            lines.append("| " + " | ".join(["" if number else TITLES[name], shape, *cells]) + " |")
    return lines


def tables(found: dict[str, Any]) -> str:
    parts = [
        ("Bins", choice_table(found, "bins", "bins")),
        ("Kind of grid", choice_table(found, "grid", "grid")),
        ("Own range of each record, or one grid", range_table(found)),
        ("Sampling interval", choice_table(found, "stride", "every … record")),
        ("Splits", choice_table(found, "splits", "splits")),
        ("Seed", choice_table(found, "seed", "seed")),
        ("λ of the second derivative", transition_table(found, "strength", "λ over the chosen")),
        ("Origin of time", transition_table(found, "origin", "first step")),
        ("Smoothing scale τ", scale_table(found)),
    ]
    return "\n\n".join(f"### {title}\n\n" + "\n".join(lines) for title, lines in parts)


def main() -> None:
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
    write_between_marks(PAGE, tables(json.loads(RESULT.read_text())))


if __name__ == "__main__":
    main()
