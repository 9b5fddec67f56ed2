"""Motion that the modes leave out, measured where displacements are long enough to show it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import split_tuning as tuning
from .split_cells import Roots
from .split_errors import Variance, variance_of_products
from .split_modes import Modes, join_modes

Int = NDArray[np.int64]
Float = NDArray[np.float64]

_TINY = 1e-300


@dataclass(frozen=True)
class Remainder:
    """Squared length outside the modes over that inside, its variance, and what may be left out.

    ``unseen`` is the change of ``value`` at its last refinement: a still finer one would be the
    next.
    """

    value: float
    variance: Variance
    unseen: float


@dataclass(frozen=True)
class _Band:
    """The curve (T, G, K) in cells joined so far.

    ``inside`` (R, G, S, T) is what of it lies in the modes for each of S splits, ``overlap`` (S, R)
    theirs.
    """

    curve: Float
    inside: Float
    overlap: Float


@dataclass(frozen=True)
class _Level:
    """Of displacements of one length, by band: (bands, G, G) products outside the modes over their
    mean inside, and how far (bands,) they are to be believed for how sure their directions are."""

    products: Float
    sure: Float


def measure_remainder(curve: Roots, path: Float, modes: Modes, known: float) -> Remainder:
    """Compare cross products in all cells with those through the tangents.

    The shorter the displacements the more bends they show, and the more noise; but there is less
    noise in fewer, wider cells, which hold most of what a smooth density does. So what wide cells
    show is taken from the shortest displacements, and what narrower cells add to it from longer
    ones: each from the shortest whose error is small beside ``known``, the other relative errors of
    the length. Errors are uncertain themselves, so refinements are given up gradually. So they are
    where noise turns the displacements away from their directions: what lies along them is then
    overestimated.
    """
    cells = curve.splits.shape[-1]
    widths = [w for w in tuning.JOINED_CELLS if w == 1 or cells >= tuning.LEAST_CELLS_JOINED * w]
    bands = [_joined(curve, modes, width) for width in widths[::-1]]
    splits = curve.splits.shape[1]
    last = before = found = earlier = np.zeros((len(bands), splits, splits))
    allowed = max(2 * tuning.FINEST_LEVEL * known, _TINY)
    kept = np.ones((len(bands), 1, 1))
    for start, stop in _ladder(path):
        level = _level(bands, path, start, stop)
        if level is None:
            continue
        error = variance_of_products(level.products.transpose(1, 2, 0)).error
        believed = np.minimum(_believed(error / allowed), level.sure)
        kept = np.minimum(kept, believed[:, None, None])
        before = before + kept * (found - earlier)
        last = last + kept * (level.products - found)
        earlier, found = found, level.products
        if not kept.any():
            break
    finer = last - before
    unseen = float(_of_others(finer.sum(axis=0)).mean())
    whole = (last + (tuning.NEXT_REFINEMENTS if unseen > 0 else 0.0) * finer).sum(axis=0)
    value = float(_of_others(whole).mean())
    variance = variance_of_products(whole[..., None])
    return Remainder(value, variance, unseen)


def _believed(ratio: Float) -> Float:
    """Share of a refinement by its error over the one allowed: all at a half, none at twice."""
    return np.asarray(np.clip(0.5 - 0.5 * np.log2(np.maximum(ratio, _TINY)), 0.0, 1.0))


def _joined(curve: Roots, modes: Modes, width: int) -> _Band:
    """In the motion of ``width`` neighboring cells in proportion, of unit norm."""
    splits = curve.splits
    if width > 1:
        starts = np.arange(0, splits.shape[-1], width)
        modes, weight = join_modes(modes, curve, starts)
        splits = np.add.reduceat(splits * weight, starts, axis=-1)
    inside = np.matmul(splits.transpose(1, 0, 2), modes.directions[:, None])  # (S, G, T, R)
    return _Band(splits, np.ascontiguousarray(inside.transpose(3, 1, 0, 2)), modes.overlap)


def _ladder(path: Float) -> list[tuple[Int, Int]]:
    """Displacements along ever shorter parts of the path, until each is between neighbors."""
    overlap, last = tuning.LADDER_OVERLAP, len(path) - 1
    found: list[tuple[Int, Int]] = []
    pieces = 1
    while pieces <= 2 * last:
        lengths = np.linspace(0, path[-1], pieces * overlap + 1)
        at = np.searchsorted(path, lengths - 1e-12 * path[-1]).clip(0, last)
        pairs = np.unique(np.stack([at[:-overlap], at[overlap:]], axis=1), axis=0)
        start, stop = pairs[pairs[:, 1] > pairs[:, 0]].T
        if len(start):
            found.append((start, stop))
        pieces *= 2
    return found


def _level(bands: list[_Band], path: Float, start: Int, stop: Int) -> _Level | None:
    """None where the path is too bent between the ends of its parts."""
    splits = bands[0].curve.shape[1]
    outside, cosines, inside = [], [], 0.0
    for band in bands:
        change = band.curve[stop] - band.curve[start]
        along, cosine = _through_tangents(band, start, stop)
        cosines.append(float(np.median(cosine)))
        flat = change.transpose(1, 0, 2).reshape(splits, -1)
        seen = along @ along.T
        outside.append(flat @ flat.T - seen)
        inside = float(_of_others(seen).mean())
    if not inside > 0.5 * np.square(path[stop] - path[start]).sum():
        return None
    low, high = tuning.SURE_DIRECTION
    sure = np.clip((np.array(cosines) - low) / (high - low), 0.0, 1.0)
    return _Level(np.diff(np.array(outside), axis=0, prepend=0.0) / inside, sure)


def _of_others(products: Float) -> Float:
    """(..., G) means of (..., G, G) products of each split with the others."""
    splits = products.shape[-1]
    own = np.diagonal(products, axis1=-2, axis2=-1)
    return np.asarray((products.sum(axis=-1) - own) / (splits - 1))


def _through_tangents(band: _Band, start: Int, stop: Int) -> tuple[Float, Float]:
    """(S, D) displacements of each split along the direction of the others'.

    And (S, D) squared cosines of these directions to the true ones.
    """
    change = band.inside[..., stop] - band.inside[..., start]
    splits = change.shape[1]
    each = np.arange(splits)
    own = change[:, each, each]
    other = (change.sum(axis=1) - own) / (splits - 1)
    squared = np.maximum(np.square(other).sum(axis=0), _TINY)
    unit = other / np.sqrt(squared)
    spread = change - change.mean(axis=1, keepdims=True)
    noise = np.square(spread).sum(axis=(0, 1))
    noise -= np.square((spread * unit[:, None]).sum(axis=0)).sum(axis=0)
    kept = (np.square(unit) * band.overlap.T[..., None]).sum(axis=0)
    cosine = (1 - noise / (splits - 1) ** 2 / squared) * kept
    along = (own * unit).sum(axis=0) / np.sqrt(np.maximum(cosine, 0.1))
    return np.asarray(along), np.asarray(cosine)
