"""What a start of infinite speed hides before the first record after it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import split_tuning as tuning

Float = NDArray[np.float64]

_POWERS = np.linspace(-3.0, 3.0, 601)  # of time, that the length may grow as
_POINTS = (1, 2, 4, 8)  # intervals after the start between which lengths are compared
_BEND = (1, 2, 1)  # of three logarithms, in the difference of two powers
_TINY = 1e-300


def hidden_at_start(times: Float, lengths: Float) -> float:
    """How much longer the first interval may be than it was measured.

    Edges and points, from which layers begin, blur at a speed that has no bound at first: under
    noise the length grows as the fourth root of time, under drift as the square root. As which
    power it grows from the first record to the second and on to the fourth shows what it was up to
    the first, and as which one from there to the eighth, whether it is a power at all: one that
    rises toward the start, beyond noise, rises on, ever faster; one that does not is taken an error
    lower, so that it rather hides more. A power clearly below a fourth is of another start, whose
    speed has a bound.

    Parameters
    ----------
    times : (T,) float64
    lengths : (G, T) float64
        Up to each record, of splits.

    Returns
    -------
    float
        At most the length of the first interval; 0 where speed does not rise much toward the start.
    """
    last = lengths.shape[1] - 1
    points = [point for point in _POINTS if point <= last]
    if len(points) < 3:
        return 0.0
    since = times[points] - times[0]
    steps = np.diff(lengths[:, points], axis=1)  # (G, 2 or 3)
    mean, first = steps.mean(axis=0), float(lengths[:, 1].mean())
    error = steps.std(axis=0, ddof=1) / np.sqrt(len(steps))
    speeds = np.array([first, *mean]) / np.diff(since, prepend=0.0)
    if not ((mean > tuning.CLEAR_START * error).all() and (np.diff(speeds) < 0).all()):
        return 0.0
    power, believed = _power_at_start(since, mean, error)
    low, high = tuning.FAST_START
    believed *= float(np.clip((speeds[0] / speeds[1] - low) / (high - low), 0.0, 1.0))
    grown = (since[1] / since[0]) ** power - 1
    return believed * float(np.clip(mean[0] / grown - first, 0.0, first))


def _power_at_start(since: Float, mean: Float, error: Float) -> tuple[float, float]:
    """Power of time up to the first record, and how far it is that of a start of infinite speed.

    From lengths ``mean`` with an ``error`` between records so long ``since`` the start.
    """
    powers = [_power(since[at : at + 3], mean[at + 1] / mean[at]) for at in range(len(mean) - 1)]
    relative = error / mean / np.log(since[1] / since[0])
    noise = float(np.linalg.norm(relative[[0, -1]])) / len(powers)
    power = float(np.mean(powers))
    below = (tuning.LEAST_POWER - power) / (noise + tuning.ERROR_OF_POWER)
    believed = float(np.clip(2 - below, 0.0, 1.0))  # to one error in full, from two not
    if len(powers) > 1:
        rise = powers[0] - powers[1] - tuning.CLEAR_RISE * float(np.linalg.norm(relative * _BEND))
        power = powers[0] + 2 * rise if rise > 0 else power - noise
    return max(power, tuning.LEAST_POWER), believed


def _power(since: Float, ratio: float) -> float:
    """Power of time as which a length grows whose two steps between three times have this ratio."""
    logs = np.log(since)[:, None] * _POWERS
    grown = np.exp(logs - logs.max(axis=0))
    early, late = np.abs(np.diff(grown, axis=0))
    ratios = late / np.maximum(early, _TINY)
    known = early > 1e-9  # not at power 0, where nothing grows
    return float(np.interp(ratio, ratios[known], _POWERS[known]))
