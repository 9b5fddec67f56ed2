"""The console that all commands print to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from igfast.live.fitting import Column, fitted
from igfast.printing import Tell, printable

PIPE_WIDTH = 120


def console_for(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal; 120 columns in a pipe, where rich would take 80."""
    console = Console(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_WIDTH
    return console


@contextmanager
def telling(text: str = "measuring") -> Iterator[Tell]:
    """A line in the terminal on what is being done, while it is; nothing in a pipe."""
    with console_for(stderr=True).status(f"{text} ...") as shown:
        yield lambda now: shown.update(f"{escape(printable(now))} ...")


def print_columns(columns: Sequence[Column], console: Console, notes: Sequence[str] = ()) -> None:
    """Print a table that fits the console, then notes, and what did not fit."""
    layout = fitted(columns, console.width)
    print_table(layout.table(), console)
    for note in (*notes, layout.note):
        if note:
            console.print(note, highlight=False, markup=False, soft_wrap=not console.is_terminal)


def print_table(table: Table, console: Console) -> None:
    """Print a table; without the blanks that fill its columns at the end of lines in a pipe."""
    if console.is_terminal:
        console.print(table, highlight=False)
        return
    with console.capture() as captured:
        console.print(table, highlight=False)
    for line in captured.get().splitlines():
        console.print(line.rstrip(), highlight=False, markup=False, soft_wrap=True)
