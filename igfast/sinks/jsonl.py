"""Records as lines of JSON."""

from __future__ import annotations

import json
import math
import os
import stat
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .record import Record
from .rows import beside, columns_of, other_writer


class JSONL:
    """A line per record, quantity and layer or group, whole as soon as it is written.

    Reads back with ``pandas.read_json(path, lines=True)``, DuckDB or polars. Numbers that are not
    finite are ``null``. Those of ``monitor.log`` go to a file beside it, ``run.scalars.jsonl`` for
    ``run.jsonl``: step, wall_time, name, value.

    One sink writes to a file: where another one, of this process or not, has gone on in it, writing
    fails, which a Monitor tells by a :class:`SinkWarning`.

    Parameters
    ----------
    path : str or Path
    histograms : bool
        Also the lists ``counts`` and ``edges``, some kilobytes per line.
    resume : bool
        Go on in a file that exists: lines from the first new record's step on are dropped, and
        those after the Monitor's ``step`` at once.

    Raises
    ------
    FileExistsError
        If the file, or that of the scalars, exists and ``resume`` is false.
    ValueError
        If the path is that of a folder or a device.

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
        path = Path(path).resolve()  # wherever the process goes; a link keeps its file
        self._records, self._histograms = Lines(path, resume), histograms
        self._scalars = Lines(beside(path), resume, again=True)

    def write(self, step: int, record: Record) -> None:
        columns = columns_of(record, self._histograms)
        rows = zip(*columns.values(), strict=True)
        self._records.add(step, [dict(zip(columns, row, strict=True)) for row in rows])

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        now = {"step": step, "wall_time": time.time()}
        self._scalars.add(step, [{**now, "name": n, "value": v} for n, v in scalars.items()])

    def rewind(self, step: int) -> None:
        for lines in (self._records, self._scalars):
            lines.rewind(step)

    def flush(self) -> None: ...

    def close(self) -> None: ...


class Lines:
    """A file of JSON lines that each have a step.

    Parameters
    ----------
    path : Path
    resume : bool
        Whether it may exist.
    again : bool
        Whether a step may come again; else the second one replaces the first.
    """

    def __init__(self, path: Path, resume: bool, *, again: bool = False) -> None:
        self.path, self._resume, self._again = path, resume, again
        self._last: int | None = None
        self._file: int | None = None  # number of the one that this has begun
        self._check()

    def add(self, step: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append whole lines, or none."""
        self._check()
        made_again = self._last is None or (step <= self._last and not self._again)
        if self._file is None or made_again:
            self._begin(step)
        self._last = step
        text = "".join(
            json.dumps({name: _plain(value) for name, value in row.items()}) + "\n" for row in rows
        )
        size = self.path.stat().st_size
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError:
            os.truncate(self.path, size)  # half a record would spoil the lines after it
            raise

    def rewind(self, step: int) -> None:
        """Drop lines from this step on; once more, from the step on that is written next."""
        self._last = None
        if self.path.exists():
            self._begin(step)

    def _check(self) -> None:
        """Refuse what is no file, or one that another sink has begun; forget one that has gone."""
        try:
            found = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            self._file = None  # writing makes another
            return
        if not stat.S_ISREG(found.st_mode):  # a device would be replaced by a file
            raise ValueError(
                f"{str(self.path)!r} is a folder or a device, not a file; choose the path of a file"
            )
        if self._file is None and not self._resume:
            raise FileExistsError(
                f"{str(self.path)!r} exists; choose another path, or pass resume=True to go on"
            )
        if self._file not in (None, found.st_ino):
            raise other_writer(self.path)

    def _begin(self, step: int) -> None:
        """Make the file; of one that is there, keep what was recorded before this step."""
        self._check()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            # the last line of a process that was killed may have no end
            with self.path.open(encoding="utf-8") as old:
                whole = [line for line in old if line.endswith("\n")]
            text = "".join(line for line in whole if self._step_of(line) < step)
            kept = self.path.with_name(self.path.name + ".kept")
            kept.write_text(text, encoding="utf-8")
            self._file, self._resume = None, True  # whichever is there, if this is interrupted
            kept.replace(self.path)  # another file, so that whoever wrote the old one notices
        self.path.touch()
        self._file, self._resume = self.path.stat().st_ino, True

    def _step_of(self, line: str) -> int:
        try:
            return int(json.loads(line)["step"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{str(self.path)!r} was not written by this sink, it holds {line[:40]!r}; choose "
                "another path"
            ) from error


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
