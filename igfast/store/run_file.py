"""A run file open for reading: what it says of itself, and its small tables."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import tempfile
import threading
import weakref
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from . import codec, rows
from .encoding import grid_from_json
from .opening import COPY, open_read_only
from .schema import StoreError, database_errors

Int = NDArray[np.int64]
Self = TypeVar("Self", bound="RunFile")


def _close(db: sqlite3.Connection, copy: tempfile.TemporaryDirectory[str] | None) -> None:
    db.close()
    if copy is not None:
        copy.cleanup()


class RunFile:
    """Opens a run and reads its small tables; see :class:`RunReader`.

    ``file`` is what is read: the run file, or the copy that had to be made of it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        with database_errors(self.path, "opening"):
            self._db, copy = open_read_only(self.path)
        self.file = (self.path if copy is None else Path(copy.name) / COPY).absolute()
        # also when nobody closes it, for the log of its writer stays as long
        self._closing = weakref.finalize(self, _close, self._db, copy)
        try:
            self.refresh()
        except BaseException:
            self.close()
            raise

    def refresh(self) -> None:
        """See what a writer has added since."""
        with self._snapshot():
            self._load()

    @contextlib.contextmanager
    def held(self) -> Iterator[bool]:
        """Reading of one state, however the writer goes on; whether it is newer than the last one.

        The write-ahead log grows as long as this lasts. Without one a writer would wait for its
        reader: the newest state is read, and nothing is held.
        """
        with self._lock:
            with self._reading():
                within = self._db.in_transaction
                # looks at the file: only then SQLite knows that a log was begun since
                newer = not within and self._state() != self._loaded
                held = within or not self.has_log()
            if held:
                if newer:
                    self.refresh()
                yield newer
                return
            with self._begun():  # what fails in the block is no damage of the file
                with self._reading():
                    newer = self._state() != self._loaded
                    if newer:
                        self._load()
                yield newer

    def _state(self) -> int:
        """A number that is another one after each change of the file."""
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def _load(self) -> None:
        db = self._db
        self._loaded = self._state()
        meta = {key: json.loads(text) for key, text in rows.read(db, "meta")}
        self.config: dict[str, Any] = meta["config"]
        self.info = {key: meta[key] for key in ("igfast", "created")}
        self.resumes = [
            {"wall_time": t, "igfast": version, "config": json.loads(text)}
            for _, t, version, text in rows.read(db, "resumes")
        ]
        self._ids = {name: id for id, name in rows.read(db, "quantities")}
        self.quantities = tuple(self._ids)
        stored = rows.read(db, "layers")
        self._layers: dict[str, tuple[tuple[str, ...], list[tuple[int, ...]], list[str], Int]] = {}
        for name, id in self._ids.items():
            layers = [row[2:] for row in stored if row[0] == id]
            shapes = [tuple(json.loads(row[1])) for row in layers]
            numel = np.array([row[3] for row in layers], np.int64)
            self._layers[name] = (
                tuple(row[0] for row in layers),
                shapes,
                [row[2] for row in layers],
                numel,
            )
        self._grids = {id: (text, grid_from_json(text)) for id, text in rows.read(db, "grids")}
        self._load_records()

    def _load_records(self) -> None:
        records, held = rows.read_records(self._db)
        self.steps: Int = np.array([row[0] for row in records], np.int64)
        self.wall_times = np.array([row[1] for row in records], np.float64)
        self.memberships: Int = np.array([row[2] for row in records], np.int64)
        self._recorded: dict[str, Int] = {}
        self._steps: dict[str, Int] = {}
        for name, id in self._ids.items():
            self._recorded[name] = np.array(held.get(id, ()), np.int64)
            self._steps[name] = np.array(held.get(-1 - id, ()), np.int64)

    def layers(self, quantity: str = "param") -> tuple[str, ...]:
        """Names of a quantity's layers."""
        return self._layer_table(quantity)[0]

    def shapes(self, quantity: str = "param") -> list[tuple[int, ...]]:
        """Shapes of a quantity's layers."""
        return self._layer_table(quantity)[1]

    def dtypes(self, quantity: str = "param") -> list[str]:
        """Dtypes of a quantity's layers, by torch's names."""
        return self._layer_table(quantity)[2]

    def numel(self, quantity: str = "param") -> Int:
        """(L,) elements of a quantity's layers."""
        return self._layer_table(quantity)[3]

    def steps_of(self, quantity: str = "param") -> Int:
        """Steps at which a quantity has histograms: all that it was recorded at, or fewer."""
        return self._steps[self._known(quantity)]

    def recorded_steps(self, quantity: str = "param") -> Int:
        """Steps at which a quantity was recorded; gradients and updates are not at step 0."""
        return self._recorded[self._known(quantity)]

    def memberships_of(self, quantity: str = "param") -> Int:
        """Membership of the records of a quantity: splits hold the same elements while it stays."""
        return self.memberships[np.searchsorted(self.steps, self.steps_of(quantity))]

    def scalars(self) -> dict[str, tuple[Int, NDArray[np.float64]]]:
        """By name: steps and values."""
        found: dict[str, tuple[list[int], list[float]]] = {}
        with self._snapshot():
            for step, name, value in rows.read_scalars(self._db):
                steps, values = found.setdefault(name, ([], []))
                steps.append(step)
                values.append(np.nan if value is None else value)
        return {
            name: (np.array(steps, np.int64), np.array(values, np.float64))
            for name, (steps, values) in found.items()
        }

    def seen(self) -> int:
        """A number for what this reader sees of the file: of another state it is another one."""
        known = (self.steps, self.wall_times, *self._steps.values())
        return zlib.crc32(b"".join(values.tobytes() for values in known))

    def has_log(self) -> bool:
        """Whether the file has a write-ahead log: until a writer closes it."""
        with self._reading():
            return bool(self._db.execute("PRAGMA journal_mode").fetchone()[0] == "wal")

    def sizes(self) -> dict[str, int]:
        """Bytes by quantity of histograms, and under ``"<quantity>.columns"`` of all numbers."""
        found = {}
        with self._reading():
            for name, id in self._ids.items():
                for table, key, columns in (
                    ("histograms", name, "length(directory)+length(segments)"),
                    ("columns", f"{name}.columns", "length(running)+length(data)"),
                ):
                    query = f"SELECT coalesce(sum({columns}), 0) FROM {table} WHERE quantity=?"
                    found[key] = int(self._db.execute(query, (id,)).fetchone()[0])
        return found

    def close(self) -> None:
        """Close the file."""
        self._closing()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _identity(self, quantity: str, *grid: str) -> int:
        return codec.identity(quantity, *self._layers[quantity][0], *grid)

    def _known(self, quantity: str) -> str:
        if quantity not in self._layers:
            raise KeyError(
                f"{str(self.path)!r} holds no quantity {quantity!r}; it holds "
                f"{', '.join(map(repr, self.quantities)) or 'none'}"
            )
        return quantity

    def _layer_table(
        self, quantity: str
    ) -> tuple[tuple[str, ...], list[tuple[int, ...]], list[str], Int]:
        return self._layers[self._known(quantity)]

    def _rewound(self, step: int) -> StoreError:
        return StoreError(
            f"{str(self.path)!r} no longer holds step {step} as it was: its writer has rewound or "
            "thinned the run; call refresh() or open it again, and if that fails, restore it from "
            "a copy"
        )

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock, database_errors(self.path, "reading"):
            try:
                yield
            except (sqlite3.Error, StoreError, codec.DamagedRecord):
                raise
            except Exception as error:  # whatever else damaged bytes lead to
                raise codec.DamagedRecord(f"{error!r} in its tables") from error

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Reading of several tables in one state."""
        with self._reading():
            if self._db.in_transaction:
                yield
                return
            with self._begun():
                yield

    @contextlib.contextmanager
    def _begun(self) -> Iterator[None]:
        """A transaction that reads."""
        with self._reading():
            self._db.execute("BEGIN")
        try:
            with self._reading():
                self._db.execute("SELECT 1 FROM sqlite_master LIMIT 1")  # from here the state stays
            yield
        finally:
            with self._reading():
                self._db.execute("ROLLBACK")

    @contextlib.contextmanager
    def _decoding(self, quantity: str, step: int) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, StoreError):
            raise
        except Exception as error:  # whatever damaged bytes lead to
            raise StoreError(
                f"{str(self.path)!r} is damaged at step {step} of {quantity!r}: {error}; restore "
                "it from a copy"
            ) from error
