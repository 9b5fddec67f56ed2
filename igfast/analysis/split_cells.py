"""From counts of splits to points on the sphere of radius 2, for signal and for noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import split_tuning as tuning

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]


@dataclass(frozen=True)
class Roots:
    """Points y = 2√p of T records of G splits in B cells; their arc length is L.

    Attributes
    ----------
    splits : (T, G, B) float64
        Of each split.
    shares : (T, G, B) float64
        Of the elements of each split, p itself.
    others : (G, T, B) float64
        For each split, of the pooled other splits.
    noise : (G, T, B) float64
        What each split has beside the mean of all: no motion, as large as the noise of ``others``.
    one : float
        Variance of one of ``others``: of a root of a count, over their number of elements.
    """

    splits: Float
    shares: Float
    others: Float
    noise: Float
    one: float

    def select(self, at: NDArray[np.intp]) -> Roots:
        """Some of the records."""
        if len(at) == len(self.splits):
            return self
        parts = self.splits[at], self.shares[at], self.others[:, at]
        noise = self.noise[:, at]
        return Roots(*parts, noise - noise.mean(axis=1, keepdims=True), self.one)


def join_outside(split_counts: ArrayLike, split_outside: ArrayLike) -> Float:
    """(T, G, B+2) cells: underflow, bins, overflow."""
    counts = np.asarray(split_counts, dtype=np.float64)
    outside = np.asarray(split_outside, dtype=np.float64)
    return np.concatenate([outside[..., :1], counts, outside[..., 1:]], axis=-1)


def of_one_value(counts: ArrayLike, offsets: Float) -> Bool:
    """(B,) whether all elements of a bin are equal in all records, as on a lattice.

    Of (T, G, B) counts and sums of positions in bins, whose digits are exact: those of different
    elements are the same by chance once in 256 times.
    """
    inside = np.asarray(counts)
    equal: Bool = inside.sum(axis=1).max(axis=0) >= tuning.TELLS_ONE_VALUE
    first = np.full(equal.shape, np.nan)
    for held, sums in zip(inside, offsets, strict=True):  # most bins are out after the first record
        at = np.flatnonzero(equal)
        if not at.size:
            break
        held = held[:, at]
        position = np.where(held > 0, sums[:, at] / np.maximum(held, 1), np.nan)
        first[at] = np.where(np.isnan(first[at]), np.fmax.reduce(position, axis=0), first[at])
        equal[at] = ((position == first[at]) | (held == 0)).all(axis=0)
    return equal


def merge_sparse(counts: Float, one_value: Bool, ends: bool = False) -> tuple[Float, Bool]:
    """(T, G, C) counts with neighboring cells joined until one record holds enough of each.

    And (C,) whether a cell is apart from the one before: where what is empty between them is as
    wide as each of them, as between the few values of quantized elements; or where both are bins
    of ``one_value`` (B,).

    With ``ends`` what lies beyond the first or the last record's least and largest elements is not
    joined with what lies within, be it as few as two elements in every split: of an edge that
    wears off all motion is there, and the more of a layer the smaller it is.
    """
    splits = counts.shape[1]
    pooled = counts.sum(axis=1)
    most, smallest = pooled.max(axis=0), float(pooled.sum(axis=1).min())
    fewest = tuning.COUNTS_PER_SPLIT * splits
    least = min(tuning.MIN_COUNT, max(fewest, smallest / tuning.LEAST_CELLS))
    starts = first_cells(most, least)
    if ends:
        starts = _with_ends(starts, pooled, fewest)
    at = np.arange(len(most))
    first = np.minimum.reduceat(np.where(most > 0, at, len(most)), starts)
    last = np.maximum.reduceat(np.where(most > 0, at, -1), starts)
    wide, empty = last - first + 1, first[1:] - last[:-1] - 1
    apart = (empty > 0) & (empty >= np.maximum(wide[1:], wide[:-1]))
    single = one_value[first] & (first == last)
    apart |= single[1:] & single[:-1]
    return np.add.reduceat(counts, starts, axis=-1), np.concatenate([[True], apart])


def _with_ends(starts: NDArray[np.intp], pooled: Float, fewest: float) -> NDArray[np.intp]:
    """The same cells, cut where the first or the last record of (T, B) counts begins and ends."""
    held = [np.flatnonzero(record) for record in (pooled[0], pooled[-1])]
    cuts = np.unique([place for at in held for place in (at[0], at[-1] + 1)])
    both = np.union1d(starts, cuts[(cuts > 0) & (cuts < pooled.shape[1])])
    most = np.add.reduceat(pooled, both, axis=1).max(axis=0)
    return np.asarray(both[first_cells(most, fewest)], dtype=np.intp)


def pairs_of_cells(apart: Bool, offset: int) -> NDArray[np.intp]:
    """First cell of each pair of neighbors that are not apart.

    With ``offset`` 1 the first one of each row of neighbors is left alone.
    """
    at = np.arange(len(apart))
    place = at - np.maximum.accumulate(np.where(apart, at, 0))
    return np.flatnonzero(apart | (place % 2 == offset))


def first_cells(most: Float, least: float) -> NDArray[np.intp]:
    """First old cell of each new one, if ``most`` counts are joined until they reach ``least``."""
    starts, held = [0], 0.0
    for cell, count in enumerate(most.tolist()):
        if held >= least:
            starts.append(cell)
            held = 0.0
        held += count
    if held < least and len(starts) > 1:
        starts.pop()  # too few are left over: they join the last cell
    return np.array(starts, dtype=np.intp)


def roots(counts: Float) -> Roots:
    """Points of splits, of the other splits, and of what a split has beside all of them."""
    splits = counts.shape[1]
    total = counts.sum(axis=-1, keepdims=True)
    pooled, pooled_total = counts.sum(axis=1), total.sum(axis=1)
    own = _root(counts, total, tuning.ROOT_SHIFT)
    others = np.stack(
        [_root(pooled - counts[:, g], pooled_total - total[:, g]) for g in range(splits)]
    )
    # a difference to the mean of G has 1 − 1/G of the noise of one, a mean of G − 1 has 1/(G−1)
    noise = (own - own.mean(axis=1, keepdims=True)).transpose(1, 0, 2) * np.sqrt(splits)
    noise = np.ascontiguousarray(noise / (splits - 1))
    noise -= noise.mean(axis=1, keepdims=True)
    return Roots(
        own, counts / total, others, noise, float(splits / (splits - 1) / pooled_total.mean())
    )


def _root(counts: Float, total: Float, of_none: float = tuning.ROOT_OF_NONE**2) -> Float:
    """Of splits, which tell the noise, without the step at none: it would be noise of their own."""
    shift = np.where(counts > 0, tuning.ROOT_SHIFT, of_none)
    return np.asarray(2.0 * np.sqrt((counts + shift) / total))


def products(before: Float, after: Float) -> Float:
    """(K, G, G) products Σ_b Δp_b^(g) Δp_b^(h) / p_b between (K, G, B) counts."""
    change = changes(before, after)
    return np.asarray(change @ change.transpose(0, 2, 1))


def changes(before: Float, after: Float) -> Float:
    """(K, G, B) Δp/√p between counts, with p of all splits at the middle of the step."""
    middle = 0.5 * (_shares(before.sum(axis=1)) + _shares(after.sum(axis=1)))
    root = np.sqrt(np.where(middle > 0, middle, 1.0))
    return np.asarray((_shares(after) - _shares(before)) / root[:, None])


def _shares(counts: Float) -> Float:
    return np.asarray(counts / counts.sum(axis=-1, keepdims=True))
