"""``igfast compare``: several runs in one table and on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from igfast.cli.opening import Depth, Jobs, named, open_run
from igfast.cli.terminal import console_for, print_columns, telling
from igfast.live.fitting import Column
from igfast.printing import printable
from igfast.workers import usual_jobs


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN.igf", help="Two run files or more.", show_default=False, callback=named
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="HTML page, its numbers beside it.  (default: comparison.html)",
            callback=named,
        ),
    ] = None,
    quantity: Annotated[str, typer.Option(help="param, grad, update or second_moment.")] = "param",
    groups: Depth = None,
    jobs: Jobs = None,
    page: Annotated[bool, typer.Option(help="Write the page; else only the table.")] = True,
) -> None:
    """Compare runs: L, H, C and transitions in a table, all curves overlaid on a page."""
    from igfast.report.comparing import HEADER, rows, sentence, write_comparison
    from igfast.report.comparison import compare as measure
    from igfast.report.comparison import unique_names

    if output is not None and not page:
        raise ValueError(f"output={str(output)!r}: --no-page writes no file; leave --output out")
    console, target = console_for(), output or Path("comparison.html")
    with telling() as tell:
        opened = [open_run(path, groups) for path in runs]
        for run in opened if page else ():
            run.check_target(target)  # before minutes of measuring
        found = measure(
            opened, unique_names(runs), quantity=quantity, tell=tell, jobs=jobs or usual_jobs()
        )
    cells = [*zip(*rows(found), strict=True)]
    layers = cells[0]
    names = [
        one if one != before else "" for before, one in zip(("", *layers), layers, strict=False)
    ]
    shown = [[printable(text) for text in column] for column in (names, *cells[1:])]
    console_columns = [
        Column(title, column, least, rank, left=number in (0, 1, len(HEADER) - 1))
        for number, ((title, _), column, least, rank) in enumerate(
            zip(HEADER, shown, (12, 8, 0, 0, 0, 0, 0, 12), (0, 0, 0, 5, 4, 2, 3, 1), strict=True)
        )
    ]
    notes = (sentence(found), *(f"! {note}" for note in found.notes))
    print_columns(console_columns, console, [printable(note) for note in notes])
    if not page:
        return
    with telling("drawing"):
        write_comparison(found, target)
    console.print(f"page: {escape(str(target))}", highlight=False, soft_wrap=True)
