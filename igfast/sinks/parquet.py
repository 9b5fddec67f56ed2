"""Records as a folder of Parquet files."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..grids import integer
from .libraries import require
from .record import Record
from .rows import beside, columns_of, other_writer

MOST_LOGS = 10_000  # that are held where no record is made
LEFTOVERS = (".step-*.unfinished", "step-*.unfinished")  # of a killed process; once without a dot


class Parquet:
    """A row per record, quantity and layer or group, in files of ``every`` records.

    A Parquet file is unreadable until it is finished, so a run is a folder of them, each written
    whole: a process that is killed loses the records since the last file, which a run store has.
    Reads back with ``pandas.read_parquet(folder)``, ``polars.read_parquet("folder/*.parquet")`` or
    DuckDB. Numbers of ``monitor.log`` go to a folder beside it, ``run.scalars.parquet`` for
    ``run.parquet``: step, wall_time, name, value.

    One sink writes to a folder: where another one, of this process or not, has done so since this
    one began, writing fails, which a Monitor tells by a :class:`SinkWarning`.

    Parameters
    ----------
    folder : str or Path
    every : int
        Records per file; ``monitor.flush()`` and the end write what is left.
    histograms : bool
        Also the list columns ``counts`` and ``edges``.
    resume : bool
        Go on in a folder that exists: rows from the first new record's step on are dropped, and
        those after the Monitor's ``step`` at once.

    Raises
    ------
    ModuleNotFoundError
        Without pyarrow: ``pip install 'igfast[parquet]'``.
    FileExistsError
        If the folder, or that of the scalars, holds files and ``resume`` is false.

    Examples
    --------
    >>> sink = igfast.sinks.Parquet("run.parquet", every=50)  # doctest: +SKIP
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        every: int = 100,
        histograms: bool = True,
        resume: bool = False,
    ) -> None:
        require("pyarrow", "parquet")
        every = integer(every, "every")
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}")
        self._every, self._histograms = every, histograms
        folder = Path(folder).absolute()  # wherever the process goes
        self._records = Files(folder, resume)
        self._scalars = Files(beside(folder), resume, again=True)

    def write(self, step: int, record: Record) -> None:
        self._records.hold(step, columns_of(record, self._histograms))
        if len(self._records.held) >= self._every:
            self.flush()

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        if not scalars:  # empty columns have no types that fit those of others
            return
        now, count = time.time(), len(scalars)
        columns: dict[str, list[Any]] = {"step": [step] * count, "wall_time": [now] * count}
        columns |= {"name": list(scalars), "value": list(scalars.values())}
        self._scalars.hold(step, columns)
        if len(self._scalars.held) >= MOST_LOGS:
            self._scalars.save()

    def rewind(self, step: int) -> None:
        for files in (self._records, self._scalars):
            files.rewind(step)

    def flush(self) -> None:
        failures: list[Exception] = []
        for files in (self._records, self._scalars):
            try:
                files.save()
            except Exception as error:  # the other ones are written all the same
                failures.append(error)
        if failures:
            raise failures[0]

    def close(self) -> None:
        self.flush()


class Files:
    """A folder of Parquet files with a column of steps, each written whole.

    Parameters
    ----------
    folder : Path
    resume : bool
        Whether it may hold some.
    again : bool
        Whether a step may come again; else the second one replaces the first.
    """

    def __init__(self, folder: Path, resume: bool, *, again: bool = False) -> None:
        self.folder, self._resume, self._again = folder, resume, again
        self.held: list[Any] = []
        self._begun = False
        self._first = self._last = 0
        self._known: set[tuple[str, int]] | None = None  # names and numbers, once this has begun
        self._check()

    def hold(self, step: int, columns: Mapping[str, Sequence[Any]]) -> None:
        """Keep rows for the next file."""
        import pyarrow

        if not self._begun:
            self._begin(step)
            self._begun = True
        elif step <= self._last and not self._again:
            self.held = [one for one in self.held if one["step"][0].as_py() < step]
            self._drop_from(step)
        self._last = step
        if not self.held:
            self._first = step
        self.held.append(pyarrow.table(dict(columns)))

    def rewind(self, step: int) -> None:
        """Drop rows from this step on; once more, from the step on that is held next."""
        self.save()
        self._begun = False
        if self.folder.exists():
            self._begin(step)

    def save(self) -> None:
        """Write what is held."""
        if self.held:
            import pyarrow

            self._check()
            self._write(pyarrow.concat_tables(self.held), self._next())
            self.held = []  # after a failure they are tried again

    def _begin(self, step: int) -> None:
        self._check()
        self.folder.mkdir(parents=True, exist_ok=True)
        for pattern in LEFTOVERS:
            for leftover in self.folder.glob(pattern):
                leftover.unlink()
        self._known = self._present()
        self._drop_from(step)

    def _check(self) -> None:
        """Refuse a folder that another sink writes to."""
        present = self._present()
        if self._known is None:
            if present and not self._resume:
                raise FileExistsError(
                    f"{str(self.folder)!r} holds records; choose another folder, or pass "
                    "resume=True to go on in it"
                )
        elif not present <= self._known:
            raise other_writer(self.folder)

    def _present(self) -> set[tuple[str, int]]:
        return {(path.name, path.stat().st_ino) for path in self.folder.glob("*.parquet")}

    def _next(self) -> Path:
        name, number = f"step-{self._first:012d}", 1
        path = self.folder / f"{name}.parquet"
        while self._again and path.exists():
            number += 1
            path = self.folder / f"{name}-{number}.parquet"
        return path

    def _write(self, table: Any, path: Path) -> None:
        import pyarrow.parquet

        unfinished = path.with_name(f".{path.stem}.unfinished")  # readers leave out dots
        pyarrow.parquet.write_table(table, unfinished, compression="zstd")
        if self._known is not None:
            self._known.add((path.name, unfinished.stat().st_ino))
        unfinished.replace(path)

    def _drop_from(self, step: int) -> None:
        import pyarrow.compute
        import pyarrow.parquet

        for path in list(self.folder.glob("*.parquet")):
            table = pyarrow.parquet.read_table(path)
            kept = table.filter(pyarrow.compute.field("step") < step)
            if not len(kept):
                path.unlink()
            elif len(kept) < len(table):
                self._write(kept, path)
