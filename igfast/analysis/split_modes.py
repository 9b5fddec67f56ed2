"""The few directions in which a path moves, told from those of noise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from . import split_tuning as tuning
from .split_cells import Roots
from .split_errors import variance_of_products
from .split_singular import largest, leading, squared_overlap

Int = NDArray[np.int64]
Float = NDArray[np.float64]

_TINY = 1e-30
_ROUNDING = 1e-9  # singular values below are those of a path that does not move at all


@dataclass(frozen=True)
class Modes:
    """Leading directions of the paths of pooled other splits, for each of G splits.

    Attributes
    ----------
    directions : (G, B, R) float64
        Orthonormal columns.
    overlap : (G, R) float64
        Squared cosine between an estimated mode and the true one.
    noise : (G, R, B) float64
        What turns modes away from the true ones, up to its size: of one split beside the others.
    values : (R,) float64
        Singular values in the order in which modes were found, mean over splits.
    limit : float
        Singular value that a further mode needs to be told from noise in all cells.
    following : float
        Singular value, without noise, of a mode that is seen but too much turned by noise to be
        followed; 0 where none is seen.
    """

    directions: Float
    overlap: Float
    noise: Float
    values: Float
    limit: float
    following: float

    @property
    def rank(self) -> int:
        """R."""
        return int(self.overlap.shape[1])

    @property
    def hidden(self) -> float:
        """Relative length that the next mode adds at most, which noise may hide.

        Singular values of a smooth path fall ever faster, so the next one is below s_R²/s_{R−1}
        as well as below the limit.
        """
        if self.rank == 0:
            return 0.0
        following = self.limit
        if self.rank > 1:
            smallest, second = np.sort(self.values)[:2]
            following = min(following, smallest**2 / second)
        return self._length_of(following)

    @property
    def seen(self) -> float:
        """Relative length of the modes that are seen but not followed.

        Beyond the first of them singular values fall on as a power α of their number: 2 where the
        tangent jumps as a cusp or an edge moves, more where the path is smooth; taken halfway to
        the fall from the last mode, which a smooth part may hold up. With (i·s_i)² ~ i^(2−2α), all
        from the R+1st on are (R+1)/(2α−3) + ½ times the first.
        """
        if self.rank == 0 or not self.following > 0:
            return 0.0
        number = self.rank + 1
        fall = np.log(self.values.min() / self.following) / np.log(number / self.rank)
        power = 0.5 * (tuning.SLOWEST_FALL + max(fall, tuning.SLOWEST_FALL))
        more = number / (2 * power - 3) + 0.5
        return float(min(more, tuning.MOST_FOLLOWING) * self._length_of(self.following))

    def _length_of(self, value: float) -> float:
        """Mode i turns about i times as often as the first: it adds (i·s_i)² to squared length.

        It is no stronger than the first; where elements are few, chance may say so.
        """
        number = np.arange(1, self.rank + 1)
        total = np.square(number * np.sort(self.values)[::-1]).sum()
        value = min(value, float(self.values.max()))
        return float(np.sqrt(1 + np.square((self.rank + 1) * value) / total) - 1)


def find_modes(curve: Roots, weights: Float | None = None, ends: bool = False) -> Modes:
    """Modes that stand clear of noise in most of the splits.

    First in all cells, then in what these leave out, averaged over more and more neighboring
    cells: there is less noise in fewer cells, and all but a small part of most motion. ``weights``
    (T,) of records are their shares of the path (``split_pace.py``). With ``ends`` the cells are
    those where edges wear off (``merge_sparse``).
    """
    seen = _centered(curve, weights)
    modes = _searched(seen, (*tuning.SEARCHES, *(tuning.SEARCH_OF_ENDS if ends else ())))
    if modes.rank == 0:
        modes = _clear_displacement(curve, modes)
    cells = len(seen.shape)
    widths = [w for w in tuning.JOINED_CELLS if w == 1 or cells >= tuning.LEAST_CELLS_JOINED * w]
    left = [_rest(seen, modes, width, 1).next_spike for width in widths]
    return replace(modes, following=max(left))


def main_modes(curve: Roots) -> Modes:
    """Those of the first search alone: enough to tell where the path is fast."""
    return _searched(_centered(curve, None), tuning.SEARCHES[:1])


@dataclass(frozen=True)
class _Paths:
    """Paths (G, T, B) of pooled other splits and noise (G, T, B), times roots of weights.

    ``shape`` (B,), the mean of all roots.
    """

    paths: Float
    noise: Float
    shape: Float


def _centered(curve: Roots, weights: Float | None) -> _Paths:
    shape = curve.others.mean(axis=(0, 1))
    if weights is None:
        return _Paths(curve.others - curve.others.mean(axis=1, keepdims=True), curve.noise, shape)
    paths, noise = (_weighted(part, weights) for part in (curve.others, curve.noise))
    return _Paths(paths, noise, shape)


def _weighted(part: Float, weights: Float) -> Float:
    """(J, T, B) records less their weighted mean, times the root of their weights."""
    mean = np.matmul(weights / weights.sum(), part)
    return np.asarray((part - mean[:, None]) * np.sqrt(weights)[:, None])


def _searched(seen: _Paths, searches: tuple[tuple[int, float], ...]) -> Modes:
    """Modes of one search after the other."""
    splits, _, cells = seen.paths.shape
    nothing = np.zeros((splits, cells, 0)), np.zeros((splits, 0)), np.zeros((splits, 0, cells))
    modes = Modes(*nothing, np.zeros(0), 0.0, 0.0)
    for joined, least in searches:
        if joined > 1 and cells < tuning.LEAST_CELLS_JOINED * joined:
            continue
        for count in (tuning.FEW_MODES, tuning.MOST_MODES):
            rest = _rest(seen, modes, joined, count)
            limit = max(tuning.NOISE_MARGIN * float(largest(rest.noise).max()), _ROUNDING)
            real = (rest.values > limit) & (rest.shares > least)
            ranks = np.cumprod(real, axis=1).sum(axis=1)
            if ranks.max() < rest.values.shape[1]:
                break
        rank = int(np.median(ranks))
        modes = replace(modes, limit=modes.limit or limit)
        if rank:
            modes = _with(modes, rest, rank, least)
    return modes


def _clear_displacement(curve: Roots, nothing: Modes) -> Modes:
    """The direction between two records, where no other stands clear.

    One direction that is known beforehand is told from noise sooner than one that is looked for:
    from the first record to the last, or along a part of the path, as paths that return need.
    """
    records, splits, _ = curve.splits.shape
    if splits < 3:
        return nothing
    start, stop, clear = _stretches(records)
    change = curve.splits[stop] - curve.splits[start]
    products = np.matmul(change, change.transpose(0, 2, 1)).transpose(1, 2, 0)
    squared = (products.sum(axis=(0, 1)) - np.trace(products)) / (splits * (splits - 1))
    errors = clear * variance_of_products(products).error
    best = int(np.argmax(squared / np.maximum(errors, _TINY)))
    first, last = start[best], stop[best]
    others = curve.others[:, last] - curve.others[:, first]
    norms = np.linalg.norm(others, axis=1)
    if not squared[best] > errors[best] or not norms.all():
        return nothing
    directions = others / norms[:, None]
    noise = curve.noise[:, last] - curve.noise[:, first]
    across = np.square(noise).sum() - np.square(noise @ directions.T).mean(axis=1).sum()
    overlap = 1 - across / len(noise) / norms**2
    return replace(
        nothing,
        directions=directions[..., None],
        overlap=np.maximum(overlap, tuning.SEARCHES[-1][1])[:, None],
        noise=noise[:, None],
        values=np.array([np.sqrt(squared[best] * records / 12)]),  # of an even motion on a line
    )


def _stretches(records: int) -> tuple[Int, Int, Float]:
    """First and last record of the whole path and of ever smaller parts that overlap by half.

    And how many errors a displacement has to be clear of.
    """
    found = [(0, records - 1, tuning.CLEAR_DISPLACEMENT)]
    for parts in tuning.PARTS_OF_PATH:
        bounds = np.linspace(0, records - 1, 2 * parts + 1).round().astype(np.int64)
        pairs = zip(bounds[:-2].tolist(), bounds[2:].tolist(), strict=True)
        found += [(*pair, tuning.CLEAR_OF_PART) for pair in pairs if pair[0] < pair[1]]
    start, stop, clear = zip(*found, strict=True)
    return np.array(start), np.array(stop), np.array(clear)


@dataclass(frozen=True)
class _Rest:
    """Leading singular triples of what modes leave out, in joined cells, for each of G splits.

    ``left`` (G, T, k), ``values`` (G, k) and ``right`` (G, K, k); see `squared_overlap`.
    """

    left: Float
    values: Float
    right: Float
    noise: Float
    weight: Float
    joined: int
    shares: Float
    spikes: Float

    @property
    def next_spike(self) -> float:
        """Singular value without noise of the largest, where most of the splits see it."""
        clear = self.shares[:, 0] > tuning.SEEN
        return float(np.median(np.where(clear, self.spikes[:, 0], 0.0)))


def _rest(seen: _Paths, modes: Modes, joined: int, count: int) -> _Rest:
    directions, starts = modes.directions, np.arange(0, len(seen.shape), joined)
    weight = _weights(seen.shape, starts)
    inside = np.add.reduceat(directions * weight[:, None], starts, axis=1).transpose(0, 2, 1)
    rest, noise = seen.paths, seen.noise
    if joined > 1:
        rest, noise = (np.add.reduceat(part * weight, starts, axis=-1) for part in (rest, noise))
    if modes.rank:
        rest = rest - (seen.paths @ directions) @ inside
        noise = noise - (seen.noise @ directions) @ inside
    triples = leading(rest, count)
    return _Rest(*triples, noise, weight, joined, *squared_overlap(*triples, noise))


def _with(modes: Modes, rest: _Rest, rank: int, least: float) -> Modes:
    """Modes and the first ``rank`` of what they left out."""
    cells = modes.directions.shape[1]
    new = np.repeat(rest.right[..., :rank], rest.joined, axis=1)[:, :cells] * rest.weight[:, None]
    kept = np.maximum(rest.shares[:, :rank], least)
    rows = np.matmul(rest.left[..., :rank].transpose(0, 2, 1), rest.noise)
    rows = np.repeat(rows, rest.joined, axis=2)[..., :cells] * rest.weight
    return replace(
        modes,
        directions=np.linalg.qr(np.concatenate([modes.directions, new], axis=2))[0],
        overlap=np.concatenate([modes.overlap, kept], axis=1),
        noise=np.concatenate([modes.noise, rows], axis=1),
        values=np.concatenate([modes.values, rest.values[:, :rank].mean(axis=0)]),
    )


def join_modes(modes: Modes, curve: Roots, starts: Int) -> tuple[Modes, Float]:
    """The same modes where the cells from each of ``starts`` to the next are joined; weights.

    What noise has turned them by is less in fewer cells: by how much shows in contrasts.
    """
    weight = _weights(curve.others.mean(axis=(0, 1)), starts)
    joined = np.add.reduceat(modes.directions * weight[:, None], starts, axis=1)
    directions = np.linalg.qr(joined)[0]
    rank = directions.shape[2]
    noise = np.add.reduceat(modes.noise * weight, starts, axis=-1)
    kept = np.square(noise).sum(axis=(0, 2)) / np.maximum(
        np.square(modes.noise).sum(axis=(0, 2)), _TINY
    )
    one = replace(
        modes,
        directions=directions,
        overlap=(1 - (1 - modes.overlap) * kept)[:, :rank],
        noise=noise[:, :rank],
        values=modes.values[:rank],
    )
    return one, weight


def _weights(shape: Float, starts: Int) -> Float:
    """(B,) of cells in the motion of their neighbors in proportion, of unit norm in each group."""
    norm = np.sqrt(np.add.reduceat(np.square(shape), starts))
    return np.asarray(shape / np.repeat(norm, np.diff(np.append(starts, len(shape)))))
