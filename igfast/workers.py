"""Processes that measure the layers of a run side by side.

Each layer's path is measured by itself and takes tenths of a second, seconds where its length is
looked at closely. The work is many short array operations, between which Python's lock lets one
thread at a time through; so it is shared among processes. Each opens the run for itself. What they
return is, bit for bit, what would be measured here.

They are started as Python starts processes, which import the program's main module: a script that
asks for several keeps what it does under ``if __name__ == "__main__":``.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, TypeVar

from . import config
from .analysis.one_thread import stay_on_one_thread
from .printing import Tell, silent
from .store import RunReader, StoreError
from .trajectory import Trajectory
from .trajectory.measured import Known

T = TypeVar("T")
R = TypeVar("R")
Measure = Callable[[Trajectory, T], R]

MOST = 8  # processes, unless more are asked for: each decodes as much at a time as one alone would
LEAST = 3000  # records of layers that are worth half a second, which it takes to start processes
PIECES = 4  # for each process, so that none waits long for the last one
NICE = 5  # beside a training that has all cores they get about as much together as one would


def usual_jobs() -> int:
    """Processes for a command: one for each thread that the kernels would use, at most 8."""
    return min(config.get_num_threads(), MOST)


class Workers:
    """A run, and processes that measure its layers; they end with the ``with`` block.

    Parameters
    ----------
    run : Trajectory
        Only a run file is measured by several processes, and only while it is what this trajectory
        sees of it.
    jobs : int
        Processes; 1: this one. They are started when there is enough to do.

    Raises
    ------
    ValueError
        If ``jobs`` is less than 1.
    """

    def __init__(self, run: Trajectory, jobs: int = 1) -> None:
        if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
            raise ValueError(f"jobs must be a positive number of processes, got {jobs!r}")
        self.run = run
        shared = run.file is not None and not multiprocessing.current_process().daemon
        self._jobs = jobs if shared else 1
        self._pool: ProcessPoolExecutor | None = None
        self._lifeline: Connection | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lifeline is not None and error is not None:
            self._lifeline.close()  # ends them at once
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        if self._lifeline is not None:
            self._lifeline.close()

    def each(
        self,
        measure: Measure[T, R],
        items: Sequence[T],
        what: str,
        tell: Tell = silent,
        *,
        layer_of: Callable[[T], str] = str,
    ) -> list[R]:
        """``measure(run, item)`` of each item.

        Parameters
        ----------
        measure : function of a module, or ``functools.partial`` of one
        items : sequence
            One for a layer, or several of the same layer in a row.
        what : str
            What is done, for people who wait.
        tell : callable
            Is called with a line on how far it has come.
        layer_of : callable
            Name of an item's layer.

        Returns
        -------
        list
            In the order of the items. Paths that were measured for it are known to the run.
        """
        found: dict[int, R] = {}
        if self._starts(len(items)):
            self._share(found, measure, items, what, tell, layer_of)
        for number, item in enumerate(items):
            if number not in found:
                tell(f"{what}, {layer_of(item)} ({number + 1} of {len(items)})")
                found[number] = measure(self.run, item)
        return [found[number] for number in range(len(items))]

    def _starts(self, items: int) -> bool:
        """Whether there are processes for so much work."""
        if self._jobs < 2 or items < 2:
            return False
        if self._pool is None:
            kept = (len(self.run.steps_of(name)) for name in self.run.quantities)
            if items * max(kept, default=0) < LEAST:
                return False
            try:
                self._pool = self._started()
            except (OSError, NotImplementedError):  # a system without semaphores, or no more memory
                self._jobs = 1
        return self._pool is not None

    def _started(self) -> ProcessPoolExecutor:
        methods = multiprocessing.get_all_start_methods()
        method = "forkserver" if "forkserver" in methods else "spawn"
        context = multiprocessing.get_context(method)
        if method == "forkserver":
            context.set_forkserver_preload([__name__, "igfast.report.collect"])
        ends, self._lifeline = context.Pipe(duplex=False)
        given = (self.run.file, self.run.groups, ends)
        return ProcessPoolExecutor(self._jobs, context, _begin, given)

    def _share(
        self,
        found: dict[int, R],
        measure: Measure[T, R],
        items: Sequence[T],
        what: str,
        tell: Tell,
        layer_of: Callable[[T], str],
    ) -> None:
        """Find what processes of their own can measure."""
        assert self._pool is not None
        seen, waiting = self.run.seen(), {}
        tell(f"{what} (1 of {len(items)})")
        try:
            # the last first: what pools others comes last, and takes longest
            for start, stop in reversed(_pieces(len(items), self._jobs * PIECES)):
                part = items[start:stop]
                layers = list(dict.fromkeys(map(layer_of, part)))
                known = [self.run.known(layer) for layer in layers]
                future = self._pool.submit(_measure, seen, measure, part, layers, known)
                waiting[future] = range(start, stop)
            for future in as_completed(waiting):
                self._take(future, waiting[future], found)
                tell(f"{what} ({len(found)} of {len(items)})")
        except BrokenProcessPool:
            warnings.warn(
                "a process that measured layers has ended, for want of memory perhaps, or because "
                "it ran the script that asks for it: see igfast.workers. Measuring goes on here",
                stacklevel=4,
            )
            self._jobs, self._pool = 1, None

    def _take(
        self, future: Future[tuple[list[R], list[Known]] | None], place: range, found: dict[int, R]
    ) -> None:
        measured = future.result()
        if measured is None:  # the file has gone on, or back
            return
        results, known = measured
        found.update(zip(place, results, strict=True))
        for one in known:
            self.run.learn(one)


def _pieces(items: int, most: int) -> list[tuple[int, int]]:
    """Neighboring items, which are decoded together, in pieces of about the same size.

    >>> _pieces(10, 4)
    [(0, 2), (2, 5), (5, 7), (7, 10)]
    """
    count = min(items, most)
    bounds = [items * number // count for number in range(count + 1)]
    return list(itertools.pairwise(bounds))


# Of a process that measures: its run, and what is open as long as it lives.
_runs: list[Trajectory] = []
_open = ExitStack()


def _begin(path: Any, groups: Mapping[str, Sequence[str]], lifeline: Connection) -> None:
    """Of a process that measures: what it does first."""
    with suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # who waits for it decides
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(NICE)
    config.set_num_threads(1)
    stay_on_one_thread()
    with suppress(StoreError, OSError):  # it was moved or removed: who has it open measures it
        run = Trajectory(RunReader(path), groups)
        _open.enter_context(run.held())
        _runs[:] = [run]


def _end_with(lifeline: Connection) -> None:
    """End this process when the other end is closed, by whatever closes it."""
    with suppress(EOFError, OSError):
        lifeline.recv()
    os._exit(0)


def _measure(
    seen: int, measure: Measure[T, R], items: Sequence[T], layers: list[str], known: list[Known]
) -> tuple[list[R], list[Known]] | None:
    """Results of neighboring items; None where the run is not what the other process sees."""
    if not _runs or _runs[0].seen() != seen:
        return None
    run = _runs[0]
    run.expect(layers)
    for one in known:
        run.learn(one)
    results = [measure(run, item) for item in items]
    return results, [run.known(layer) for layer in layers]
