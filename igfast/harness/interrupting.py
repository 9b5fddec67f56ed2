"""Ctrl-C at a moment when a run can be saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Interruption:
    """Whether Ctrl-C was pressed."""

    wanted: bool = False


@contextmanager
def deferred() -> Iterator[Interruption]:
    """Note the first Ctrl-C instead of raising KeyboardInterrupt; the second raises at once.

    Does nothing in other threads than the main one, which get no signals, and where the program
    has a handler of its own.
    """
    interruption = Interruption()
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield interruption
        return

    def note(number: int, frame: FrameType | None) -> None:
        if interruption.wanted:
            signal.default_int_handler(number, frame)
        interruption.wanted = True

    signal.signal(signal.SIGINT, note)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
