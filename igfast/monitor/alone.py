"""Methods of an object that threads share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from threading import get_ident
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def one_at_a_time(method: Callable[P, R]) -> Callable[P, R]:
    """A method that waits for those of other threads, by the object's lock ``_alone``."""

    @functools.wraps(method)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        with args[0]._alone:  # type: ignore[attr-defined]
            return method(*args, **kwargs)

    return alone


def one_at_a_time_anywhere(method: Callable[P, R]) -> Callable[P, R]:
    """The same, for what may also be called in the thread that writes, number ``_writing``.

    It collects garbage, and so calls a ``__del__``, while whoever has the lock may wait for it.
    """

    @functools.wraps(method)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        shared: Any = args[0]
        if get_ident() != shared._writing:
            with shared._alone:
                return method(*args, **kwargs)
        if not shared._alone.acquire(blocking=False):
            raise RuntimeError(
                f"{method.__name__}() was called in the thread that writes the store, as by a "
                "__del__ of garbage that is collected there, while another thread is in this "
                "Monitor, and would wait for ever; call it where training goes on, not in __del__"
            )
        try:
            return method(*args, **kwargs)
        finally:
            shared._alone.release()

    return alone
