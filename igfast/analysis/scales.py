"""L(τ): the length of a path smoothed over τ steps, and whether it depends on τ.

Motion that all elements share is real motion on any scale of time. Where a layer shakes as a whole,
as minibatches make it, its path is longer the closer one looks, as a coast is; so a length belongs
to a scale, unless there is a plateau.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..numerals import number, with_error
from .one_thread import on_one_thread
from .paths import joined
from .series import LayerSeries
from .simple import PathEstimate
from .split import split_length
from .split_cells import of_one_value

Int = NDArray[np.int64]
Float = NDArray[np.float64]

WINDOWS = (1, 2, 4, 8, 16, 32, 64, 128)  # records that are averaged
FEWEST_WINDOWS = 4  # a run is smoothed over at most a quarter of its records
READ = 4  # records that are read of a smoothed path in each window; those between tell nothing new
PLATEAU = 3  # neighboring scales at least
AGREEMENT = 0.05  # and their lengths differ by no more than this, or by one standard error


@dataclass(frozen=True)
class LengthByScale:
    """Length of a layer's path at S scales.

    Attributes
    ----------
    scales : (S,) float64
        τ in steps: records averaged times the median interval.
    lengths, errors : (S,) float64
        L of the path smoothed over τ, with its standard error.
    plateau : (int, int) or None
        First and last index of the longest range of scales over which L is the same.
    """

    scales: Float
    lengths: Float
    errors: Float
    plateau: tuple[int, int] | None

    @property
    def statement(self) -> str:
        """One sentence on what the length of this path is."""
        if np.isnan(self.lengths).any():
            return "The length of this path is not known: too few elements, or a single split."
        if len(self.scales) < PLATEAU:
            return f"Too few records to compare scales: L = {number(self.lengths[0])}."
        if self.plateau is None:
            return (
                f"L has no plateau: {number(self.lengths[0])} at τ = {self.scales[0]:g} steps, "
                f"{number(self.lengths[-1])} at {self.scales[-1]:g}; it belongs to a scale of time."
            )
        first, last = self.plateau
        here = slice(first, last + 1)
        length, error = float(np.median(self.lengths[here])), float(self.errors[here].max())
        return (
            f"L = {with_error(length, error)} whether smoothed over {self.scales[first]:g} or "
            f"{self.scales[last]:g} steps."
        )


@on_one_thread
def length_by_scale(series: Sequence[LayerSeries], whole: PathEstimate) -> LengthByScale:
    """L(τ) of a run from the series it was cut into and the estimate from its records as they are.

    Histograms are averaged over symmetric windows of records, which leaves a straight path as it
    is and shortens what goes to and fro within a window. As far as the length is known: to the last
    record before one without elements.

    Examples
    --------
    See :meth:`igfast.Trajectory.length_scales`.

    Raises
    ------
    ValueError
        If there is no record.
    """
    records = len(whole.length)
    if records < 1:
        raise ValueError("a length needs at least one record; this run has none yet")
    windows = [w for w in WINDOWS if w == 1 or FEWEST_WINDOWS * w <= records]
    totals = [_Totals(part) for part in series] if len(windows) > 1 else []
    found = [joined(series, [one.smoothed(w) for one in totals], records) for w in windows[1:]]
    found.insert(0, whole)
    steps = np.concatenate([np.diff(part.steps) for part in series] or [np.ones(1)])
    last = max(whole.known - 1, 0)
    lengths = np.array([one.length[last] for one in found])
    errors = np.array([one.length_error[last] for one in found])
    if records > 1 and last == 0:
        lengths[:] = errors[:] = np.nan
    scales = np.array(windows) * float(np.median(steps))
    return LengthByScale(scales, lengths, errors, _plateau(lengths, errors))


class _Totals:
    """Running totals of a series' counts, from which any window's average is a difference."""

    def __init__(self, series: LayerSeries) -> None:
        self._steps = series.steps
        self._counts = _running(series.split_counts)
        self._outside = _running(series.split_outside)
        self._offsets = self._one_value = None
        if series.offsets is not None:
            self._offsets = _running(series.offsets)
            # averages would not be exact
            self._one_value = of_one_value(series.split_counts, series.offsets)

    def smoothed(self, window: int) -> PathEstimate:
        """Estimate from averages over ``window`` + 1 records, fewer at the ends."""
        at, half = _windows(len(self._steps), window)
        counts, outside = (_average(total, at, half) for total in (self._counts, self._outside))
        offsets = None if self._offsets is None else _average(self._offsets, at, half)
        found = split_length(self._steps[at], counts, outside, offsets, self._one_value)
        length, error = (
            np.interp(self._steps, self._steps[at], values)
            for values in (found.length, found.standard_error)
        )
        unknown = np.full(max(len(length) - 1, 0), np.nan)
        return PathEstimate(unknown, unknown, length, error)


def _windows(records: int, window: int) -> tuple[Int, Int]:
    """Middle records of windows that overlap ``READ`` times, and their half widths."""
    here = np.arange(records)
    half = np.minimum(np.minimum(here, here[::-1]), window // 2)
    place = np.cumsum(1.0 / np.maximum(1.0, 2 * half / READ))
    wanted = np.arange(place[0], place[-1])
    at = np.unique(np.append(np.searchsorted(place, wanted), records - 1))
    return at, half[at]


def _running(values: NDArray[Any]) -> NDArray[Any]:
    total = np.zeros((len(values) + 1, *values.shape[1:]), values.dtype)
    np.cumsum(values, axis=0, out=total[1:])
    return total


def _average(total: NDArray[Any], at: Int, half: Int) -> Float:
    spread = total[at + half + 1] - total[at - half]
    return np.asarray(spread / (2 * half + 1).reshape(-1, 1, 1))


def _plateau(lengths: Float, errors: Float) -> tuple[int, int] | None:
    best = None
    for first in range(len(lengths)):
        for last in range(first + PLATEAU - 1, len(lengths)):
            part = lengths[first : last + 1]
            allowed = max(AGREEMENT * part.mean(), errors[first : last + 1].max())
            longer = best is None or last - first > best[1] - best[0]
            if part.max() - part.min() <= allowed and longer:
                best = (first, last)
    return best
