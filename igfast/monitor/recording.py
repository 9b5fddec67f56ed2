"""One record: measured with all ranks, examined, stored, and handed to the sinks."""

from __future__ import annotations

import contextlib
import logging
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn, ParamSpec

from ..alerts import Alerts
from ..counted import Counted
from ..health import NOTHING, TOTAL, Examiner, Flag
from ..histograms import Histogram
from ..sinks.outlets import Outlets
from ..sinks.record import Record
from ..store import BackgroundWriter, Pending, StoreError
from . import reduction, sharding
from .group import Group
from .measuring import Measurement
from .storing import Earlier
from .trained import Trained

P = ParamSpec("P")
CLOSED = (
    "this Monitor is closed; make a new one, with resume=True to go on, or close it only when "
    "other threads have recorded and logged all of theirs"
)
_LOG = logging.getLogger("igfast")


class Recorder:
    """Takes records and passes them on.

    Parameters
    ----------
    measurements : mapping of str to Measurement
        By quantity.
    sinks : Outlets
    examiner : Examiner, optional
    trained : Trained
    writer : BackgroundWriter, optional
        On the rank that writes.
    group, layout : Group, Layout, optional
        Where several ranks record together.

    Attributes
    ----------
    recorded : int, optional
        Step of the last record.
    quantities : tuple of str
        Names of what is measured.
    writing : int, optional
        The thread that writes the store.
    """

    def __init__(
        self,
        measurements: Mapping[str, Measurement],
        sinks: Outlets,
        examiner: Examiner | None,
        trained: Trained,
        writer: BackgroundWriter | None,
        group: Group | None,
        layout: sharding.Layout | None,
    ) -> None:
        self._measurements, self._sinks, self._examiner = measurements, sinks, examiner
        self._trained = trained
        self._writer, self._group, self._layout = writer, group, layout
        self._failure: Exception | None = None
        self._closed = False
        self._process = os.getpid()
        self._waiting: Callable[[], None] | None = None  # a record whose counts are on their way
        self.recorded: int | None = None
        self.quantities = tuple(measurements)
        self.writing = None if writer is None else writer.thread
        self._counted: Mapping[str, Counted] = {}
        self._last: dict[str, Histogram] | None = {}  # of what was counted, once asked for
        self._health: tuple[Flag, ...] = ()
        self._alerts = Alerts()

    @property
    def last(self) -> dict[str, Histogram]:
        """The newest histograms by quantity."""
        self.settle()
        if self._last is None:
            self._last = {quantity: one.histogram for quantity, one in self._counted.items()}
        return self._last

    @property
    def health(self) -> tuple[Flag, ...]:
        """Flags that hold since the last record."""
        self.settle()
        return self._health

    def resume(self, step: int | None, earlier: Mapping[str, Earlier]) -> None:
        """Go on after the stored record of ``step``."""
        self.recorded = step
        for quantity, (_, bins) in earlier.items():
            if bins is not None:
                self._measurements[quantity].resume(bins)
        if self._examiner is not None:
            histories = {quantity: found for quantity, (found, _) in earlier.items()}
            self._health = self._examiner.resume(histories)
            for found in histories.values():
                self._alerts.resume(found.flags)

    def take(self, step: int, quantities: Sequence[str]) -> None:
        """Record these quantities now.

        Of tensors on a device, the counts are waited for at :meth:`settle`: a step later, when
        they are long there.
        """
        if self._waiting is not None:
            self.settle()
        now = time.time()
        if self._group is not None:
            if self._failure is not None:
                self._group.fail(self._failure)
            measured = {q: self._measurements[q] for q in quantities if q in self._measurements}
            trained, counted = reduction.record(self._group, step, self._trained.here, measured)
            self._pass_on(step, now, counted, self._trained.frozen(trained))
            return
        frozen = self._trained.frozen()
        here: dict[str, Counted] = {}
        later: dict[str, Callable[[], Counted]] = {}
        for quantity in quantities:
            measurement = self._measurements.get(quantity)
            found = None if measurement is None else measurement.begin()
            if isinstance(found, Counted):
                here[quantity] = found
            elif found is not None:
                later[quantity] = found
        if not later:
            self._pass_on(step, now, here, frozen)
            return
        self.recorded = step
        self._waiting = lambda: self._pass_on(
            step, now, here | {quantity: end() for quantity, end in later.items()}, frozen
        )

    def settle(self) -> None:
        """Finish the record that waits for its counts."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting()

    def _pass_on(
        self, step: int, now: float, counted: Mapping[str, Counted], frozen: frozenset[str]
    ) -> None:
        if not counted:
            return
        found = NOTHING
        scalars: dict[str, float] = {}
        if self._examiner is not None:
            found = self._examiner.examine_counted(step, counted, frozen)
            scalars = found.changes if found is not NOTHING else {}
        if self._writer is not None:
            membership = 0 if self._layout is None else self._layout.membership
            try:
                self._writer.hand_over(Pending(step, now, counted, scalars, membership))
            except Exception as error:
                self.fail(error)
        self.recorded = step
        self._health = found.flags
        self._counted, self._last = counted, None
        if not (found.raised or self._sinks) or not self._leads:
            return
        for line in self._alerts(found.raised):
            _LOG.warning("igfast: %s", line)
        if not self._sinks:
            return
        if self._examiner is not None:
            scalars = {TOTAL: float(len(found.flags)), **scalars}
        moments = {quantity: one.moments for quantity, one in counted.items()}
        self._sinks.write(Record(step, now, self.last, moments, scalars, found.flags))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Store named numbers, and hand them to the sinks."""
        if self._writer is not None:
            self.guard(self._store, self._writer, step, values)
        if self._leads and not self._sinks.write_scalars(step, values):
            raise RuntimeError(CLOSED)

    def _store(self, writer: BackgroundWriter, step: int, values: Mapping[str, float]) -> None:
        try:
            writer.write_scalars(step, values)
        except StoreError as error:
            if self._closed:  # by another thread, since this one has looked
                raise RuntimeError(CLOSED) from error
            raise

    def flush(self) -> None:
        """Return when everything is committed and the sinks have flushed."""
        if not self._closed:  # nor closing, where a signal handler asks
            self.settle()
            if self._failure is not None:
                raise self._failure
        if self._writer is not None:
            self._writer.flush()
        if self._leads:
            self._sinks.flush()

    def close(self) -> None:
        """Finish the store and the sinks; nothing in a process forked from the one that began."""
        if os.getpid() != self._process:
            return
        try:
            self.settle()
        finally:
            self._close()

    def _close(self) -> None:
        self._closed = True
        try:
            if self._leads:
                self._sinks.close()
        finally:  # a sink may be interrupted
            if self._writer is not None:
                self._writer.close()
        if self._failure is not None:
            raise self._failure

    def guard(self, work: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Do what one rank does alone; see :meth:`fail`."""
        try:
            work(*args, **kwargs)
        except Exception as error:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Raise what this rank ran into; where there are others, all raise it at a record."""
        if self._group is None:
            raise error
        if self._failure is None:
            self._failure = error
            with contextlib.suppress(UserWarning):  # as an error it would come too early
                warnings.warn(f"{error} (all ranks stop at the next record)", stacklevel=5)

    def refuse(self, error: Exception) -> NoReturn:
        """Raise here what keeps this rank from a record, and a RankError on those that wait."""
        if self._group is not None:
            self._group.fail(error)
        raise error

    @property
    def _leads(self) -> bool:
        """Whether sinks are this process's: of rank 0, and not of a fork of it."""
        first = self._group is None or self._group.rank == 0
        return first and os.getpid() == self._process
