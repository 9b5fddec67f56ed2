"""Chord against arc: how the path turns between records, and what straight lines cut off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from . import split_tuning as tuning

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]

_TINY = 1e-300
_SMALL_ANGLE = 1e-9
_TRANSPORT_CELLS = 64
_FEWEST_CELLS = 8
_HALVES, _FINE = 2, 16  # parts of a path of moving quantiles
_ELEMENTS_OF_FINE = 20  # in each cell of a fine one
_AROUND = 2  # intervals on either side
_FEWEST = 4  # intervals that tell how velocities change
_INCREASING = 1e-12  # per cell, keeps cumulative shares invertible where a cell is empty


@dataclass(frozen=True)
class Corners:
    """What is known of the path between records.

    Attributes
    ----------
    gain : (K,) float64
        Length of the arc over the chord.
    turning : (K,) float64
        Angle per record; NaN where single records do not resolve the motion.
    added : float
        Length that the gain adds, over the sum of chords.
    guessed : float
        What moving quantiles add, or would add were they believed.
    far : float
        How much longer the path of moving quantiles is than what was found of long steps, over the
        sum of chords.
    doubtful : float
        One standard error of the length that arcs and reversals between records have, over the sum
        of chords.
    """

    gain: Float
    turning: Float
    added: float
    guessed: float
    far: float
    doubtful: float


def corners(
    times: Float,
    chords: Float,
    turned: Float,
    across: Float,
    single: Bool,
    counts: Float,
    straight: bool = False,
) -> Corners:
    """Arc over chord, where single records resolve the motion.

    An arc that turns by 2h along its chord is longer by h/sin h, and a path on the sphere of radius
    2 turns at least as a great circle does. Where motion reverses within an interval, its speed is
    taken to change linearly in time there, as those around tell. Where the direction is lost
    between long steps, as at a reversal, elements are taken to keep their order: the path of moving
    quantiles. Of a step that goes far no records around tell whether elements glided along that
    path or changed places. Steps between two reversals may be any part of a way to and fro.

    Parameters
    ----------
    times : (K+1,) float64
        Of the records.
    chords : (K,) float64
        Length per interval.
    turned : (K−1,) float64
        Displacements along the tangents of their neighbors, cross-fitted.
    across : (K−2,) float64
        Cosines between the tangents on both sides of an interval.
    single : (K,) bool
        Where a tangent came from one interval alone.
    counts : (T, G, B) float64
        In all cells.
    straight : bool
        Whether a single mode holds the path: a line shows no bends.
    """
    before, after = _angles(chords, turned, single)
    turning = _mean_of_known(before, after)
    circle = np.where(single, np.arcsin(np.clip(chords / 4, 0.0, np.sqrt(0.5))), 0.0)
    bend, uneven = _bend(chords, before, after)
    if straight:
        bend, uneven = np.full_like(bend, np.nan), np.full_like(uneven, tuning.END_ERROR)
    within = np.clip(chords * np.nan_to_num(bend), 0.0, tuning.MOST_WITHIN)
    uneven = np.maximum(uneven, (within / tuning.MOST_WITHIN) ** tuning.SURE_OF_BENDS)
    least, half = (np.maximum(h, _SMALL_ANGLE) for h in (circle, np.maximum(within / 2, circle)))
    gain = half / np.sin(half)
    sure = least / np.sin(least)
    sure[[0, -1]] = 1.0  # at an end it may be any
    sure[np.isnan(bend)] = 1.0  # as between rests
    doubt = float((chords * (gain - sure) * uneven).sum())
    guessed = 0.0
    for at in np.flatnonzero(single & np.isnan(bend) & (chords > tuning.LONG_STEP)).tolist():
        circle_of, way = _transport(counts[at].sum(axis=0), counts[at + 1].sum(axis=0), _HALVES)
        factor = 1.0 + 4 / 3 * (way / circle_of - 1) if circle_of > 0 else 1.0
        believed = factor < 1.0 + tuning.MOST_TRANSPORT
        if believed or chords[at] < tuning.FAR_STEP[0]:
            guessed += float(chords[at] * gain[at] * max(factor - 1, 0.0))
        gain[at] *= max(factor, 1.0) if believed else 1.0
    total = float(chords.sum())
    if not total > 0:
        return Corners(gain, turning, 0.0, 0.0, 0.0, 0.0)
    far = _beyond_far_steps(chords, gain, counts)
    added, sudden = _reversals(np.diff(times), chords, turned, across, single)
    gain = gain * (1 + added)
    whole = float((chords * gain).sum()) / total - 1
    doubt = float(np.hypot(doubt, sudden))
    doubt = max(doubt, tuning.TO_AND_FRO * _to_and_fro(chords, before, after))
    doubt += tuning.FAR_ERROR * far
    return Corners(gain, turning, whole, guessed / total, far / total, doubt / total)


def _beyond_far_steps(chords: Float, gain: Float, counts: Float) -> float:
    """How much longer the path of moving quantiles is than what was found of steps that go far."""
    far, (low, high) = 0.0, tuning.FAR_STEP
    for at in np.flatnonzero(chords > low).tolist():
        ends = counts[at].sum(axis=0), counts[at + 1].sum(axis=0)
        way = _transport(*ends, _FINE, int(ends[0].sum() / _ELEMENTS_OF_FINE))[1]
        share = min((chords[at] - low) / (high - low), 1.0)
        far += float(share * max(way - chords[at] * gain[at], 0.0))
    return far


def _to_and_fro(chords: Float, before: Float, after: Float) -> float:
    """How much shorter steps between two reversals are than the longest of five around each.

    A way to and fro in about two steps: they show any part of it. Where what is not known lies
    between such steps, it is one.
    """
    back = np.arccos(tuning.REVERSED)
    unknown = np.isnan(before) & np.isnan(after)
    between = ~((before <= back) | (after <= back) | unknown)
    between[[0, -1]] = False
    between[1:-1] |= unknown[1:-1] & between[:-2] & between[2:]
    around = np.pad(chords, _AROUND, constant_values=-np.inf)
    longest = sliding_window_view(around, 2 * _AROUND + 1).max(axis=-1)
    return float((longest - np.maximum(chords, 0.0))[between].sum())


def _mean_of_known(left: Float, right: Float) -> Float:
    """Mean of both, of the one that is known, or NaN."""
    both = np.where(np.isnan(left), right, np.where(np.isnan(right), left, 0.5 * (left + right)))
    return np.asarray(both)


def _bend(chords: Float, before: Float, after: Float) -> tuple[Float, Float]:
    """Angle per length in each interval, from those to its neighbors, and how sure it is.

    NaN where the path turns back on both sides, or nothing is known. How much the two sides differ,
    relatively, is the error. Where one side tells, as at the ends, a bend that grows from the next
    record to it goes on, as at a fast start, and how much it changes there is the error.
    """
    apart = np.maximum(0.5 * (chords[1:] + chords[:-1]), _TINY)
    nothing = np.full(min(len(chords), 1), np.nan)
    left = before / np.concatenate([nothing, apart])
    right = after / np.concatenate([apart, nothing])
    back = np.arccos(tuning.REVERSED)
    left, right = np.where(before > back, np.nan, left), np.where(after > back, np.nan, right)
    ends = np.isnan(left) | np.isnan(right)
    first = np.isnan(left)
    near = np.where(first, right, left)
    far = np.where(first, np.append(right, np.nan)[1:], np.append(np.nan, left)[:-1])
    beside = np.where(first, np.append(chords, np.nan)[1:], np.append(np.nan, chords)[:-1])
    with np.errstate(over="ignore"):  # a bend between chords of no length has no size
        grows = np.nan_to_num(0.5 * chords / np.maximum(beside, _TINY) * (near - far))
    bend = _mean_of_known(left, right) + np.where(ends, np.clip(grows, 0.0, near), 0.0)
    changes = np.nan_to_num(tuning.END_OF_UNEVEN * _uneven(near, far), nan=tuning.END_ERROR)
    uneven = np.where(ends, np.minimum(changes, tuning.END_ERROR), _uneven(left, right))
    return bend, np.maximum(uneven, tuning.CHORD_ERROR)


def _uneven(one: Float, other: Float) -> Float:
    return np.asarray(np.abs(one - other) / np.maximum(one + other, _TINY))


def _reversals(
    durations: Float, chords: Float, turned: Float, across: Float, single: Bool
) -> tuple[Float, float]:
    """(K,) relative length of turning round within intervals, and what length is in doubt in all.

    Between velocities a > 0 > −b at its ends that change linearly, a path of chord |a − b|/2 has
    length (a² + b²)/2(a + b), longer by min(a, b)²/(a + b). A sudden reversal at unchanged speed
    has more, up to the chords around: part of that is added and part is in doubt, unless these
    fall toward it. The first and the last interval know one neighbor only, whose change of
    velocity goes on.
    """
    added, doubt = np.zeros(len(chords)), 0.0
    positive = np.maximum(chords, 0.0)
    speeds = positive / durations
    within: dict[int, tuple[float, float]] = {}
    for at in (np.flatnonzero(across < tuning.REVERSED) + 1).tolist():
        before, time, after = durations[at - 1 : at + 2].tolist()
        left, here, right = speeds[at - 1 : at + 2].tolist()
        forth = here if turned[at - 1] > 0 else -here
        start, stop = _between(left, before, forth, time), _between(right, after, -forth, time)
        if min(start, stop) > 0:  # else it turns round in a neighbor
            within[at] = _hidden(time * start, time * stop, time * (left + right) / 2, chords[at])
    for at, step in ((0, 1), (len(chords) - 1, -1)):
        if len(chords) < _FEWEST or not single[at + step]:
            continue
        inward = [at, at + step, at + 2 * step]
        times, signs = durations[inward], np.sign(turned[[0, 1] if step > 0 else [-1, -2]])
        three = speeds[inward] * (signs[0], 1.0, signs[1])
        near, time = float(three[1]), float(times[0])
        start = _between(near, times[1], three[0], time)
        if not (abs(three[0]) < near and start > 0):
            continue
        linear, others = _at_end(times, three)
        if max(linear, others if three[0] >= 0 else linear) < 0:
            within[at] = _hidden(time * start, -time * linear, time * near, chords[at])
        elif linear < 0:  # slow at rest, or there and back by chance
            doubt += tuning.SUDDEN[1] * (time * near - max(chords[at], 0.0))
    for at, (smooth, sudden) in within.items():
        alone = within.keys().isdisjoint(at + apart for apart in (-3, -2, 2, 3))
        share, error = tuning.SUDDEN if alone else tuning.SUDDEN_OF_MANY
        fall, at_least = _fall(speeds, at, alone)
        most, share = (
            share * float(np.clip(1 - down / tuning.FALL_OF_SUDDEN, 0.0, 1.0))
            for down in (at_least, fall)
        )
        around = slice(max(at - 1, 0), at + 2)
        hidden = smooth + share * sudden
        believed = min((1 + fall) / tuning.FEWEST_BEYOND, 1.0)
        added[around] += believed * hidden / positive[around].sum()
        doubt += (1 - believed) * hidden + (most - share) * sudden / 2
        doubt += error * sudden * float(np.clip(1 - fall / tuning.FALL_OF_SMOOTH, 0.0, 1.0))
        doubt += tuning.CHORD_ERROR * smooth
    return added, doubt


def _between(one: float, before: float, other: float, after: float) -> float:
    """Velocity where two intervals meet, linear in time between their middles."""
    return (one * after + other * before) / (before + after)


def _at_end(durations: Float, velocities: Float) -> tuple[float, float]:
    """Velocity at the outer end of the first of three intervals, as it changes between two of them.

    Of the first and the second; and at most, of the second and the third, or of all if the change
    itself changes. A start from rest is slower than what follows, but not on a line that leads
    through zero.
    """
    middle = np.cumsum(durations) - durations / 2
    first, second, third = middle.tolist()
    change = float(velocities[1] - velocities[0]) / (second - first)
    further = float(velocities[2] - velocities[1]) / (third - second)
    linear = float(velocities[0]) - change * first
    bent = linear + (further - change) / (third - first) * first * second
    return linear, max(bent, float(velocities[1]) - further * second)


def _hidden(start: float, stop: float, around: float, chord: float) -> tuple[float, float]:
    """What turning round hides if velocities change linearly, and how much more if suddenly."""
    smooth = min(start, stop) ** 2 / (start + stop)
    return smooth, max(around - max(chord, 0.0) - smooth, 0.0)


def _fall(speeds: Float, at: int, alone: bool) -> tuple[float, float]:
    """How much faster it is two intervals from ``at`` than in the next ones, relatively.

    And the same less what it goes on rising to the third, if no other reversal is near: so speed
    changes along the path, without a turn. It is less where that is little; where it is much, the
    fall may be one that is seen from further off. −1 where it rests there, so that all is in two
    jumps.
    """
    near, outer, far = (
        [float(speeds[i]) for i in (at - apart, at + apart) if 0 <= i < len(speeds)]
        for apart in (1, 2, 3)
    )
    if not outer:
        return 0.0, 0.0
    fall = float(np.mean(outer) / np.mean(near) - 1)
    if not (alone and far and fall > 0 and np.mean(outer) > 0):
        return fall, fall
    goes_on = max(float(np.mean(far) / np.mean(outer) - 1), 0.0)
    least = max(fall - goes_on, 0.0)
    return (least if goes_on < tuning.FALL_OF_SUDDEN else fall), least


def _angles(chords: Float, turned: Float, single: Bool) -> tuple[Float, Float]:
    """Angle from the interval before and to the one after, NaN where it is not known."""
    positive = np.maximum(chords, _TINY)
    cosine = np.clip(turned / (0.5 * (positive[1:] + positive[:-1])), -1, 1)
    angle = np.where(single[1:] & single[:-1], np.arccos(cosine), np.nan)
    nothing = np.full(min(len(chords), 1), np.nan)
    return np.concatenate([nothing, angle]), np.concatenate([angle, nothing])


def _transport(
    before: Float, after: Float, parts: int, most_cells: int = _TRANSPORT_CELLS
) -> tuple[float, float]:
    """Length of the great circle, and of the path on which every quantile moves uniformly.

    Of that through its points at so many equal parts, in few cells: two, whose error is of second
    order, where it is to be believed, as a finer path carries the sampling noise along and adds it.
    """
    most_cells = min(max(most_cells, _FEWEST_CELLS), _TRANSPORT_CELLS)
    first = np.arange(0, before.size, max(1, before.size // most_cells))
    edges = np.arange(first.size + 1, dtype=np.float64)
    running = [
        np.concatenate([[0.0], np.cumsum(cells)]) / cells.sum()
        for cells in (np.add.reduceat(before, first), np.add.reduceat(after, first))
    ]
    level = np.union1d(*running)
    start, end = (np.interp(level, r + _INCREASING * edges, edges) for r in running)
    points = []
    for share in np.linspace(0.0, 1.0, parts + 1).tolist():
        held = np.diff(np.interp(edges, (1 - share) * start + share * end, level))
        points.append(np.sqrt(np.maximum(held, 0.0) / held.sum()))
    return _arc(points[0], points[-1]), sum(map(_arc, points, points[1:]))


def _arc(one: Float, other: Float) -> float:
    """Between roots of shares, on the sphere of radius 2."""
    return float(4 * np.arcsin(min(1.0, float(np.linalg.norm(one - other)) / 2)))
