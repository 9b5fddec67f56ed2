"""What waits to be written, and what could not be: the ledger between training and its writer.

A signal handler may hand over, and wait for an answer, wherever it interrupts its thread, this file
included: a preempted machine's SIGTERM is answered by a flush. So nothing here holds a lock that
another needs. Queues are deques, whose appends and pops are single steps; a number is written by
one side alone, or grows in a single step; who waits does so at a gate of its own.
"""

from __future__ import annotations

import io
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from .. import _core
from .given import Pending
from .writer import RunWriter

T = TypeVar("T")

MAX_WAITING = 8 << 20  # bytes of records that wait; a single record may be larger
# Seconds that records may gather before the first of them is written. Each time that the thread
# asks for Python's lock, and each time that it is given the lock, costs a training that makes many
# short operations far more than the work itself; so few and large pieces of work are best.
LINGER = 0.1
GATHERED = MAX_WAITING // 4  # bytes that are written at once


class Gate:
    """What one thread waits at, once; signals are handled while it does."""

    def __init__(self) -> None:
        self._closed = threading.Lock()
        self._closed.acquire()
        self.pass_through = self._closed.acquire
        self.open = self._closed.release


class Question(Generic[T]):
    """Work for the writer, for whose answer somebody waits."""

    def __init__(self, work: Callable[[RunWriter], T]) -> None:
        self._work = work
        self._answered = Gate()
        self._answer: T
        self._error: BaseException | None = None

    def answer(self, writer: RunWriter) -> None:
        """Do the work."""
        try:
            self._answer = self._work(writer)
        except BaseException as error:
            self._error = error
        self._answered.open()

    def wait(self) -> T:
        """The answer, or its error."""
        self._answered.pass_through()
        if self._error is not None:
            raise self._error
        return self._answer


class Handover:
    """A first-in first-out queue, bounded in bytes, and the count of what was lost.

    Of threads that hand over at the same moment each may exceed the bound by one record, and so may
    a signal handler.
    """

    def __init__(self) -> None:
        self._bell = _core.Bell()
        self._jobs: deque[Pending | Question[Any]] = deque()
        # Bytes handed over: the position in a file without content, for no signal handler and no
        # thread comes between reading a position and moving it, as they would with a sum.
        self._handed = io.BytesIO()
        self._room: deque[Gate] = deque()  # of those who wait for it
        self._over: deque[Gate] = deque()  # of those who wait for the end
        self.thread: int | None = None  # that takes
        self._ended = self._finished = False
        self._done = self._looks = 0  # written by the thread alone
        self.lost = 0  # jobs that failed so far; as these
        self._reason = ""
        self._rung = self._said = self._flushed = 0

    def put(self, job: Pending | Question[Any]) -> bool:
        """Add a job, when there is room for it; False where nothing more may be put."""
        if self._ended:
            return False
        if isinstance(job, Question):
            self._jobs.append(job)
            self._bell.ring(True)
        else:
            size = job.size
            full = self._handed.tell() - self._done + size > MAX_WAITING
            if full and not self._wait_for_room(size):
                return False
            self._jobs.append(job)
            # only now: what never came to be a job must not take room for ever
            waiting = self._handed.seek(size, os.SEEK_CUR) - self._done
            looks = self._looks
            if waiting > GATHERED:
                self._bell.ring(True)
            elif self._rung != looks:  # else the thread wakes for an earlier one
                self._bell.ring(False)
                self._rung = looks
        # it may have ended since
        return not self._ended or not self._withdraw(job)  # type: ignore[unreachable]

    def take(self) -> Question[Any] | list[Pending] | None:
        """The next question, or jobs, once they are pressing or have waited; None at the end."""
        while True:
            self._looks += 1  # before it looks: what comes later rings
            ended = self._ended  # before it looks: what comes later is withdrawn
            if not ended:
                if self._jobs:  # which came while it was at work, and need not have rung
                    self._bell.ring(False)
                self._bell.wait(LINGER)
            found = self._next()
            if found is not None or ended:
                return found

    def done(self, jobs: Sequence[Pending]) -> None:
        """Make room."""
        self._done += sum(job.size for job in jobs)
        _open(self._room)

    def end(self) -> None:
        """Nothing more will be put."""
        self._ended = True
        self._bell.ring(True)
        _open(self._room)

    def finish(self) -> None:
        """The thread has taken all, and has closed its file."""
        self._finished = True
        _open(self._over)

    def wait_for_the_end(self) -> None:
        """Return when the thread has finished; at once in itself, where garbage is collected."""
        if threading.get_ident() == self.thread:
            return
        gate = Gate()
        self._over.append(gate)
        self._bell.ring(True)  # a handler may have interrupted who is about to ring
        if not self._finished:  # else nobody may come to open it
            gate.pass_through()

    def count_lost(self, error: BaseException) -> None:
        """A job failed that nobody waits for."""
        if self.lost in (self._said, self._flushed):
            self._reason = str(error)  # the first of a row says why
        self.lost += 1

    def first_loss(self) -> str | None:
        """Why something was lost, the first time that it was."""
        lost = self.lost
        if not lost:
            return None
        first, self._said = not self._said, lost
        return self._reason if first else None

    def lost_since_flush(self) -> tuple[int, str]:
        """How many jobs failed since the last call, and why the first of them."""
        lost = self.lost
        found, self._flushed = lost - self._flushed, lost
        return found, self._reason

    def _next(self) -> Question[Any] | list[Pending] | None:
        """A question, or what can be written at once: records whose steps increase."""
        found: list[Pending] = []
        step: int | None = None
        while self._jobs:
            try:
                job = self._jobs.popleft()
            except IndexError:  # withdrawn meanwhile
                break
            if isinstance(job, Question) and not found:
                return self._rest(job)
            if isinstance(job, Question) or (
                job.quantities is not None and step is not None and job.step <= step
            ):
                self._jobs.appendleft(job)
                break
            if job.quantities is not None:
                step = job.step
            found.append(job)
        return self._rest(found) if found else None

    def _rest(self, found: T) -> T:
        """What was found, while the thread is told not to wait for what is behind it."""
        if self._jobs:
            self._bell.ring(True)
        return found

    def _fits(self, size: int) -> bool:
        waiting = self._handed.tell() - self._done
        return waiting <= 0 or waiting + size <= MAX_WAITING

    def _wait_for_room(self, size: int) -> bool:
        """Return when there is room for so many bytes; False if nothing more may be put."""
        if threading.get_ident() == self.thread:  # where garbage is collected: it makes the room
            return True
        while not self._ended:
            gate = Gate()
            self._room.append(gate)  # before it looks: what is done later opens it
            if self._fits(size):
                return True
            self._bell.ring(True)  # a handler may have interrupted who is about to ring
            if not self._ended:
                gate.pass_through()
        return False

    def _withdraw(self, job: Pending | Question[Any]) -> bool:
        """Take back what the thread has not taken."""
        try:
            self._jobs.remove(job)
        except ValueError:
            return False
        return True


def _open(gates: deque[Gate]) -> None:
    """Let all pass who wait there."""
    while gates:
        try:
            gate = gates.popleft()
        except IndexError:  # another thread opened it
            return
        gate.open()


def work(
    handover: Handover, open_writer: Callable[[], RunWriter], opened: Future[RunWriter]
) -> None:
    """The thread: open, do every job in order, close."""
    handover.thread = threading.get_ident()
    try:
        try:
            writer = open_writer()
        except BaseException as error:
            opened.set_exception(error)
            return
        opened.set_result(writer)
        while (found := handover.take()) is not None:
            if isinstance(found, Question):
                found.answer(writer)
            else:
                write(handover, writer, found)
                handover.done(found)
            del found  # its arrays, while nothing waits
        try:
            writer.close()
        except Exception as error:
            handover.count_lost(error)
    finally:
        handover.finish()


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
