"""What health knows of a run that goes on: told again from some of its records.

Counters need the last records. A size at the beginning needs the record at which it was taken.
Whether a layer explodes hangs on all records between, but the flags say it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from . import _core

if TYPE_CHECKING:
    from .health import Flag

Float = NDArray[np.float64]
# (T, L, 4): count, nan, inf, zeros; and min, max, sum, sum of squares
Sums = tuple[NDArray[np.int64], Float]
Found = list[tuple[int, int, float]] | None

SEARCHED = 64  # first records, among which a layer's size at the beginning is looked for


@dataclass(frozen=True)
class History:
    """Of one quantity.

    Attributes
    ----------
    names : tuple of str
    records : int
        How many there are.
    first : Sums
        Of records before the last ones, at which sizes of layers begin: see :func:`beginnings`.
    last : Sums
        Of the last ones, ``Rule.memory`` if there are as many.
    steps : sequence of int
        Of the last ones.
    flags : sequence of Flag
        All that were raised.
    """

    names: tuple[str, ...]
    records: int
    first: Sums
    last: Sums
    steps: Sequence[int]
    flags: Sequence[Flag]

    @property
    def held(self) -> list[Flag]:
        """Flags that hold at the last record."""
        return [flag for flag in self.flags if flag.until is None]

    def replay(self, state: _core.Health, window: int) -> Found:
        """Bring a state to where it was after the last record; what holds there."""
        found = None
        for integers, floats in zip(*self.first, strict=True):
            state.examine(integers, floats)
        if len(self.first[0]):
            for integers, floats in self._between(window):
                state.examine(integers, floats)
        for integers, floats in zip(*self.last, strict=True):
            found = state.examine(integers, floats)
        return found

    def _between(self, window: int) -> Iterator[Sums]:
        """Records in place of those that are left out, (L, 4) each.

        After them layers that exploded still do. Others have grown, never twofold within a window,
        so that they do not seem to have doubled where the last records begin.
        """
        known = self.steps[window]  # from here on the window is of records that were
        exploding = {
            flag.layer
            for flag in self.flags
            if flag.kind == "exploding"
            and flag.step < known
            and (flag.until is None or flag.until >= known)
        }
        free = np.array([name not in exploding for name in self.names])
        size = _began(self.first)
        goal = sizes(self.last)[0][:window]
        goal = np.where(np.isfinite(goal), goal, 0.0).max(axis=0) / 2
        while True:
            integers = np.zeros((len(size), 4), np.int64)
            floats = np.zeros((len(size), 4))
            integers[:, 0] = np.isfinite(size)
            floats[:, 3] = np.nan_to_num(size) ** 2
            for _ in range(window):
                yield integers, floats
            growing = free & (size < goal)
            if not growing.any():
                return
            size = np.where(growing, 2 * size, size)


def sizes(sums: Sums) -> tuple[Float, Float]:
    """(T, L) root mean squares of layers, and (T, 1) of all; NaN without elements."""
    counts, squares = sums[0][..., 0], sums[1][..., 3]
    with np.errstate(all="ignore"):
        whole = np.sqrt(squares.sum(axis=1) / counts.sum(axis=1))[:, None]
        return np.sqrt(squares / counts), whole


def beginnings(sums: Sums) -> list[int]:
    """Places of the records at which some layer's size becomes known.

    Examples
    --------
    >>> import numpy as np
    >>> integers, floats = np.zeros((3, 2, 4), np.int64), np.zeros((3, 2, 4))
    >>> integers[:, :, 0] = [[10, 0], [10, 0], [10, 10]]  # elements: the second layer's come later
    >>> floats[:, :, 3] = [[0, 0], [10, 0], [10, 10]]  # sums of squares
    >>> beginnings((integers, floats))
    [1, 2]
    """
    usable = _usable(sums)
    if not len(usable):
        return []
    found = np.argmax(usable, axis=0)[usable.any(axis=0)]
    return [int(place) for place in np.unique(found)]


def _usable(sums: Sums) -> NDArray[np.bool_]:
    size, whole = sizes(sums)
    return np.asarray((sums[0][..., 0] > 0) & np.isfinite(size) & (whole > 0))


def _began(sums: Sums) -> Float:
    """(L,) sizes at the beginning, as compiled code takes them; NaN where there is none."""
    size, whole = sizes(sums)
    usable = _usable(sums)
    at = np.argmax(usable, axis=0)
    began = np.maximum(size, whole)[at, np.arange(size.shape[1])]
    return np.where(usable.any(axis=0), began, np.nan)
