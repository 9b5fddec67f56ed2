"""What waits to be written, and what could not be: the ledger between training and its writer."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from .. import _core
from .given import Pending
from .writer import RunWriter

MAX_WAITING = 8 << 20  # bytes of records that wait; a single record may be larger
# Seconds that records may gather before the first of them is written. Each time that the thread
# asks for Python's lock, and each time that it is given the lock, costs a training that makes many
# short operations far more than the work itself; so few and large pieces of work are best.
LINGER = 0.1
GATHERED = MAX_WAITING // 4  # bytes that are written at once


@dataclass(frozen=True)
class Question:
    """Work for the writer, for whose answer somebody waits."""

    work: Callable[[RunWriter], Any]
    answer: Future[Any]


class Handover:
    """A first-in first-out queue, bounded in bytes, and the count of what was lost."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # taken by itself: a Condition's methods are Python
        self._changed = threading.Condition(self._lock)
        self._bell = _core.Bell()
        self._jobs: deque[Pending | Question] = deque()
        self._waiting = self._asked = 0
        self._ended = False
        self._lost = self._said = self._flushed = 0
        self._reason = ""

    def put(self, job: Pending | Question) -> bool:
        """Add a job, when there is room for it; False where nothing more may be put."""
        with self._lock:
            if self._ended:
                return False
            if isinstance(job, Question):
                self._asked += 1
            else:
                if self._waiting and not self._fits(job.size):
                    self._changed.wait_for(lambda: self._ended or self._fits(job.size))
                    if self._ended:  # since it began to wait
                        return False  # type: ignore[unreachable]
                self._waiting += job.size
            self._jobs.append(job)
            pressing = self._asked > 0 or self._waiting > GATHERED
            if pressing or len(self._jobs) == 1:  # else it was rung when the first one came
                self._bell.ring(pressing)
        return True

    def take(self) -> Question | list[Pending] | None:
        """The next question, or jobs, once they are pressing or have waited; None at the end."""
        while True:
            with self._lock:
                if self._jobs and self._pressing():
                    return self._next()
                if self._ended:
                    return None
            self._bell.wait(LINGER)
            with self._lock:
                if self._jobs:
                    return self._next()

    def done(self, jobs: Sequence[Pending]) -> None:
        """Make room."""
        with self._lock:
            self._waiting -= sum(job.size for job in jobs)
            self._changed.notify_all()

    def end(self) -> None:
        """Nothing more will be put."""
        with self._lock:
            self._ended = True
            self._changed.notify_all()
            self._bell.ring(True)

    def count_lost(self, error: BaseException) -> None:
        """A job failed that nobody waits for."""
        with self._lock:
            if self._lost in (self._said, self._flushed):
                self._reason = str(error)  # the first of a row says why
            self._lost += 1

    @property
    def lost(self) -> int:
        """Jobs that failed so far."""
        return self._lost

    def first_loss(self) -> str | None:
        """Why something was lost, the first time that it was."""
        if not self._lost:
            return None
        with self._lock:
            first = not self._said and self._lost
            self._said = self._lost
            return self._reason if first else None

    def lost_since_flush(self) -> tuple[int, str]:
        """How many jobs failed since the last call, and why the first of them."""
        with self._lock:
            found, self._flushed = self._lost - self._flushed, self._lost
            return found, self._reason

    def _next(self) -> Question | list[Pending]:
        """A question, or what can be written at once: records whose steps increase."""
        first = self._jobs.popleft()
        if isinstance(first, Question):
            self._asked -= 1
            found: Question | list[Pending] = first
        else:
            found = [first]
            step = first.step if first.quantities is not None else None
            while self._jobs and isinstance(job := self._jobs[0], Pending):
                if job.quantities is not None:
                    if step is not None and job.step <= step:
                        break
                    step = job.step
                found.append(job)
                self._jobs.popleft()
        if self._jobs:
            self._bell.ring(False)
        return found

    def _pressing(self) -> bool:
        """Whether somebody waits, or enough has gathered."""
        return self._ended or self._asked > 0 or self._waiting > GATHERED

    def _fits(self, size: int) -> bool:
        return not self._waiting or self._waiting + size <= MAX_WAITING


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
    while (found := handover.take()) is not None:
        if isinstance(found, Question):
            try:
                found.answer.set_result(found.work(writer))
            except BaseException as error:
                found.answer.set_exception(error)
        else:
            write(handover, writer, found)
            handover.done(found)
        del found  # its arrays, while nothing waits
    try:
        writer.close()
    except Exception as error:
        handover.count_lost(error)


def write(handover: Handover, writer: RunWriter, jobs: Sequence[Pending]) -> None:
    """Write jobs together; where that fails each one alone, so that few are lost."""
    try:
        writer.write_all(jobs)
    except BaseException as error:
        if len(jobs) == 1:
            handover.count_lost(error)
            return
        for job in jobs:
            write(handover, writer, [job])


def finish(handover: Handover, thread: threading.Thread, process: int) -> None:
    """Let the thread write what waits and close; does nothing in a fork, which has no thread."""
    if os.getpid() == process:
        handover.end()
        if thread is not threading.current_thread():  # where garbage may be collected, too
            thread.join()
