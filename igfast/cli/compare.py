"""``igfast compare``: several runs in one table and on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from igfast.cli.opening import Depth, open_run
from igfast.cli.terminal import console_for, print_table, telling
from igfast.printing import printable


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN.igf RUN.igf ...", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="HTML page, its numbers beside it.  (default: comparison.html)",
        ),
    ] = None,
    quantity: Annotated[str, typer.Option(help="param, grad, update or second_moment.")] = "param",
    groups: Depth = None,
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
        found = measure(opened, unique_names(runs), quantity=quantity, tell=tell)
    table = Table(box=None, pad_edge=False)
    for number, (title, _) in enumerate(HEADER):
        left = number in (0, 1, len(HEADER) - 1)
        table.add_column(title, justify="left" if left else "right", overflow="fold")
    before = ""
    for layer, *cells in rows(found):
        table.add_row("" if layer == before else escape(printable(layer)), *map(escape, cells))
        before = layer
    print_table(table, console)
    for text in (sentence(found), *(f"! {note}" for note in found.notes)):
        console.print(text, highlight=False, markup=False, soft_wrap=True)
    if not page:
        return
    with telling("drawing"):
        write_comparison(found, target)
    console.print(f"page: {escape(str(target))}", highlight=False, soft_wrap=True)
