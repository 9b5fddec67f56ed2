"""Arguments that name runs, and how commands open them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import igfast
from igfast.trajectory import Trajectory

Run = Annotated[Path, typer.Argument(metavar="RUN.igf", help="Run file.", show_default=False)]
Depth = Annotated[
    int | None,
    typer.Option(
        "--groups",
        metavar="DEPTH",
        min=1,
        help="Module groups by so many parts of layers' names.  (default: those of the Monitor)",
        show_default=False,
    ),
]


def open_run(path: Path, groups: int | None) -> Trajectory:
    """A run, with the module groups it was recorded with or others."""
    run = igfast.open(path)
    return run if groups is None else run.grouped(groups)
