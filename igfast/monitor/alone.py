"""Methods of an object that threads share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def one_at_a_time(method: Callable[P, R]) -> Callable[P, R]:
    """A method that waits for those of other threads, by the object's lock ``_alone``."""

    @functools.wraps(method)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        with args[0]._alone:  # type: ignore[attr-defined]
            return method(*args, **kwargs)

    return alone
