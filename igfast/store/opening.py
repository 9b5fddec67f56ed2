"""Opening a run file: what may be opened, for reading and for writing, and how."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import tempfile
import warnings
from pathlib import Path

from .schema import APPLICATION_ID, SCHEMA_VERSION, StoreError, database_errors

BUSY_SECONDS = 30.0
COPY = "run.igf"  # in a folder of its own
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


def check_file(path: Path) -> None:
    """Refuse what SQLite cannot open, or would take for a new database."""
    name = repr(str(path))
    try:
        found = path.stat()
    except FileNotFoundError:
        raise StoreError(f"no run at {name}: the file does not exist; check the path") from None
    except OSError as error:
        raise StoreError(
            f"cannot read {name}: {error.strerror or error}; check the path and its permissions"
        ) from error
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"cannot read {name}: it is not a file; check the path")
    if not _may(path, os.R_OK):
        raise StoreError(f"cannot read {name}: no permission; check the path and its permissions")
    if not found.st_size:
        raise StoreError(
            f"{name} is empty: the run was stopped before it began; delete the file, or continue "
            "it with resume=True"
        )


def check_run(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a database that is foreign, newer, or shorter than it says.

    The header is read through the connection: closing any other descriptor of the file would free
    the locks of a writer in this process, and its log could then be taken from under it.
    """
    name = repr(str(path))
    try:
        application, version, pages, page = (
            int(db.execute(f"PRAGMA {field}").fetchone()[0])
            for field in ("application_id", "user_version", "page_count", "page_size")
        )
    except sqlite3.DatabaseError as error:
        if "not a database" in str(error):
            raise StoreError(f"{name} {_no_database(path)}") from None
        if "malformed" in str(error):
            raise StoreError(
                f"{name} is truncated or damaged ({path.stat().st_size} bytes); restore it from a "
                "copy"
            ) from error
        raise
    if application != APPLICATION_ID:
        raise StoreError(
            f"{name} is a SQLite file but not an igfast run (application id {application:#x}, "
            f"expected {APPLICATION_ID:#x}); check the path"
        )
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
    # SQLite notices missing pages, not a cut last one. While a write-ahead log is pending, the
    # file may rightly be shorter; without one it does not shrink
    if not pending_log(path) and path.stat().st_size < pages * page:
        raise StoreError(
            f"{name} is truncated ({path.stat().st_size} of {pages * page} bytes); restore it from "
            "a copy"
        )


def _no_database(path: Path) -> str:
    # to open it is harmless: no writer can have such a file
    with path.open("rb") as file:
        header = file.read(100)
    if header[:16] != b"SQLite format 3\0"[: len(header)]:
        return "is not an igfast run (not a SQLite file); check the path"
    return f"is truncated ({path.stat().st_size} bytes); restore it from a copy"


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
    check_file(path)
    db = connect(path, "mode=ro")
    directory = None
    try:
        if not _has_locks(db):
            db.close()
            db, directory = _open_without_locks(path)
        check_run(db, path)
        return db, directory
    except BaseException:
        db.close()
        if directory is not None:
            directory.cleanup()
        raise


def _has_locks(db: sqlite3.Connection) -> bool:
    """Whether SQLite can place its lock files; other errors show when the header is read."""
    try:
        db.execute("SELECT 1 FROM sqlite_master LIMIT 1")
    except sqlite3.OperationalError as error:
        return "unable to open" not in str(error) and "readonly" not in str(error)
    except sqlite3.DatabaseError:
        pass
    return True


def _open_without_locks(
    path: Path,
) -> tuple[sqlite3.Connection, tempfile.TemporaryDirectory[str] | None]:
    if not pending_log(path):
        return connect(path, "mode=ro&immutable=1"), None
    directory = tempfile.TemporaryDirectory(prefix="igfast-")
    try:
        copy = Path(directory.name) / COPY
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
            raise in_the_way(path)
        if not _may(path, os.W_OK):
            raise StoreError(f"{str(path)!r} is read-only; make it writable to resume it")
    if not _may(directory, os.W_OK):
        raise StoreError(
            f"cannot write {str(path)!r}: the directory is read-only; choose another path"
        )
    return path.exists() and path.stat().st_size > 0 and _holds_run(path)


def is_database(path: Path) -> bool:
    """Whether a run, or another SQLite database, is there; read as `check_run` reads."""
    if not path.is_file() or not path.stat().st_size:
        return False
    try:
        with contextlib.closing(connect(path, "mode=ro")) as db:
            db.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error as error:
        return not any(part in str(error) for part in ("not a database", "unable to open"))
    return True


def remove_empty(path: Path) -> None:
    """Take away the file that opening made, where nothing could be written into it.

    Under the lock that beginning a run takes, so that no other writer's file is taken away.
    """
    with (
        contextlib.suppress(sqlite3.Error, OSError),
        contextlib.closing(connect(path, "mode=rw")) as db,  # the first one may be in error
    ):
        db.execute("PRAGMA journal_mode=MEMORY")  # a file has no room
        db.execute("BEGIN EXCLUSIVE")
        if not path.stat().st_size:
            path.unlink()


def _holds_run(path: Path) -> bool:
    """Whether a run is there, or one whose writer was stopped before it had created its tables."""
    check_file(path)
    with (
        database_errors(path, "opening"),
        contextlib.closing(connect(path, "mode=rw")) as db,  # may have to roll back what was begun
    ):
        with contextlib.suppress(sqlite3.DatabaseError):
            tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if tables == 0 and db.execute("PRAGMA application_id").fetchone()[0] == 0:
                return False
        check_run(db, path)
    return True


def _may(path: Path, what: int) -> bool:
    return os.access(path, what, effective_ids=os.access in os.supports_effective_ids)


def in_the_way(path: Path) -> FileExistsError:
    """The error for a file that is in the way."""
    return FileExistsError(
        f"{str(path)!r} exists; pass resume=True to continue that run, or choose another path"
    )


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
