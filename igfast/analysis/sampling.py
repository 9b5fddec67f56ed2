"""Whether records are close enough in time: where a path turns between them, corners are cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .paths import estimate
from .series import LayerSeries
from .simple import PathEstimate
from .split import SplitLength, split_length
from .split_tuning import SMOOTH_TURN

Float = NDArray[np.float64]

MOST_CUT = 0.05  # share of the length that half as many records may lose, and that arcs may add
CONVERGENCE = (1.25, 4.0)  # least and most that losses are taken to fall by as records double
MOST_LOST_DIRECTION = 0.25  # share of the length that may lie where the direction is lost


@dataclass(frozen=True)
class Sampling:
    """How the length of a layer's path depends on how often it was recorded.

    Attributes
    ----------
    length, error : float
        L between the first and the last of every second record, from all records.
    length_every_second : float
        L from every second record.
    length_every_fourth : float
        L from every fourth record, and what all records give after the last of them.
    added : float
        Relative length added for arcs against chords (an estimate, part of ``length``).
    turning : float
        Median angle by which the path turns from record to record, in radians, weighted by
        length; NaN where single records do not resolve the motion.
    lost_direction : float
        Share of the length in intervals at which the path turns by more than 60°.
    """

    length: float
    error: float
    length_every_second: float
    length_every_fourth: float
    added: float
    turning: float
    lost_direction: float

    @property
    def coarse(self) -> bool:
        """Whether records are so far apart that corners of the path may be cut.

        Where half of the records lose much, or where twice as many would still add much: their gain
        is extrapolated from what every second and every fourth lose.
        """
        missing = self.length - self.length_every_second
        differs = max(missing, self.expected) > MOST_CUT * self.length and missing > self.error
        return bool(differs or self.added > MOST_CUT or self.lost_direction > MOST_LOST_DIRECTION)

    @property
    def expected(self) -> float:
        """Length that ever more records would add, by the fall of losses (A. C. Aitken, 1926)."""
        second = self.length - self.length_every_second
        fourth = self.length_every_second - self.length_every_fourth
        if not second > 0:
            return 0.0
        return float(second / (np.clip(fourth / second, *CONVERGENCE) - 1))

    @property
    def statement(self) -> str:
        """One sentence for reports."""
        half = (
            f"every second record gives L = {self.length_every_second:.3g}, "
            f"every fourth {self.length_every_fourth:.3g},"
        )
        if not self.coarse:
            return f"Sampling resolves the path: {half} instead of {self.length:.3g}."
        return (
            f"Sampling is coarse: {half} instead of {self.length:.3g}, arcs add "
            f"{self.added:.0%}, and {self.lost_direction:.0%} of the length lies at sharp turns; "
            "the length belongs to this rate of sampling. Record more often, or see length_scales."
        )


def judge_sampling(
    series: Sequence[LayerSeries],
    second: Sequence[LayerSeries],
    fourth: Sequence[LayerSeries],
    records: int,
) -> Sampling:
    """Compare a run of ``records`` records with every second and every fourth record of it.

    Raises
    ------
    ValueError
        If there is no record.
    """
    if records < 1:
        raise ValueError("a length needs at least one record; this run has none yet")
    parts: list[SplitLength] = []

    def remembered(part: LayerSeries) -> PathEstimate:
        one = split_length(part.steps, part.split_counts, part.split_outside, part.offsets)
        parts.append(one)
        return PathEstimate(
            one.velocity_squared, one.velocity_squared_error, one.length, one.standard_error
        )

    found = estimate(series, remembered, records)
    halved, quartered = (records + 1) // 2, (records + 3) // 4
    last, before = 2 * (halved - 1), 4 * (quartered - 1)
    of_second = estimate(second, "split", halved).length[-1]
    of_fourth = estimate(fourth, "split", quartered).length[-1]
    counted = [part.counted for part in series]
    lengths = _join([np.diff(part.length) for part in parts], counted)
    turning = _join([part.turning for part in parts], counted)
    known = np.isfinite(turning)
    total = float(lengths.sum())
    lost = float(lengths[known & (turning > SMOOTH_TURN)].sum())
    return Sampling(
        float(found.length[last]),
        float(found.length_error[last]),
        float(of_second),
        float(of_fourth + found.length[last] - found.length[before]),
        _added(parts),
        _weighted_median(turning[known], lengths[known]),
        lost / total if total > 0 else 0.0,
    )


def _join(values: list[Float], counted: list[slice]) -> Float:
    kept = [value[here] for value, here in zip(values, counted, strict=True)]
    return np.concatenate([np.zeros(0), *kept])


def _added(parts: list[SplitLength]) -> float:
    lengths = np.array([part.length[-1] for part in parts])
    if not lengths.sum() > 0:
        return 0.0
    return float(np.average([part.added for part in parts], weights=lengths))


def _weighted_median(values: Float, weights: Float) -> float:
    if not weights.sum() > 0:
        return float("nan")
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(share, 0.5)])
