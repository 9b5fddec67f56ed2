"""How far a run has come: running measures, the last record, and whose histograms are kept."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..analysis.online import Online
from .encoding import moment_arrays
from .given import ColumnsRow, Entry, Given, HistogramRow
from .reader import RunReader
from .replay import replayed
from .schema import StoreError
from .tables import RecordRows, RecordTables
from .thinning import DROPS, Kept, Place, distance, place_after, places_of

Floats = NDArray[np.float64]


class Passed(NamedTuple):
    """A record that has been written: its place, and moments that the next one is compared to."""

    place: Place
    floats: Floats | None  # (9, L)


@dataclass
class Planned:
    """What becomes of records that are about to be written."""

    entries: Sequence[Entry]
    passed: list[Passed]  # before them, and after all of them the last two
    places: list[Place] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    pinned: set[int] = field(default_factory=set)
    leaving: Place | None = None  # the last record before them, at a change of membership


class Progress:
    """Writes records one after another, and decides whose histograms stay in the file."""

    def __init__(self, tables: RecordTables, budget: int | None) -> None:
        self._tables = tables
        self._session = tables.session
        self._kept = Kept(budget)
        self._passed: list[Passed] = []  # the last two
        self._online: dict[int, Online] = {}
        self._seen: set[int] = set()  # quantities that have had a histogram
        self._with_moments: dict[int, bool] = {}
        self._held_back: Sequence[Given] = ()  # of the last record
        self._behind = False  # whether running lengths are to be followed again
        self.load()

    @property
    def last_step(self) -> int | None:
        """Step of the last record, None before the first."""
        return self._passed[-1].place.step if self._passed else None

    def load(self) -> None:
        """Take up what the file holds, to go on from its last record."""
        self._load()
        self._behind = bool(self._online)  # at the next record: it takes a while

    def _load(self) -> None:
        """The same; segments of running lengths begin at the last record."""
        self._held_back = ()
        places = places_of(self._tables.places())
        with_histograms: dict[int, list[int]] = {}
        self._seen, first = set(), set[int]()
        for step, quantity in self._tables.histogram_steps():
            with_histograms.setdefault(step, []).append(quantity)
            if quantity not in self._seen:
                self._seen.add(quantity)
                first.add(step)
        kept = {p.step: p for p in places if p.step in with_histograms}
        self._kept = Kept(self._kept.budget, kept, first)
        for before, place in itertools.pairwise(places):
            if before.membership != place.membership:
                self._kept.pinned |= {before.step, place.step}
        self._passed = [Passed(place, None) for place in places[-2:]]
        self._online = {}
        if places:
            with RunReader(self._session.place) as reader:
                self._resume(reader)

    def write(
        self, entries: Sequence[Entry], scalars: Sequence[tuple[int, Mapping[str, float]]]
    ) -> None:
        """Write and commit records, and named numbers of steps, in one transaction.

        Steps increase; the first record is in place of the last one if it has the same step.
        """
        try:
            self._write(entries, scalars)
        except BaseException:
            if len(entries) > 1:  # what was measured of them is void
                with contextlib.suppress(Exception):
                    held_back = self._held_back
                    self._load()
                    self._held_back = held_back
            raise

    def _write(
        self, entries: Sequence[Entry], scalars: Sequence[tuple[int, Mapping[str, float]]]
    ) -> None:
        if entries and self._behind:
            self._behind = False
            self._replay()
        plan = self._plan(entries)
        wanted = [
            place.step in plan.pinned or self._kept.wants(place, place) for place in plan.places
        ]
        records = self._rows(plan, wanted)
        steps = {entry.step for entry in entries}
        surplus: list[int] = []
        with self._session.transaction():
            if entries:
                self._session.note_resume()
            if plan.leaving is not None:
                last = plan.leaving.step
                self._tables.put_histograms(
                    last, [one.histogram_row(last) for one in self._held_back]
                )
            if entries:
                self._tables.put_records(records, again=self.last_step == entries[0].step)
                most = DROPS * len(entries)
                surplus = [s for s in self._kept.surplus(plan.places[-1], most) if s not in steps]
                self._tables.drop_histograms(surplus)
            self._tables.put_scalars(scalars)
            self._session.commit()
        if not entries:
            return
        self._session.resumed()
        if plan.leaving is not None:
            self._kept.places[plan.leaving.step] = plan.leaving
        for dropped in (*surplus, *steps):
            self._kept.places.pop(dropped, None)
        self._kept.places |= {
            place.step: place for place, keep in zip(plan.places, wanted, strict=True) if keep
        }
        self._kept.pinned |= plan.pinned
        self._seen |= plan.seen
        self._held_back = () if wanted[-1] else entries[-1].given
        self._passed = plan.passed

    def settle(self) -> None:
        """Commit what has been held back, and drop all that is too much."""
        if not self._passed:
            return
        place = self._passed[-1].place
        surplus = [one for one in self._kept.surplus(place, None) if one != place.step]
        if not self._held_back and not surplus:
            return
        with self._session.transaction():
            self._tables.put_histograms(
                place.step, [one.histogram_row(place.step) for one in self._held_back]
            )
            self._tables.drop_histograms(surplus)
            self._session.commit()
        if self._held_back:
            self._kept.places[place.step] = place
        for dropped in surplus:
            del self._kept.places[dropped]
        self._held_back = ()

    def _plan(self, entries: Sequence[Entry]) -> Planned:
        """Places of records, and which of them must keep their histograms."""
        first = entries[0].step if entries else None
        passed = [one for one in self._passed if first is None or one.place.step < first]
        plan = Planned(entries, passed)
        for entry in entries:
            before = plan.passed[-1] if plan.passed else None
            last = before.place if before else None
            floats, moved = self._moved(before, entry.given)
            place = place_after(last, entry.step, moved, entry.membership)
            for one in entry.given:
                taken = one.floats is not None
                if self._with_moments.setdefault(one.id, taken) != taken:
                    raise ValueError(
                        f"moments of {one.quantity.name!r} must be given at every record, or at "
                        "none"
                    )
            ids = {one.id for one in entry.given}
            if ids - self._seen - plan.seen:
                plan.pinned.add(entry.step)
            plan.seen |= ids
            if last and last.membership != place.membership:
                plan.pinned |= {last.step, place.step}
                if not plan.places and self._held_back:
                    plan.leaving = last
            plan.places.append(place)
            plan.passed = [*plan.passed[-1:], Passed(place, floats)]
        return plan

    def _rows(self, plan: Planned, wanted: Sequence[bool]) -> list[RecordRows]:
        """Running measures and bytes of all records: one call for each quantity."""
        numbers: list[list[ColumnsRow]] = [[] for _ in plan.entries]
        histograms: list[list[HistogramRow]] = [[] for _ in plan.entries]
        for id in sorted(plan.seen):
            online = self._online.setdefault(id, Online())
            jobs: list[Any] = []
            places: list[tuple[int, Given]] = []
            state: Any = None
            for index, (entry, keep) in enumerate(zip(plan.entries, wanted, strict=True)):
                for one in entry.given:
                    if one.id == id:
                        state, motion = online.take(entry.step, one.counts, entry.membership)
                        packed = one.packed(entry.step) if keep else None
                        jobs.append((motion, one.numbers(entry.step), packed))
                        places.append((index, one))
            for (index, one), (running, data, packed) in zip(places, state.rows(jobs), strict=True):
                numbers[index].append((id, running, data))
                if packed is not None:
                    histograms[index].append(one.row(packed))
        times = [entry.wall_time for entry in plan.entries]
        return [*map(RecordRows, plan.places, times, histograms, numbers)]

    def _moved(self, before: Passed | None, given: Sequence[Given]) -> tuple[Floats | None, int]:
        """Moments of the first quantity, and how far it is from the record before."""
        earlier = before.floats if before else None
        for one in given:
            if one.id == 1 and one.floats is not None:
                return one.floats, 0 if earlier is None else distance(earlier, one.floats)
        return earlier, 0

    def _resume(self, reader: RunReader) -> None:
        """Go on measuring from what is stored of the last records."""
        if reader.quantities:
            first = reader.quantities[0]
            steps = reader.moment_steps(first)
            for index, passed in enumerate(self._passed):
                known = steps[steps <= passed.place.step]
                if len(known):
                    moments = reader.moments_at(first, int(known[-1]))
                    self._passed[index] = Passed(passed.place, moment_arrays(moments)[1])
        for id, quantity in enumerate(reader.quantities, 1):
            if len(reader.recorded_steps(quantity)):
                self._with_moments[id] = bool(len(reader.moment_steps(quantity)))
            steps = reader.steps_of(quantity)
            if len(steps):
                length = reader.running_length(quantity)
                membership = int(reader.memberships_of(quantity)[-1])
                histogram = reader.histogram(quantity, -1)
                online = Online()
                online.resume(int(steps[-1]), histogram, membership, length)
                self._online[id] = online

    def _replay(self) -> None:
        """Follow running lengths again, to know where their segments began."""
        # an older record may be damaged: reading it says so, and the run goes on
        with contextlib.suppress(StoreError), RunReader(self._session.place) as reader:
            for id in self._online:
                with contextlib.suppress(StoreError):
                    self._online[id] = replayed(reader, reader.quantities[id - 1])
