"""Rows of records: put in, taken out, and looked up by the writer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..histograms import Histogram
from ..summary import Moments
from . import codec, columns, rows, schema
from .columns import Columns
from .encoding import grid_json, moment_arrays, to_cells
from .session import Session
from .thinning import Place

Bins = tuple[NDArray[np.int64], NDArray[np.int64]]
HistogramRow = tuple[int, str, int, bytes, bytes]  # quantity, grid, splits, directory, segments
ColumnsRow = tuple[int, bytes, bytes]  # quantity, running, data


@dataclass(frozen=True)
class Given:
    """What a record has of one quantity."""

    id: int
    quantity: str
    histogram: Histogram
    moments: Moments | None
    next_bins: Bins | None

    def histogram_row(self, step: int) -> HistogramRow:
        """The histogram as bytes."""
        grid = grid_json(self.histogram.grid)
        mark = codec.identity(self.quantity, *self.histogram.names, grid)
        directory, segments = codec.encode(to_cells(self.histogram), step, mark)
        return self.id, grid, self.histogram.splits, directory, segments

    def columns_row(self, step: int, running: NDArray[np.float32]) -> ColumnsRow:
        """The layers' numbers as bytes."""
        integers, floats = (None, None) if self.moments is None else moment_arrays(self.moments)
        bins = None if self.next_bins is None else np.stack(self.next_bins)
        mark = codec.identity(self.quantity, *self.histogram.names)
        return self.id, *columns.encode(Columns(running, integers, floats, bins), step, mark)


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

    def put_record(
        self,
        place: Place,
        wall_time: float,
        histograms: Iterable[HistogramRow],
        columns_rows: Iterable[ColumnsRow],
    ) -> None:
        """Write a record, in place of one at the same step."""
        step, histograms, columns_rows = place.step, list(histograms), list(columns_rows)
        again = self._db.execute("SELECT crc FROM records WHERE step=?", (step,)).fetchall()
        if again:
            self._totals.remove("records", again)
            for table in ("histograms", "columns"):
                self._db.execute(f"DELETE FROM {table} WHERE step=?", (step,))
        held = [id for id, *_ in columns_rows] + [-1 - id for id, *_ in histograms]
        mark = rows.record_mark(step, wall_time, place.membership, place.ticks, held)
        row = (step, wall_time, place.membership, place.ticks, mark)
        self._db.execute("REPLACE INTO records VALUES (?, ?, ?, ?, ?)", row)
        self._totals.add("records", mark)
        self._db.executemany(
            "INSERT INTO columns VALUES (?, ?, ?, ?, ?)",
            [(step, id, columns.COLUMNS_CODEC, *data) for id, *data in columns_rows],
        )
        self._insert(step, histograms)

    def put_histograms(self, step: int, histograms: Iterable[HistogramRow]) -> None:
        """Add histograms to a record that is there."""
        self._insert(step, histograms)
        self._mark(step)

    def drop_histograms(self, steps: Iterable[int]) -> None:
        """Take histograms from records, which keep all else."""
        for step in steps:
            self._db.execute("DELETE FROM histograms WHERE step=?", (step,))
            self._mark(step)

    def put_scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write named numbers, in place of those of the same names."""
        for name, value in values.items():
            number = float(value)  # SQLite keeps NaN as NULL
            mark = rows.scalar_mark(step, name, number)
            query = "SELECT crc FROM scalars WHERE step=? AND name=?"
            self._totals.remove("scalars", self._db.execute(query, (step, name)).fetchall())
            self._db.execute("REPLACE INTO scalars VALUES (?, ?, ?, ?)", (step, name, number, mark))
            self._totals.add("scalars", mark)

    def drop(self, condition: str, step: int) -> None:
        """Remove everything of the steps that meet a condition."""
        for table in schema.STEP_TABLES:
            if table in rows.SUMMED:
                query = f"SELECT crc FROM {table} WHERE {condition}"
                self._totals.remove(table, self._db.execute(query, (step,)))
            self._db.execute(f"DELETE FROM {table} WHERE {condition}", (step,))

    def _insert(self, step: int, histograms: Iterable[HistogramRow]) -> None:
        self._db.executemany(
            "INSERT INTO histograms VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (step, id, self.session.grid_id(grid), splits, codec.HISTOGRAM_CODEC, *data)
                for id, grid, splits, *data in histograms
            ],
        )

    def _mark(self, step: int) -> None:
        """Bring a record's checksum up to date with what belongs to it."""
        query = "SELECT step, wall_time, membership, ticks, crc FROM records WHERE step=?"
        _, wall_time, membership, ticks, old = self._db.execute(query, (step,)).fetchone()
        held = [id for (id,) in self._ids("columns", step)]
        held += [-1 - id for (id,) in self._ids("histograms", step)]
        mark = rows.record_mark(step, wall_time, membership, ticks, held)
        self._db.execute("UPDATE records SET crc=? WHERE step=?", (mark, step))
        self._totals.remove("records", [(old,)])
        self._totals.add("records", mark)

    def _ids(self, table: str, step: int) -> list[tuple[int]]:
        return self._db.execute(f"SELECT quantity FROM {table} WHERE step=?", (step,)).fetchall()
