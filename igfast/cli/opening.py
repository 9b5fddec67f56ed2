"""Arguments that name runs, and how commands open them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import igfast
from igfast.cli.errors import fail
from igfast.trajectory import Trajectory
from igfast.workers import MOST


def named(parameter: typer.CallbackParam, given: Any) -> Any:
    """One path or several that an argument gives; refuses an empty one, as of an unset variable."""
    for path in given if isinstance(given, (list, tuple)) else (given,):
        if path is not None and not path.name:
            fail(
                f"{parameter.opts[0]}={str(path)!r}: not the name of a file (an empty one is the "
                "folder '.'); give the path of one"
            )
    return given


Run = Annotated[
    Path,
    typer.Argument(metavar="RUN.igf", help="Run file.", show_default=False, callback=named),
]
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


Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        metavar="N",
        min=1,
        help=f"Processes that measure layers.  (default: one a core, at most {MOST})",
        show_default=False,
    ),
]


def open_run(path: Path, groups: int | None) -> Trajectory:
    """A run, with the module groups it was recorded with or others."""
    run = igfast.open(path)
    if groups is None:
        return run
    grouped = run.grouped(groups)
    _check_groups(grouped, groups)
    return grouped


def _check_groups(run: Trajectory, depth: int) -> None:
    """Refuse groups that show nothing."""
    recorded = [quantity for quantity in run.quantities if len(run.steps_of(quantity))]
    if not recorded:
        return
    if not run.groups:
        raise ValueError(f"groups={depth}: no layer's name has a module before a dot; leave it out")
    if not any(run.pooled(quantity) for quantity in recorded):
        raise ValueError(
            f"groups={depth}: every layer has a range of its own, so that none can be pooled; "
            "record with one range for all, or on a dyadic grid"
        )
