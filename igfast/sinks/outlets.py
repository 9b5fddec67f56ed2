"""The sinks of a run: all of them get every record, and none of them can stop training."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..analysis.online import Online
from ..store import RunReader, StoreError, replay
from .curves import LiveCurves
from .grouped import Grouped
from .record import Record, Sink

REPLAYED = 200  # records; L of groups has its chords from these


class SinkWarning(UserWarning):
    """A sink has failed, or missed records. Training and the run store went on."""


class Outlets:
    """All sinks of a Monitor; computes what they have in common once per record.

    Threads may share it.
    """

    def __init__(self, sinks: Sequence[Any]) -> None:
        if isinstance(sinks, Sink) or not isinstance(sinks, Iterable):
            raise TypeError(f"sinks must be a sequence of them, got {sinks!r}; pass sinks=[...]")
        self._sinks = [Guarded(sink) for sink in sinks]
        self._lock, self._closed = threading.RLock(), False
        self._live = LiveCurves()
        self._grouped = Grouped({})

    def __bool__(self) -> bool:
        return bool(self._sinks)

    def group(self, groups: Mapping[str, Sequence[str]]) -> None:
        """Give sinks these groups' layers pooled, too."""
        self._grouped = Grouped(groups)

    def write(self, record: Record) -> None:
        """Hand a record, with its curves and groups, to every sink."""
        with self._lock:
            curves = self._live.add(record.step, record.histograms)
            record = replace(record, curves=curves, groups=self._grouped.tables(record))
            for sink in self._sinks:
                sink.write(record.step, record)

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> bool:
        """Hand logged numbers to every sink that takes them; False where all are closed."""
        with self._lock:
            for sink in () if self._closed else self._sinks:
                sink.write_scalars(step, scalars)
            return not self._closed

    def rewind(self, step: int) -> None:
        """Tell sinks that care that steps from this one on are about to be made again."""
        with self._lock:
            for sink in self._sinks:
                sink.rewind(step)

    def resume(self, path: str | os.PathLike[str]) -> None:
        """Take up the curves of a run file that is continued.

        Layers go on from their running lengths, groups from some hundred of the records.
        """
        if not self._sinks:
            return
        with contextlib.closing(RunReader(path)) as reader:
            for quantity in reader.quantities:
                steps = reader.steps_of(quantity)
                last = len(steps) - 1
                for index in np.unique(np.linspace(0, last, min(len(steps), REPLAYED)).round()):
                    # an older record may be damaged: reading it says so, and the run goes on
                    with contextlib.suppress(StoreError):
                        record = reader.histogram(quantity, int(index))
                        self._grouped.follow(int(steps[int(index)]), quantity, record)
                if last >= 0:
                    record, length = reader.histogram(quantity, -1), reader.running_length(quantity)
                    online: Online | None = None
                    with contextlib.suppress(StoreError):
                        online = replay.replayed(reader, quantity, resharded=False)
                    self._live.resume(int(steps[-1]), quantity, record, length, online)

    def flush(self) -> None:
        """Bring out what sinks hold back."""
        with self._lock:
            for sink in self._sinks:
                sink.flush()

    def close(self) -> None:
        """Finish every sink."""
        with self._lock:
            self._closed = True
            for sink in self._sinks:
                sink.flush()
                sink.close()


@dataclass
class _Backoff:
    """How often a sink is left out: pause and what is left of it, and steps that it missed."""

    name: str
    pause: int = 0
    waiting: int = 0
    missed: list[int] = field(default_factory=list)


class Guarded:
    """A sink whose failures never reach the training loop.

    The first one is reported, loudly. A disk that is full for a minute must not silence a logger
    for a week, and a server that is gone must not cost its timeout at every record: so a sink that
    fails is left out for 1, 2, 4, … records or logs, and then tried again.

    A signal handler that interrupts the writing of a record or log makes no call of its own within
    it, where a lock of the logger's could wait for ever: what it asks for is done right after.
    """

    def __init__(self, sink: Any) -> None:
        if isinstance(sink, type):
            raise TypeError(f"a sink is an object, got the class {sink.__name__}; make one of it")
        if not isinstance(sink, Sink):
            raise TypeError(f"a sink needs write, flush and close, got {sink!r}")
        self._sink = sink
        self._reported = self._closed = self._busy = False
        self._later: list[tuple[str, Callable[[], None]]] = []
        # a log that is only held back succeeds, and must not call records back to a dead server
        self._records, self._logs = _Backoff("record"), _Backoff("log")

    def write(self, step: int, record: Record) -> None:
        self._hand(self._records, "write", step, lambda: self._sink.write(step, record))

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        take = getattr(self._sink, "write_scalars", None)
        if take is not None:
            self._hand(self._logs, "write_scalars", step, lambda: take(step, scalars))

    def rewind(self, step: int) -> None:
        note = getattr(self._sink, "rewind", None)
        if note is not None:
            self._try("rewind", lambda: note(step))

    def flush(self) -> None:
        if not (self._closed or self._records.pause or self._logs.pause):
            self._try("flush", self._sink.flush)

    def close(self) -> None:
        self._closed = True
        self._try("close", self._sink.close)
        kinds = [kind for kind in (self._records, self._logs) if kind.missed]
        steps = [step for kind in kinds for step in kind.missed]
        if steps:
            counts = [
                f"{len(kind.missed)} {kind.name}" + ("s" if len(kind.missed) > 1 else "")
                for kind in kinds
            ]
            warnings.warn(
                f"sink {type(self._sink).__name__} missed {' and '.join(counts)} between step "
                f"{min(steps)} and {max(steps)}; a run store (store=) has them: see igfast report "
                "and igfast export",
                SinkWarning,
                stacklevel=2,
            )

    def _hand(self, kind: _Backoff, doing: str, step: int, action: Callable[[], None]) -> None:
        if kind.waiting:
            kind.waiting -= 1
            kind.missed.append(step)
        elif self._busily(f"{doing} at step {step}", action):
            kind.pause = 0
        else:
            kind.pause = kind.waiting = max(1, 2 * kind.pause)
            kind.missed.append(step)

    def _busily(self, doing: str, action: Callable[[], None]) -> bool:
        if self._busy:
            return self._try(doing, action)
        try:
            self._busy = True
            return self._call(doing, action)
        finally:
            self._busy = False
            while self._later:
                self._busily(*self._later.pop(0))

    def _try(self, doing: str, action: Callable[[], None]) -> bool:
        if self._busy:  # of this thread: others wait outside
            self._later.append((doing, action))
            return True
        return self._call(doing, action)

    def _call(self, doing: str, action: Callable[[], None]) -> bool:
        try:
            action()
        except Exception as error:
            if not self._reported:
                self._reported = True
                warnings.warn(
                    f"sink {type(self._sink).__name__} failed in {doing}: {error!r}; training and "
                    "the run store go on, and the sink is tried again at fewer and fewer records. "
                    "Remedy: fix the cause while training runs, or leave this sink out",
                    SinkWarning,
                    stacklevel=2,
                )
            return False
        return True
