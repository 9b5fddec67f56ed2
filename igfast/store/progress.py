"""How far a run has come: running measures, the last record, and whose histograms are kept."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..analysis.online import RUNNING_FIELDS, Online
from ..summary import Moments
from .reader import RunReader
from .tables import Given, RecordTables
from .thinning import Kept, Place, distance, place_after, places_of


@dataclass(frozen=True)
class Passed:
    """A record that has been written: its place, and moments that the next one is compared to."""

    place: Place
    moments: Moments | None


class Progress:
    """Writes records one after another, and decides whose histograms stay in the file."""

    def __init__(self, tables: RecordTables, budget: int | None) -> None:
        self._tables = tables
        self._session = tables.session
        self._kept = Kept(budget)
        self._passed: list[Passed] = []  # the last two
        self._online: dict[str, Online] = {}
        self._seen: set[int] = set()  # quantities that have had a histogram
        self._with_moments: dict[str, bool] = {}
        self._held_back: Sequence[Given] = ()  # of the last record
        self.load()

    @property
    def last_step(self) -> int | None:
        """Step of the last record, None before the first."""
        return self._passed[-1].place.step if self._passed else None

    def load(self) -> None:
        """Take up what the file holds."""
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
            with RunReader(self._session.path) as reader:
                self._resume(reader)

    def write(
        self,
        step: int,
        wall_time: float,
        membership: int,
        given: Sequence[Given],
        scalars: Mapping[str, float],
    ) -> None:
        """Write and commit a record, in place of the last one if it has the same step."""
        passed = [one for one in self._passed if one.place.step < step]
        before = passed[-1] if passed else None
        moments, moved = self._moved(before, given)
        place = place_after(before.place if before else None, step, moved, membership)
        for one in given:
            if self._with_moments.setdefault(one.quantity, one.moments is not None) != (
                one.moments is not None
            ):
                raise ValueError(
                    f"moments of {one.quantity!r} must be given at every record, or at none"
                )
        rows = [one.columns_row(step, self._measure(one, step, membership)) for one in given]
        pinned = set[int]()
        if {one.id for one in given} - self._seen:
            pinned.add(step)
        leaving: Sequence[Given] = ()  # the last record before a change of membership
        if before and before.place.membership != membership:
            pinned |= {before.place.step, step}
            leaving = self._held_back
        wanted = step in pinned or self._kept.wants(place, place)
        histograms = [one.histogram_row(step) for one in given] if wanted else []
        with self._session.transaction():
            self._session.note_resume()
            if before and leaving:
                last = before.place.step
                self._tables.put_histograms(last, [one.histogram_row(last) for one in leaving])
            self._tables.put_record(place, wall_time, histograms, rows)
            self._tables.put_scalars(step, scalars)
            surplus = [one for one in self._kept.surplus(place) if one != step]
            self._tables.drop_histograms(surplus)
            self._session.commit()
            self._session.resumed()
        if before and leaving:
            self._kept.places[before.place.step] = before.place
        for dropped in (*surplus, step):
            self._kept.places.pop(dropped, None)
        if wanted:
            self._kept.places[step] = place
        self._kept.pinned |= pinned
        self._seen |= {one.id for one in given}
        self._held_back = () if wanted else given
        self._passed = [*passed[-1:], Passed(place, moments)]

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

    def _moved(self, before: Passed | None, given: Sequence[Given]) -> tuple[Moments | None, int]:
        """Moments of the first quantity, and how far it is from the record before."""
        earlier = before.moments if before else None
        for one in given:
            if one.id == 1 and one.moments is not None:
                now = one.moments.to_numpy()
                return now, distance(earlier, now) if earlier else 0
        return earlier, 0

    def _measure(self, given: Given, step: int, membership: int) -> NDArray[np.float32]:
        online = self._online.setdefault(given.quantity, Online())
        found = online(step, given.histogram, membership)
        return np.stack([getattr(found, name) for name in RUNNING_FIELDS]).astype(np.float32)

    def _resume(self, reader: RunReader) -> None:
        """Go on measuring from what is stored of the last records."""
        if reader.quantities:
            first = reader.quantities[0]
            steps = reader.moment_steps(first)
            for index, passed in enumerate(self._passed):
                known = steps[steps <= passed.place.step]
                moments = reader.moments_at(first, int(known[-1])) if len(known) else None
                self._passed[index] = Passed(passed.place, moments)
        for quantity in reader.quantities:
            if len(reader.recorded_steps(quantity)):
                self._with_moments[quantity] = bool(len(reader.moment_steps(quantity)))
            steps = reader.steps_of(quantity)
            if len(steps):
                length = reader.running(quantity, steps[-1:])["length"][0]
                membership = int(reader.memberships_of(quantity)[-1])
                histogram = reader.histogram(quantity, -1)
                online = Online()
                online.resume(int(steps[-1]), histogram, membership, length)
                self._online[quantity] = online
