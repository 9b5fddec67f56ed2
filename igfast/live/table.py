"""A run that is being trained, as a table for a terminal and as one line."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ..groups import MODEL
from ..health import Flag
from ..printing import printable
from .following import State

SHOWN_SCALARS = 6
CLEAR = 1.25  # errors of Γ², which are some 1.5 times its scatter: about two of that


def picture(state: State, path: Path, rows: int) -> Group:
    """Header, at most ``rows`` layers, and notes.

    Where there are more: the model, flagged layers, groups, and the largest ones.
    """
    table = Table(box=None, pad_edge=False)
    table.add_column("layer", overflow="fold", min_width=12)
    for title in ("elements", "Γ (1/step)", "L", "H", "C"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("health", no_wrap=True, overflow="ellipsis")
    chosen = shown_layers(state, rows)
    for row in chosen:
        name = state.layers[row]
        flags = _of_layer(state.flags, name)
        if name in state.members:
            flags = _of_members(state.flags, state.members[name])
        table.add_row(
            escape(printable(name)),
            f"{int(state.numel[row]):,}",
            *numbers(state, row),
            f"[bold red]{escape('; '.join(flags))}[/]" if flags else "[green]ok[/]",
        )
    left = len(state.layers) - len(chosen)
    notes = [f"and {left} smaller ones"] if left else []
    notes.append(
        "Γ: between the last two records; L: rough, since the first record. `igfast report` has "
        "the exact values."
    )
    if any("noise" in numbers(state, row) for row in chosen):
        notes.append(
            "noise: no motion above the noise (Γ: between two records; L: since the first)."
        )
    return Group(Text(_header(state, path)), table, Text("\n".join(notes), style="dim"))


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
    shown += [f"! {flag.quantity} {flag.layer}: {flag.condition}" for flag in state.flags]
    return printable("  ".join(shown))


def numbers(state: State, row: int) -> list[str]:
    """Γ, L, H and C of a layer; a dash where there is none, "noise" for what noise hides."""
    curves = state.curves
    pairs = (
        (curves.velocity, ".2e"),
        (curves.length, ".3f"),
        (curves.entropy, ".3f"),
        (curves.complexity, ".3f"),
    )
    found = [format(v[row], form) if np.isfinite(v[row]) else "–" for v, form in pairs]
    if _is_noise(state, row):
        found[0] = "noise"
    if np.isfinite(curves.velocity[row]) and curves.length[row] == 0:  # not at the first record
        found[1] = "noise"
    return found


def _is_noise(state: State, row: int) -> bool:
    """Whether Γ between two records does not stand clear of its error."""
    squared, error = np.square(state.curves.velocity[row]), state.curves.velocity_squared_error[row]
    return bool(squared == 0 or squared < CLEAR * error)


def shown_layers(state: State, rows: int) -> list[int]:
    """Rows to show, in the order of the layers."""
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
    return sorted(order[: max(1, rows)])


def _header(state: State, path: Path) -> str:
    parts = [str(path), f"step {state.step:,}", f"{state.records:,} records"]
    if np.isfinite(state.pace) and state.pace > 0:
        parts.append(f"{1e3 * state.pace:.3g} ms/step")
    parts += _scalars(state)
    parts.append("ended" if state.ended else f"{max(0.0, time.time() - state.wall_time):.0f} s ago")
    return "  ".join(parts)


def _scalars(state: State) -> list[str]:
    shown = list(state.scalars.items())[:SHOWN_SCALARS]
    return [f"{printable(name)} {value:.4g}" for name, (_, value) in shown]


def _of_members(flags: Sequence[Flag], members: Sequence[str]) -> list[str]:
    flagged = len({flag.layer for flag in flags} & set(members))
    return [f"{flagged} flagged"] if flagged else []


def _of_layer(flags: Sequence[Flag], layer: str) -> list[str]:
    return [
        flag.condition if flag.quantity == "param" else f"{flag.quantity}: {flag.condition}"
        for flag in flags
        if flag.layer == layer
    ]
