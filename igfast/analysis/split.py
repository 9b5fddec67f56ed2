"""Information length of a moving distribution from histograms of splits.

Every record holds the histogram of the *same* elements, dealt once into G disjoint splits. With
y = 2√p in B cells, L = ∫ Γ dt is the Euclidean arc length of the curve y(t). Sampling noise is
independent between splits, and strongly dependent between times. For each split g

    L_g = Σ_t ⟨(p_g(t+1) − p_g(t)) s(t), u_g(t)⟩ / c_g(t)

where the slope s = dy/dp and the unit tangent u_g come from the *other* splits alone, and c_g is
its cosine to the true tangent, which noise has turned it from. L is the mean over g, times what the
few modes in which tangents are sought leave out. It is linear in what it measures, so
noise adds no length; the window of time that gives a tangent is chosen on other data than those
that are measured along it, so the choice adds none either; and a centered tangent does not cut
corners. ``docs/length.md`` derives it, and shows its accuracy and the coverage of its errors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import split_tuning as tuning
from .split_cells import Roots, join_outside, merge_sparse, of_one_value, roots
from .split_corners import Corners, corners
from .split_errors import (
    Variance,
    one_element,
    segment_ends,
    unresolved_motion,
    variance_of_lengths,
)
from .split_following import Followed, LostInCells, follow, lost_in_cells
from .split_halves import halved
from .split_modes import Modes, find_modes, main_modes
from .split_pace import record_weights, records_for_pace
from .split_remainder import Remainder, measure_remainder
from .split_square import split_velocity_squared
from .split_start import hidden_at_start

Int = NDArray[np.int64]
Float = NDArray[np.float64]

__all__ = ["SplitLength", "split_length", "split_velocity_squared"]


@dataclass(frozen=True)
class SplitLength:
    """Length and velocity along T records.

    Attributes
    ----------
    length : (T,) float64
        L since the first record, dimensionless, linear in the step inside a segment.
    standard_error : (T,) float64
        Statistical and systematic.
    proportional : float
        The systematic part over the length: an error of the scale of all of L.
    velocity_squared, velocity_squared_error, noise_floor : (T−1,) float64
        See :func:`split_velocity_squared`.
    segments : (S+1,) int64
        Records between which L is linear.
    strides : (T−1,) int64
        Records in the window that gave the tangent; 0 where nothing moves clearly.
    turning : (T−1,) float64
        Angle per record, where single records resolve the motion, else NaN.
    added : float
        Relative length added for arcs against chords.
    unresolved : float
        One standard error of motion below the limit of detection.
    rank : int
        Modes of the path above noise.
    lost_in_cells : float
        Relative length that cells lose: it is added, and half of it, or all where offsets cut bins
        in two, is in the error.
    hidden_in_cells : float
        Relative length that ever narrower cells may show beyond it: it is in the error.
    hidden_in_steps : float
        Relative length that long steps between records, or a start of infinite speed, may hide: it
        is in the error.
    outside : float
        Largest share of elements outside the bins in a record.
    """

    length: Float
    standard_error: Float
    proportional: float
    velocity_squared: Float
    velocity_squared_error: Float
    noise_floor: Float
    segments: Int
    strides: Int
    turning: Float
    added: float
    unresolved: float
    rank: int
    lost_in_cells: float
    hidden_in_cells: float
    hidden_in_steps: float
    outside: float


def split_length(
    steps: ArrayLike,
    split_counts: ArrayLike,
    split_outside: ArrayLike,
    offsets: Float | None = None,
    one_value: NDArray[np.bool_] | None = None,
) -> SplitLength:
    """Information length of a path, with its standard error.

    Parameters
    ----------
    steps : (T,) array_like
        Increasing.
    split_counts : (T, G, B) array_like
        All records on one grid.
    split_outside : (T, G, 2) array_like
        Under- and overflow.
    offsets : (T, G, B) float64, optional
        Sums of positions in bins: they cut bins that hide much in two, bound the motion of a layer
        that stays in its bins, and tell bins of one value.
    one_value : (B,) bool, optional
        Bins that hold elements of one value only, as of a lattice, between which nothing is lost;
        by default those that ``offsets`` tell.

    Returns
    -------
    SplitLength
        All NaN with one split, or where a split is empty in a record.

    Examples
    --------
    >>> import numpy as np
    >>> x, edges = np.random.default_rng(0).normal(size=(8, 10_000)), np.linspace(-5, 6, 101)
    >>> drift = [[np.histogram(part + t / 20, edges)[0] for part in x] for t in range(21)]
    >>> found = split_length(range(21), drift, np.zeros((21, 8, 2)))
    >>> bool(abs(found.length[-1] - 1) < 2 * found.standard_error[-1] < 0.1)
    True
    """
    times = np.asarray(steps, dtype=np.float64)
    counts = join_outside(split_counts, split_outside)
    squared = split_velocity_squared(times, split_counts, split_outside)
    records, splits, _ = counts.shape
    total = counts.sum(axis=(1, 2))
    outside = float(
        ((counts[..., 0] + counts[..., -1]).sum(axis=1) / np.maximum(total, 1)).max(initial=0.0)
    )
    if records < 2 or splits < 2 or not np.all(counts.sum(axis=-1) > 0):
        return _unmeasured(squared, total, outside)
    if one_value is None:
        one_value = np.zeros(counts.shape[-1] - 2, dtype=np.bool_)
        if offsets is not None:
            one_value = of_one_value(split_counts, offsets)
    return _measured(times, counts, offsets, np.pad(one_value, 1), squared, outside)


def _measured(
    times: Float,
    counts: Float,
    offsets: Float | None,
    one_value: NDArray[np.bool_],
    squared: tuple[Float, Float, Float],
    outside: float,
) -> SplitLength:
    """From (T, G, B) counts of at least two records and two splits, none of them empty.

    With the two cells outside the bins, as ``one_value`` (B,).
    """
    records, splits, _ = counts.shape
    seen, cells = _best_seen(counts, offsets, one_value)
    merged, curve, modes = seen.merged, seen.curve, seen.modes
    followed = follow(curve, modes)
    chords = followed.increments.mean(axis=0)
    # of sums: noise of single chords, were it cut off at zero, would add up
    path = np.maximum.accumulate(np.concatenate([[0.0], np.cumsum(chords)]))
    blind = _together(  # modes that noise shows, but too little of to be followed, may be missing
        modes.seen,
        tuning.TANGENT_ERROR * followed.straightened,
        cells.error,
    )
    remainder = Remainder(0.0, Variance.of(np.zeros(1), splits - 1), 0.0)
    known = _whole_error(followed) / path[-1] if path[-1] > 0 else 0.0
    if path[-1] > 0 and splits > 2:
        others = min(_together(known, blind), tuning.MOST_OTHER_ERRORS * known)
        remainder = measure_remainder(curve, path, modes, others)
    scale = np.sqrt(1 + np.clip(remainder.value, *tuning.BELIEVED_REMAINDER))
    scale *= 1 + cells.lost
    width = np.asarray(np.median(followed.widths, axis=0))
    turned, single = followed.turned * scale, width == 1
    corner = corners(
        times, chords * scale, turned, followed.across, single, counts, modes.rank == 1
    )
    lengths = np.zeros((splits, records))
    lengths[:, 1:] = np.cumsum(followed.increments * scale * corner.gain, axis=1)
    strides = np.asarray(np.round(width), dtype=np.int64)
    ends = segment_ends(lengths)
    pairs = np.zeros((splits, splits, records))
    pairs[..., 1:] = np.cumsum(followed.pairs * scale * corner.gain, axis=2)
    grown = np.maximum.accumulate(np.maximum(lengths.mean(axis=0)[ends], 0.0))
    mean = lengths[:, ends].mean(axis=0)
    statistical = variance_of_lengths(lengths[:, ends], pairs[..., ends])
    share = _together(blind, cells.beyond, *_later_errors(known, modes, remainder, corner))
    scaled = remainder.variance.times(tuning.REMAINDER_ERROR)
    statistical += scaled.times(mean)
    error = np.hypot(statistical.error, share * mean)
    share = float(np.hypot(share, np.sqrt(scaled.value[0]) * statistical.factor[-1]))
    still = unresolved_motion(counts, merged, strides, offsets)
    start = hidden_at_start(times, lengths)
    hidden = np.hypot(still, np.where(times > times[0], tuning.START_ERROR * start, 0.0))
    uncertain = np.hypot(np.interp(times, times[ends], error), hidden)
    after = np.cumsum(np.pad(strides, (1, 0))) > 0  # of few elements splits may agree by chance
    uncertain[after] = np.maximum(uncertain[after], one_element(counts[0].sum(axis=0)))
    return SplitLength(
        np.interp(times, times[ends], grown),
        uncertain,
        share,
        *squared,
        ends,
        strides,
        corner.turning,
        corner.added,
        float(still[-1]),
        modes.rank,
        cells.lost,
        cells.beyond,
        corner.far + (start / grown[-1] if grown[-1] > 0 else 0.0),
        outside,
    )


@dataclass(frozen=True)
class _Seen:
    """Cells of a path and what is seen to move in them; see `merge_sparse` and `find_modes`."""

    merged: Float
    apart: NDArray[np.bool_]
    curve: Roots
    weights: Float
    modes: Modes

    def lost_in_cells(self, bins: LostInCells | None = None) -> LostInCells:
        return lost_in_cells(self.merged, self.apart, self.modes, self.weights, bins)


def _best_seen(
    counts: Float, offsets: Float | None, one_value: NDArray[np.bool_]
) -> tuple[_Seen, LostInCells]:
    """In bins, or in halves of them where bins hide much and halves are no less sure."""
    seen = _seen(counts, one_value, ends=False)
    if seen.modes.rank == 0:
        seen = _seen(counts, one_value, ends=True)
    cells = seen.lost_in_cells()
    if offsets is None or not cells.lost + cells.beyond > tuning.LOST_IN_BINS:
        return seen, cells
    finer = _seen(*halved(counts, offsets, one_value), ends=False)
    if finer.modes.rank == 0 or finer.modes.seen > seen.modes.seen + tuning.MORE_SEEN:
        return seen, cells
    return finer, finer.lost_in_cells(cells)


def _seen(counts: Float, one_value: NDArray[np.bool_], ends: bool) -> _Seen:
    merged, apart = merge_sparse(counts, one_value, ends)
    curve = roots(merged)
    at = records_for_pace(len(counts))
    few = curve.select(at)
    weights = record_weights(follow(few, main_modes(few)).increments, at)
    return _Seen(merged, apart, curve, weights, find_modes(curve, weights, ends))


def _whole_error(followed: Followed) -> float:
    """Statistical error of the length of the whole path."""
    lengths = followed.increments.sum(axis=1, keepdims=True)
    return float(variance_of_lengths(lengths, followed.pairs.sum(axis=2, keepdims=True)).error[0])


def _later_errors(
    known: float, modes: Modes, remainder: Remainder, corner: Corners
) -> tuple[float, ...]:
    """Standard errors over length: what is left outside modes, and arcs.

    Modes that noise hides are as weak as noise, of which ``known`` is the error; what was found
    outside the modes is hidden no more.
    """
    hidden = max(modes.hidden - max(remainder.value, 0.0) / 2, 0.0)
    return (
        tuning.UNSEEN_ERROR * min(max(remainder.unseen, 0.0), tuning.BELIEVED_REMAINDER[1]),
        min(tuning.HIDDEN_ERROR * hidden, tuning.MOST_HIDDEN * known),
        tuning.TRANSPORT_ERROR * corner.guessed,
        corner.doubtful,
    )


def _together(*errors: float) -> float:
    """Of independent errors."""
    return float(np.sqrt(np.square(errors).sum()))


def _unmeasured(squared: tuple[Float, Float, Float], total: Float, outside: float) -> SplitLength:
    """Of less than two records: no length. Of an empty or a single split: not known."""
    records = len(total)
    intervals = max(records - 1, 0)
    known = records < 2 and bool(np.all(total > 0))
    return SplitLength(
        np.zeros(records) if known else np.full(records, np.nan),
        np.full(records, np.nan),
        0.0,
        *squared,
        np.unique([0, intervals])[:records],
        np.zeros(intervals, dtype=np.int64),
        np.full(intervals, np.nan),
        0.0,
        float("nan"),
        0,
        float("nan"),
        float("nan"),
        float("nan"),
        outside,
    )
