"""One Monitor after another, made when a trainer has its model and its optimizers ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..monitor import Monitor

# What a trainer knows better than its user.
_OWN = ("model", "optimizer", "step")


class Attachment:
    """Begins and ends Monitors with the same options.

    A run that a checkpoint continues, or that a trainer starts over, is resumed in its store.

    Parameters
    ----------
    options : mapping
        Keyword arguments of :class:`igfast.Monitor`.

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
        self._began = False
        self.monitor: Monitor | None = None

    def begin(self, model: Any, optimizer: Any, step: int, sinks: Sequence[Any] = ()) -> None:
        """Attach to an optimizer that has completed ``step`` steps."""
        self.end()
        options = dict(self._options)
        options["sinks"] = [*options.get("sinks", ()), *sinks]
        if options.get("store") is not None:
            options.setdefault("resume", step > 0 or self._began)
        self.monitor = Monitor(model, optimizer, step=step, **options).start()
        self._began = True

    def end(self) -> None:
        """Detach and finish the records."""
        if self.monitor is not None:
            self.monitor.close()
