"""Which records keep their histograms, so that a run of any length keeps a bounded number.

Half of the budget goes to records at equal numbers of records from each other, half to records at
equal distances along the path that the model takes, so that they lie closer where it moves faster.
Both rules are of one kind: a record has a level from its birth, and is kept while its level is not
below a threshold that rises with the run. So the rule has no memory: what is kept follows from the
records' numbers and positions alone, however often a run was interrupted.

- Record n has as many trailing zeros in n as its level: every 2^A-th record reaches level A.
- Positions along the path are integers (``ticks``). A record's level is the highest bit in which
  its ticks differ from those before: the first record in every stretch of 2^B reaches level B.

Kept besides: the first and the last record, the first one of each quantity, and those on both
sides of a change of membership.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from .. import _core

DEFAULT_HISTOGRAMS = 1024
LEAST_HISTOGRAMS = 16
TICKS = 2**20  # per standard deviation that layers move on average
MOST_MOVED = 1.0  # a record's distance counts at most this
DROPS = 8  # histograms dropped at one record: the work is spread

Float = NDArray[np.float64]


def budget_of(histograms: int | str) -> int | None:
    """How many histograms are kept, None for all.

    Raises
    ------
    ValueError
    """
    if histograms == "all":
        return None
    number = None if isinstance(histograms, str) else _integer(histograms)
    if number is None or number < LEAST_HISTOGRAMS:
        raise ValueError(
            f'histograms must be "all" or at least {LEAST_HISTOGRAMS}, the integer number to be '
            f"kept for each layer, got {histograms!r}"
        )
    return number


def _integer(value: object) -> int | None:
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


@dataclass(frozen=True)
class Place:
    """Where a record stands: its number from 0, ticks, and what follows from the one before."""

    step: int
    number: int
    ticks: int
    path_level: int
    membership: int

    @property
    def number_level(self) -> int:
        """Trailing zeros of the number."""
        return (self.number & -self.number).bit_length() - 1 if self.number else 64


def place_after(before: Place | None, step: int, moved: int, membership: int) -> Place:
    """The place of the record that follows."""
    if before is None:
        return Place(step, 0, 0, 64, membership)
    ticks = before.ticks + moved
    return Place(step, before.number + 1, ticks, (ticks ^ before.ticks).bit_length(), membership)


@dataclass
class Kept:
    """Which records have histograms in the file, and which of them are to go."""

    budget: int | None
    places: dict[int, Place] = field(default_factory=dict)
    pinned: set[int] = field(default_factory=set)

    _swept: tuple[tuple[int, int], int] | None = None  # levels, and the last step, found in order

    def wants(self, place: Place, now: Place) -> bool:
        """Whether a record is kept when the run has come to ``now``."""
        return self._wanted(place, self._levels(now))

    def surplus(self, now: Place, most: int | None = DROPS) -> list[int]:
        """Steps whose histograms are to be dropped, the oldest first."""
        levels = self._levels(now)
        steps: Iterable[int] = self.places
        if self._swept is not None and self._swept[0] == levels:  # as at most records
            last = self._swept[1]
            steps = list(takewhile(lambda step: step >= last, reversed(self.places)))[::-1]
        found = []
        for step in steps:
            if not self._wanted(self.places[step], levels):
                found.append(step)
                if len(found) == most:
                    break
        if not found and self.places:
            self._swept = levels, next(reversed(self.places))
        return found

    def _levels(self, now: Place) -> tuple[int, int]:
        """The thresholds, of numbers and of paths, when the run has come to ``now``."""
        if self.budget is None:
            return 0, 0
        half = self.budget // 2
        return (now.number // half).bit_length(), (now.ticks // half).bit_length()

    def _wanted(self, place: Place, levels: tuple[int, int]) -> bool:
        if self.budget is None or place.step in self.pinned:
            return True
        return place.number_level >= levels[0] or place.path_level > levels[1]


def places_of(records: Iterable[tuple[int, int, int]]) -> list[Place]:
    """Places of stored records, from their steps, ticks and memberships in order."""
    places: list[Place] = []
    before: Place | None = None
    for step, ticks, membership in records:
        before = place_after(before, step, ticks - before.ticks if before else 0, membership)
        places.append(before)
    return places


def distance(before: Float, now: Float) -> int:
    """Ticks between two records, from mean and variance of each layer: of (9, L) moments.

    The mean over layers of √(Δm² + 2Δσ²)/σ with the larger σ of the two: what Γ dt is for normal
    distributions. It is free, and has no noise of bins in it; it only says where to look closer.
    """
    return int(_core.moved(before, now, MOST_MOVED) * TICKS)
