"""Which process writes a run, and forks of it.

SQLite forbids to use or even to close a connection that was inherited.
"""

from __future__ import annotations

import functools
import os
import sqlite3
import uuid
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_open: weakref.WeakKeyDictionary[object, sqlite3.Connection] = weakref.WeakKeyDictionary()


def check_process(path: Path, process: int) -> None:
    """Refuse to write in a copy of the process that made the writer.

    Raises
    ------
    RuntimeError
    """
    if os.getpid() != process:
        raise RuntimeError(
            f"{str(path)!r} belongs to process {process} and this is a fork of it, process "
            f"{os.getpid()}; make a Monitor with a path of its own in the process that trains"
        )


def new_mark() -> dict[str, Any]:
    """What a writer leaves in its file: a number of its own, and where it runs if that is known."""
    mark: dict[str, Any] = {"token": uuid.uuid4().hex}
    boot, started = _boot(), _started(os.getpid())
    if boot and started:
        mark |= {"boot": boot, "process": os.getpid(), "started": started}
    return mark


def living(mark: Any) -> int | None:
    """The other process of this machine that has left this mark, if it is there still.

    None as well where that cannot be known: on other machines, and where there is no ``/proc``.
    """
    process = mark.get("process") if isinstance(mark, Mapping) else None
    if process is None or process == os.getpid() or mark.get("boot") != _boot():
        return None
    return int(process) if _started(process) == mark.get("started") else None


@functools.cache
def _boot() -> str:
    """Of this machine since it was started."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _started(process: int) -> str:
    """When a process was started, in ticks since the machine was; "" if it is not there."""
    try:
        # its name, in brackets, may hold spaces
        state, *fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if state in "ZX" else str(fields[18])


def keep_inherited(owner: object, db: sqlite3.Connection) -> None:
    """From now on forked processes keep their copy of an owner's connection until they end."""
    _open[owner] = db


def _leak() -> None:
    # destroying it would close it, and closing may end the log that the other process writes
    import ctypes

    for db in list(_open.values()):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(db))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leak)
