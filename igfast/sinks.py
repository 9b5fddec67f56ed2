"""Where records go besides the store: a sink has ``write``, ``flush`` and ``close``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from .health import Flag
from .histograms import Histogram
from .summary import Moments


@dataclass(frozen=True)
class Record:
    """What was measured at one step.

    Attributes
    ----------
    step : int
        Completed optimizer steps.
    wall_time : float
        Seconds since the epoch.
    histograms, moments : mapping of str to Histogram, Moments
        By quantity.
    scalars : mapping of str to float
        ``"health/flags"``, the number of flags that hold, and one for each that begins (its
        value) or has ended (0): see :mod:`igfast.health`.
    health : tuple of Flag
        All that hold at this record.
    """

    step: int
    wall_time: float
    histograms: Mapping[str, Histogram]
    moments: Mapping[str, Moments]
    scalars: Mapping[str, float] = field(default_factory=dict)
    health: tuple[Flag, ...] = ()


@runtime_checkable
class Sink(Protocol):
    """Anything with these three methods.

    Examples
    --------
    >>> class Printer:
    ...     def write(self, step, record):
    ...         print(step, record.moments["param"].l2)
    ...     def flush(self): ...
    ...     def close(self): ...
    >>> isinstance(Printer(), Sink)
    True
    """

    def write(self, step: int, record: Record) -> None:
        """Take one record."""

    def flush(self) -> None:
        """Bring out what was held back."""

    def close(self) -> None:
        """Finish; nothing is written afterwards."""


class Guarded:
    """A sink whose failures never reach the training loop: the first one is reported, loudly."""

    def __init__(self, sink: Any) -> None:
        if not isinstance(sink, Sink):
            raise TypeError(f"a sink needs write, flush and close, got {sink!r}")
        self._sink = sink
        self.failures = 0

    def write(self, step: int, record: Record) -> None:
        self._try(f"write at step {step}", lambda: self._sink.write(step, record))

    def flush(self) -> None:
        self._try("flush", self._sink.flush)

    def close(self) -> None:
        self._try("close", self._sink.close)

    def _try(self, doing: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            self.failures += 1
            if self.failures == 1:
                warnings.warn(
                    f"sink {type(self._sink).__name__} failed in {doing}: {error!r}; training and "
                    "the run store go on, further failures of this sink are not reported",
                    stacklevel=2,
                )
