"""Averages over windows of steps that are equally wide on a logarithmic axis.

Single intervals between records say little where a layer moves by less than its noise, and their
scatter hides the curve. A window of a tenth of a decade holds one interval early in a run and
dozens late. Weights keep every average what it would be for one long interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from igfast.report.collect import MotionCurves
from igfast.report.counted import Float, Int

PER_DECADE = 10


@dataclass(frozen=True)
class Windows:
    """Averages of L layers over W windows; velocities in 1/step.

    Attributes
    ----------
    borders : (W+1,) float64
        Steps of the records at the windows' ends.
    center : (W,) float64
        Geometric mean of the two borders, half the upper one where the lower is 0.
    slope, slope_published : (W, L) float64
        ΔL/Δstep of the report's estimator and of the published one.
    squared, squared_error : (W, L) float64
        Γ² of single intervals, ΣΓ²Δt²/ΣΔt², and its standard error; signed.
    floor : (W, L) float64
        Noise floor, √(Σfloor²Δt²/ΣΔt²).
    clear : (W, L) bool
        Whether L is resolved at the window's end.
    """

    borders: Float
    center: Float
    slope: Float
    slope_published: Float
    squared: Float
    squared_error: Float
    floor: Float
    clear: NDArray[np.bool_]


def average(motion: MotionCurves) -> Windows:
    """Averages of a motion of at least two records."""
    ends = window_ends(motion.steps)
    borders = motion.steps[ends].astype(np.float64)
    width = np.diff(borders)[:, None]
    weight = np.diff(motion.steps).astype(np.float64)[:, None] ** 2
    starts = ends[:-1]

    def mean(values: Float, power: int = 1) -> Float:
        total = np.add.reduceat(weight**power * values, starts, axis=0)
        return np.asarray(total / np.add.reduceat(weight, starts, axis=0) ** power)

    low, high = borders[:-1], borders[1:]
    return Windows(
        borders=borders,
        center=np.where(low > 0, np.sqrt(low * high), high / 2),
        slope=np.diff(motion.length[ends], axis=0) / width,
        slope_published=np.diff(motion.length_published[ends], axis=0) / width,
        squared=mean(motion.velocity_squared),
        squared_error=np.sqrt(mean(motion.velocity_squared_error**2, 2)),
        floor=np.sqrt(mean(motion.noise_floor**2)),
        clear=motion.clear[ends[1:]],
    )


def end_slopes(motion: MotionCurves) -> Float:
    """(2, L) slope of L in the first and the last window, in 1/step.

    NaN where it is not above zero, and for layers whose length is not resolved.
    """
    if len(motion.steps) < 2:
        return np.full((2, len(motion.rows)), np.nan)
    found = average(motion).slope[[0, -1]]
    clear = np.array([motion.resolved(row) for row in motion.rows])
    return np.where(clear & (found > 0), found, np.nan)


def window_ends(steps: Int) -> Int:
    """Indices of the records between which windows lie, the first and the last included.

    >>> window_ends(np.array([0, 1, 2, 3, 100, 101, 102, 200]))
    array([0, 1, 2, 3, 4, 7])
    """
    offset = np.maximum(steps - min(int(steps[0]), 0), 0)
    decade = np.log10(np.maximum(offset, 0.5))
    label = np.floor(PER_DECADE * decade + 1e-9)
    ends = np.flatnonzero(np.diff(label)) + 1
    return np.unique(np.concatenate([[0], ends, [len(steps) - 1]]))
