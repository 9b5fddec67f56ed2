"""Writing a run: one transaction for each record, committed when the call returns."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ..config import __version__
from ..histograms import Histogram
from ..summary import Moments
from . import codec, rows, schema
from .encoding import config_json, grid_json, int64, moment_arrays, to_cells
from .opening import check_target, connect, exists, other_layers, set_journal
from .processes import check_process, keep_inherited
from .schema import StoreError, database_errors

CLOSE_MILLISECONDS = 200  # how long to wait for readers when closing


class RunWriter:
    """Writes a run file; each record is safe from a killed process once its call returned.

    Threads may share a writer. A process forked from the one that made it may not: there, writing
    raises RuntimeError and closing does nothing.

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
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._uncertain = False  # whether a failure left totals and grids unlike the file's
        self._totals = rows.Totals()
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
        keep_inherited(self, self._db)

    def _last_step(self) -> int | None:
        found: tuple[int | None] = self._db.execute("SELECT max(step) FROM records").fetchone()
        return found[0]

    def _initialize(self, config: str, begun: bool) -> None:
        db = self._db
        # NORMAL: a commit survives the process; after a power cut the last ones may be missing
        db.execute("PRAGMA synchronous=NORMAL")
        with self._transaction(owned=False):
            if not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                rows.create(db, self._totals, config)
            elif not begun:  # another process was faster
                raise exists(self.path)
            else:
                self._resumed_with = config
                self._totals.load(db)
                for table in rows.COLUMNS:
                    rows.read(db, table)
                self._grids = self._stored_grids()
            owner = db.execute("SELECT crc FROM meta WHERE key='writer'").fetchall()
            self._totals.remove("meta", owner)
            db.execute("DELETE FROM meta WHERE key='writer'")
            self._totals.insert(db, "meta", ("writer", json.dumps(self._token)))
        # after the schema: the header in the file itself then already names the application
        self.journal = set_journal(db, self.path)

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
        given = [(n, json.dumps([int(a) for a in s])) for n, s in zip(names, shapes, strict=True)]
        with self._transaction():
            known = {name: id for id, name in rows.read(self._db, "quantities")}
            id = known.get(quantity, len(known) + 1)
            if quantity not in known:
                self._totals.insert(self._db, "quantities", (id, quantity))
                for i, ((name, shape), dtype) in enumerate(zip(given, dtypes, strict=True)):
                    numel = math.prod(json.loads(shape))
                    self._totals.insert(self._db, "layers", (id, i, name, shape, dtype, numel))
            else:
                layers = rows.read(self._db, "layers")
                stored = [(name, shape) for of, _, name, shape, *_ in layers if of == id]
                if stored != given:
                    raise StoreError(other_layers(self.path, quantity, stored, given))
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
            Not below the steps written before; the same step again replaces its record. Of 64
            bits, with sign.
        wall_time : float
            Seconds since the epoch.
        quantities : mapping of str to (Histogram, Moments or None)
            Each defined by :meth:`define_layers`, with the same layers in the same order.
        scalars : mapping of str to float, optional
        membership : int
            Changes when elements are dealt to splits anew (resharding); split estimators never
            difference across a change.

        Raises
        ------
        ValueError
            If the step goes back or leaves 64 bits, or a histogram has other layers than defined.
        RuntimeError
            In a process forked from the one that made this writer.
        """
        step, membership = int64("step", step), int64("membership", membership)
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
            again = db.execute("SELECT crc FROM records WHERE step=?", (step,)).fetchall()
            self._totals.remove("records", again)
            held = [*(row[1] for row in histograms), *(-1 - row[1] for row in moments)]
            mark = rows.record_mark(step, float(wall_time), membership, held)
            record = (step, float(wall_time), membership, mark)
            db.execute("REPLACE INTO records VALUES (?, ?, ?, ?)", record)
            self._totals.add("records", mark)
            db.executemany(
                "INSERT INTO histograms VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(*row[:2], self._grid_id(row[2]), *row[3:]) for row in histograms],
            )
            db.executemany("INSERT INTO moments VALUES (?, ?, ?, ?)", moments)
            self._put_scalars(step, scalars or {})
            self._commit()
            self._last, self._rewound, self._resumed_with = step, True, None

    def write_scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write and commit named numbers at a step; they need no record at that step."""
        step = int64("step", step)
        with self._transaction():
            self._put_scalars(step, values)

    def rewind(self, step: int) -> None:
        """Drop everything after ``step``: training goes on from there."""
        step = int64("step", step)
        with self._transaction():
            self._note_resume()
            self._drop("step>?", step)
            last = self._last_step()
            self._commit()
            self._last, self._rewound, self._resumed_with = last, True, None

    def flush(self) -> None:
        """Wait until everything written is committed (it is, on return of each call)."""
        if os.getpid() == self._process:
            with self._lock:  # another thread's transaction
                pass

    def close(self) -> None:
        """Close the file and leave a single plain one, unless a reader still has it open."""
        if os.getpid() != self._process:
            return
        with self._lock:
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
            self._drop("step>=?", step)
        elif self._last is not None and step < self._last:
            raise ValueError(
                f"step must not go back, got {step} after {self._last}; call rewind({step}) first"
            )

    def _note_resume(self) -> None:
        """Keep when and with what the run was continued, once it is."""
        if self._resumed_with is not None:
            id = self._totals.count("resumes") + 1
            row = (id, time.time(), __version__, self._resumed_with)
            self._totals.insert(self._db, "resumes", row)

    def _drop(self, condition: str, step: int) -> None:
        for table in schema.STEP_TABLES:
            if table in rows.SUMMED:
                query = f"SELECT crc FROM {table} WHERE {condition}"
                self._totals.remove(table, self._db.execute(query, (step,)))
            self._db.execute(f"DELETE FROM {table} WHERE {condition}", (step,))

    def _put_scalars(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            number = float(value)  # SQLite keeps NaN as NULL
            mark = rows.scalar_mark(step, name, number)
            query = "SELECT crc FROM scalars WHERE step=? AND name=?"
            self._totals.remove("scalars", self._db.execute(query, (step, name)).fetchall())
            self._db.execute("REPLACE INTO scalars VALUES (?, ?, ?, ?)", (step, name, number, mark))
            self._totals.add("scalars", mark)

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

    def _stored_grids(self) -> dict[str, int]:
        return {text: id for id, text in self._db.execute("SELECT id, json FROM grids")}

    def _grid_id(self, text: str) -> int:
        if text not in self._grids:
            id = len(self._grids) + 1
            self._totals.insert(self._db, "grids", (id, text))
            self._grids[text] = id
        return self._grids[text]

    @contextlib.contextmanager
    def _transaction(self, owned: bool = True) -> Iterator[None]:
        check_process(self.path, self._process)
        with self._lock, database_errors(self.path, "writing"):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                if self._uncertain:
                    self._totals.load(self._db)
                    self._grids = self._stored_grids()
                    self._uncertain = False
                if owned:
                    self._check_owner()
                yield
                self._commit()
            except BaseException:
                self._uncertain = self._uncertain or owned
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _commit(self) -> None:
        """Also before the end of a transaction's block, for what may be said only after it."""
        if self._db.in_transaction:
            self._totals.save(self._db)
            self._db.execute("COMMIT")

    def _check_owner(self) -> None:
        owner = self._db.execute("SELECT value FROM meta WHERE key='writer'").fetchone()
        if owner != (json.dumps(self._token),):
            rows.read(self._db, "meta")  # the reason may be damage
            raise StoreError(
                f"another writer has resumed {str(self.path)!r} since this one opened it; only one "
                "may write: stop this run or give it a path of its own"
            )
