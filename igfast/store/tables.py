"""Rows of records: put in, taken out, and looked up by the writer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from . import codec, columns, rows, schema
from .given import ColumnsRow, HistogramRow
from .session import Session
from .thinning import Place

VARIABLES = 900  # in a statement: old versions of SQLite take 999


class RecordRows(NamedTuple):
    """A record as rows of the tables."""

    place: Place
    wall_time: float
    histograms: Sequence[HistogramRow]
    numbers: Sequence[ColumnsRow]


class RecordTables:
    """Changes of the tables ``records``, ``histograms``, ``columns`` and ``scalars``.

    All but the reading methods work in a transaction that the caller has opened.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._db, self._totals = session.db, session.totals

    def places(self) -> list[tuple[int, int, int]]:
        """Step, ticks and membership of every record."""
        query = "SELECT step, ticks, membership FROM records ORDER BY step"
        return self._db.execute(query).fetchall()

    def histogram_steps(self) -> list[tuple[int, int]]:
        """Step and quantity of every histogram."""
        return self._db.execute("SELECT step, quantity FROM histograms ORDER BY step").fetchall()

    def put_records(self, records: Sequence[RecordRows], again: bool) -> None:
        """Write records; ``again``: the first one in place of that at the same step."""
        if again:
            self.drop("step=?", records[0].place.step, ("records", "histograms", "columns"))
        found = []
        for place, wall_time, histograms, numbers in records:
            held = [id for id, *_ in numbers] + [-1 - id for id, *_ in histograms]
            where = place.step, wall_time, place.membership, place.ticks
            mark = rows.record_mark(*where, held)
            found.append((*where, mark))
            self._totals.add("records", mark)
        self._insert("records", found)
        self._insert(
            "columns",
            [
                (record.place.step, id, columns.COLUMNS_CODEC, *data)
                for record in records
                for id, *data in record.numbers
            ],
        )
        self._insert_histograms((one.place.step, one.histograms) for one in records)

    def put_histograms(self, step: int, histograms: Iterable[HistogramRow]) -> None:
        """Add histograms to a record that is there."""
        self._insert_histograms([(step, histograms)])
        self._mark([step])

    def drop_histograms(self, steps: Sequence[int]) -> None:
        """Take histograms from records, which keep all else."""
        if steps:
            self._db.execute(f"DELETE FROM histograms WHERE step IN ({_places(steps)})", steps)
            self._mark(steps)

    def put_scalars(self, scalars: Iterable[tuple[int, Mapping[str, float]]]) -> None:
        """Write named numbers of steps, in place of those of the same names."""
        numbers = {  # SQLite keeps NaN as NULL
            (step, name): float(value) for step, values in scalars for name, value in values.items()
        }
        for step in {step: None for step, _ in numbers}:
            query = "SELECT name, crc FROM scalars WHERE step=?"
            found = self._db.execute(query, (step,)).fetchall()
            self._totals.remove("scalars", [(m,) for name, m in found if (step, name) in numbers])
        kept = [(*key, number, rows.scalar_mark(*key, number)) for key, number in numbers.items()]
        self._db.executemany("REPLACE INTO scalars VALUES (?, ?, ?, ?)", kept)
        for *_, mark in kept:
            self._totals.add("scalars", mark)

    def drop(self, condition: str, step: int, tables: Iterable[str] = schema.STEP_TABLES) -> None:
        """Remove everything of the steps that meet a condition."""
        for table in tables:
            if table in rows.SUMMED:
                query = f"SELECT crc FROM {table} WHERE {condition}"
                self._totals.remove(table, self._db.execute(query, (step,)))
            self._db.execute(f"DELETE FROM {table} WHERE {condition}", (step,))

    def _insert(self, table: str, given: Sequence[tuple[Any, ...]]) -> None:
        """Rows in as few statements as there may be: each of them takes and gives Python's lock."""
        most = max(1, VARIABLES // len(given[0])) if given else 1
        for first in range(0, len(given), most):
            part = given[first : first + most]
            places = ", ".join([f"({_places(part[0])})"] * len(part))
            self._db.execute(f"INSERT INTO {table} VALUES {places}", [*chain(*part)])

    def _insert_histograms(self, given: Iterable[tuple[int, Iterable[HistogramRow]]]) -> None:
        self._insert(
            "histograms",
            [
                (step, id, self.session.grid_id(grid), splits, codec.HISTOGRAM_CODEC, *data)
                for step, histograms in given
                for id, grid, splits, *data in histograms
            ],
        )

    def _mark(self, steps: Sequence[int]) -> None:
        """Bring records' checksums up to date with what belongs to them."""
        within = f"WHERE step IN ({_places(steps)})"
        held: dict[int, list[int]] = {step: [] for step in steps}
        for table, sign in (("columns", False), ("histograms", True)):
            for step, id in self._db.execute(f"SELECT step, quantity FROM {table} {within}", steps):
                held[step].append(-1 - id if sign else id)
        query = f"SELECT step, wall_time, membership, ticks, crc FROM records {within}"
        found = self._db.execute(query, steps).fetchall()
        marks = [
            (rows.record_mark(step, when, member, ticks, held[step]), step)
            for step, when, member, ticks, _ in found
        ]
        self._db.executemany("UPDATE records SET crc=? WHERE step=?", marks)
        self._totals.remove("records", [(old,) for *_, old in found])
        for mark, _ in marks:
            self._totals.add("records", mark)


def _places(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))
