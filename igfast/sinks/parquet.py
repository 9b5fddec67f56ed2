"""Records as a folder of Parquet files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .libraries import require
from .record import Record
from .rows import columns_of


class Parquet:
    """A row per record, quantity and layer, in files of ``every`` records.

    A Parquet file is unreadable until it is finished, so a run is a folder of them, each written
    whole: a process that is killed loses the records since the last file, which a run store has.
    Reads back with ``pandas.read_parquet(folder)``, ``polars.read_parquet("folder/*.parquet")`` or
    DuckDB.

    Parameters
    ----------
    folder : str or Path
    every : int
        Records per file; ``monitor.flush()`` and the end write what is left.
    histograms : bool
        Also the list columns ``counts`` and ``edges``.
    resume : bool
        Go on in a folder that exists: rows from the first new record's step on are dropped.

    Raises
    ------
    ModuleNotFoundError
        Without pyarrow: ``pip install 'igfast[parquet]'``.
    FileExistsError
        If the folder holds files and ``resume`` is false.

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
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}")
        self._folder, self._every, self._histograms = Path(folder), every, histograms
        if any(self._folder.glob("*.parquet")) and not resume:
            raise FileExistsError(
                f"{str(self._folder)!r} holds records; choose another folder, or pass resume=True "
                "to go on in it"
            )
        self._begun = False
        self._held: list[Any] = []
        self._first = 0

    def write(self, step: int, record: Record) -> None:
        import pyarrow

        if not self._begun:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._drop_from(step)
            self._begun = True
        if not self._held:
            self._first = step
        table = pyarrow.table(columns_of(record, self._histograms))
        self._held.append(table)
        if len(self._held) >= self._every:
            self.flush()

    def flush(self) -> None:
        if self._held:
            import pyarrow

            self._save(pyarrow.concat_tables(self._held), self._first)
            self._held = []  # after a failure they are tried again

    def close(self) -> None:
        self.flush()

    def _save(self, table: Any, step: int) -> None:
        import pyarrow.parquet

        path = self._folder / f"step-{step:012d}.parquet"
        unfinished = path.with_suffix(".unfinished")
        pyarrow.parquet.write_table(table, unfinished, compression="zstd")
        unfinished.replace(path)

    def _drop_from(self, step: int) -> None:
        import pyarrow.compute
        import pyarrow.parquet

        for path in self._folder.glob("*.parquet"):
            table = pyarrow.parquet.read_table(path)
            kept = table.filter(pyarrow.compute.field("step") < step)
            if not len(kept):
                path.unlink()
            elif len(kept) < len(table):
                self._save(kept, int(path.stem.removeprefix("step-")))
