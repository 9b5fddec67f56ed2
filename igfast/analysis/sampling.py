"""Whether records are close enough in time: where a path turns between them, corners are cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..numerals import number, with_error
from .paths import SplitEstimate
from .simple import PathEstimate
from .split_tuning import SMOOTH_TURN

Float = NDArray[np.float64]

MOST_CUT = 0.05  # share of the length that half as many records may lose, and that arcs may add
CONVERGENCE = (1.25, 4.0)  # least and most that losses are taken to fall by as records double
FEWEST = 3  # records of which every second tells anything
MOST_LOST_DIRECTION = 0.25  # share of the length that may lie where the direction is lost


@dataclass(frozen=True)
class Sampling:
    """How the length of a layer's path depends on how often it was recorded.

    As far as the length is known: to the last record before one without elements. NaN where none
    of it is.

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
    records : int
        At which the length is known; fewer than 3 say nothing.
    hidden_in_steps : float
        Relative length that long steps between records, or a start of infinite speed, may hide: it
        is in ``error``.
    """

    length: float
    error: float
    length_every_second: float
    length_every_fourth: float
    added: float
    turning: float
    lost_direction: float
    records: int
    hidden_in_steps: float = 0.0

    @property
    def coarse(self) -> bool:
        """Whether records are so far apart that corners of the path may be cut.

        Where half of the records lose much, or where twice as many would still add much: their gain
        is extrapolated from what every second and every fourth lose. Or where single steps may hide
        much, of which half the records know no more.
        """
        missing = self.length - self.length_every_second
        differs = max(missing, self.expected) > MOST_CUT * self.length and missing > self.error
        steps = max(self.added, self.hidden_in_steps) > MOST_CUT
        return bool(differs or steps or self.lost_direction > MOST_LOST_DIRECTION)

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
        if self.records < FEWEST:
            return (
                f"Sampling cannot be judged: of {FEWEST} records that are needed the length is "
                f"known at {self.records}."
            )
        half = (
            f"every second record gives L = {number(self.length_every_second)}, "
            f"every fourth {number(self.length_every_fourth)},"
        )
        whole = f"instead of {with_error(self.length, self.error)}"
        if not self.coarse:
            return f"Sampling resolves the path: {half} {whole}."
        hidden = ""
        if self.hidden_in_steps > MOST_CUT:
            hidden = f", single steps may hide {self.hidden_in_steps:.0%} more"
        return (
            f"Sampling is coarse: {half} {whole}, arcs add {self.added:.0%}{hidden}, and "
            f"{self.lost_direction:.0%} of the length lies at sharp turns; the length belongs to "
            "this rate of sampling. Record more often, or see length_scales."
        )


def judge_sampling(whole: SplitEstimate, second: PathEstimate, fourth: PathEstimate) -> Sampling:
    """Compare a run of T records with every second and every fourth record of it.

    Raises
    ------
    ValueError
        If there is no record.
    """
    records = len(whole.length)
    if records < 1:
        raise ValueError("a length needs at least one record; this run has none yet")
    reached = max(whole.known - 1, 0)
    if records > 1 and reached == 0:  # a single split, or an empty one
        nothing = float("nan")
        return Sampling(nothing, nothing, nothing, nothing, nothing, nothing, nothing, whole.known)
    last, before = 2 * (reached // 2), 4 * (reached // 4)
    lengths = np.diff(whole.length[: reached + 1])
    turning = whole.turning[:reached]
    known = np.isfinite(turning)
    total = float(lengths.sum())
    lost = float(lengths[known & (turning > SMOOTH_TURN)].sum())
    return Sampling(
        float(whole.length[last]),
        float(whole.length_error[last]),
        float(second.length[last // 2]),
        float(fourth.length[before // 4] + whole.length[last] - whole.length[before]),
        whole.added,
        _weighted_median(turning[known], lengths[known]),
        lost / total if total > 0 else 0.0,
        whole.known,
        whole.hidden_in_steps,
    )


def _weighted_median(values: Float, weights: Float) -> float:
    if not weights.sum() > 0:
        return float("nan")
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(share, 0.5)])
