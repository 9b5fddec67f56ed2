"""Unit tangents of a path from the shortest windows of time in which it moves clearly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import split_tuning as tuning

Int = NDArray[np.int64]
Float = NDArray[np.float64]

_TINY = 1e-300
_ROUNDING = 1e-24  # squares below are no motion: one element of 10⁹ is 10⁻¹⁸
_LEAST_COSINE = 0.5  # squared; a window of clear motion has more than 1 − 1/CLEAR_MOTION


@dataclass(frozen=True)
class Tangents:
    """Of S curves over K intervals; where nothing moves clearly, direction and width are 0.

    Attributes
    ----------
    direction : (S, K, R) float64
    width : (S, K) int64
        Records in the window that gave it.
    squared_cosine : (S, K) float64
        To the true tangent.
    parts : (S, K, G, R) float64
        Displacements of all splits over the window, in units of the one that gave the direction.
    """

    direction: Float
    width: Int
    squared_cosine: Float
    parts: Float


def tangents(curves: Float, splits: Float) -> Tangents:
    """Tangents of (S, T, R) curves, the noise of each known from its (S, T, G, R) splits.

    The displacement V over a centered window of time, else over one that ends or begins here, is
    used where |V|² is ``CLEAR_MOTION`` times its noise: on the mean around it, lest windows be
    chosen in which noise is large by chance. A centered chord has the direction of the arc to
    second order. What noise is left across V turns it by 1 − cos² = noise/|V|².
    """
    count, intervals = len(curves), curves.shape[1] - 1
    direction = np.zeros((count, intervals, curves.shape[2]))
    cosine, width = np.ones((count, intervals)), np.zeros((count, intervals), dtype=np.int64)
    parts = np.zeros((count, intervals, *splits.shape[2:]))
    open_ = np.ones((count, intervals), dtype=bool)
    # records last: few modes and splits make long rows, and every sum runs along them
    whole = np.ascontiguousarray(curves.transpose(2, 0, 1))
    each = np.ascontiguousarray(splits.transpose(3, 2, 0, 1))
    for span in _spans(intervals):
        windows = _windows(whole, each, span)
        sides = (0, -1, 1) if span > 1 else (0,)
        starts = np.stack([_starts(intervals, span, side) for side in sides])
        ratio, squared = windows.clear(starts, span)
        best = np.where(ratio[:, 0] > tuning.CLEAR_MOTION, 0, ratio.argmax(axis=1))
        found = open_ & (ratio.max(axis=1) > tuning.CLEAR_MOTION)
        for number, start in enumerate(starts):
            here = found & (best == number)
            curve, interval = np.nonzero(here)
            at = (..., curve, start[interval])
            direction[here], width[here] = windows.unit[at].T, span
            cosine[here] = squared[:, number][here]
            parts[here] = (windows.each[at] / windows.length[at]).T
        open_ &= ~found
        if not open_.any():
            break
    return Tangents(direction, width, np.clip(cosine, _LEAST_COSINE, 1.0), parts)


@dataclass(frozen=True)
class _Windows:
    """Displacements over all windows of one span, by the record they start from.

    Of the curves ``squared`` and ``length`` (S, W) and ``unit`` (R, S, W); of their splits ``each``
    (R, G, S, W); ``noise`` (S, W) of the curves, and what of it is ``along`` the displacement.
    """

    squared: Float
    length: Float
    unit: Float
    each: Float
    noise: Float
    along: Float

    def clear(self, starts: Int, span: int) -> tuple[Float, Float]:
        """(S, A, K) squared displacement over its noise, and squared cosine.

        Of windows that start at (A, K) records.
        """
        squared, noise = self.squared[:, starts], self.noise[:, starts]
        around = _smooth(np.stack([squared, noise]), tuning.SPANS_AROUND * span)
        clear = np.minimum(around[0], tuning.MOST_ABOVE * squared)
        ratio = clear / np.maximum(around[1], _ROUNDING)
        return ratio, 1.0 - _smooth(noise - self.along[:, starts], span) / squared


def _windows(curves: Float, splits: Float, span: int) -> _Windows:
    """Of curves (R, S, T) and splits (R, G, S, T)."""
    chord = curves[..., span:] - curves[..., :-span]
    each = splits[..., span:] - splits[..., :-span]
    spread = each - each.mean(axis=1, keepdims=True)
    squared = np.maximum(np.square(chord).sum(axis=0), _TINY)
    length = np.sqrt(squared)
    unit = chord / length
    # from the spread of G splits to the noise of a mean of G − 1
    scale = 1.0 / (splits.shape[1] - 1) ** 2
    along = np.square((spread * unit[:, None]).sum(axis=0)).sum(axis=0) * scale
    noise = np.square(spread).sum(axis=(0, 1)) * scale
    return _Windows(squared, length, unit, each, noise, along)


def _smooth(values: Float, half: int) -> Float:
    """Running mean over 2·half + 1 of (…, T) values in time, fewer at the ends."""
    times = values.shape[-1]
    total = np.zeros((*values.shape[:-1], times + 1))
    np.cumsum(values, axis=-1, out=total[..., 1:])
    here = np.arange(times)
    low, high = np.maximum(here - half, 0), np.minimum(here + half + 1, times)
    return np.asarray((total[..., high] - total[..., low]) / (high - low))


def _spans(intervals: int) -> list[int]:
    """Odd widths growing by about √2, and the whole."""
    spans = [1, 3]
    while spans[-1] < intervals:
        last = spans[-1]
        spans.append(last + 2 if last <= 5 else 2 * round(last * 0.5**0.5) + 1)
    return [span for span in spans if span < intervals] + [intervals]


def _starts(intervals: int, span: int, side: int) -> Int:
    """First record of the window around (0), before (−1) or after (1) each interval."""
    here = np.arange(intervals)
    shift = {0: (span - 1) // 2, -1: span - 1, 1: 0}[side]
    return np.clip(here - shift, 0, intervals - span)
