"""The writer's hold on its file: connection, ownership, transactions, totals."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..config import __version__
from . import rows
from .encoding import config_json
from .opening import check_target, connect, in_the_way, remove_empty, set_journal
from .processes import check_process, keep_inherited, living, new_mark
from .schema import StoreError, database_errors

CLOSE_MILLISECONDS = 200  # how long to wait for readers when closing
GONE = -1  # in place of the number of a file that is not there


class Session:
    """An open run file that this process writes.

    Attributes
    ----------
    db : sqlite3.Connection
        Autocommit: every transaction is explicit.
    totals : Totals
    continues : bool
        Whether the file held a run already.
    place : Path
        Where the file is, wherever the process goes.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, config: Mapping[str, Any], resume: bool
    ) -> None:
        self.path = Path(path)
        self.place = self.path.absolute()
        text = config_json(config)
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._uncertain = False  # whether a failure left totals and grids unlike the file's
        self._mark = json.dumps(new_mark())
        self._grids: dict[str, int] = {}
        self._resumed_with: str | None = None
        self.totals = rows.Totals()
        self.journal = ""
        self.closed = False
        self.continues = check_target(self.path, resume)
        new = not self.path.exists()
        with database_errors(self.path, "opening"):
            self.db = connect(self.path, "mode=rw" if self.continues else "mode=rwc")
            try:
                self._initialize(text)
            except BaseException:
                self.db.close()
                if new:
                    remove_empty(self.path)
                raise
        keep_inherited(self, self.db)

    def _initialize(self, config: str) -> None:
        db = self.db
        # NORMAL: a commit survives the process; after a power cut the last ones may be missing
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA cache_size=-512")  # KiB: rows are mostly appended
        with self.transaction(owned=False):
            if not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                rows.create(db, self.totals, config)
            elif not self.continues:  # another process was faster
                raise in_the_way(self.path)
            else:
                self._resumed_with = config
                self.totals.load(db)
                for table in rows.COLUMNS:
                    rows.read(db, table)
                self._grids = self._stored_grids()
                self._check_unused()
            self._own(self._mark)
        # after the schema: the header in the file itself then already names the application
        self.journal = set_journal(db, self.path)
        self._inode = self._file_inode()
        self._check_there()

    @contextlib.contextmanager
    def transaction(self, owned: bool = True) -> Iterator[None]:
        """What happens inside is stored as a whole, or not at all."""
        check_process(self.path, self._process)
        with self._lock, database_errors(self.path, "writing"):
            self.db.execute("BEGIN IMMEDIATE")
            try:
                if self._uncertain:
                    self.totals.load(self.db)
                    self._grids = self._stored_grids()
                    self._uncertain = False
                if owned:
                    self._check_there()
                    self._check_owner()
                yield
                self.commit()
            except BaseException:
                self._uncertain = self._uncertain or owned
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    def commit(self) -> None:
        """Also before the end of a transaction's block, for what may be said only after it."""
        if self.db.in_transaction:
            self.totals.save(self.db)
            self.db.execute("COMMIT")

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """While no other thread is in a transaction; refuses in a forked process."""
        check_process(self.path, self._process)
        with self._lock, database_errors(self.path, "writing"):
            yield

    @property
    def inherited(self) -> bool:
        """Whether this process is a fork of the one that opened the file."""
        return os.getpid() != self._process

    def grid_id(self, text: str) -> int:
        """The number of a grid, which is stored if it is new."""
        if text not in self._grids:
            id = len(self._grids) + 1
            self.totals.insert(self.db, "grids", (id, text))
            self._grids[text] = id
        return self._grids[text]

    def note_resume(self) -> None:
        """Keep when and with what the run is continued, in the transaction that is open."""
        if self._resumed_with is not None:
            id = self.totals.count("resumes") + 1
            row = (id, time.time(), __version__, self._resumed_with)
            self.totals.insert(self.db, "resumes", row)

    def resumed(self) -> None:
        """The resume has been committed."""
        self._resumed_with = None

    def close(self) -> None:
        """Close the file and leave a single plain one; beside a reader, also an empty log."""
        with self._lock:
            with contextlib.suppress(StoreError), self.transaction():
                self._own("null")  # any process may go on
            # a log that lies beside another file of this name now is not ours to end
            if self.journal == "wal" and self._inode == self._file_inode():
                with contextlib.suppress(sqlite3.Error):  # every record is committed already
                    self.db.execute(f"PRAGMA busy_timeout={CLOSE_MILLISECONDS}")
                    self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # a reader may idle
                    self.db.execute("PRAGMA journal_mode=DELETE")
            self.db.close()
            self.closed = True

    def _stored_grids(self) -> dict[str, int]:
        return {text: id for id, text in self.db.execute("SELECT id, json FROM grids")}

    def _own(self, mark: str) -> None:
        """Put a mark in the place of the one that is there."""
        owner = self.db.execute("SELECT crc FROM meta WHERE key='writer'").fetchall()
        self.totals.remove("meta", owner)
        self.db.execute("DELETE FROM meta WHERE key='writer'")
        self.totals.insert(self.db, "meta", ("writer", mark))

    def _check_unused(self) -> None:
        """Refuse to take a run from a process that is writing it."""
        owner = self.db.execute("SELECT value FROM meta WHERE key='writer'").fetchone()
        process = living(json.loads(owner[0])) if owner else None
        if process is not None:
            raise StoreError(
                f"{str(self.path)!r} is being written by process {process} of this machine; only "
                "one may write: end that one, or choose another path"
            )

    def _check_there(self) -> None:
        """Refuse to write into a file that nobody will find."""
        if self._inode == GONE or self._inode != self._file_inode():
            raise StoreError(
                f"{str(self.path)!r} was removed or replaced while it was being written, and what "
                "it held is lost; begin a new run, with a path that stays"
            )

    def _file_inode(self) -> int:
        try:
            return os.stat(self.place).st_ino
        except OSError:
            return GONE

    def _check_owner(self) -> None:
        owner = self.db.execute("SELECT value FROM meta WHERE key='writer'").fetchone()
        if owner != (self._mark,):
            rows.read(self.db, "meta")  # the reason may be damage
            raise StoreError(
                f"another writer has resumed {str(self.path)!r} since this one opened it; only one "
                "may write: stop this run or give it a path of its own"
            )
