"""Unit tangents of a path from the shortest windows of time in which it moves clearly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import split_tuning as tuning
from .split_cells import smooth

Int = NDArray[np.int64]
Float = NDArray[np.float64]

_TINY = 1e-300
_LEAST_COSINE = 0.5  # squared; a window of clear motion has more than 1 − 1/CLEAR_MOTION


@dataclass(frozen=True)
class Tangents:
    """Of K intervals; where nothing moves clearly, direction and width are 0.

    Attributes
    ----------
    direction : (K, R) float64
    width : (K,) int64
        Records in the window that gave it.
    squared_cosine : (K,) float64
        To the true tangent.
    parts : (K, G, R) float64
        Displacements of all splits over the window, in units of the one that gave the direction.
    """

    direction: Float
    width: Int
    squared_cosine: Float
    parts: Float


def tangents(curve: Float, splits: Float) -> Tangents:
    """Tangents of a (T, R) curve whose noise is known from (T, G, R) splits.

    The displacement V over a centered window of time, else over one that ends or begins here, is
    used where |V|² is ``CLEAR_MOTION`` times its noise: on the mean around it, lest windows be
    chosen in which noise is large by chance. A centered chord has the direction of the arc to
    second order. What noise is left across V turns it by 1 − cos² = noise/|V|².
    """
    intervals = len(curve) - 1
    direction = np.zeros((intervals, curve.shape[1]))
    cosine, width = np.ones(intervals), np.zeros(intervals, dtype=np.int64)
    parts = np.zeros((intervals, *splits.shape[1:]))
    open_ = np.ones(intervals, dtype=bool)
    # records last: few modes and splits make long rows, and every sum runs along them
    whole, each = np.ascontiguousarray(curve.T), np.ascontiguousarray(splits.T)
    for span in _spans(intervals):
        windows = _windows(whole, each, span)
        sides = (0, -1, 1) if span > 1 else (0,)
        starts = [_starts(intervals, span, side) for side in sides]
        tried = [windows.clear(start, span) for start in starts]
        ratio = np.array([clear for clear, _ in tried])
        best = np.where(ratio[0] > tuning.CLEAR_MOTION, 0, ratio.argmax(axis=0))
        found = open_ & (ratio.max(axis=0) > tuning.CLEAR_MOTION)
        for number, (start, (_, squared)) in enumerate(zip(starts, tried, strict=True)):
            here = found & (best == number)
            at = start[here]
            direction[here], cosine[here], width[here] = windows.unit[:, at].T, squared[here], span
            parts[here] = (windows.each[..., at] / windows.length[at]).T
        open_ &= ~found
        if not open_.any():
            break
    return Tangents(direction, width, np.clip(cosine, _LEAST_COSINE, 1.0), parts)


@dataclass(frozen=True)
class _Windows:
    """Displacements over all windows of one span, by the record they start from.

    Of the pooled splits ``squared`` and ``length`` (W,) and ``unit`` (R, W); of each split ``each``
    (R, G, W); ``noise`` (W,) of the pooled one, and what of it is ``along`` it.
    """

    squared: Float
    length: Float
    unit: Float
    each: Float
    noise: Float
    along: Float

    def clear(self, start: Int, span: int) -> tuple[Float, Float]:
        """(K,) squared displacement over its noise of windows that start there; squared cosine."""
        squared, noise = self.squared[start], self.noise[start]
        around = tuning.SPANS_AROUND * span
        clear = np.minimum(smooth(squared, around), tuning.MOST_ABOVE * squared)
        ratio = clear / np.maximum(smooth(noise, around), _TINY)
        return ratio, 1.0 - smooth(noise - self.along[start], span) / squared


def _windows(curve: Float, splits: Float, span: int) -> _Windows:
    """Of a curve (R, T) and splits (R, G, T)."""
    chord = curve[:, span:] - curve[:, :-span]
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
