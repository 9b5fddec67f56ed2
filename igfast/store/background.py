"""Writing a run by a thread: training hands a record over and goes on.

The thread owns the :class:`RunWriter` and with it the SQLite connection. What waits for it is
bounded in bytes; when that much waits, the next record waits too, and nothing is dropped. What the
disk refuses is counted and said, and does not stop the training that is being watched.
"""

from __future__ import annotations

import os
import threading
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from ..automatic import Bins
from ..counted import Counted
from .encoding import int64
from .given import Measured, Pending, size_of
from .handover import Handover, Question, finish, work
from .processes import check_process
from .schema import StoreError, StoreWarning
from .thinning import DEFAULT_HISTOGRAMS
from .writer import RunWriter

T = TypeVar("T")


class BackgroundWriter:
    """A :class:`RunWriter` in a thread of its own, with the same methods.

    :meth:`write_record` and :meth:`write_scalars` return when the record waits for the thread, the
    other methods when they are done. The arrays of a record belong to the writer from then on: they
    are not copied, and must not change. Without :meth:`close`, what waits is written when the
    writer is deleted or the interpreter exits.

    What cannot be stored is lost and counted, and never raised, for it must not stop a training:
    the first loss is said by a :class:`StoreWarning` at the next call, :meth:`flush` warns of what
    was lost since the last one, :meth:`close` of all of it. Later records are tried again, for a
    disk may have room again.

    Parameters
    ----------
    path, config, resume, histograms
        As for :class:`RunWriter`, whose errors are raised here too.

    Examples
    --------
    >>> import igfast, numpy as np, tempfile, time
    >>> from igfast.store import BackgroundWriter
    >>> x, path = np.linspace(-1, 1, 100), tempfile.mkdtemp() + "/run.igf"
    >>> with BackgroundWriter(path, config={}) as writer:
    ...     writer.define_layers("param", ["w"], [(100,)], ["float64"])
    ...     writer.write_record(0, time.time(), {"param": (igfast.histogram({"w": x}), None)})
    ...     writer.flush()
    ...     writer.last_step
    0
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        config: Mapping[str, Any],
        resume: bool = False,
        histograms: int | str = DEFAULT_HISTOGRAMS,
    ) -> None:
        self.path = Path(path)
        self._process = os.getpid()
        self._handover = Handover()
        opened: Future[RunWriter] = Future()
        thread = threading.Thread(
            target=work,
            args=(
                self._handover,
                lambda: RunWriter(path, config=config, resume=resume, histograms=histograms),
                opened,
            ),
            name=f"igfast-store-{self.path.name}",
            daemon=True,  # ended by finish(), at the latest when the interpreter exits
        )
        thread.start()
        self._finish = weakref.finalize(self, finish, self._handover, thread, self._process)
        try:
            opened.result()
        except BaseException:
            self._finish()
            raise

    @property
    def last_step(self) -> int | None:
        """Step of the last record, None before the first; waits for those under way."""
        return self._ask(lambda writer: writer.last_step)

    @property
    def thread(self) -> int | None:
        """Number of the thread that writes."""
        return self._handover.thread

    @property
    def lost(self) -> int:
        """Records, and calls of :meth:`write_scalars`, that could not be stored so far."""
        return self._handover.lost

    def define_layers(
        self,
        quantity: str,
        names: Sequence[str],
        shapes: Sequence[Sequence[int]],
        dtypes: Sequence[str],
    ) -> None:
        """See :meth:`RunWriter.define_layers`."""
        self._ask(lambda writer: writer.define_layers(quantity, names, shapes, dtypes))

    def write_record(
        self,
        step: int,
        wall_time: float,
        quantities: Mapping[str, Measured],
        scalars: Mapping[str, float] | None = None,
        *,
        membership: int = 0,
        next_bins: Mapping[str, Bins | None] | None = None,
    ) -> None:
        """Hand a record over; see :meth:`RunWriter.write_record`."""
        step, membership = int64("step", step), int64("membership", membership)
        given = {
            quantity: one if isinstance(one, Counted) else (one[0].to_numpy(), one[1])
            for quantity, one in quantities.items()
        }
        self.hand_over(Pending(step, wall_time, given, scalars or {}, membership, next_bins or {}))

    def write_scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Hand named numbers over; see :meth:`RunWriter.write_scalars`."""
        step, kept = int64("step", step), {name: float(value) for name, value in values.items()}
        self.hand_over(Pending(step, 0.0, None, kept))

    def hand_over(self, pending: Pending) -> None:
        """Hand over what a Monitor has counted, or what is on the host already."""
        if os.getpid() != self._process:
            check_process(self.path, self._process)
        pending.size = size_of(pending)
        if not self._handover.put(pending):
            raise self._closed()
        reason = self._handover.first_loss() if self._handover.lost else None
        if reason is not None:
            warnings.warn(
                f"{reason.rstrip('.')}. The run goes on without what could not be stored; what is "
                "recorded later is tried again.",
                StoreWarning,
                stacklevel=3,
            )

    def rewind(self, step: int) -> None:
        """See :meth:`RunWriter.rewind`."""
        step = int64("step", step)
        self._ask(lambda writer: writer.rewind(step))

    def flush(self) -> None:
        """Return when everything handed over is committed; warns if something was lost since.

        At once in the thread that writes, where a ``__del__`` of collected garbage may call it.
        """
        if os.getpid() != self._process or not self._finish.alive:
            return
        if threading.get_ident() == self.thread:
            return
        question = Question(RunWriter.flush)
        if self._handover.put(question):
            question.wait()
        else:  # in a signal handler that interrupts close(), or beside another thread's
            self._handover.wait_for_the_end()
        self._warn_of(*self._handover.lost_since_flush())

    def close(self) -> None:
        """Write what waits and close the file; warns if anything was lost."""
        if os.getpid() != self._process or not self._finish.alive:
            return
        self._handover.end()
        self._handover.wait_for_the_end()
        self._finish()  # not before: where waiting is interrupted, the interpreter's exit does it
        self._warn_of(self._handover.lost, self._handover.lost_since_flush()[1])

    def __enter__(self) -> BackgroundWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, question: Callable[[RunWriter], T]) -> T:
        check_process(self.path, self._process)
        asked = Question(question)
        if not self._handover.put(asked):
            raise self._closed()
        return asked.wait()

    def _closed(self) -> StoreError:
        return StoreError(f"writing {str(self.path)!r} failed: it was closed before; open it again")

    def _warn_of(self, lost: int, reason: str) -> None:
        if lost:
            what = "1 record or log" if lost == 1 else f"{lost} records or logs"
            warnings.warn(f"{what} could not be stored: {reason}", StoreWarning, stacklevel=3)
