"""How far each split moves along the tangents of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import split_tuning as tuning
from .split_cells import Roots, pairs_of_cells, roots
from .split_modes import Modes, join_modes
from .split_pace import chosen_records
from .split_tangents import tangents

Bool = NDArray[np.bool_]
Int = NDArray[np.int64]
Float = NDArray[np.float64]

_TINY = 1e-300


@dataclass(frozen=True)
class Followed:
    """Displacements of G splits over K intervals along the tangents of the others.

    ``increments`` (G, K), whose spread over splits is that of their roots, and ``widths`` (G, K) of
    the windows; ``pairs`` (G, G, K), displacements of each split along those of each single other,
    in both ways; ``turned`` (K−1,) displacements along the tangents of neighbors, mean over splits;
    ``across`` (K−2,) cosines between the tangents on both sides of an interval, 1 where it took
    more than one interval to find them; ``straightened``, the share of the length that was added
    because noise turns tangents away.
    """

    increments: Float
    pairs: Float
    widths: Int
    turned: Float
    across: Float
    straightened: float


@dataclass(frozen=True)
class LostInCells:
    """What cells hide of a length, over it.

    ``lost`` is added, ``error`` its standard error; what ever narrower cells may show ``beyond`` it
    is in the error alone.
    """

    lost: float
    error: float
    beyond: float


def lost_in_cells(
    merged: Float, apart: Bool, modes: Modes, weights: Float, bins: LostInCells | None = None
) -> LostInCells:
    """What cells of this width lose of the length.

    What is lost goes as the square of the width where the density is smooth, as less than the width
    itself at an edge or in a tail that is one cell. How much of it is of either kind shows from
    joining pairs of cells, twice: each is extrapolated to cells of no width (L. F. Richardson,
    1911). Few records are enough for it, and the longer steps between them have less noise. A sharp
    edge is lost or not as it lies in a pair or between two, so both ways to pair are averaged.
    Cells that are ``apart`` are no density cut into cells: nothing is lost between them.

    Where pairs lose as much as fours, beyond noise, as of magnitudes over decades, each halving of
    the cells may show as much again, until no cell holds many of the elements. It does so in one
    place, as around zero, which one of the ways to pair may miss: of both the one that loses more
    is compared.

    Cells that are halves of ``bins`` by mean positions do not show an edge within a bin: of what
    bins were found to lose beyond what halves show a part is believed, and that is in doubt. Where
    each halving of bins might show as much again, it may show as much as this one did.
    """
    merged = merged[chosen_records(weights, tuning.RECORDS_FOR_CELLS)]
    here = _lengths(roots(merged), modes)
    length = float(here.mean())
    if not length > 0:
        return LostInCells(0.0, 0.0, 0.0)
    ways = [[here, *_coarser(merged, apart, modes, offset)] for offset in (0, 1)]
    losses = -np.diff(np.array(ways), axis=1)  # (2, 2, G): ways, pairs and fours, splits
    shares = merged.sum(axis=1) / merged.sum(axis=(1, 2))[:, None]
    halvings = np.log2(max(shares.max() / tuning.FULLEST_CELL, 1.0))
    lost, beyond = _extrapolated(losses) / length, _beyond(losses) * halvings / length
    doubt = tuning.LOST_IN_CELLS_ERROR * min(lost, tuning.MOST_LOST)
    if bins is not None:
        shown = max(float(losses[:, 0].mean()), 0.0) / length
        unseen = tuning.BELIEVED_UNSEEN * max(bins.lost - shown, 0.0)
        lost, doubt = max(lost, unseen), max(doubt, unseen)
        beyond = max(beyond, min(bins.beyond, shown * halvings))
    most = tuning.MOST_LOST
    return LostInCells(min(lost, most), min(doubt, most), min(beyond, most))


def _extrapolated(losses: Float) -> float:
    """Length lost by cells, of (2, 2, G) losses in pairs and in fours."""
    mean, next_mean = losses.mean(axis=(0, 2)).tolist()
    sharp, smooth = tuning.LOSS_OF_PAIRS
    edges = float(np.clip((smooth * mean - next_mean) / (smooth - sharp), 0.0, max(mean, 0.0)))
    return float(edges / (sharp - 1) + (max(mean, 0.0) - edges) / (smooth - 1))


def _beyond(losses: Float) -> float:
    """Length that each halving of cells may show, of (2, 2, G) losses in pairs and in fours."""
    mean, sharp = float(losses[:, 0].mean()), tuning.LOSS_OF_PAIRS[0]
    if not mean > 0:
        return 0.0
    pairs, fours = (way[way.mean(axis=1).argmax()] for way in losses.transpose(1, 0, 2))
    slow = sharp * pairs - fours
    noise = max(float(slow.std(ddof=1)) / np.sqrt(slow.size), _TINY)
    believed = float(np.clip(slow.mean() / noise - 2, 0.0, 1.0))
    return believed * float(np.clip(slow.mean() / (sharp - 1), 0.0, mean))


def _coarser(merged: Float, apart: Bool, modes: Modes, offset: int) -> list[Float]:
    """Lengths of splits in pairs of cells, and in pairs of pairs."""
    lengths: list[Float] = []
    for _ in range(2):
        starts = pairs_of_cells(apart, offset)
        modes = join_modes(modes, roots(merged), starts)[0]
        merged, apart = np.add.reduceat(merged, starts, axis=-1), apart[starts]
        lengths.append(_lengths(roots(merged), modes))
    return lengths


def _lengths(curve: Roots, modes: Modes) -> Float:
    return np.asarray(follow(curve, modes).increments.sum(axis=1))


def follow(curve: Roots, modes: Modes) -> Followed:
    """Displacements of each split along the tangents of the others."""
    records, splits, _ = curve.splits.shape
    intervals = records - 1
    if not modes.rank:
        return _unmoved(splits, intervals)
    inside = np.matmul(curve.splits.transpose(1, 0, 2), modes.directions[:, None])  # (S, G, T, R)
    found = tangents(curve.others @ modes.directions, inside.transpose(0, 2, 1, 3))
    unit, width = found.direction, found.width
    cosine = (np.square(unit) @ modes.overlap[..., None])[..., 0] + (width == 0)
    weight = 1 / np.sqrt(found.squared_cosine * cosine)
    change = np.stack([_linear(curve, split) @ modes.directions[split] for split in range(splits)])
    along = _dot(change, unit)
    mean = (along * weight).mean(axis=0)
    # noise that splits share with their slopes cancels in the mean; roots tell how much is left
    own = np.arange(splits)
    rooted = np.diff(inside[own, own], axis=1) * weight[..., None]
    increments = _dot(rooted, unit)
    increments += mean - increments.mean(axis=0)
    pairs = (found.parts @ rooted[..., None])[..., 0].transpose(0, 2, 1)
    forward = _dot(change[:, 1:], unit[:, :-1]) * weight[:, :-1]
    backward = _dot(change[:, :-1], unit[:, 1:]) * weight[:, 1:]
    single = (width[:, 2:] == 1) & (width[:, :-2] == 1)
    across = np.where(single, _dot(unit[:, 2:], unit[:, :-2]), 1.0)
    total = splits * float(mean.sum())
    return Followed(
        increments=increments,
        pairs=0.5 * (pairs + pairs.transpose(1, 0, 2)),
        widths=width,
        turned=0.5 * (forward + backward).mean(axis=0),
        across=across.mean(axis=0),
        straightened=1 - float(along.sum()) / total if total > 0 else 0.0,
    )


def _unmoved(splits: int, intervals: int) -> Followed:
    still = np.zeros((splits, intervals))
    return Followed(
        increments=still,
        pairs=np.zeros((splits, splits, intervals)),
        widths=still.astype(np.int64),
        turned=np.zeros(max(intervals - 1, 0)),
        across=np.zeros(max(intervals - 2, 0)),
        straightened=0.0,
    )


def _dot(one: Float, other: Float) -> Float:
    """Scalar products along the last axis."""
    return np.asarray(np.einsum("...r,...r->...", one, other))


def _linear(curve: Roots, split: int) -> Float:
    """(K, B) changes of p of one split times those of 2√p over those of p, of the other splits.

    With slopes of the others displacements are linear in the counts of one split, so the bias that
    roots of few counts have does not enter. Noise of variance v in the mean of two roots makes its
    inverse larger by v/mean²; v is half of that of one.
    """
    others = curve.others[split]
    mean = 0.5 * (others[1:] + others[:-1])
    slopes = 2 / np.sqrt(np.square(mean) + curve.one)  # 4/(2√p' + 2√p)
    return np.asarray(np.diff(curve.shares[:, split], axis=0) * slopes)
