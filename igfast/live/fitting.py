"""Tables for terminals of any width: what does not fit folds, or is left out and named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

GAP = 2  # blanks between columns


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    title : str
    cells : sequence of str or Text
    least : int
        Width down to which it may be folded; 0: it may not.
    rank : int
        Columns of the highest rank are left out first, those of rank 0 never.
    left : bool
        Whether it is aligned to the left.
    """

    title: str
    cells: Sequence[str | Text]
    least: int = 0
    rank: int = 0
    left: bool = False

    @property
    def natural(self) -> int:
        """Width that needs no folding."""
        return max(cell_len(str(text)) for text in (self.title, *self.cells))

    @property
    def narrowest(self) -> int:
        """Width that it cannot do without."""
        return min(self.least, self.natural) if self.least else self.natural


@dataclass(frozen=True)
class Layout:
    """The columns that fit a width, how wide each is, and the titles of those left out."""

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    left_out: tuple[str, ...]
    width: int

    def table(self, rows: Sequence[int] | None = None) -> Table:
        """All rows, or those."""
        table = Table(box=None, pad_edge=False)
        for column, width in zip(self.columns, self.widths, strict=True):
            justify = "left" if column.left else "right"
            table.add_column(Text(column.title), justify=justify, width=width, overflow="fold")  # type: ignore[arg-type]
        for row in range(len(self.columns[0].cells)) if rows is None else rows:
            table.add_row(*(_text(column.cells[row]) for column in self.columns))
        return table

    def height(self, row: int, console: Console) -> int:
        """Lines that a row takes."""
        return max(
            len(_text(column.cells[row]).wrap(console, width, overflow="fold"))
            for column, width in zip(self.columns, self.widths, strict=True)
        )

    @property
    def note(self) -> str:
        """Says what is left out; "" where nothing is."""
        if not self.left_out:
            return ""
        return f"Not shown in {self.width} columns: {', '.join(self.left_out)}."


def fitted(columns: Sequence[Column], width: int) -> Layout:
    """Choose columns for a width, and share it among those that can be folded."""
    shown = list(columns)
    while _needed(shown) > width and any(column.rank for column in shown):
        shown.remove(max(shown, key=lambda column: column.rank))
    spare, widths = max(width - _needed(shown), 0), [column.narrowest for column in shown]
    wishes = [column.natural - column.narrowest for column in shown]
    for done, place in enumerate(sorted(range(len(shown)), key=wishes.__getitem__)):
        more = min(wishes[place], spare // (len(shown) - done))  # who asks for less leaves more
        widths[place] += more
        spare -= more
    left_out = tuple(column.title for column in columns if column not in shown)
    return Layout(tuple(shown), tuple(widths), left_out, width)


def _needed(columns: Sequence[Column]) -> int:
    return sum(column.narrowest for column in columns) + GAP * (len(columns) - 1)


def _text(cell: str | Text) -> Text:
    return Text(cell) if isinstance(cell, str) else cell
