"""What this installation runs on: version, instruction set, threads, CUDA."""

from __future__ import annotations

import operator
import os
import sys

import numpy as np

from . import _core, cuda_library

__version__ = "0.1.0"

_MAX_THREADS = 1024


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _initial_threads() -> int:
    given = os.environ.get("IGFAST_NUM_THREADS")
    if given is None:
        return _usable_cores()
    if not given.isdecimal() or not 1 <= int(given) <= _MAX_THREADS:
        raise ValueError(
            f"IGFAST_NUM_THREADS must be a number from 1 to {_MAX_THREADS}, got {given!r}"
        )
    return int(given)


_threads: int | None = None  # until it is asked for


def set_num_threads(threads: int) -> None:
    """Set how many CPU threads the kernels use; results do not depend on it.

    The default is ``IGFAST_NUM_THREADS`` where set, else the number of usable cores.

    Raises
    ------
    TypeError, ValueError
        If ``threads`` is not an integer from 1 to 1,024.

    Examples
    --------
    >>> import igfast
    >>> before = igfast.get_num_threads()
    >>> igfast.set_num_threads(1)
    >>> igfast.get_num_threads()
    1
    >>> igfast.set_num_threads(before)
    """
    global _threads
    try:
        count = operator.index(threads)
    except TypeError:
        raise TypeError(
            f"threads must be an integer, got {threads!r} ({type(threads).__name__})"
        ) from None
    if not 1 <= count <= _MAX_THREADS:
        raise ValueError(f"threads must be from 1 to {_MAX_THREADS}, got {threads}")
    _threads = count


def get_num_threads() -> int:
    """How many CPU threads the kernels use.

    Raises
    ------
    ValueError
        If it was never set, and ``IGFAST_NUM_THREADS`` is not from 1 to 1,024.
    """
    global _threads
    if _threads is None:
        _threads = _initial_threads()
    return _threads


def show_config() -> dict[str, str]:
    """What igfast runs on, or why not: version, instruction set, threads, CUDA.

    Returns
    -------
    dict of str to str
        Ready to print or to attach to a bug report.

    Examples
    --------
    >>> import igfast
    >>> igfast.show_config()["igfast"] == igfast.__version__
    True
    """
    found = {
        "igfast": __version__,
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "isa": f"{_core.isa()} (available: {', '.join(_core.available_isas())})",
        "threads": str(get_num_threads()),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        found["torch"] = str(torch.__version__)
    return found | _core.build_info() | {"cuda": cuda_library.status()}
