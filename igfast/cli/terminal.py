"""The console that all commands print to."""

from __future__ import annotations

import os

from rich.console import Console

PIPE_WIDTH = 120


def console_for(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal; 120 columns in a pipe, where rich would take 80."""
    console = Console(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_WIDTH
    return console
