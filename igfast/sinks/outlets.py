"""The sinks of a run: all of them get every record, and none of them can stop training."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..store import RunReader
from .curves import LiveCurves
from .grouped import Grouped
from .record import Record, Sink

REPLAYED = 200  # records; L has its chords from these


class SinkWarning(UserWarning):
    """A sink has failed, or missed records. Training and the run store went on."""


class Outlets:
    """All sinks of a Monitor; computes what they have in common once per record.

    Threads may share it.
    """

    def __init__(self, sinks: Sequence[Any]) -> None:
        if isinstance(sinks, Sink):
            raise TypeError(f"sinks must be a sequence of them, got {sinks!r}; pass sinks=[...]")
        self._sinks = [Guarded(sink) for sink in sinks]
        self._lock = threading.RLock()
        self._live = LiveCurves()
        self._grouped = Grouped({})

    def group(self, groups: Mapping[str, Sequence[str]]) -> None:
        """Give sinks these groups' layers pooled, too."""
        self._grouped = Grouped(groups)

    def write(self, record: Record) -> None:
        """Hand a record, with its curves and groups, to every sink."""
        with self._lock:
            if self._sinks:
                curves = self._live.add(record.step, record.histograms)
                record = replace(record, curves=curves, groups=self._grouped.tables(record))
            for sink in self._sinks:
                sink.write(record.step, record)

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """Hand logged numbers to every sink that takes them."""
        with self._lock:
            for sink in self._sinks:
                sink.write_scalars(step, scalars)

    def resume(self, path: str | os.PathLike[str]) -> None:
        """Take up the curves of a run file that is continued, from some hundred of its records."""
        if not self._sinks:
            return
        with contextlib.closing(RunReader(path)) as reader:
            for quantity in reader.quantities:
                steps = reader.steps_of(quantity)
                last = len(steps) - 1
                for index in np.unique(np.linspace(0, last, min(len(steps), REPLAYED)).round()):
                    replayed = reader.histogram(quantity, int(index))
                    self._live.add(int(steps[int(index)]), {quantity: replayed})
                    self._grouped.follow(int(steps[int(index)]), quantity, replayed)

    def flush(self) -> None:
        """Bring out what sinks hold back."""
        with self._lock:
            for sink in self._sinks:
                sink.flush()

    def close(self) -> None:
        """Finish every sink."""
        with self._lock:
            for sink in self._sinks:
                sink.flush()
                sink.close()


class Guarded:
    """A sink whose failures never reach the training loop.

    The first one is reported, loudly. A disk that is full for a minute must not silence a logger
    for a week, and a server that is gone must not cost its timeout at every record: so a sink that
    fails is left out for 1, 2, 4, … records or logs, and then tried again.
    """

    def __init__(self, sink: Any) -> None:
        if isinstance(sink, type):
            raise TypeError(f"a sink is an object, got the class {sink.__name__}; make one of it")
        if not isinstance(sink, Sink):
            raise TypeError(f"a sink needs write, flush and close, got {sink!r}")
        self._sink = sink
        self._reported = False
        self._pause = self._waiting = 0
        self._missed: dict[str, list[int]] = {"record": [], "log": []}

    def write(self, step: int, record: Record) -> None:
        self._hand("record", f"write at step {step}", step, lambda: self._sink.write(step, record))

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        take = getattr(self._sink, "write_scalars", None)
        if take is not None:
            self._hand("log", f"write_scalars at step {step}", step, lambda: take(step, scalars))

    def flush(self) -> None:
        if not self._pause:
            self._try("flush", self._sink.flush)

    def close(self) -> None:
        self._try("close", self._sink.close)
        steps = [step for missed in self._missed.values() for step in missed]
        if steps:
            counts = [
                f"{len(missed)} {kind}s" if len(missed) > 1 else f"1 {kind}"
                for kind, missed in self._missed.items()
                if missed
            ]
            warnings.warn(
                f"sink {type(self._sink).__name__} missed {' and '.join(counts)} between step "
                f"{min(steps)} and {max(steps)}; a run store (store=) has them: see igfast report "
                "and igfast export",
                SinkWarning,
                stacklevel=2,
            )

    def _hand(self, kind: str, doing: str, step: int, action: Callable[[], None]) -> None:
        if self._waiting:
            self._waiting -= 1
            self._missed[kind].append(step)
        elif self._try(doing, action):
            self._pause = 0
        else:
            self._pause = self._waiting = max(1, 2 * self._pause)
            self._missed[kind].append(step)

    def _try(self, doing: str, action: Callable[[], None]) -> bool:
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
