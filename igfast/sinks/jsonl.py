"""Records as lines of JSON."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .record import Record
from .rows import beside, columns_of


class JSONL:
    """A line per record, quantity and layer or group, whole as soon as it is written.

    Reads back with ``pandas.read_json(path, lines=True)``, DuckDB or polars. Numbers that are not
    finite are ``null``. Those of ``monitor.log`` go to a file beside it, ``run.scalars.jsonl`` for
    ``run.jsonl``: step, wall_time, name, value.

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
        If the file, or that of the scalars, exists and ``resume`` is false.

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
        path = Path(path).absolute()  # wherever the process goes
        self._records, self._histograms = Lines(path), histograms
        self._scalars = Lines(beside(path), again=True)
        for lines in (self._records, self._scalars):
            if lines.path.exists() and not resume:
                raise FileExistsError(
                    f"{str(lines.path)!r} exists; choose another path, or pass resume=True to go on"
                )

    def write(self, step: int, record: Record) -> None:
        columns = columns_of(record, self._histograms)
        rows = zip(*columns.values(), strict=True)
        self._records.add(step, [dict(zip(columns, row, strict=True)) for row in rows])

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        now = {"step": step, "wall_time": time.time()}
        self._scalars.add(step, [{**now, "name": n, "value": v} for n, v in scalars.items()])

    def rewind(self, step: int) -> None:
        for lines in (self._records, self._scalars):
            lines.go_on()

    def flush(self) -> None: ...

    def close(self) -> None: ...


class Lines:
    """A file of JSON lines that each have a step.

    Parameters
    ----------
    path : Path
    again : bool
        Whether a step may come again; else the second one replaces the first.
    """

    def __init__(self, path: Path, *, again: bool = False) -> None:
        self.path, self._again = path, again
        self._last: int | None = None

    def add(self, step: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append whole lines, or none."""
        if self._last is None or (step <= self._last and not self._again):
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

    def go_on(self) -> None:
        """Drop, once more, lines from the step on that is written next."""
        self._last = None

    def _begin(self, step: int) -> None:
        """Make the file; of one that is there, keep what was recorded before this step."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self.path.exists():
            self.path.touch()
            return
        # the last line of a process that was killed may have no end
        with self.path.open(encoding="utf-8") as old:
            whole = [line for line in old if line.endswith("\n")]
        kept = self.path.with_name(self.path.name + ".kept")
        text = "".join(line for line in whole if self._step_of(line) < step)
        kept.write_text(text, encoding="utf-8")
        kept.replace(self.path)

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
