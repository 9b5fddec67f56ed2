"""Commands that follow a run while it is being trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from igfast.cli.errors import STOPPED
from igfast.cli.opening import Depth, named, open_run
from igfast.cli.terminal import console_for


def watch(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN.igf", help="Run file; waited for.", show_default=False, callback=named
        ),
    ],
    interval: Annotated[float, typer.Option(help="Seconds between looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Show the run as it is, and exit.")] = False,
    groups: Depth = None,
) -> None:
    """Follow a run that is being trained: Γ, L, H, C and health of every layer."""
    from igfast.live.watching import watch_run

    if groups is not None and run.exists():
        open_run(run, groups)  # refuses what cannot be shown
    if not watch_run(run, console_for(), interval=interval, once=once, groups=groups):
        raise typer.Exit(STOPPED)


def serve_report(run: Path, port: int, groups: int | None) -> None:
    """Serve the report of a run and renew it until Ctrl-C."""
    from igfast.live.server import LiveReport

    console = console_for()
    if groups is not None and run.exists():
        open_run(run, groups)  # refuses what cannot be shown
    with LiveReport(run, port=port, groups=groups) as live:
        console.print(
            f"report: {live.url} renews itself as {escape(str(run))} grows; Ctrl-C ends it",
            highlight=False,
            soft_wrap=True,
        )
        try:
            live.wait()
        except KeyboardInterrupt:
            console.print("stopped serving; the training goes on", highlight=False)
