"""What waits to be written, and what could not be: the ledger between training and its writer."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from .writer import RunWriter

MAX_WAITING = 8 << 20  # bytes of records that wait; a single record may be larger
LEAST_SIZE = 512  # bytes that a job counts for at least
# Seconds that records may gather before the first of them is written: several in a row, whose code
# and data the caches then hold, disturb a busy machine's training half as much as one by one.
# Longer, and what waits lies scattered among a training's own memory, of which more is then kept.
LINGER = 0.02
GATHERED = MAX_WAITING // 4  # bytes that are written at once


@dataclass(frozen=True)
class Job:
    """Work for the writer; ``answer`` is where somebody waits for it."""

    work: Callable[[RunWriter], Any]
    size: int
    answer: Future[Any] | None = None


class Handover:
    """A first-in first-out queue, bounded in bytes, and the count of what was lost."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs: deque[Job] = deque()
        self._waiting = self._asked = 0
        self._ended = False
        self._lost = self._said = self._flushed = 0
        self._reason = ""

    def put(self, job: Job) -> None:
        """Add a job, when there is room for it."""
        with self._changed:
            if job.answer is None:
                self._changed.wait_for(self._room_for(job.size))
            self._jobs.append(job)
            self._waiting += job.size
            self._asked += job.answer is not None
            self._changed.notify_all()

    def take(self) -> Job | None:
        """The next job, once it is pressing or has waited; None after the last one."""
        with self._changed:
            if not self._jobs:
                self._changed.wait_for(lambda: self._jobs or self._ended)
                self._changed.wait_for(self._pressing, LINGER)
            return self._jobs.popleft() if self._jobs else None

    def done(self, job: Job) -> None:
        """Make room."""
        with self._changed:
            self._waiting -= job.size
            self._asked -= job.answer is not None
            self._changed.notify_all()

    def end(self) -> None:
        """Nothing more will be put."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def count_lost(self, error: BaseException) -> None:
        """A job failed that nobody waits for."""
        with self._changed:
            if self._lost in (self._said, self._flushed):
                self._reason = str(error)  # the first of a row says why
            self._lost += 1

    @property
    def lost(self) -> int:
        """Jobs that failed so far."""
        return self._lost

    def first_loss(self) -> str | None:
        """Why something was lost, the first time that it was."""
        with self._changed:
            first = not self._said and self._lost
            self._said = self._lost
            return self._reason if first else None

    def lost_since_flush(self) -> tuple[int, str]:
        """How many jobs failed since the last call, and why the first of them."""
        with self._changed:
            found, self._flushed = self._lost - self._flushed, self._lost
            return found, self._reason

    def _pressing(self) -> bool:
        """Whether somebody waits, or enough has gathered."""
        return self._ended or self._asked > 0 or self._waiting > GATHERED

    def _room_for(self, size: int) -> Callable[[], bool]:
        return lambda: not self._waiting or self._waiting + size <= MAX_WAITING


def work(
    handover: Handover, open_writer: Callable[[], RunWriter], opened: Future[RunWriter]
) -> None:
    """The thread: open, do every job in order, close."""
    try:
        writer = open_writer()
    except BaseException as error:
        opened.set_exception(error)
        return
    opened.set_result(writer)
    while (job := handover.take()) is not None:
        try:
            found = job.work(writer)
            if job.answer is not None:
                job.answer.set_result(found)
        except BaseException as error:
            if job.answer is not None:
                job.answer.set_exception(error)
            else:
                handover.count_lost(error)
        handover.done(job)
        del job  # its arrays, while nothing waits
    try:
        writer.close()
    except Exception as error:
        handover.count_lost(error)


def finish(handover: Handover, thread: threading.Thread, process: int) -> None:
    """Let the thread write what waits and close; does nothing in a fork, which has no thread."""
    if os.getpid() == process:
        handover.end()
        if thread is not threading.current_thread():  # where garbage may be collected, too
            thread.join()
