"""Standard errors of the split length: of what was measured, and of what could not be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import split_tuning as tuning
from .split_cells import changes, products

Int = NDArray[np.int64]
Float = NDArray[np.float64]

_TINY = 1e-300
_FIRST_BLOCK = 16  # records searched at a time for the end of a segment, doubled each time
_DIGITS = 256  # of a position in a bin
_FEWEST_FOR_PAIRS = 3  # so few splits tell nothing of pairs apart from single ones
_MOST_OF_IT = 0.9  # share of a segment's length that its moving part holds


@dataclass(frozen=True)
class Variance:
    """(T,) variances of means over splits, and the degrees of freedom of their estimates."""

    value: Float
    freedom: Float

    @classmethod
    def of(cls, value: Float, freedom: float) -> Variance:
        """All with the same degrees of freedom."""
        return cls(np.asarray(value), np.full(np.shape(value), freedom))

    def __add__(self, other: Variance) -> Variance:
        """Of a sum of independent parts (B. L. Welch, Biometrika 34 (1947) 28)."""
        value = self.value + other.value
        inverse = np.square(self.value) / self.freedom + np.square(other.value) / other.freedom
        most = np.maximum(self.freedom, other.freedom)  # where nothing varies
        return Variance(
            value, np.where(inverse > 0, np.square(value) / np.maximum(inverse, _TINY), most)
        )

    def times(self, factor: float | Float) -> Variance:
        """Of the means, each times a factor."""
        return Variance(self.value * np.square(factor), self.freedom)

    @property
    def error(self) -> Float:
        """Of which ±2 hold 95 %, however few the degrees of freedom are."""
        return np.asarray(np.sqrt(self.value) * self.factor)

    @property
    def factor(self) -> Float:
        """Student's, of the error over the root of the variance."""
        return np.asarray(np.interp(1 / self.freedom, *tuning.STUDENT_FACTOR))


def variance_of_lengths(lengths: Float, pairs: Float) -> Variance:
    """Of the mean of (G, T) lengths of splits.

    Two splits whose noise is alike by chance make each other longer, so lengths of splits are not
    independent: their spread shows the noise that belongs to single splits, and of that which
    belongs to pairs, of variance v between ``pairs`` (G, G, T) after what single splits add to
    their pairs, all but v/(G−1)² (W. Hoeffding, Ann. Math. Stat. 19 (1948) 293).
    """
    splits = len(lengths)
    own = Variance.of(lengths.var(axis=0, ddof=1) / splits, splits - 1)
    if splits <= _FEWEST_FOR_PAIRS:
        return own
    return own + _between(pairs)[1].times(1 / (splits - 1))


def variance_of_products(products: Float) -> Variance:
    """Of the mean of (G, G, T) products of each split with each other.

    Of noise of variance u that single splits add to all their pairs, and v that belongs to pairs,
    4u/G + 2v/G(G−1).
    """
    splits = len(products)
    single, between = _between(products)
    if splits <= _FEWEST_FOR_PAIRS:
        return single.times(2 / np.sqrt(splits))
    own = np.maximum(single.value - between.value / (splits - 2), 0.0)
    return Variance(4 * own / splits, single.freedom) + between.times(
        np.sqrt(2 / (splits * (splits - 1)))
    )


def _between(pairs: Float) -> tuple[Variance, Variance]:
    """Variance of what single splits add to their (G, G, T) pairs, and of what is left in pairs.

    The first holds 1/(G−2) of the second, which so few as three splits do not tell apart.
    """
    splits, others = len(pairs), (1 - np.eye(len(pairs)))[..., None]
    apart = pairs * others
    rows = apart.sum(axis=1) / (splits - 1)
    mean = rows.mean(axis=0)
    single = (splits - 1) / (splits - 2) * (rows - mean)
    rest = (apart - mean - single[:, None] - single[None]) * others
    freedom = max(splits * (splits - 3) / 2, 1.0)
    return (
        Variance.of(np.square(single).sum(axis=0) / (splits - 1), splits - 1),
        Variance.of(np.square(rest).sum(axis=(0, 1)) / (2 * freedom), freedom),
    )


def segment_ends(lengths: Float) -> Int:
    """Records between which L is told apart from no motion, from (G, T) lengths of splits.

    A segment ends as soon as its length stands clear of the spread between splits; a part at its
    beginning that does not move becomes a segment of its own.
    """
    last, mean = lengths.shape[1] - 1, lengths.mean(axis=0)
    ends = [0]
    while ends[-1] < last:
        start = ends[-1]
        stop = _clear(lengths, start)
        if stop - start > 2:
            moved = mean[stop] - mean[start:stop] >= _MOST_OF_IT * (mean[stop] - mean[start])
            still = start + int(np.flatnonzero(moved)[-1]) if moved.any() else start
            if still - start > (stop - start) / 2:
                ends.append(still)
        ends.append(stop)
    return np.array(ends, dtype=np.int64)


def _clear(lengths: Float, start: int) -> int:
    """First record after ``start`` to which the length is clear of the spread between splits."""
    splits, records = len(lengths), int(lengths.shape[1])
    block, low = _FIRST_BLOCK, start + 1
    while low < records:
        part = lengths[:, low : low + block] - lengths[:, start : start + 1]
        mean, spread = part.mean(axis=0), part.std(axis=0, ddof=1) / np.sqrt(splits)
        hits = np.flatnonzero((mean > 0) & (mean > tuning.CLEAR_SEGMENT * spread))
        if hits.size:
            return low + int(hits[0])
        low, block = low + block, 2 * block
    return records - 1


def unresolved_motion(counts: Float, merged: Float, strides: Int, offsets: Float | None) -> Float:
    """(T,) running error of stretches in which nothing moves clearly (``strides`` 0).

    Half of what the displacement over a stretch may be: √(cross product + 2 errors), or all of what
    a few elements do, of which no two splits have enough to tell noise; and what a single element
    adds that changes its cell. Motion to and fro within a stretch is not bounded. Where something
    moves clearly, half of what a few elements do beyond it, within cells that were joined.

    Parameters
    ----------
    counts, merged : (T, G, B), (T, G, C) float64
        In all cells, and in those that hold enough elements.
    strides : (T−1,) int64
    offsets : (T, G, B) float64 or None
        Sums of positions in bins; they bound the motion of elements that stay in their cells.
    """
    found = np.zeros(len(counts))
    for start, stop in _stretches(strides == 0):
        stretch = slice(start, stop + 1)
        if (counts[stretch] == counts[start]).all():
            inside = None if offsets is None else offsets[stretch].sum(axis=1)
            found[start + 1 :] += _frozen(counts[start].sum(axis=0), inside)
            continue
        hidden = max(_hidden(merged[stretch]), _hidden_by_few(counts[stretch]))
        found[start + 1 :] += np.sqrt(hidden + one_element(counts[start].sum(axis=0)) ** 2)
        if merged.shape[-1] < tuning.FEWEST_CELLS:  # too few to tell noise: all that is seen
            everything = products(counts[start : start + 1], counts[stop : stop + 1])
            found[start + 1 :] += np.sqrt(max(everything.sum(), 0.0)) / counts.shape[1]
    for start, stop in _stretches(strides > 0):
        stretch = slice(start, stop + 1)
        found[start + 1 :] += np.sqrt(_hidden_by_few(counts[stretch], merged[stretch]))
    return found


def _stretches(chosen: NDArray[np.bool_]) -> list[list[int]]:
    """First and last record of each row of intervals that are chosen."""
    bounds = np.flatnonzero(np.diff(np.pad(chosen, 1).astype(np.int8))).reshape(-1, 2)
    return [[start, stop] for start, stop in bounds.tolist()]


def _hidden(counts: Float) -> float:
    """Square of half the length that (T, G, C) counts may hide.

    Of the displacement its cross product and twice its error; of ways to and fro, where those of
    equal parts are clear of noise together, the same for the way through them.
    """
    last, found = len(counts) - 1, 0.0
    for parts in (1, *tuning.PARTS_OF_PATH):
        at = np.unique(np.linspace(0, last, parts + 1).round().astype(np.int64))
        matrix = products(counts[at[:-1]], counts[at[1:]]).sum(axis=0)
        pairs = len(matrix) * (len(matrix) - 1)
        apart = matrix - np.diag(np.diag(matrix))
        squared, error = apart.sum() / pairs, np.sqrt(2 * np.square(apart).sum()) / pairs
        if parts == 1 or squared > tuning.CLEAR_TO_AND_FRO * error:
            found = max(found, (len(at) - 1) * (max(squared, 0.0) + 2 * error))
    return 0.25 * found


def _hidden_by_few(counts: Float, seen: Float | None = None) -> float:
    """As :func:`_hidden`, of (T, G, B) counts in all cells between which few elements change.

    Their motion is taken for motion of the layer, since products of splits cannot tell it from
    noise, and wide cells hold it: along the way through as many equal parts as there are. Less what
    is ``seen`` of it, in (T, G, C) counts.
    """
    last, found = len(counts) - 1, 0.0
    splits, elements = counts.shape[1], float(counts[0].sum())
    most = max(min(tuning.FEW_OF_SPLIT * splits, tuning.FEW_OF_ALL * elements), 1.0)
    for parts in (1, *tuning.PARTS_OF_PATH):
        at = np.unique(np.linspace(0, last, parts + 1).round().astype(np.int64))
        moved = 0.5 * np.abs(np.diff(counts[at].sum(axis=1), axis=0)).sum(axis=-1)
        if moved.max() <= most:
            squared = _pooled_square(counts[at])
            if seen is not None:
                squared = max(squared - _pooled_square(seen[at]), 0.0)
            found = max(found, (len(at) - 1) * squared)
    return 0.25 * found


def _pooled_square(counts: Float) -> float:
    """Sum of the squared displacements of all splits together, between (K, G, B) counts."""
    pooled = counts.sum(axis=1, keepdims=True)
    return float(np.square(changes(pooled[:-1], pooled[1:])).sum())


def one_element(counts: Float) -> float:
    """√Σ Δp²/p, on average, of one element that changes its cell: √(2·(cells held))/n."""
    return float(np.sqrt(2 * np.count_nonzero(counts)) / counts.sum())


def _frozen(counts: Float, inside: Float | None) -> float:
    """Bound on the motion of elements none of which changed its cell.

    As if one had. With offsets, the masses at bin edges changed by what the sums s of positions
    did: Σ (Δs_{b−1} − Δs_b)²/(n·n_b), known to a 256th of a bin.
    """
    limit = one_element(counts)
    if inside is None:
        return limit
    change = np.diff(inside - inside[0], axis=1, prepend=0.0)
    held = np.maximum(counts[1:-1], 1.0) * counts.sum()
    moved = float(np.sqrt((np.square(change) / held).sum(axis=1).max()))
    return min(limit, moved + limit / _DIGITS)
