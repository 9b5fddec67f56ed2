"""A run that is being trained, as a table for a terminal and as one line."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console, Group
from rich.text import Text

from ..alerts import in_few_lines
from ..groups import MODEL
from ..health import Flag
from ..numerals import number, scalar_text, velocity_text
from ..printing import printable
from ..report.text import count
from .fitting import Column, fitted
from .following import State

GENERAL = (
    "Γ: slope of L over the last tenth of a decade of steps; L: since the first record. Both are "
    "rough: see `igfast report`."
)
NOISE = "noise: no motion above the noise (Γ: over these steps; L: since the first record)."
SHOWN_SCALARS = 6


def picture(state: State, path: Path, console: Console, height: int | None = None) -> Group:
    """Header, layers and notes, in at most ``height`` lines; None: as many as it takes.

    Of more layers than fit: the model, flagged layers, groups, and the largest ones.
    """
    width, every = console.width, range(len(state.layers))
    shown = [numbers(state, row) for row in every]
    layout = fitted(
        [
            Column("layer", [printable(name) for name in state.layers], least=12, left=True),
            Column("elements", [f"{int(number):,}" for number in state.numel], rank=5),
            Column("Γ (1/step)", [one[0] for one in shown], rank=2),
            Column("L", [one[1] for one in shown], rank=1),
            Column("H", [one[2] for one in shown], rank=3),
            Column("C", [one[3] for one in shown], rank=4),
            Column("health", [_health(state, row) for row in every], least=10, left=True),
        ],
        width,
    )
    head, notes = Text(_header(state, path)), [GENERAL]
    if any("noise" in one for one in shown):
        notes.append(NOISE)
    notes += [layout.note] if layout.note else []
    chosen = list(every)
    if height is not None:
        around = sum(len(text.wrap(console, width)) for text in (head, *map(Text, notes)))
        heights = [layout.height(row, console) for row in every]
        if around + 1 + sum(heights) > height:
            chosen = shown_layers(state, height - around - 2, heights)  # and how many are not
            notes.insert(0, f"and {len(state.layers) - len(chosen)} smaller ones")
    return Group(head, layout.table(chosen), Text("\n".join(notes), style="dim"))


def _health(state: State, row: int) -> Text:
    name = state.layers[row]
    flags = _of_layer(state.flags, name)
    if name in state.members:
        flags = _of_members(state.flags, state.members[name])
    return Text("; ".join(flags), style="bold red") if flags else Text("ok", style="green")


def line(state: State) -> str:
    """One record in one line: the whole model's numbers, the newest losses, and all flags.

    Where layers cannot be pooled, those of the largest one.
    """
    whole = MODEL in state.members or len(state.layers) == 1
    row = len(state.layers) - 1 if whole else int(np.argmax(state.numel))
    velocity, length, entropy, complexity = numbers(state, row)
    shown = [f"step {state.step:,}", f"{state.layers[row]}: Γ {velocity}  L {length}"]
    shown.append(f"H {entropy}  C {complexity}")
    shown += _scalars(state)
    shown += [f"! {trouble}" for trouble in in_few_lines(state.flags)]
    return printable("  ".join(shown))


def numbers(state: State, row: int) -> list[str]:
    """Γ, L, H and C of a layer; a dash where there is none, "noise" for what noise hides."""
    curves = state.curves
    found = motion_texts(state.velocity[row], curves.length[row])
    return [*found, number(curves.entropy[row]), number(curves.complexity[row])]


def motion_texts(velocity: float, length: float) -> tuple[str, str]:
    """Γ and L of a layer.

    >>> motion_texts(0.02, 1.5), motion_texts(0.0, 1.5), motion_texts(float("nan"), 0.0)
    (('0.020', '1.50'), ('noise', '1.50'), ('–', '0'))
    """
    still = np.isfinite(velocity) and length == 0  # not at the first record
    return (
        "noise" if velocity == 0 else velocity_text(velocity),
        "noise" if still else number(length),
    )


def shown_layers(state: State, lines: int, heights: Sequence[int] | None = None) -> list[int]:
    """Rows to show in so many lines, one at least, in the order of the layers.

    ``heights`` are the lines that each row takes, by default one.
    """
    flagged = {flag.layer for flag in state.flags}
    names = state.layers
    order = sorted(
        range(len(names)),
        key=lambda row: (
            names[row] != MODEL or MODEL not in state.members,
            names[row] not in flagged,
            names[row] not in state.members,
            -state.numel[row],
            row,
        ),
    )
    ends = np.cumsum([heights[row] if heights else 1 for row in order])
    return sorted(order[: max(1, int((ends <= lines).sum()))])


def _header(state: State, path: Path) -> str:
    parts = [printable(str(path)), f"step {state.step:,}", count(state.records, "record")]
    if np.isfinite(state.pace) and state.pace > 0:
        parts.append(f"{1e3 * state.pace:.3g} ms/step")
    parts += _scalars(state)
    parts.append("ended" if state.ended else f"{max(0.0, time.time() - state.wall_time):.0f} s ago")
    return "  ".join(parts)


def _scalars(state: State) -> list[str]:
    shown = list(state.scalars.items())[:SHOWN_SCALARS]
    return [f"{printable(name)} {scalar_text(value)}" for name, (_, value) in shown]


def _of_members(flags: Sequence[Flag], members: Sequence[str]) -> list[str]:
    flagged = len({flag.layer for flag in flags} & set(members))
    return [f"{flagged} flagged"] if flagged else []


def _of_layer(flags: Sequence[Flag], layer: str) -> list[str]:
    return [
        flag.condition if flag.quantity == "param" else f"{flag.quantity}: {flag.condition}"
        for flag in flags
        if flag.layer == layer
    ]
