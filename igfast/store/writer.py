"""Writing a run: one transaction for each record, committed when the call returns."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from ..automatic import Bins
from ..counted import Counted
from . import rows
from .encoding import int64
from .given import Entry, Given, Measured, Pending, Quantity
from .opening import other_layers
from .progress import Progress
from .schema import StoreError
from .session import Session
from .tables import RecordTables
from .thinning import DEFAULT_HISTOGRAMS, budget_of


class RunWriter:
    """Writes a run file; each record is safe from a killed process once its call returned.

    The numbers of every record are kept, histograms by default of a bounded number of records, see
    :mod:`.thinning`. The histograms of the last record are held back until the next record,
    :meth:`flush` or :meth:`close` decides on them.

    Threads may share a writer. A process forked from the one that made it may not: there, writing
    raises RuntimeError and closing does nothing.

    Parameters
    ----------
    path : str or Path
    config : dict
        What the run was: anything JSON can hold. Kept with the run.
    resume : bool
        Continue an existing file. A record at or before the last one of the file rewinds the
        run: stored records from its step on are dropped (see also :meth:`rewind`). A
        missing file is begun.
    histograms : int or "all"
        How many histograms to keep for each layer, at most.

    Raises
    ------
    FileExistsError
        If the file exists and ``resume`` is false.
    StoreError
        If the file is not a run, is damaged or newer, or cannot be written.

    Examples
    --------
    >>> import igfast, numpy as np, tempfile, time
    >>> from igfast.store import RunReader, RunWriter
    >>> x = np.linspace(-1, 1, 100)
    >>> path = tempfile.mkdtemp() + "/run.igf"
    >>> with RunWriter(path, config={"lr": 0.1}) as writer:
    ...     writer.define_layers("param", ["w"], [(100,)], ["float64"])
    ...     writer.write_record(0, time.time(), {"param": (igfast.histogram({"w": x}), None)})
    >>> with RunReader(path) as reader:
    ...     reader.steps.tolist(), reader.config
    ([0], {'lr': 0.1})
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        config: Mapping[str, Any],
        resume: bool = False,
        histograms: int | str = DEFAULT_HISTOGRAMS,
    ) -> None:
        budget = budget_of(histograms)
        self._session = Session(path, config=config, resume=resume)
        self.path = self._session.path
        self.journal = self._session.journal
        self._quantities: dict[str, Quantity] = {}
        self._rewound = not self._session.continues
        try:
            self._tables = RecordTables(self._session)
            self._progress = Progress(self._tables, budget)
        except BaseException:
            self._session.close()
            raise

    @property
    def last_step(self) -> int | None:
        """Step of the last record, None before the first."""
        return self._progress.last_step

    def define_layers(
        self,
        quantity: str,
        names: Sequence[str],
        shapes: Sequence[Sequence[int]],
        dtypes: Sequence[str],
    ) -> None:
        """Say which layers a quantity has, in the order of its histograms.

        Raises
        ------
        StoreError
            If a resumed run has other layers under this quantity.
        """
        if not names or len(names) != len(shapes) or len(names) != len(dtypes):
            raise ValueError(
                f"{quantity!r} needs at least one layer and a shape and a dtype for each, got "
                f"{len(names)} names, {len(shapes)} shapes and {len(dtypes)} dtypes"
            )
        given = [(n, json.dumps([int(a) for a in s])) for n, s in zip(names, shapes, strict=True)]
        session = self._session
        with session.transaction():
            known = {name: id for id, name in rows.read(session.db, "quantities")}
            id = known.get(quantity, len(known) + 1)
            if quantity not in known:
                session.totals.insert(session.db, "quantities", (id, quantity))
                for i, ((name, shape), dtype) in enumerate(zip(given, dtypes, strict=True)):
                    numel = math.prod(json.loads(shape))
                    row = (id, i, name, shape, dtype, numel)
                    session.totals.insert(session.db, "layers", row)
            else:
                layers = rows.read(session.db, "layers")
                stored = [(name, shape) for of, _, name, shape, *_ in layers if of == id]
                if stored != given:
                    raise StoreError(other_layers(self.path, quantity, stored, given))
            session.commit()
            self._quantities[quantity] = Quantity.of(id, quantity, tuple(names))

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
        """Write and commit one record.

        Parameters
        ----------
        step : int
            Not below the steps written before; the same step again replaces its record. Of 64
            bits, with sign.
        wall_time : float
            Seconds since the epoch.
        quantities : mapping of str to (Histogram, Moments or None), or to Counted
            Each defined by :meth:`define_layers`, with the same layers in the same order.
        scalars : mapping of str to float, optional
        membership : int
            Changes when elements are dealt to splits anew (resharding); split estimators never
            difference across a change.
        next_bins : mapping of str to (exponents, origins) or None, optional
            Automatic bins of the next record, (L,) int64 each, from which a resumed run goes on.
            A Counted has its own.

        Raises
        ------
        ValueError
            If the step goes back or leaves 64 bits, or a histogram has other layers than defined.
        RuntimeError
            In a process forked from the one that made this writer.
        """
        step, membership = int64("step", step), int64("membership", membership)
        bins = next_bins or {}
        self.write_all([Pending(step, wall_time, quantities, scalars or {}, membership, bins)])

    def write_scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write and commit named numbers at a step; they need no record at that step."""
        self.write_all([Pending(int64("step", step), 0.0, None, values)])

    def write_all(self, pending: Sequence[Pending]) -> None:
        """Write and commit what was handed over, all of it or nothing.

        Steps of records increase; the first may be that of the last record, which it replaces.
        """
        entries = [
            Entry(
                one.step,
                float(one.wall_time),
                one.membership,
                [
                    Given.of(self._quantity(name, found), found, one.next_bins.get(name))
                    for name, found in one.quantities.items()
                ],
            )
            for one in pending
            if one.quantities is not None
        ]
        scalars = [(one.step, one.scalars) for one in pending if one.scalars]
        with self._session.alone():
            if entries:
                self._go_on_at(entries[0].step)
            self._progress.write(entries, scalars)

    def rewind(self, step: int) -> None:
        """Drop everything after ``step``: training goes on from there."""
        step = int64("step", step)
        with self._session.alone():
            self._rewind("step>?", step)

    def flush(self) -> None:
        """Commit the histograms of the last record, all else is; the run is whole then."""
        if not self._session.inherited:
            with self._session.alone():
                self._progress.settle()

    def close(self) -> None:
        """Close the file and leave a single plain one, unless a reader still has it open."""
        if self._session.inherited or self._session.closed:
            return
        try:
            self.flush()
        finally:
            self._session.close()

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _go_on_at(self, step: int) -> None:
        last = self._progress.last_step
        if not self._rewound:
            self._rewind("step>=?", step)
        elif last is not None and step < last:
            with self._session.transaction():
                pass  # where another writer has gone on, that is what is wrong
            raise ValueError(
                f"step must not go back, got {step} after {last}; call rewind({step}) first"
            )

    def _rewind(self, condition: str, step: int) -> None:
        self._progress.settle()  # the last record may be one that stays
        with self._session.transaction():
            self._session.note_resume()
            self._tables.drop(condition, step)
            self._session.commit()
            self._session.resumed()
        self._rewound = True
        self._progress.load()

    def _quantity(self, name: str, measured: Measured) -> Quantity:
        if name not in self._quantities:
            raise ValueError(f"quantity {name!r} has no layers yet; call define_layers first")
        found = self._quantities[name]
        names = measured.names if isinstance(measured, Counted) else measured[0].names
        if names != found.layers:
            raise ValueError(
                f"the histogram of {name!r} must have the {len(found.layers)} layers that "
                f"define_layers named, in that order, got {names}"
            )
        return found
