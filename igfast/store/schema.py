"""What a run file is: a SQLite database with this application id, version and tables."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from .codec import DamagedRecord

APPLICATION_ID = 0x49474653  # "IGFS", at byte 68 of the file
SCHEMA_VERSION = 4

# crc: see rows.py
TABLES = (
    # key -> JSON text: config, igfast (version), created (UTC, ISO 8601), writer
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, crc INTEGER NOT NULL)"
    " WITHOUT ROWID",
    # one row for every time an existing run was opened to be continued
    "CREATE TABLE resumes (id INTEGER PRIMARY KEY, wall_time REAL NOT NULL, igfast TEXT NOT NULL,"
    " config TEXT NOT NULL, crc INTEGER NOT NULL)",
    "CREATE TABLE quantities (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " crc INTEGER NOT NULL)",
    # numel is that of the whole tensor; shape is a JSON list
    "CREATE TABLE layers (quantity INTEGER NOT NULL REFERENCES quantities, position INTEGER NOT"
    " NULL, name TEXT NOT NULL, shape TEXT NOT NULL, dtype TEXT NOT NULL, numel INTEGER NOT NULL,"
    " crc INTEGER NOT NULL, PRIMARY KEY (quantity, position)) WITHOUT ROWID",
    # JSON of the fields of igfast.Grid, written once for each distinct grid
    "CREATE TABLE grids (id INTEGER PRIMARY KEY, json TEXT NOT NULL UNIQUE, crc INTEGER NOT NULL)",
    # membership changes when parameters are dealt to splits anew; ticks is the position along the
    # path (thinning.py); crc covers also which histograms and columns belong to the record
    "CREATE TABLE records (step INTEGER PRIMARY KEY, wall_time REAL NOT NULL, membership INTEGER"
    " NOT NULL, ticks INTEGER NOT NULL, crc INTEGER NOT NULL)",
    "CREATE TABLE scalars (step INTEGER NOT NULL, name TEXT NOT NULL, value REAL,"
    " crc INTEGER NOT NULL, PRIMARY KEY (step, name)) WITHOUT ROWID",
    'CREATE TABLE totals (name TEXT PRIMARY KEY, "rows" INTEGER NOT NULL, "sum" INTEGER NOT NULL)'
    " WITHOUT ROWID",
    # blobs last, so that SQLite reads the small columns without following overflow pages
    "CREATE TABLE histograms (step INTEGER NOT NULL, quantity INTEGER NOT NULL REFERENCES"
    " quantities, grid INTEGER NOT NULL REFERENCES grids, splits INTEGER NOT NULL, codec INTEGER"
    " NOT NULL, directory BLOB NOT NULL, segments BLOB NOT NULL, PRIMARY KEY (step, quantity))",
    # numbers of each layer at every record: running measures, and the rest (moments, next bins)
    "CREATE TABLE columns (step INTEGER NOT NULL, quantity INTEGER NOT NULL REFERENCES quantities,"
    " codec INTEGER NOT NULL, running BLOB NOT NULL, data BLOB NOT NULL,"
    " PRIMARY KEY (step, quantity))",
)
_OURS = (sqlite3.ProgrammingError, sqlite3.InterfaceError)  # wrong calls, whatever the file holds
STEP_TABLES = ("records", "scalars", "histograms", "columns")


class StoreError(ValueError):
    """A run file that cannot be used: foreign, damaged, of a newer version, or not writable."""


class StoreWarning(UserWarning):
    """Something could not be stored; training goes on."""


@contextlib.contextmanager
def database_errors(path: Path, doing: str) -> Iterator[None]:
    """Turn SQLite's errors and damage into a StoreError that names the file and the remedy."""
    try:
        yield
    except DamagedRecord as error:
        raise StoreError(f"{str(path)!r} is damaged: {error}; restore it from a copy") from error
    except (sqlite3.Error, UnicodeDecodeError) as error:
        text = str(error)
        if "locked" in text or "busy" in text:
            remedy = "another process is writing to it; stop that one or choose another path"
        elif "readonly" in text or "unable to open" in text:
            remedy = "the file or its directory is not writable; choose another path"
        elif "full" in text:
            remedy = "free disk space, then resume the run; what was recorded so far is safe"
        elif "closed" in text:
            remedy = "it was closed before; open it again"
        elif "transaction" in text or "misuse" in text or isinstance(error, _OURS):
            remedy = "the file is unharmed; open it anew in each process and thread that uses it"
        elif "disk I/O" in text:
            remedy = "the disk or network file system failed; check it, then open the run again"
        else:
            remedy = "the file is damaged or truncated; restore it from a copy"
        raise StoreError(f"{doing} {str(path)!r} failed: {text}. Remedy: {remedy}.") from error
