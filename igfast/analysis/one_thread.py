"""Linear algebra on one thread.

The matrices of a path have some hundred rows. OpenBLAS shares even these among all cores, and waits
for each of its threads by spinning: beside a training that has the cores an analysis takes twice to
twenty times as long (``benchmarks/beside_training.py``). Needs threadpoolctl; without it nothing
changes.
"""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


_IN_USE = threading.RLock()


def on_one_thread(function: Callable[P, R]) -> Callable[P, R]:
    """A function whose linear algebra takes one core.

    The limit is the process's: of several threads the first sets it and takes it back. Were others
    to take back what they found, it would stay.
    """

    @functools.wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> R:
        libraries = _libraries()
        if libraries is None or not _IN_USE.acquire(blocking=False):
            return function(*args, **kwargs)
        try:
            with libraries.limit(limits=1):
                return function(*args, **kwargs)
        finally:
            _IN_USE.release()

    return limited


def stay_on_one_thread() -> None:
    """This process's linear algebra takes one core from now on."""
    libraries = _libraries()
    if libraries is not None:
        libraries.limit(limits=1)


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
