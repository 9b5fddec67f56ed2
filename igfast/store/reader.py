"""Reading a run, also while it is being written, from a read-only place, or after a crash."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..histograms import Histogram
from ..summary import FIELDS, Moments
from . import codec, rows
from .encoding import FLOAT_FIELDS, INTEGER_FIELDS, grid_from_json
from .opening import check_header, open_read_only
from .schema import StoreError, database_errors
from .series import HistogramSeries

Int = NDArray[np.int64]


class RunReader:
    """A run file, read lazily: histograms are decoded when asked for.

    What the file held when it was opened is what is seen, until :meth:`refresh`.

    Parameters
    ----------
    path : str or Path

    Attributes
    ----------
    path : Path
    config : dict
    info : dict
        igfast version, creation time.
    resumes : list of dict
        For every continuation of the run: wall_time, igfast, config.
    steps : (T,) int64
        Steps of all records.
    wall_times : (T,) float64
        Seconds since the epoch.
    memberships : (T,) int64
    quantities : tuple of str

    Raises
    ------
    StoreError
        If the file is missing, foreign, damaged or of a newer version; any later call raises it
        too where it meets damage.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        check_header(self.path)
        with database_errors(self.path, "opening"):
            self._db, self._copy = open_read_only(self.path)
        try:
            self.refresh()
        except BaseException:
            self.close()
            raise

    def refresh(self) -> None:
        """See what a writer has added since."""
        with self._snapshot():
            self._load()

    def _load(self) -> None:
        db = self._db
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
        self._steps: dict[str, Int] = {}
        self._moment_steps: dict[str, Int] = {}
        for name, id in self._ids.items():
            self._steps[name] = np.array(held.get(id, ()), np.int64)
            self._moment_steps[name] = np.array(held.get(-1 - id, ()), np.int64)

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
        """Steps at which a quantity has histograms; gradients and updates have none at step 0."""
        self._layer_table(quantity)
        return self._steps[quantity]

    def memberships_of(self, quantity: str = "param") -> Int:
        """Membership of the records of a quantity: splits hold the same elements while it stays."""
        return self.memberships[np.searchsorted(self.steps, self.steps_of(quantity))]

    def histogram(
        self, quantity: str, index: int, layers: Sequence[str | int] | None = None
    ) -> Histogram:
        """One record of a quantity.

        Parameters
        ----------
        quantity : str
        index : int
            Into ``steps_of(quantity)``; negative counts from the end.
        layers : sequence of str or int, optional
            Decode only these.

        Returns
        -------
        Histogram
            NumPy arrays, exactly what was written.
        """
        names = self.layers(quantity)
        steps = self.steps_of(quantity)
        step, id = int(steps[range(len(steps))[index]]), self._ids[quantity]
        chosen = range(len(names)) if layers is None else [_position(names, x) for x in layers]
        with self._reading(), self._decoding(quantity, step):
            row = self._db.execute(
                "SELECT grid, splits, codec, directory, segments FROM histograms"
                " WHERE step=? AND quantity=?",
                (step, id),
            ).fetchone()
            if row is None:
                raise self._rewound(step)
            grid, splits, coding, directory, segments = row
            if coding != codec.HISTOGRAM_CODEC:
                raise codec.DamagedRecord(f"unknown codec {coding}")
            text, grid = self._grids[grid]
            cells = codec.decode(
                directory,
                segments,
                step,
                self._identity(quantity, text),
                splits=splits,
                bins=grid.bins,
                layers=chosen,
            )
        edges = grid.edges() if grid.kind == "uniform" else None
        return Histogram(
            split_counts=cells.counts,
            split_outside=cells.outside,
            nan=cells.nan,
            numel=cells.numel,
            grid=grid,
            names=tuple(names[row] for row in chosen),
            offsets=None if cells.offsets is None else cells.offsets / 256.0,
            exponents=cells.exponents,
            origins=cells.origins,
            uniform_edges=edges[list(chosen)] if edges is not None and edges.ndim == 2 else edges,
        )

    def histogram_series(
        self, quantity: str = "param", layers: Sequence[str | int] | None = None
    ) -> HistogramSeries:
        """All records of a quantity, as a sequence that decodes on access."""
        return HistogramSeries(self, quantity, layers)

    def moments(self, quantity: str = "param") -> dict[str, NDArray[Any]]:
        """(T', L) arrays by the names of the fields of ``Moments``, at :meth:`moment_steps`."""
        id, names = self._ids[self._known(quantity)], self.layers(quantity)
        integers, floats = [], []
        steps = self._moment_steps[quantity].tolist()
        query = "SELECT step, codec, data FROM moments WHERE quantity=? AND step<=? ORDER BY step"
        with self._reading():
            found_rows = iter(self._db.execute(query, (id, steps[-1] if steps else -(2**63))))
            for step in steps:
                found_step, coding, data = next(found_rows, (None, 0, b""))
                if found_step != step:
                    raise self._rewound(step)
                i, f = self._decode_moments(quantity, step, coding, data)
                integers.append(i)
                floats.append(f)
        count = len(integers)
        whole = np.array(integers, np.int64).reshape(count, len(INTEGER_FIELDS), len(names))
        real = np.array(floats, np.float64).reshape(count, len(FLOAT_FIELDS), len(names))
        found: dict[str, NDArray[Any]] = {n: whole[:, i] for i, n in enumerate(INTEGER_FIELDS)}
        return found | {name: real[:, i] for i, name in enumerate(FLOAT_FIELDS)}

    def moment_steps(self, quantity: str = "param") -> Int:
        """Steps at which a quantity has moments: those of its histograms, unless left out."""
        return self._moment_steps[self._known(quantity)]

    def last_moments(self, quantity: str) -> Moments | None:
        """Moments that belong to the last histogram of a quantity, if they were recorded."""
        steps = self.steps_of(quantity)
        if not len(steps) or steps[-1] not in self._moment_steps[quantity]:
            return None
        step = int(steps[-1])
        query = "SELECT codec, data FROM moments WHERE step=? AND quantity=?"
        with self._reading():
            row = self._db.execute(query, (step, self._ids[quantity])).fetchone()
            if row is None:
                raise self._rewound(step)
            integers, floats = self._decode_moments(quantity, step, *row)
        columns = dict(zip(FIELDS, (*integers, *floats), strict=True))
        return Moments(**columns, names=self.layers(quantity))

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

    def sizes(self) -> dict[str, int]:
        """Bytes by quantity that histograms take, moments under ``"<quantity>.moments"``."""
        found = {}
        with self._reading():
            for name, id in self._ids.items():
                for table, key, columns in (
                    ("histograms", name, "length(directory)+length(segments)"),
                    ("moments", f"{name}.moments", "length(data)"),
                ):
                    query = f"SELECT coalesce(sum({columns}), 0) FROM {table} WHERE quantity=?"
                    found[key] = int(self._db.execute(query, (id,)).fetchone()[0])
        return found

    def close(self) -> None:
        """Close the file."""
        self._db.close()
        if self._copy is not None:
            self._copy.cleanup()

    def __enter__(self) -> RunReader:
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
            f"{str(self.path)!r} no longer holds step {step}: its writer has rewound the run; call "
            "refresh() or open it again, and if that fails, restore the file from a copy"
        )

    def _decode_moments(
        self, quantity: str, step: int, coding: int, data: bytes
    ) -> tuple[Int, NDArray[np.float64]]:
        with self._decoding(quantity, step):
            if coding != codec.MOMENTS_CODEC:
                raise codec.DamagedRecord(f"unknown codec {coding}")
            return codec.decode_moments(data, step, self._identity(quantity))

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
            self._db.execute("BEGIN")
            try:
                yield
            finally:
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


def _position(names: tuple[str, ...], layer: str | int) -> int:
    if isinstance(layer, int):
        return range(len(names))[layer]
    if layer not in names:
        raise KeyError(f"no layer {layer!r}; the layers are {', '.join(names)}")
    return names.index(layer)
