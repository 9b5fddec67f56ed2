"""The few directions in which a path moves, told from those of noise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from . import split_tuning as tuning
from .split_cells import Roots
from .split_errors import variance_of_products

Int = NDArray[np.int64]
Float = NDArray[np.float64]

_TINY = 1e-30
_ROUNDING = 1e-9  # singular values below are those of a path that does not move at all
_DIRECT = 400  # up to this size a symmetric matrix is diagonalized, beyond subspaces are iterated
_ITERATIONS = 6
_LOOKED_AT = 6  # columns that look for the largest singular value alone
_SPARE = 8  # columns beyond those wanted, which speed up convergence


@dataclass(frozen=True)
class Modes:
    """Leading directions of the paths of pooled other splits, for each of G splits.

    Attributes
    ----------
    directions : (G, B, R) float64
        Orthonormal columns.
    overlap : (G, R) float64
        Squared cosine between an estimated mode and the true one.
    noise : (G−1, R, B) float64
        What turns modes away from the true ones, up to its size: contrasts between splits.
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
        """Mode i turns about i times as often as the first: it adds (i·s_i)² to squared length."""
        number = np.arange(1, self.rank + 1)
        total = np.square(number * np.sort(self.values)[::-1]).sum()
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
    """Paths (G, T, B) of pooled other splits and contrasts (G−1, T, B), times roots of weights.

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
    nothing = np.zeros((splits, cells, 0)), np.zeros((splits, 0)), np.zeros((splits - 1, 0, cells))
    modes = Modes(*nothing, np.zeros(0), 0.0, 0.0)
    for joined, least in searches:
        if joined > 1 and cells < tuning.LEAST_CELLS_JOINED * joined:
            continue
        for count in (tuning.FEW_MODES, tuning.MOST_MODES):
            rest = _rest(seen, modes, joined, count)
            limit = max(tuning.NOISE_MARGIN * float(_largest(rest.noise).max()), _ROUNDING)
            real = (rest.values > limit) & (rest.shares > least)
            rank = int(np.median(np.cumprod(real, axis=1).sum(axis=1)))
            if rank < rest.values.shape[1]:
                break
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
    """Leading singular triples of what modes leave out, in joined cells, for each of G splits."""

    triples: list[tuple[Float, Float, Float]]
    noise: Float
    weight: Float
    joined: int
    values: Float
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
        noise = noise - (seen.noise @ directions[0]) @ inside[0]
    triples = [leading(part, count) for part in rest]
    values = np.array([each[1] for each in triples])
    both = [_squared_overlap(*each, noise) for each in triples]
    shares, spikes = (np.array(part) for part in zip(*both, strict=True))
    return _Rest(triples, noise, weight, joined, values, shares, spikes)


def _with(modes: Modes, rest: _Rest, rank: int, least: float) -> Modes:
    """Modes and the first ``rank`` of what they left out."""
    cells = modes.directions.shape[1]
    new = np.array([each[2][:, :rank] for each in rest.triples])
    new = np.repeat(new, rest.joined, axis=1)[:, :cells] * rest.weight[:, None]
    kept = np.maximum(rest.shares[:, :rank], least)
    rows = np.matmul(rest.triples[0][0][:, :rank].T, rest.noise)
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


def _squared_overlap(left: Float, value: Float, right: Float, noise: Float) -> tuple[Float, Float]:
    """Squared cosine of estimated and true modes, and their singular value without noise.

    By the theory of spiked matrices. With e, f the energies of noise along a left and a right
    vector, measured on the contrasts, a spike l (squared) is seen as s² = (l + e)(l + f)/l, and
    c² = (1 − ef/l²)/(1 + e/l)
    (F. Benaych-Georges, R. R. Nadakuditi, J. Multivar. Anal. 111 (2012) 120).
    """
    rows = np.matmul(left.T, noise)
    columns = noise @ right
    both = np.square((rows * right.T).sum(axis=-1))
    e = np.maximum((np.square(rows).sum(axis=-1) - both).mean(axis=0), 0.0)
    f = np.maximum((np.square(columns).sum(axis=1) - both).mean(axis=0), 0.0)
    excess = value**2 - e - f
    root = np.sqrt(np.maximum(excess**2 - 4 * e * f, 0.0))
    spike = np.maximum(0.5 * (excess + root), _TINY)
    seen = (excess > 2 * np.sqrt(e * f)) & (value > 0)
    cosine = (1 - e * f / spike**2) / (1 + e / spike)
    return np.where(seen, cosine, 0.0), np.where(seen, np.sqrt(spike), 0.0)


def _largest(matrices: Float) -> Float:
    """(J,) largest singular values of (J, T, B) matrices, within a few per cent from below."""
    columns = min(_LOOKED_AT, *matrices.shape[1:])
    start = np.random.default_rng(0).standard_normal((matrices.shape[2], columns))
    image = matrices @ start
    for _ in range(_ITERATIONS):
        image = matrices @ (matrices.transpose(0, 2, 1) @ np.linalg.qr(image)[0])
    basis = np.linalg.qr(image)[0]
    inside = np.linalg.norm(basis.transpose(0, 2, 1) @ matrices, ord=2, axis=(1, 2))
    return np.asarray(inside)


def leading(matrix: Float, count: int) -> tuple[Float, Float, Float]:
    """Leading singular triples (T, k), (k,), (B, k) of a (T, B) matrix, largest first."""
    rows, columns = matrix.shape
    count = min(count, rows, columns)
    basis: Float
    if min(rows, columns) <= _DIRECT:
        if columns <= rows:
            basis = np.linalg.eigh(matrix.T @ matrix)[1][:, ::-1][:, :count]
        else:
            vectors = np.linalg.eigh(matrix @ matrix.T)[1][:, ::-1][:, :count]
            basis = np.linalg.qr(matrix.T @ vectors)[0]
    else:
        tried = min(max(count, tuning.MOST_MODES) + _SPARE, rows)
        basis = np.random.default_rng(0).standard_normal((columns, tried))
        for _ in range(_ITERATIONS):
            basis = np.linalg.qr(matrix.T @ (matrix @ basis))[0]
    left, values, right = np.linalg.svd(matrix @ basis, full_matrices=False)
    return left[:, :count], values[:count], (basis @ right.T)[:, :count]
