"""A run in one screen: what was trained, and a table per layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from igfast.cli.terminal import print_table, telling
from igfast.export import curves, layer_names
from igfast.printing import Tell, printable, silent
from igfast.report.collect import LEAST_LIMITED, moved, scrutinized
from igfast.report.scrutiny import growth_of, onset_sentence, scrutinize
from igfast.report.windows import window_ends
from igfast.store import RunReader
from igfast.trajectory import Trajectory


def print_summary(run: Trajectory, console: Console) -> None:
    """Print settings, data, final losses and the table of layers of a run."""
    for line in _description(run.config):
        console.print(line, highlight=False, soft_wrap=True)
    for name, (steps, values) in run.scalars().items():
        if len(steps):
            line = f"{printable(name)}: {values[-1]:.4g} at step {steps[-1]:,}"
            console.print(line, highlight=False, markup=False)
    if run.path is not None:
        for line in size_lines(run.path):
            console.print(line, highlight=False)
    if _recorded(run) is None:
        console.print("the run holds no record yet", highlight=False)
    else:
        with telling() as tell:
            table = layer_table(run, tell)
            tell("looking for transitions")
            lines = growth_lines(run)
        print_table(table, console)
        for line in lines:
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def growth_lines(run: Trajectory) -> list[str]:
    """Transitions, their lags to the onset of overfitting, and that; none of short runs."""
    quantity = _recorded(run)
    if quantity is None or run.histograms(quantity)[0].splits < 4:
        return []
    found = growth_of(run, quantity, "split", run.steps_of(quantity), run.scalars())
    lines = []
    for layer, transitions in found.transitions.items():
        lags = found.lags(layer) or (None,) * len(transitions)
        for number, (one, lag) in enumerate(zip(transitions, lags, strict=True)):
            time, start, stop = (
                f"{t + found.origin:,.0f}" for t in (one.time, one.start, one.stop)
            )
            line = f"transition of {printable(layer)} at step {time} [{start}, {stop}]"
            if not any(found.persists(layer, number)):
                line += ", at this λ only"
            if lag is not None and np.isfinite(lag.decades):
                line += f", {lag.decades:.2f} [{lag.low:.2f}, {lag.high:.2f}] decades earlier"
            lines.append(line)
    if found.curvatures and not lines:
        lines.append("no transition: no minimum of d² ln L/d(ln t)² is deeper than its band")
    return [*lines, onset_sentence(found)] if found.curvatures else []


def sampling_lines(run: Trajectory) -> list[str]:
    """What L(τ) and the sampling say of every resolved weight matrix; seconds per layer."""
    quantity = _recorded(run)
    if quantity is None or run.histograms(quantity)[0].splits < 4:
        return []
    with telling() as tell:
        layers = scrutinized(moved(run, quantity, tell))
        found = scrutinize(run, quantity, layers, tell)
    return [
        f"{printable(layer.name)}: {statement}"
        for layer in layers
        for one in (found[layer.column],)
        for statement in (one.scales.statement, one.sampling.statement)
    ]


def size_lines(path: Path) -> list[str]:
    """How large a run file is, and what a layer takes at a record."""
    with RunReader(path) as run:
        lines = [f"store: {path.stat().st_size / 1e6:.1f} MB, {len(run.steps):,} records"]
        for quantity in run.quantities:
            kept, recorded = len(run.steps_of(quantity)), len(run.recorded_steps(quantity))
            if not kept:
                continue
            layers, sizes = len(run.layers(quantity)), run.sizes()
            one = run.histogram(quantity, 0)
            arrays = (one.split_counts, one.split_outside, one.offsets)
            plain = sum(array.nbytes for array in arrays if array is not None) / layers
            each = sizes[quantity] / layers / kept
            numbers = sizes[f"{quantity}.columns"] / layers / recorded
            lines.append(
                f"  {quantity}: histograms of {kept:,} records, {each:,.0f} bytes a layer "
                f"(plain: {plain / each:.0f} times more); numbers of {recorded:,}, "
                f"{numbers:.0f} bytes a layer"
            )
    return lines


def layer_table(run: Trajectory, tell: Tell = silent) -> Table:
    """Γ, H and C at the first and the last record, and the length L between them.

    Of every layer, of module groups and the model.

    L is the adaptive length with its standard error, Γ (1/step) its slope in the report's first
    and last window, H and C normalized entropy and complexity on the layer's common grid. As in
    the report, a length below two standard errors is an upper limit, and fewer than four splits
    give Γ and L of the Hellinger distance.

    Raises
    ------
    ValueError
        If the run holds no record.
    """
    quantity = _recorded(run)
    if quantity is None:
        raise ValueError("the run holds no record yet")
    first, steps = run.histograms(quantity)[0], run.steps_of(quantity)
    estimator = "split" if first.splits > 2 else "hellinger"
    found = curves(run, quantity, estimator, tell)
    table = Table(
        title=f"{len(steps)} records, steps {steps[0]:,} to {steps[-1]:,}",
        caption=f"first→last; L: {estimator} estimator, Γ: its slope over the first and the last "
        "tenth of a decade, 1/step; H, C: normalized\n"
        "<: L is not resolved, two standard errors above it; –: too few elements, or no motion "
        "or no error to tell; to: a later record has no elements",
        title_justify="left",
        caption_justify="left",
        box=None,
        pad_edge=False,
    )
    table.add_column("layer", overflow="fold", min_width=16)
    for title in ("Γ", "L", "H", "C"):
        table.add_column(title, justify="right", no_wrap=True)
    sizes = dict(zip(first.names, first.numel.tolist(), strict=True))
    pooled = run.pooled(quantity).items()
    sizes |= {name: sum(sizes[one] for one in own) for name, own in pooled}
    ends = window_ends(steps)
    slopes = np.diff(found["length"][ends], axis=0) / np.diff(steps[ends])[:, None]
    for index, layer in enumerate(layer_names(run, quantity)):
        value = {name: curve[:, index] for name, curve in found.items()}
        last = max(int(np.isfinite(value["length"]).sum()) - 1, 0)
        length, error = float(value["length"][last]), float(value["length_error"][last])
        shown = length_text(length, error, sizes[layer])
        moved = len(slopes) > 0 and "<" not in shown and shown != "–"
        if 0 < last < len(steps) - 1 and shown != "–":
            shown += f" to {steps[last]:,}"
        table.add_row(
            escape(printable(layer)),
            _slopes(slopes[0, index], slopes[-1, index]) if moved else "–",
            shown,
            _pair(value["entropy"][0], value["entropy"][-1], ".3f"),
            _pair(value["complexity"][0], value["complexity"][-1], ".3f"),
        )
    return table


def length_text(length: float, error: float, numel: int) -> str:
    """A length with its standard error, an upper limit where it is not resolved, or a dash.

    >>> length_text(0.7, 0.01, 1000), length_text(0.1, 0.1, 1000), length_text(0.1, 0.1, 10)
    ('0.700±0.010', '< 0.30', '–')
    """
    known = np.isfinite(error) and error > 0
    resolved = length > 2 * error if known else length > 0 and numel >= LEAST_LIMITED
    if resolved:
        return f"{length:.3f}±{error:.3f}" if known else f"{length:.3f}"
    if not known or numel < LEAST_LIMITED:
        return "–"
    unit = 10.0 ** (np.floor(np.log10(length + 2 * error)) - 1)
    digits = max(0, -round(np.log10(unit)))
    return f"< {np.ceil((length + 2 * error) / unit - 1e-9) * unit:.{digits}f}"


def _recorded(run: Trajectory) -> str | None:
    """The first quantity that has records."""
    return next((name for name in run.quantities if len(run.steps_of(name))), None)


def _slopes(first: float, last: float) -> str:
    return _pair(first if first > 0 else np.nan, last if last > 0 else np.nan, ".1e")


def _description(config: dict[str, Any]) -> list[str]:
    """What the harness recorded, in a few lines; nothing for a run of another program."""
    settings, data = config.get("settings"), config.get("data")
    if not isinstance(settings, dict) or not isinstance(data, dict):
        return []
    lines = [f"[bold yellow]! {escape(str(note))}[/]" for note in data.get("notes", ())]
    model = _part(config, "model")
    wanted = data.get("requested", data.get("name"))
    stand_in = "" if wanted == data.get("name") else f" (NOT {str(wanted).upper()})"
    lines.append(
        f"{settings.get('model')} {settings.get('widths')}, {model.get('parameters', 0):,} "
        f"parameters, {settings.get('activation')}; {settings.get('optimizer')}, learning rate "
        f"{settings.get('learning_rate')}, batch {settings.get('batch_size')}, "
        f"seed {settings.get('seed')}; {data.get('name')}{stand_in} from "
        f"{escape(str(data.get('source')))}"
    )
    lines.append(", ".join(f"{name} {value}" for name, value in versions_of(config).items()))
    return lines


def versions_of(config: dict[str, Any]) -> dict[str, Any]:
    """What a run was recorded with."""
    return _part(config, "versions")


def _part(config: dict[str, Any], name: str) -> dict[str, Any]:
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def _pair(first: float, second: float, form: str, link: str = "→") -> str:
    return link.join(format(v, form) if np.isfinite(v) else "–" for v in (first, second))
