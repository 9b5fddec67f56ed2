"""L of two real training runs against the interval between records, for every estimator.

python docs/scripts/real_runs.py FOLDER [JOBS]   measures the runs of real_training.py, ten minutes
python docs/scripts/real_runs.py                 draws and prints what was measured before

Numbers go to docs/results/real_runs.json, tables to docs/results/real_runs.md, the picture to
docs/figures/real_length.svg.
"""

from __future__ import annotations

import functools
import itertools
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from real_training import path_of

import igfast
from igfast import Trajectory
from igfast.harness.settings import Settings
from igfast.harness.training import record_schedule
from igfast.numerals import three_digits
from igfast.report import style

mpl.use("svg")
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

DOCS = Path(__file__).parents[1]
RESULT = DOCS / "results" / "real_runs.json"
RUNS = {
    "mnist": "MNIST, Leaky ReLU, SGD 0.045, 5,628 steps",
    "fashion": "Fashion-MNIST, tanh, Adam 3e-4, 2,814 steps",
}
LAYERS = {
    "linear.0.weight": "784×512",
    "linear.1.weight": "512×512",
    "linear.2.weight": "512×10",
}
INTERVALS = (1, 3, 6, 12, 24, 48, 96, 192, 384)
BASE = {"mnist": 12, "fashion": 6}  # steps between records: about 470 of them in either run
STRIDES = (1, 2, 4, 8, 16, 32)
ESTIMATORS = ("hellinger", "chi2", "fisher_rao", "gaussian", "kde", "node", "split")
FIRST = 24  # steps in which the path of the Adam run turns most


def write_between_marks(page: Path, text: str) -> None:
    """Replace what a page holds between its two comments."""
    start, end = "<!-- tables -->", "<!-- end of tables -->"
    head, _, rest = page.read_text().partition(start)
    page.write_text(f"{head}{start}\n{text}\n{end}{rest.partition(end)[2]}")


def thinned(run: Trajectory, interval: int) -> Trajectory:
    """The records that lie ``interval`` steps apart, and the last."""
    steps, records = run.steps, run.histograms()
    kept = np.flatnonzero((steps % interval == 0) | (steps == steps[-1]))
    return Trajectory.from_histograms(steps[kept], [records[int(i)] for i in kept])


def scheduled(run: Trajectory, stride: int) -> Trajectory:
    """Every so many of the records of ``igfast train --records 480``, and the last."""
    wanted = record_schedule(int(run.steps[-1]), Settings(records=480))
    kept = [0, *(step for step in run.steps.tolist() if step and wanted(step))]
    kept = sorted({*kept[::stride], kept[-1]})
    records = run.histograms()
    return Trajectory.from_histograms(kept, [records[step] for step in kept])  # one at each step


GRIDS = {
    "automatic": ("", 1, INTERVALS),
    "reference": ("reference", 2, INTERVALS[2:]),
    "fine": ("fine", 1, (1, 6, 12, 24)),
}


def measure(folder: Path, jobs: int) -> None:
    """L of every layer by every estimator, from records at every interval, on each grid."""
    tasks = [
        (folder, name, grid, what, n, layer)
        for name, grid in itertools.product(RUNS, GRIDS)
        for what, steps in (("intervals", GRIDS[grid][2]), ("schedule", STRIDES), ("scales", (1,)))
        if grid != "fine" or what != "scales"
        for n, layer in itertools.product(steps, LAYERS)
    ]
    found: dict[str, Any] = {name: {grid: {} for grid in GRIDS} for name in RUNS}
    with ProcessPoolExecutor(jobs) as pool:
        for task, (common, part) in zip(tasks, pool.map(of_task, tasks), strict=True):
            _, name, grid, what, n, layer = task
            here = found[name][grid]
            here.setdefault("grid", {}).setdefault(layer, common)
            here = here.setdefault(what, {})
            (here if what == "scales" else here.setdefault(n, {}))[layer] = part
            print(*task[1:], flush=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n")


def of_task(task: tuple[Path, str, str, str, int, str]) -> tuple[str, dict[str, object]]:
    folder, name, grid, what, n, layer = task
    run = opened(folder, name, *GRIDS[grid][:2])
    if what == "scales":
        return str(run.common(layer)), of_scales(scheduled(run, 1), layer)
    part = thinned(run, n) if what == "intervals" else scheduled(run, n)
    return str(run.common(layer)), of_layer(part, layer)


@functools.lru_cache(maxsize=1)  # tasks come run by run
def opened(folder: Path, name: str, grid: str, merged: int) -> Trajectory:
    """The weights of a run, ``merged`` neighboring bins joined to one."""
    run = igfast.open(path_of(folder, name, grid))
    rows = [run.layers.index(layer) for layer in LAYERS]
    records = [one.select(rows).rebin(merged) for one in run.histograms()]
    return Trajectory.from_histograms(run.steps, records)


def of_layer(run: Trajectory, layer: str) -> dict[str, object]:
    length, error = run.length(layer, error=True)
    sampling = run.sampling(layer)
    others = {e: round(float(run.length(layer, e)[-1]), 4) for e in ESTIMATORS[:-1]}
    return {
        **others,
        "split": round(float(length[-1]), 4),
        "error": round(float(error[-1]), 4),
        "first": [round(float(np.interp(FIRST, run.steps, one)), 4) for one in (length, error)],
        "records": len(run.steps),
        "coarse": sampling.coarse,
        "statement": sampling.statement,
    }


def of_scales(run: Trajectory, layer: str) -> dict[str, object]:
    found = run.length_scales(layer)
    return {
        "scales": found.scales.tolist(),
        "lengths": found.lengths.round(4).tolist(),
        "errors": found.errors.round(4).tolist(),
        "statement": found.statement,
    }


def tables(found: dict[str, Any]) -> str:
    """What docs/trap.md shows and more, as Markdown."""
    lines = []
    for grid in ("automatic", "reference"):
        for kind, what in (("schedule", "every … record"), ("intervals", "steps between records")):
            lines += [f"## {grid} grid, by {what}", "", *table(found, grid, kind, what), ""]
    lines += ["## L of every record over that of every 4th, 16th, 32nd", ""]
    for grid in ("automatic", "reference"):
        lines += [*ratios(found, grid), ""]
    lines += ["## What the runs say of themselves", ""]
    for name in RUNS:
        part = found[name]["automatic"]
        for layer, shape in LAYERS.items():
            lines.append(f"- {name}, {shape}: {part['scales'][layer]['statement']}")
            for stride, layers in part["schedule"].items():
                lines.append(f"  - every {stride}. record: {layers[layer]['statement']}")
            for interval, layers in part["intervals"].items():
                lines.append(f"  - every {interval} steps: {layers[layer]['statement']}")
    return "\n".join(lines) + "\n"


def table(found: dict[str, Any], grid: str, kind: str, what: str) -> list[str]:
    """L by every estimator, a row per run, layer and choice of records."""
    titles = ["**split**" if e == "split" else e for e in ESTIMATORS]
    heads = ["run", "layer", what, "records", *titles, "±", "sampling"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for name, title in RUNS.items():
        for layer, shape in LAYERS.items():
            for number, (choice, layers) in enumerate(found[name][grid][kind].items()):
                one = layers[layer]
                values = [three_digits(one[e]) for e in ESTIMATORS]
                values[-1] = f"**{values[-1]}**"
                cells = [
                    title if not number and shape == "784×512" else "",
                    "" if number else shape,
                    choice,
                    str(one["records"]),
                    *values,
                    f"{one['error']:.3f}",
                    "coarse" if one["coarse"] else "resolved",
                ]
                lines.append("| " + " | ".join(cells) + " |")
    return lines


def ratios(found: dict[str, Any], grid: str) -> list[str]:
    lines = [
        f"| {grid} grid | layer | split: 4th | 16th | 32nd | hellinger: 4th | 16th | 32nd |",
        "|" + "---|" * 8,
    ]
    for name, title in RUNS.items():
        for layer, shape in LAYERS.items():
            part = found[name][grid]["schedule"]
            cells = [
                f"{part['1'][layer][e] / part[k][layer][e]:.3f}"
                for e in ("split", "hellinger")
                for k in ("4", "16", "32")
            ]
            lines.append("| " + " | ".join([title, shape, *cells]) + " |")
    return lines


def short_tables(found: dict[str, Any]) -> str:
    """L at four strides on the automatic grid, then by what factor every record differs."""
    shown = ("hellinger", "kde", "node", "split")
    strides = ("1", "4", "16", "32")
    heads = ["run", "layer", *(f"{e}: {' / '.join(strides)}" for e in shown), "±", "sampling"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for name, title in RUNS.items():
        for layer, shape in LAYERS.items():
            part = [found[name]["automatic"]["schedule"][k][layer] for k in strides]
            cells = [" / ".join(three_digits(one[e]) for one in part) for e in shown]
            cells.append(" / ".join(f"{one['error']:.2f}" for one in part))
            cells.append(" / ".join("coarse" if one["coarse"] else "fine" for one in part))
            lines.append("| " + " | ".join([title, shape, *cells]) + " |")
    lines += ["", "By what factor L from every record differs from that of fewer:", ""]
    lines += [*ratios(found, "automatic"), "", *ratios(found, "reference"), ""]
    return "\n".join([*lines, *of_first_steps(found)])


def of_first_steps(found: dict[str, Any]) -> list[str]:
    """L of the Adam run until an early step and of all of it, from several choices of records."""
    names = {"automatic": "256 bins", "reference": "512 bins on ±0.5", "fine": "1,024 bins"}
    rows = {
        "every step": ("intervals", "1"),
        "dense at first": ("schedule", "1"),
        **{f"every {n} steps": ("intervals", str(n)) for n in GRIDS["fine"][2][1:]},
    }
    lines = [
        f"The Adam run, L until step {FIRST} and of the whole run:",
        "",
        "| layer | records | " + " | ".join(names.values()) + " |",
        "|---|---|" + "---|" * len(names),
    ]
    for layer, shape in LAYERS.items():
        for title, (kind, choice) in rows.items():
            cells = [shape if title == "every step" else "", title]
            for grid in names:
                one = found["fashion"][grid].get(kind, {}).get(choice, {}).get(layer)
                both = (one["first"], (one["split"], one["error"])) if one else ()
                cells.append(", ".join(f"{x:.2f} ± {error:.2f}" for x, error in both) or "–")
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def picture(found: dict[str, Any]) -> None:
    """L against the interval between records: a row per run, a panel per layer."""
    figure = style.new_figure(6.4)
    figure.set_facecolor("white")
    axes = figure.subplots(2, 3, sharex=True)
    looks = {
        "hellinger": (style.SERIES[1], "-"), "chi2": (style.SERIES[4], "--"),
        "fisher_rao": (style.SERIES[6], ":"), "node": (style.SERIES[3], "-"),
        "kde": (style.SERIES[2], "-"), "gaussian": (style.SERIES[7], "--"),
        "split": (style.SERIES[0], "-"),
    }  # fmt: skip
    for row, name in zip(axes, RUNS, strict=True):
        for panel, (layer, shape) in zip(row, LAYERS.items(), strict=True):
            intervals = found[name]["automatic"]["intervals"]
            entries = {int(interval): layers[layer] for interval, layers in intervals.items()}
            x = np.array(list(entries))
            for estimator, (color, dash) in looks.items():
                y = np.array([one[estimator] for one in entries.values()])
                wide = 2.2 if estimator == "split" else 1.1
                panel.plot(x, y, color=color, linestyle=dash, linewidth=wide)
            error = np.array([one["error"] for one in entries.values()])
            panel.fill_between(
                x, y - 2 * error, y + 2 * error, color=style.SERIES[0], alpha=0.22, linewidth=0
            )
            coarse = np.array([one["coarse"] for one in entries.values()])
            for some, fill in ((~coarse, style.SERIES[0]), (coarse, "white")):
                panel.plot(
                    x[some], y[some], "o", markersize=4.5, color=style.SERIES[0],
                    markerfacecolor=fill, zorder=4,
                )  # fmt: skip
            all_values = [one[e] for one in entries.values() for e in ESTIMATORS]
            style.dress(panel)
            style.log_value_axis(panel, 0.7 * min(all_values), 1.5 * max(all_values))
            style.log_step_axis(panel, x[0] / 1.2, x[-1] * 1.2, most=9)
            style.title(panel, f"{'MNIST' if name == 'mnist' else 'Fashion-MNIST'}, {shape}")
    for panel in axes[1]:
        panel.set_xlabel("steps between records")
    for panel in axes[:, 0]:
        panel.set_ylabel("L of the whole run")
    handles = [Line2D([], [], color=c, linestyle=d, linewidth=1.6) for c, d in looks.values()]
    marks = [
        Line2D([], [], color=style.SERIES[0], marker="o", linewidth=0, markerfacecolor=fill)
        for fill in (style.SERIES[0], "white")
    ]
    band = Patch(color=style.SERIES[0], alpha=0.22, linewidth=0)
    names = [*looks, "± 2 standard errors", "sampling resolved", "sampling coarse"]
    style.figure_legend(figure, [*handles, band, *marks], names)
    with mpl.rc_context({"svg.hashsalt": "real", "svg.fonttype": "none"}):
        figure.savefig(DOCS / "figures" / "real_length.svg", metadata={"Date": None})


def main() -> None:
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    found = json.loads(RESULT.read_text())
    RESULT.with_suffix(".md").write_text(tables(found))
    write_between_marks(DOCS / "trap.md", short_tables(found))
    picture(found)


if __name__ == "__main__":
    main()
