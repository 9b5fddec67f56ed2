"""Checksums of the tables' rows, and totals by which a missing row is noticed.

Every row outside the blobs has a ``crc`` over its other columns. SQLite itself verifies nothing: a
flipped byte in a page may change a value or make rows vanish. The table ``totals`` therefore keeps
for each of these tables the number of rows and the sum of their checksums modulo 2**32, brought up
to date in the transaction that changes them.
"""

from __future__ import annotations

import datetime
import json
import sqlite3
import struct
import zlib
from collections.abc import Iterable
from typing import Any

from ..config import __version__
from . import schema
from .codec import DamagedRecord

# read as a whole when a run is opened; the order is that of the tables' definitions
COLUMNS = {
    "meta": "key, value",
    "resumes": "id, wall_time, igfast, config",
    "quantities": "id, name",
    "layers": "quantity, position, name, shape, dtype, numel",
    "grids": "id, json",
}
SUMMED = (*COLUMNS, "records", "scalars")
MODULUS = 2**32


def row_mark(table: str, row: Iterable[Any]) -> int:
    """Checksum of a row of one of the small tables."""
    return zlib.crc32(json.dumps([table, *row]).encode())


def record_mark(
    step: int, wall_time: float, membership: int, ticks: int, held: Iterable[int]
) -> int:
    """Checksum of a record with what belongs to it.

    ``held`` are the quantities with columns, and those with a histogram as -1 - quantity.
    """
    numbers = sorted(held)
    # SQLite returns -0.0 as 0.0
    return zlib.crc32(
        struct.pack(f"<qdqq{len(numbers)}q", step, wall_time + 0.0, membership, ticks, *numbers)
    )


def scalar_mark(step: int, name: str, value: float | None) -> int:
    """Checksum of a scalar; SQLite returns NaN as None and -0.0 as 0.0."""
    number = 0.0 if value is None or value != value else value + 0.0
    kept = value is not None and value == value
    return zlib.crc32(name.encode(), zlib.crc32(struct.pack("<q?d", step, kept, number)))


def read(db: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    """All rows of one of the small tables, verified, in the order of their first columns.

    Raises
    ------
    DamagedRecord
        If a row is not what was written, or missing.
    """
    query = f"SELECT {COLUMNS[table]}, crc FROM {table} ORDER BY 1, 2"
    rows = db.execute(query).fetchall()
    for row in rows:
        check(table, row[0], row_mark(table, row[:-1]), row[-1])
    check_total(db, table, [row[-1] for row in rows])
    return [row[:-1] for row in rows]


def check(table: str, key: object, mark: int, stored: object) -> None:
    """Refuse a row whose checksum is another."""
    if mark != stored:
        raise DamagedRecord(f"row {key!r} of table {table!r} fails its checksum")


def check_total(db: sqlite3.Connection, table: str, marks: list[int]) -> None:
    """Refuse a table that lost rows or has too many."""
    found = db.execute('SELECT "rows", "sum" FROM totals WHERE name=?', (table,)).fetchone()
    if found != (len(marks), sum(marks) % MODULUS):
        raise DamagedRecord(
            f"table {table!r} has {len(marks)} rows, which are not those that its total counts"
        )


Record = tuple[int, float, int, int]  # step, wall time, membership, ticks


def read_records(db: sqlite3.Connection) -> tuple[list[Record], dict[int, list[int]]]:
    """All records by step, verified, and for each number of ``held`` the steps that have it."""
    held: dict[int, list[int]] = {}  # of a step
    for table, sign in (("columns", False), ("histograms", True)):
        for step, quantity in db.execute(f"SELECT step, quantity FROM {table}"):
            held.setdefault(step, []).append(-1 - quantity if sign else quantity)
    records: list[Record] = []
    marks = []
    steps: dict[int, list[int]] = {}
    query = "SELECT step, wall_time, membership, ticks, crc FROM records ORDER BY step"
    for step, wall_time, membership, ticks, mark in db.execute(query):
        numbers = held.pop(step, [])
        check("records", step, record_mark(step, wall_time, membership, ticks, numbers), mark)
        if records and step <= records[-1][0]:
            raise DamagedRecord(f"steps {records[-1][0]} and {step} are out of order")
        records.append((step, wall_time, membership, ticks))
        marks.append(mark)
        for number in numbers:
            steps.setdefault(number, []).append(step)
    check_total(db, "records", marks)
    if held:
        raise DamagedRecord(f"step {min(held)} has histograms or columns but no record")
    return records, steps


def read_scalars(db: sqlite3.Connection) -> list[tuple[int, str, float | None]]:
    """All scalars by step, verified."""
    found = db.execute("SELECT step, name, value, crc FROM scalars ORDER BY step, name").fetchall()
    for step, name, value, mark in found:
        if scalar_mark(step, name, value) != mark:
            raise DamagedRecord(f"scalar {name!r} at step {step} fails its checksum")
    check_total(db, "scalars", [row[3] for row in found])
    if found != sorted(found, key=lambda row: row[0]):  # stable: by step alone
        raise DamagedRecord("scalars are out of order")
    return [row[:3] for row in found]


class Totals:
    """The writer's running totals."""

    def __init__(self) -> None:
        self._totals: dict[str, tuple[int, int]] = {}
        self._changed: set[str] = set()

    def load(self, db: sqlite3.Connection) -> None:
        """Take what the file has."""
        found = db.execute('SELECT name, "rows", "sum" FROM totals')
        self._totals = {name: (count, total) for name, count, total in found}
        self._changed.clear()
        if set(self._totals) != set(SUMMED):
            raise DamagedRecord("table 'totals' lost rows")

    def count(self, table: str) -> int:
        """Rows of a table."""
        return self._totals[table][0]

    def add(self, table: str, mark: int) -> None:
        """Count a row with this checksum."""
        count, total = self._totals[table]
        self._totals[table] = count + 1, (total + mark) % MODULUS
        self._changed.add(table)

    def remove(self, table: str, found: Iterable[tuple[int]]) -> None:
        """No longer count rows with these checksums, as a query for ``crc`` returns them."""
        for (mark,) in found:
            count, total = self._totals[table]
            self._totals[table] = count - 1, (total - mark) % MODULUS
            self._changed.add(table)

    def save(self, db: sqlite3.Connection) -> None:
        """Write what changed."""
        for table in self._changed:
            db.execute(
                'UPDATE totals SET "rows"=?, "sum"=? WHERE name=?', (*self._totals[table], table)
            )
        self._changed.clear()

    def insert(self, db: sqlite3.Connection, table: str, row: tuple[Any, ...]) -> None:
        """Add a row to one of the small tables."""
        mark = row_mark(table, row)
        places = ", ".join("?" * (len(row) + 1))
        db.execute(f"INSERT INTO {table} VALUES ({places})", (*row, mark))
        self.add(table, mark)


def create(db: sqlite3.Connection, totals: Totals, config: str) -> None:
    """Make the tables of a new run, in the transaction that is open."""
    for table in schema.TABLES:
        db.execute(table)
    db.executemany("INSERT INTO totals VALUES (?, 0, 0)", [(table,) for table in SUMMED])
    totals.load(db)
    created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    texts = {"config": config, "igfast": json.dumps(__version__), "created": json.dumps(created)}
    for row in texts.items():
        totals.insert(db, "meta", row)
    db.execute(f"PRAGMA application_id={schema.APPLICATION_ID}")
    db.execute(f"PRAGMA user_version={schema.SCHEMA_VERSION}")
