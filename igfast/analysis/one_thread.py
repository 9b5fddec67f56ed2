"""Linear algebra on one thread.

The matrices of a path have some hundred rows. OpenBLAS shares even these among all cores, and waits
for each of its threads by spinning: where the cores belong to a training, an analysis took 17 times
as long. Needs threadpoolctl; without it nothing changes.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def on_one_thread(function: Callable[P, R]) -> Callable[P, R]:
    """A function whose linear algebra takes one core."""

    @functools.wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> R:
        with _limit():
            return function(*args, **kwargs)

    return limited


def _limit() -> AbstractContextManager[Any]:
    """Of the process; where several threads set it, that of the first of them holds."""
    libraries = _libraries()
    if libraries is None:
        return nullcontext()
    limit: AbstractContextManager[Any] = libraries.limit(limits=1)
    return limit


@functools.cache
def _libraries() -> Any:
    """NumPy's OpenBLAS. Not MKL, whose threads do not spin, and which torch computes with."""
    try:
        import threadpoolctl
    except ImportError:
        return None
    with warnings.catch_warnings():  # of what else is loaded, that two OpenMPs may not get on
        warnings.simplefilter("ignore")
        return threadpoolctl.ThreadpoolController().select(internal_api="openblas")
