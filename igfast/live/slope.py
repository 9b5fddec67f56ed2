"""Γ of a run that goes on: the slope of its running length."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

WINDOW = 10.0**0.1  # last over first step of the window of Γ, as in a report


class Slope(NamedTuple):
    """Of L at a record: (L,) Γ in 1/step, and over how many steps it was taken."""

    velocity: Float
    steps: Float


class _Length(NamedTuple):
    """L at a record, and since which step it has been as long: what comes next moved since then."""

    step: int
    length: Float
    since: Float


class RecentSlope:
    """Slope of L over the last tenth of a decade of steps, at least since the record before.

    0 where L has not risen, NaN at the first record. Between two records, where they are dense,
    motion is within the noise. A step again, or an earlier one, replaces what came after it.

    Examples
    --------
    >>> import numpy as np
    >>> slope = RecentSlope()
    >>> for step in (80, 90, 100):
    ...     found = slope(step, np.array([step / 50, 1.5]))
    >>> found.velocity, found.steps
    (array([0.02, 0.  ]), array([20., 20.]))
    """

    def __init__(self) -> None:
        self._past: list[_Length] = []  # from before the window of Γ up to the newest

    def __call__(self, step: int, length: Float) -> Slope:
        """Up to a record of (L,) lengths; older records are forgotten."""
        past = self._past
        while past and past[-1].step >= step:
            del past[-1]
        since = np.full(len(length), step, np.float64)
        if past:
            since = np.where(length == past[-1].length, past[-1].since, since)
        past.append(_Length(step, length, since))
        while len(past) > 2 and WINDOW * past[1].step <= step:
            del past[0]
        if len(past) < 2:
            unknown = np.full(len(length), np.nan)
            return Slope(unknown, unknown)
        steps = step - past[0].since
        risen = np.maximum(length - past[0].length, 0.0)
        return Slope(risen / steps, steps)
