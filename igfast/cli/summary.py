"""A run in one screen: what was trained, and a table per layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from igfast.export import curves, layer_names
from igfast.trajectory import Trajectory


def print_summary(run: Trajectory, console: Console) -> None:
    """Print settings, data, final losses and the table of layers of a run."""
    for line in _description(run.config):
        console.print(line, highlight=False, soft_wrap=True)
    for name, (steps, values) in run.scalars().items():
        if len(steps):
            console.print(f"{name}: {values[-1]:.4g} at step {steps[-1]:,}", highlight=False)
    console.print(layer_table(run))


def layer_table(run: Trajectory) -> Table:
    """Per layer: Γ, H and C at the first and the last record, and the length L between them.

    L is the adaptive length with its standard error, Γ (1/step) its slope at either end, H and C
    normalized entropy and complexity on the layer's common grid. With one split only there is no
    split estimate: Γ and L are then those of the Hellinger distance.
    """
    histograms = run.histograms(run.quantities[0])
    estimator = "split" if histograms[0].splits > 1 else "hellinger"
    found = curves(run, run.quantities[0], estimator)
    table = Table(
        title=f"{len(run.steps)} records, steps {run.steps[0]:,} to {run.steps[-1]:,}",
        caption=f"first→last; L: {estimator} estimator, Γ: its slope in 1/step; H, C: normalized",
        box=None,
        pad_edge=False,
    )
    table.add_column("layer", overflow="fold", min_width=16)
    for title in ("Γ", "L", "H", "C"):
        table.add_column(title, justify="right", no_wrap=True)
    for index, layer in enumerate(layer_names(run, run.quantities[0])):
        value = {name: curve[:, index] for name, curve in found.items()}
        slope = np.diff(value["length"]) / np.diff(run.steps) if len(run.steps) > 1 else [np.nan]
        table.add_row(
            escape(layer),
            _pair(slope[0], slope[-1], ".1e"),
            _pair(value["length"][-1], value["length_error"][-1], ".3f", "±"),
            _pair(value["entropy"][0], value["entropy"][-1], ".3f"),
            _pair(value["complexity"][0], value["complexity"][-1], ".3f"),
        )
    return table


def _description(config: dict[str, Any]) -> list[str]:
    """What the harness recorded, in a few lines; nothing for a run of another program."""
    settings, data = config.get("settings"), config.get("data")
    if not isinstance(settings, dict) or not isinstance(data, dict):
        return []
    lines = [f"[bold yellow]! {escape(str(note))}[/]" for note in data.get("notes", ())]
    model = config.get("model", {})
    lines.append(
        f"{settings.get('model')} {settings.get('widths')}, {model.get('parameters', 0):,} "
        f"parameters, {settings.get('activation')}; {settings.get('optimizer')}, learning rate "
        f"{settings.get('learning_rate')}, batch {settings.get('batch_size')}, "
        f"seed {settings.get('seed')}; {data.get('name')} from {escape(str(data.get('source')))}"
    )
    versions = config.get("versions", {})
    lines.append(", ".join(f"{name} {value}" for name, value in versions.items()))
    return lines


def _pair(first: float, second: float, form: str, link: str = "→") -> str:
    return link.join(format(v, form) if np.isfinite(v) else "–" for v in (first, second))
