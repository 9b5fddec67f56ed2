"""Records as lines of JSON."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from .record import Record
from .rows import columns_of


class JSONL:
    """A line per record, quantity and layer, whole as soon as it is written.

    Reads back with ``pandas.read_json(path, lines=True)``, DuckDB or polars. Numbers that are not
    finite are ``null``.

    Parameters
    ----------
    path : str or Path
    histograms : bool
        Also the lists ``counts`` and ``edges``, some kilobytes per line.
    resume : bool
        Go on in a file that exists: lines from the first new record's step on are dropped.

    Raises
    ------
    FileExistsError
        If the file exists and ``resume`` is false.

    Examples
    --------
    >>> import igfast, numpy as np, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "run.jsonl"
    >>> with igfast.Monitor({"w": np.arange(10.0)}, sinks=[igfast.sinks.JSONL(path)]) as monitor:
    ...     monitor.record(0)
    >>> row = json.loads(path.read_text())
    >>> row["layer"], row["mean"], row["velocity"]
    ('w', 4.5, None)
    """

    def __init__(
        self, path: str | os.PathLike[str], *, histograms: bool = False, resume: bool = False
    ) -> None:
        self._path, self._histograms = Path(path), histograms
        if self._path.exists() and not resume:
            raise FileExistsError(
                f"{str(self._path)!r} exists; choose another path, or pass resume=True to go on"
            )
        self._begun = False

    def write(self, step: int, record: Record) -> None:
        if not self._begun:
            self._begin(step)
            self._begun = True
        columns = columns_of(record, self._histograms)
        rows = zip(*columns.values(), strict=True)
        lines = [json.dumps(dict(zip(columns, map(_plain, row), strict=True))) for row in rows]
        size = self._path.stat().st_size
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write("".join(line + "\n" for line in lines))
        except OSError:
            os.truncate(self._path, size)  # half a record would spoil the lines after it
            raise

    def _begin(self, step: int) -> None:
        """Make the file; of one that is there, keep what was recorded before this step."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            self._path.touch()
            return
        kept = self._path.with_name(self._path.name + ".kept")
        with self._path.open(encoding="utf-8") as old, kept.open("w", encoding="utf-8") as new:
            # the last line of a process that was killed may have no end
            whole = (line for line in old if line.endswith("\n"))
            new.writelines(line for line in whole if json.loads(line)["step"] < step)
        kept.replace(self._path)

    def flush(self) -> None: ...

    def close(self) -> None: ...


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
