"""Writing a run: one transaction for each record, committed when the call returns."""

from __future__ import annotations

import contextlib
import datetime
import json
import math
import operator
import os
import sqlite3
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ..config import __version__
from ..histograms import Histogram
from ..summary import Moments
from . import codec, schema
from .encoding import config_json, grid_json, moment_arrays, to_cells
from .opening import check_target, connect, exists
from .schema import StoreError, database_errors

CLOSE_MILLISECONDS = 200  # how long to wait for readers when closing


class RunWriter:
    """Writes a run file; each record is safe from a killed process once its call returned.

    Parameters
    ----------
    path : str or Path
    config : dict
        What the run was: anything JSON can hold. Kept with the run.
    resume : bool
        Continue an existing file. A record at or before the last one of the file rewinds the
        run: stored records from its step on are dropped (see also :meth:`rewind`). A
        missing file is begun.

    Raises
    ------
    FileExistsError
        If the file exists and ``resume`` is false.
    StoreError
        If the file is not a run, is damaged or newer, or cannot be written.

    Examples
    --------
    >>> import igfast, numpy as np, tempfile, time
    >>> from igfast.store import RunReader, RunWriter
    >>> x = np.linspace(-1, 1, 100)
    >>> path = tempfile.mkdtemp() + "/run.igf"
    >>> with RunWriter(path, config={"lr": 0.1}) as writer:
    ...     writer.define_layers("param", ["w"], [(100,)], ["float64"])
    ...     writer.write_record(0, time.time(), {"param": (igfast.histogram({"w": x}), None)})
    >>> with RunReader(path) as reader:
    ...     reader.steps.tolist(), reader.config
    ([0], {'lr': 0.1})
    """

    def __init__(
        self, path: str | os.PathLike[str], *, config: Mapping[str, Any], resume: bool = False
    ) -> None:
        self.path = Path(path)
        self.journal = ""
        text = config_json(config)
        self._token = uuid.uuid4().hex
        self._quantities: dict[str, tuple[int, tuple[str, ...]]] = {}
        self._grids: dict[str, int] = {}
        self._rewound = not resume
        self._resumed_with: str | None = None
        begun = check_target(self.path, resume)
        with database_errors(self.path, "opening"):
            self._db = connect(self.path, "mode=rw" if begun else "mode=rwc")
            try:
                self._initialize(text, begun)
                self._last: int | None = self._last_step()
            except BaseException:
                self._db.close()
                raise

    def _last_step(self) -> int | None:
        found: tuple[int | None] = self._db.execute("SELECT max(step) FROM records").fetchone()
        return found[0]

    def _initialize(self, config: str, begun: bool) -> None:
        db = self._db
        version = __version__
        # NORMAL: a commit survives the process; after a power cut the last ones may be missing
        db.execute("PRAGMA synchronous=NORMAL")
        with self._transaction(owned=False):
            if not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                for table in schema.TABLES:
                    db.execute(table)
                created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
                rows = {"config": config, "igfast": json.dumps(version)}
                rows |= {"created": json.dumps(created)}
                db.executemany("INSERT INTO meta VALUES (?, ?)", rows.items())
                db.execute(f"PRAGMA application_id={schema.APPLICATION_ID}")
                db.execute(f"PRAGMA user_version={schema.SCHEMA_VERSION}")
            elif not begun:  # another process was faster
                raise exists(self.path)
            else:
                self._resumed_with = config
            db.execute("REPLACE INTO meta VALUES ('writer', ?)", (json.dumps(self._token),))
        # after the schema: the header in the file itself then already names the application
        self.journal = self._set_journal()
        self._grids = {text: id for id, text in db.execute("SELECT id, json FROM grids")}

    def _set_journal(self) -> str:
        """Write-ahead log; rollback journal where shared memory is not to be had."""
        with contextlib.suppress(sqlite3.OperationalError):
            if self._db.execute("PRAGMA journal_mode=WAL").fetchone()[0] == "wal":
                return "wal"
        mode = str(self._db.execute("PRAGMA journal_mode=DELETE").fetchone()[0])
        warnings.warn(
            f"{str(self.path)!r} is on a file system without a write-ahead log; using "
            f"journal_mode={mode}: safe, but slower, and readers may have to wait",
            stacklevel=4,
        )
        return mode

    @property
    def last_step(self) -> int | None:
        """Step of the last record, None before the first."""
        return self._last

    def define_layers(
        self,
        quantity: str,
        names: Sequence[str],
        shapes: Sequence[Sequence[int]],
        dtypes: Sequence[str],
    ) -> None:
        """Say which layers a quantity has, in the order of its histograms.

        Raises
        ------
        StoreError
            If a resumed run has other layers under this quantity.
        """
        if not names or len(names) != len(shapes) or len(names) != len(dtypes):
            raise ValueError(
                f"{quantity!r} needs at least one layer and a shape and a dtype for each, got "
                f"{len(names)} names, {len(shapes)} shapes and {len(dtypes)} dtypes"
            )
        rows = [(n, json.dumps([int(a) for a in s])) for n, s in zip(names, shapes, strict=True)]
        with self._transaction():
            found = self._db.execute("SELECT id FROM quantities WHERE name=?", (quantity,))
            known = found.fetchone()
            if known is None:
                cursor = self._db.execute("INSERT INTO quantities (name) VALUES (?)", (quantity,))
                id = int(cursor.lastrowid or 0)
                self._db.executemany(
                    "INSERT INTO layers VALUES (?, ?, ?, ?, ?, ?)",
                    [
                        (id, i, name, shape, dtype, math.prod(json.loads(shape)))
                        for i, ((name, shape), dtype) in enumerate(zip(rows, dtypes, strict=True))
                    ],
                )
            else:
                id = known[0]
                query = "SELECT name, shape FROM layers WHERE quantity=? ORDER BY position"
                stored = self._db.execute(query, (id,)).fetchall()
                if stored != rows:
                    raise StoreError(_difference(self.path, quantity, stored, rows))
        self._quantities[quantity] = (id, tuple(names))

    def write_record(
        self,
        step: int,
        wall_time: float,
        quantities: Mapping[str, tuple[Histogram, Moments | None]],
        scalars: Mapping[str, float] | None = None,
        *,
        membership: int = 0,
    ) -> None:
        """Write and commit one record.

        Parameters
        ----------
        step : int
            Not below the steps written before; the same step again replaces its record.
        wall_time : float
            Seconds since the epoch.
        quantities : mapping of str to (Histogram, Moments or None)
            Each defined by :meth:`define_layers`, with the same layers in the same order.
        scalars : mapping of str to float, optional
        membership : int
            Changes when elements are dealt to splits anew (resharding); split estimators never
            difference across a change.
        """
        step = operator.index(step)  # SQLite would keep a NumPy integer as a blob
        histograms, moments = [], []
        for quantity, (histogram, moment) in quantities.items():
            id = self._layers_of(quantity, histogram.names)
            grid = grid_json(histogram.grid)
            mark = codec.identity(quantity, *histogram.names, grid)
            directory, segments = codec.encode(to_cells(histogram), step, mark)
            row = (step, id, grid, histogram.splits, codec.HISTOGRAM_CODEC, directory, segments)
            histograms.append(row)
            if moment is not None:
                mark = codec.identity(quantity, *histogram.names)
                data = codec.encode_moments(*moment_arrays(moment), step, mark)
                moments.append((step, id, codec.MOMENTS_CODEC, data))
        with self._transaction():
            self._before(step)
            db = self._db
            for table in ("histograms", "moments"):
                db.execute(f"DELETE FROM {table} WHERE step=?", (step,))
            record = (step, float(wall_time), int(membership))
            db.execute("REPLACE INTO records VALUES (?, ?, ?)", record)
            db.executemany(
                "INSERT INTO histograms VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(*row[:2], self._grid_id(row[2]), *row[3:]) for row in histograms],
            )
            db.executemany("INSERT INTO moments VALUES (?, ?, ?, ?)", moments)
            self._put_scalars(step, scalars or {})
        self._last, self._rewound, self._resumed_with = step, True, None

    def write_scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write and commit named numbers at a step; they need no record at that step."""
        with self._transaction():
            self._put_scalars(step, values)

    def rewind(self, step: int) -> None:
        """Drop everything after ``step``: training goes on from there."""
        with self._transaction():
            self._note_resume()
            self._drop(operator.index(step) + 1)
            self._last = self._last_step()
        self._rewound, self._resumed_with = True, None

    def flush(self) -> None:
        """Wait until everything written is committed (it is, on return of each call)."""

    def close(self) -> None:
        """Close the file and leave a single plain one, unless a reader still has it open."""
        if self.journal == "wal":
            with contextlib.suppress(sqlite3.Error):  # every record is committed already
                self._db.execute(f"PRAGMA busy_timeout={CLOSE_MILLISECONDS}")
                self._db.execute("PRAGMA journal_mode=DELETE")
            self.journal = ""
        self._db.close()

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _before(self, step: int) -> None:
        if not self._rewound:
            self._note_resume()
            self._drop(step)
        elif self._last is not None and step < self._last:
            raise ValueError(
                f"step must not go back, got {step} after {self._last}; call rewind({step}) first"
            )

    def _note_resume(self) -> None:
        """Keep when and with what the run was continued, once it is."""
        if self._resumed_with is not None:
            row = (time.time(), __version__, self._resumed_with)
            query = "INSERT INTO resumes (wall_time, igfast, config) VALUES (?, ?, ?)"
            self._db.execute(query, row)

    def _drop(self, step: int) -> None:
        for table in schema.STEP_TABLES:
            self._db.execute(f"DELETE FROM {table} WHERE step>=?", (step,))

    def _put_scalars(self, step: int, values: Mapping[str, float]) -> None:
        # SQLite keeps NaN as NULL
        rows = [(operator.index(step), name, float(value)) for name, value in values.items()]
        self._db.executemany("REPLACE INTO scalars VALUES (?, ?, ?)", rows)

    def _layers_of(self, quantity: str, names: tuple[str, ...]) -> int:
        if quantity not in self._quantities:
            raise ValueError(f"quantity {quantity!r} has no layers yet; call define_layers first")
        id, defined = self._quantities[quantity]
        if names != defined:
            raise ValueError(
                f"the histogram of {quantity!r} must have the {len(defined)} layers that "
                f"define_layers named, in that order, got {names}"
            )
        return id

    def _grid_id(self, text: str) -> int:
        if text not in self._grids:
            cursor = self._db.execute("INSERT INTO grids (json) VALUES (?)", (text,))
            self._grids[text] = int(cursor.lastrowid or 0)
        return self._grids[text]

    @contextlib.contextmanager
    def _transaction(self, owned: bool = True) -> Iterator[None]:
        with database_errors(self.path, "writing"):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                if owned:
                    self._check_owner()
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                self._grids = {
                    text: id for id, text in self._db.execute("SELECT id, json FROM grids")
                }
                raise

    def _check_owner(self) -> None:
        (owner,) = self._db.execute("SELECT value FROM meta WHERE key='writer'").fetchone()
        if json.loads(owner) != self._token:
            raise StoreError(
                f"another writer has resumed {str(self.path)!r} since this one opened it; only one "
                "may write: stop this run or give it a path of its own"
            )


def _difference(
    path: Path, quantity: str, stored: list[tuple[str, str]], given: list[tuple[str, str]]
) -> str:
    for position, (old, new) in enumerate(zip(stored, given, strict=False)):
        if old != new:
            what = f"layer {position} is {old[0]!r} {old[1]} there and {new[0]!r} {new[1]} here"
            break
    else:
        what = f"it has {len(stored)} layers there and {len(given)} here"
    return (
        f"{str(path)!r} holds another model under {quantity!r}: {what}; resume with the same model "
        "and patterns, or choose another path"
    )
