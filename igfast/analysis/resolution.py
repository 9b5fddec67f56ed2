"""Whether bins are narrow enough: what they hide of a layer's motion."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..numerals import with_error
from .paths import SplitEstimate

FEWEST = 2  # records of which any motion tells
MOST_LOST = 0.05  # share of the length that bins may lose, and of the elements outside them


@dataclass(frozen=True)
class Resolution:
    """How much of a layer's length the bins hide.

    As far as the length is known. NaN where that of no motion is.

    Attributes
    ----------
    length, error : float
        L of the whole run.
    lost : float
        Relative length that bins of this width lose, as joining them tells. It is part of
        ``length``, and half of it, or all where offsets cut bins in two, is in ``error``.
    hidden : float
        Relative length that ever narrower bins may show beyond it, in ``error`` alone: that of
        structure over decades of width, of which each halving of the bins shows as much again.
    outside : float
        Largest share of elements outside the bins in a record: those below and those above are one
        bin each.
    """

    length: float
    error: float
    lost: float
    hidden: float
    outside: float

    @property
    def coarse(self) -> bool:
        """Whether bins hide more than a twentieth of the length, or of the elements."""
        return self.lost + self.hidden > MOST_LOST or self.outside > MOST_LOST

    @property
    def statement(self) -> str:
        """One sentence for reports.

        >>> print(Resolution(1.0, 0.2, 0.08, 0.0, 0.0).statement)
        Bins are coarse: 8% of L = 1.00 ± 0.20 is added for what they hide. Record with more bins.
        """
        if math.isnan(self.error):
            return "Bins cannot be judged: the length is not known."
        whole = f"L = {with_error(self.length, self.error)}"
        if not self.coarse:
            return (
                f"Bins resolve the motion: {self.lost:.1%} of {whole} is added for what they hide."
            )
        said, remedies = [], []
        if self.lost + self.hidden > MOST_LOST:
            more = f", and finer ones may show {self.hidden:.0%} more" if self.hidden else ""
            said.append(f"{self.lost:.0%} of {whole} is added for what they hide{more}")
            remedies.append("record with more bins")
        if self.outside > MOST_LOST:
            said.append(f"up to {self.outside:.0%} of the elements lie outside them")
            remedies.append("let them cover all elements")
        remedy = " and ".join(remedies)
        return f"Bins are coarse: {'; '.join(said)}. {remedy[0].upper()}{remedy[1:]}."


def judge_resolution(whole: SplitEstimate) -> Resolution:
    """What a split estimate tells of the bins it was made in."""
    if whole.known < FEWEST:
        nothing = float("nan")
        return Resolution(nothing, nothing, nothing, nothing, whole.outside)
    last = whole.known - 1
    return Resolution(
        float(whole.length[last]),
        float(whole.length_error[last]),
        whole.lost_in_bins,
        whole.hidden_in_bins,
        whole.outside,
    )
