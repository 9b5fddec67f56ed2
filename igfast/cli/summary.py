"""A run in one screen: what was trained, and a table per layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from igfast.cli.terminal import print_columns, telling
from igfast.live.fitting import Column
from igfast.numerals import number, scalar_text, velocity_text
from igfast.printing import Tell, printable, silent
from igfast.report.collect import MotionCurves, logged, moved, recorded, scrutinized
from igfast.report.counted import Float
from igfast.report.scrutiny import growth_of, onset_sentence, scrutinize
from igfast.report.text import change, count, flat, length_text, part
from igfast.report.windows import end_slopes
from igfast.store import RunReader
from igfast.trajectory import Trajectory
from igfast.workers import Workers

Form = Callable[[float], str]

FROM_MONITOR = ("monitor", "versions")  # what a Monitor adds to a configuration
SHOWN_VALUES = 12  # of a configuration that another program recorded
LONGEST_VALUE = 60  # characters, with the name


def print_summary(
    run: Trajectory, console: Console, *, sampling: bool = False, jobs: int = 1
) -> None:
    """Print settings, data, final losses and the table of layers of a run.

    With ``sampling`` also what L(τ) and the sampling say; seconds per layer.
    """
    for line in _description(run.config):
        console.print(line, highlight=False, soft_wrap=True)
    for name, (steps, values) in logged(run).items():
        line = f"{printable(name)}: {scalar_text(values[-1])} at step {steps[-1]:,}"
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if run.path is not None:
        for line in size_lines(run.path):
            console.print(line, highlight=False, soft_wrap=True)
    quantities = recorded(run)
    if not quantities:
        console.print("the run holds no record yet", highlight=False)
        return
    with telling() as tell, Workers(run, jobs) as workers:
        motion = moved(workers, quantities[0], tell)
        lines = growth_lines(workers, motion, tell)
        if sampling:
            lines += sampling_lines(workers, motion, tell)
    print_layers(motion, console)
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def growth_lines(workers: Workers, motion: MotionCurves, tell: Tell = silent) -> list[str]:
    """Transitions, their lags to the onset of overfitting, and that; none of short runs."""
    found = growth_of(workers, motion, logged(workers.run), tell)
    lines = []
    for layer, transitions in found.transitions.items():
        lags = found.lags(layer) or (None,) * len(transitions)
        for place, (one, lag) in enumerate(zip(transitions, lags, strict=True)):
            line = f"transition of {printable(layer)} at step {found.when(one)}"
            if not any(found.persists(layer, place)):
                line += ", with this smoothing λ only"
            if lag is not None and np.isfinite(lag.decades):
                line += f", {lag.decades:.2f} [{lag.low:.2f}, {lag.high:.2f}] decades earlier"
            lines.append(line)
    if found.curvatures and not lines:
        lines.append("no transition: no minimum of d² ln L/d(ln t)² is deeper than its band")
    return [*lines, onset_sentence(found)] if found.curvatures else []


def sampling_lines(workers: Workers, motion: MotionCurves, tell: Tell = silent) -> list[str]:
    """What L(τ) and the sampling say of every resolved weight matrix; seconds per layer."""
    layers = scrutinized(motion)
    found = scrutinize(workers, motion.quantity, layers, tell)
    return [
        f"{printable(layer.name)}: {statement}"
        for layer in layers
        for one in (found[layer.column],)
        for statement in (one.scales.statement, one.sampling.statement)
    ]


def size_lines(path: Path) -> list[str]:
    """How large a run file is, and what a layer takes at a record."""
    with RunReader(path) as run:
        lines = [f"store: {path.stat().st_size / 1e6:.1f} MB, {count(len(run.steps), 'record')}"]
        sizes = run.sizes()
        for quantity in run.quantities:
            kept, recorded = len(run.steps_of(quantity)), len(run.recorded_steps(quantity))
            if not kept:
                continue
            layers, one = len(run.layers(quantity)), run.histogram(quantity, 0)
            arrays = (one.split_counts, one.split_outside, one.offsets)
            plain = sum(array.nbytes for array in arrays if array is not None) / layers
            each = sizes[quantity] / layers / kept
            numbers = sizes[f"{quantity}.columns"] / layers / recorded
            lines.append(
                f"  {quantity}: histograms of {count(kept, 'record')}, for each layer {each:,.0f} "
                f"bytes ({plain / each:.0f} times less than uncompressed); numbers of "
                f"{count(recorded, 'record')}, for each layer {numbers:.0f} bytes"
            )
    return lines


def print_layers(motion: MotionCurves, console: Console) -> None:
    """Γ, H and C at the first and the last record, and the length L between them.

    Of every layer, of module groups that are no layer by another name and the model, by the rules
    of the report: L is the length with its standard error, an upper limit where it is not
    resolved; Γ (1/step) is its slope in the first and the last window, H and C normalized entropy
    and complexity on the layer's common grid.
    """
    steps, slopes = motion.steps, end_slopes(motion)
    rows = [row for row in motion.rows if not row.repeats]
    title = f"{count(len(steps), 'record')}, step {steps[0]:,}"
    if len(steps) > 1:
        title = f"{count(len(steps), 'record')}, steps {steps[0]:,} to {steps[-1]:,}"
    console.print(title, style="italic", highlight=False)

    def ends(curve: Float, form: Form = number) -> list[str]:
        return [change(curve[0, row.column], curve[-1, row.column], form, "→") for row in rows]

    lengths = [length_text(motion, row, "to") if len(steps) > 1 else "–" for row in rows]
    columns = [
        Column("layer", [printable(row.name) for row in rows], least=16, left=True),
        Column("Γ", ends(slopes, velocity_text), rank=1),
        Column("L", lengths),
        Column("H", ends(motion.entropy), rank=2),
        Column("C", ends(motion.complexity), rank=3),
    ]
    print_columns(columns, console, _length_notes(motion, lengths))


def _length_notes(motion: MotionCurves, lengths: list[str]) -> list[str]:
    """What the columns are, and what stands in them where L is not a value with an error."""
    if len(motion.steps) < 2:
        return ["Γ, L: from the second record on; H, C: normalized"]
    notes = [
        "Γ, H, C: at the beginning→at the end; Γ: slope of L over a tenth of a decade of steps, "
        f"1/step; L: {motion.estimator} estimator; H, C: normalized"
    ]
    if any(text.startswith("<") for text in lengths):
        notes.append("L <: not resolved; the limit is two standard errors above it, and Γ a dash")
    if "–" in lengths:
        notes.append("L –: not resolved, with too few elements or no error for a limit")
    if any(" to " in text for text in lengths):
        notes.append("L to: up to this step; a later record has no elements")
    return notes


def _description(config: dict[str, Any]) -> list[str]:
    """What was trained, as the harness or another program recorded it, and by which versions."""
    settings, data = config.get("settings"), config.get("data")
    versions = ", ".join(f"{name} {value}" for name, value in versions_of(config).items())
    if not isinstance(settings, dict) or not isinstance(data, dict):
        own = {name: value for name, value in config.items() if name not in FROM_MONITOR}
        found = {"config: ": _values(own), "": escape(printable(versions))}
        return [f"{title}{said}" for title, said in found.items() if said]
    lines = [f"[bold yellow]! {escape(printable(str(note)))}[/]" for note in data.get("notes", ())]
    model = part(config, "model")
    wanted = data.get("requested", data.get("name"))
    stand_in = "" if wanted == data.get("name") else f" (NOT {str(wanted).upper()})"
    lines.append(
        f"{settings.get('model')} {settings.get('widths')}, {model.get('parameters', 0):,} "
        f"parameters, {settings.get('activation')}; {settings.get('optimizer')}, learning rate "
        f"{settings.get('learning_rate')}, batch {settings.get('batch_size')}, "
        f"seed {settings.get('seed')}; {data.get('name')}{stand_in} from "
        f"{escape(str(data.get('source')))}"
    )
    return [*lines, versions]


def _values(config: dict[str, Any]) -> str:
    """The first values of a configuration, each cut to what a line can spare."""
    said = [f"{name} {value}" for name, value in flat(config)]
    shown = [one if len(one) <= LONGEST_VALUE else f"{one[: LONGEST_VALUE - 3]}..." for one in said]
    more = [f"{len(said) - SHOWN_VALUES} more in the report"] if len(said) > SHOWN_VALUES else []
    return escape(printable(", ".join([*shown[:SHOWN_VALUES], *more])))


def versions_of(config: dict[str, Any]) -> dict[str, Any]:
    """What a run was recorded with."""
    return part(config, "versions")
