"""Opening a run file: what may be opened, for reading and for writing, and how."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import warnings
from pathlib import Path

from .schema import APPLICATION_ID, SCHEMA_VERSION, StoreError

BUSY_SECONDS = 30.0
COPY_ATTEMPTS = 5


def connect(path: Path, options: str) -> sqlite3.Connection:
    """Open by URI; autocommit, so that every transaction is explicit."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{options}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def check_header(path: Path) -> None:
    """Refuse a file that is foreign, newer, or shorter than it says, before SQLite touches it."""
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        raise StoreError(
            f"no run at {str(path)!r}: the file does not exist; check the path"
        ) from None
    except OSError as error:
        raise StoreError(
            f"cannot read {str(path)!r}: {error.strerror or error}; check the path and its "
            "permissions"
        ) from error
    name = repr(str(path))
    if not header:
        raise StoreError(
            f"{name} is empty: the run was stopped before it began; delete the file, or continue "
            "it with resume=True"
        )
    if header[:16] != b"SQLite format 3\0"[: len(header)]:
        raise StoreError(f"{name} is not an igfast run (not a SQLite file); check the path")
    if len(header) < 100:
        raise StoreError(f"{name} is truncated ({len(header)} bytes); restore it from a copy")
    application = int.from_bytes(header[68:72], "big")
    if application != APPLICATION_ID:
        raise StoreError(
            f"{name} is a SQLite file but not an igfast run (application id {application:#x}, "
            f"expected {APPLICATION_ID:#x}); check the path"
        )
    version = int.from_bytes(header[60:64], "big")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{name} was written by a newer igfast (store version {version}, this one reads up to "
            f"{SCHEMA_VERSION}); upgrade igfast"
        )
    if version < SCHEMA_VERSION:
        raise StoreError(
            f"{name} was written by a development version of igfast (store version {version}, this "
            f"one reads {SCHEMA_VERSION}); record the run again"
        )
    page = int.from_bytes(header[16:18], "big")
    expected = int.from_bytes(header[28:32], "big") * (65536 if page == 1 else page)
    # while a write-ahead log is pending, the file may rightly be shorter than its header says
    if path.stat().st_size < expected and not pending_log(path):
        raise StoreError(
            f"{name} is truncated ({path.stat().st_size} of {expected} bytes); restore it from a "
            "copy"
        )


def pending_log(path: Path) -> bool:
    """Whether a write-ahead log with content lies beside the file."""
    try:
        return os.stat(f"{path}-wal").st_size > 0
    except OSError:
        return False


def open_read_only(
    path: Path,
) -> tuple[sqlite3.Connection, tempfile.TemporaryDirectory[str] | None]:
    """A connection that changes nothing, and the copy it reads, if it had to make one.

    Where SQLite cannot place its lock files, the file is read as one that never changes; if a
    write-ahead log is pending there, it is copied with it, for that reading would overlook the log
    and with it committed records.
    """
    db = connect(path, "mode=ro")
    try:
        db.execute("SELECT 1 FROM sqlite_master LIMIT 1")
        return db, None
    except sqlite3.OperationalError as error:
        db.close()
        if "unable to open" not in str(error) and "readonly" not in str(error):
            raise
    except BaseException:
        db.close()
        raise
    if not pending_log(path):
        return connect(path, "mode=ro&immutable=1"), None
    directory = tempfile.TemporaryDirectory(prefix="igfast-")
    try:
        copy = Path(directory.name) / "run.igf"
        _copy_with_log(path, copy)
        return connect(copy, "mode=rw"), directory
    except BaseException:
        directory.cleanup()
        raise


def _copy_with_log(path: Path, copy: Path) -> None:
    """Copy file and log, again if a writer changed them meanwhile."""
    pairs = [(path, copy), (Path(f"{path}-wal"), Path(f"{copy}-wal"))]

    def state() -> list[tuple[int, int]]:
        return [(found.st_size, found.st_mtime_ns) for found in (a.stat() for a, _ in pairs)]

    for _ in range(COPY_ATTEMPTS):
        before = state()
        for source, target in pairs:
            shutil.copyfile(source, target)
        if before == state():
            return
    raise StoreError(
        f"{str(path)!r} lies in a read-only place and is being written from elsewhere; copy it "
        "with its -wal file, or read it where it is written"
    )


def set_journal(db: sqlite3.Connection, path: Path) -> str:
    """Write-ahead log; rollback journal where shared memory is not to be had."""
    with contextlib.suppress(sqlite3.OperationalError):
        if db.execute("PRAGMA journal_mode=WAL").fetchone()[0] == "wal":
            return "wal"
    mode = str(db.execute("PRAGMA journal_mode=DELETE").fetchone()[0])
    warnings.warn(
        f"{str(path)!r} is on a file system without a write-ahead log; using "
        f"journal_mode={mode}: safe, but slower, and readers may have to wait",
        stacklevel=4,
    )
    return mode


def check_target(path: Path, resume: bool) -> bool:
    """Whether a run is there to be continued."""
    directory = path.absolute().parent
    if not directory.is_dir():
        raise StoreError(
            f"cannot create {str(path)!r}: there is no directory {str(directory)!r}; "
            "create it first"
        )
    if path.is_dir():
        raise StoreError(f"{str(path)!r} is a directory; give the path of a file")
    if path.exists():
        if not resume:
            raise exists(path)
        if is_unborn(path):
            return False
        check_header(path)
        if not _writable(path):
            raise StoreError(f"{str(path)!r} is read-only; make it writable to resume it")
    if not _writable(directory):
        raise StoreError(
            f"cannot write {str(path)!r}: the directory is read-only; choose another path"
        )
    return path.exists()


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def exists(path: Path) -> FileExistsError:
    """The error for a file that is in the way."""
    return FileExistsError(
        f"{str(path)!r} exists; pass resume=True to continue that run, or choose another path"
    )


def is_unborn(path: Path) -> bool:
    """Whether a writer was stopped before it had created its tables."""
    if path.stat().st_size == 0:
        return True
    try:
        with contextlib.closing(connect(path, "mode=rw")) as db:
            tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            id = db.execute("PRAGMA application_id").fetchone()[0]
            return bool(tables == 0 and id == 0)
    except sqlite3.Error:
        return False


def other_layers(
    path: Path, quantity: str, stored: list[tuple[str, str]], given: list[tuple[str, str]]
) -> str:
    """Why a run with the stored layers cannot go on with the given ones."""
    for position, (old, new) in enumerate(zip(stored, given, strict=False)):
        if old != new:
            what = f"layer {position} is {old[0]!r} {old[1]} there and {new[0]!r} {new[1]} here"
            break
    else:
        what = f"it has {len(stored)} layers there and {len(given)} here"
    return (
        f"{str(path)!r} holds another model under {quantity!r}: {what}; resume with the same model "
        "and patterns, or choose another path"
    )
