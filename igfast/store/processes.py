"""Connections and forked processes: SQLite forbids to use or even close what was inherited."""

from __future__ import annotations

import os
import sqlite3
import weakref
from pathlib import Path

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
