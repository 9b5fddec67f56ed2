"""One Monitor after another, made when a trainer has its model and its optimizers ready."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..monitor import Monitor
from ..monitor.arguments import keeps_masters
from ..schedules import Schedule, resolve

# What a trainer knows better than its user.
_OWN = ("model", "optimizer", "step")


class Attachment:
    """Begins and ends Monitors with the same options.

    A run that a checkpoint continues, or that a trainer starts over, is resumed in its store.

    Parameters
    ----------
    options : mapping
        Keyword arguments of :class:`igfast.Monitor`, and ``adapter``: a function that gives, for
        the trainer's model, what the Monitor takes in its place.

    Attributes
    ----------
    monitor : Monitor, optional
        The newest one; closed when training has ended.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        for name in _OWN:
            if name in options:
                raise TypeError(
                    f"{name}= comes from the trainer, got {options[name]!r}; leave it out"
                )
        self._options = dict(options)
        if isinstance(self._options.get("store"), (str, os.PathLike)):
            self._options["store"] = os.path.abspath(self._options["store"])  # wherever it trains
        self._adapter: Callable[[Any], Any] | None = self._options.pop("adapter", None)
        self._schedule: Schedule | None = None  # where the Monitor sees no step by itself
        self._began = False
        self.monitor: Monitor | None = None

    def begin(self, model: Any, optimizer: Any, step: int, sinks: Sequence[Any] = ()) -> None:
        """Attach to an optimizer that has completed ``step`` steps."""
        self.end()
        options = dict(self._options)
        options["sinks"] = [*options.get("sinks", ()), *sinks]
        if options.get("store") is not None:
            options.setdefault("resume", step > 0 or self._began)
        if self._adapter is not None:
            model = self._adapter(model)
        self._schedule = None
        if keeps_masters(optimizer):
            optimizer, self._schedule = None, resolve(options.get("every", 10))
        self.monitor = Monitor(model, optimizer, step=step, **options)
        self.monitor.__enter__()  # closes it where it cannot start
        self._began = True
        if self._schedule is not None and (not options.get("resume") or self._schedule(step)):
            self.monitor.record(step)

    def stepped(self, step: int) -> None:
        """A step is complete in the model; only DeepSpeed's and Megatron's have to be told."""
        monitor, schedule = self.monitor, self._schedule
        if monitor is not None and schedule is not None and step > monitor.step and schedule(step):
            monitor.record(step)

    def end(self) -> None:
        """Detach and finish the records."""
        if self.monitor is not None:
            self.monitor.close()
