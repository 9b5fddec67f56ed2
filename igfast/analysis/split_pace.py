"""Which records a path is known by: as much by where it goes far as by where many were made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import split_tuning as tuning
from .split_errors import segment_ends

Int = NDArray[np.int64]
Float = NDArray[np.float64]


def records_for_pace(records: int) -> Int:
    """At equal distances, the first and the last among them."""
    at = np.arange(0, records, max(1, records // tuning.RECORDS_FOR_PACE))
    return at if at[-1] == records - 1 else np.append(at, records - 1)


def record_weights(increments: Float, at: Int) -> Float:
    """(T,) weights of records, of mean 1, from (G, K) displacements of splits between those ``at``.

    Noise is told from motion by all records together. Were each of them to count the same, a few
    fast steps at the start of a run would be lost among thousands of slow ones, and the more so the
    more often these were recorded. So half of the weight goes by records, and half by the length
    of the path around them, as far as it is clear of noise.
    """
    lengths = np.cumsum(np.pad(increments, ((0, 0), (1, 0))), axis=1)
    ends = segment_ends(lengths)
    grown = np.maximum.accumulate(np.maximum(lengths[:, ends].mean(axis=0), 0.0))
    if not grown[-1] > 0:
        return np.ones(at[-1] + 1)
    steps = np.diff(np.interp(np.arange(at[-1] + 1), at[ends], grown))
    around = 0.5 * (np.append(steps, steps[-1]) + np.append(steps[0], steps))
    even = tuning.WEIGHT_BY_RECORDS
    return np.asarray(even + (1 - even) * around / around.mean())


def chosen_records(weights: Float, number: int) -> Int:
    """About so many records, and not twice as many, at equal weights from each other."""
    if len(weights) < 2 * number:
        return np.arange(len(weights))
    clock = np.cumsum(weights)
    at = np.linspace(clock[0], clock[-1], number + 1)
    return np.unique(np.searchsorted(clock, at * (1 - 1e-12)))
