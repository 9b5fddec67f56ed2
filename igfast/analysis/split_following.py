"""How far each split moves along the tangents of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import split_tuning as tuning
from .split_cells import Roots, pairs_of_cells, roots
from .split_modes import Modes, join_modes
from .split_tangents import tangents

Int = NDArray[np.int64]
Float = NDArray[np.float64]


@dataclass(frozen=True)
class Followed:
    """Displacements of G splits over K intervals along the tangents of the others.

    ``increments`` (G, K) and ``widths`` (G, K) of the windows; ``turned`` (K−1,) displacements
    along the tangents of neighbors, mean over splits; ``straightened``, the share of the length
    that was added because noise turns tangents away.
    """

    increments: Float
    widths: Int
    turned: Float
    straightened: float


def lost_in_cells(merged: Float, modes: Modes) -> float:
    """Share of the length that cells of this width lose.

    What is lost goes as the square of the width where the density is smooth, as the width itself at
    an edge or in a tail that is one cell. Which of them it is shows from joining pairs of cells,
    twice: the loss is extrapolated to cells of no width (L. F. Richardson, 1911). Few records are
    enough for it, and the longer steps between them have less noise. A sharp edge is lost or not as
    it lies in a pair or between two, so both ways to pair are averaged.
    """
    merged = merged[:: max(1, len(merged) // tuning.RECORDS_FOR_CELLS)]
    ways = np.array([_coarser(merged, modes, offset) for offset in (0, 1)])
    lengths = ways.mean(axis=0)
    pairs, fours = lengths[0] - lengths[1], lengths[1] - lengths[2]
    if not (pairs > 0 and lengths[0] > 0):
        return 0.0
    ratio = float(np.clip(fours / pairs, *tuning.LOSS_OF_PAIRS))
    return float(min(pairs / (ratio - 1) / lengths[0], tuning.MOST_LOST))


def _coarser(merged: Float, modes: Modes, offset: int) -> list[float]:
    """Lengths in cells as they are, in pairs of them, in pairs of pairs."""
    lengths: list[float] = []
    for _ in range(3):
        curve = roots(merged)
        lengths.append(float(follow(curve, modes).increments.mean(axis=0).sum()))
        starts = pairs_of_cells(merged.shape[-1], offset)
        modes, merged = join_modes(modes, curve, starts), np.add.reduceat(merged, starts, axis=-1)
    return lengths


def follow(curve: Roots, modes: Modes) -> Followed:
    """Displacements of each split along the tangents of the others."""
    _, splits, _ = curve.splits.shape
    intervals = curve.splits.shape[0] - 1
    increments = np.zeros((splits, intervals))
    widths = np.zeros((splits, intervals), dtype=np.int64)
    turned = np.zeros(max(intervals - 1, 0))
    uncorrected = 0.0
    for split in range(splits if modes.rank else 0):
        basis, overlap = modes.directions[split], modes.overlap[split]
        found = tangents(curve.others[split] @ basis, curve.splits @ basis)
        unit, widths[split] = found.direction, found.width
        cosine = np.square(unit) @ overlap + (found.width == 0)
        weight = 1 / np.sqrt(found.squared_cosine * cosine)
        change = np.diff(curve.centered[:, split] @ basis, axis=0)
        along = (change * unit).sum(axis=1)
        increments[split] = along * weight
        uncorrected += float(along.sum())
        forward = (change[1:] * unit[:-1]).sum(axis=1) * weight[:-1]
        backward = (change[:-1] * unit[1:]).sum(axis=1) * weight[1:]
        turned += 0.5 * (forward + backward) / splits
    total = float(increments.sum())
    return Followed(increments, widths, turned, 1 - uncorrected / total if total > 0 else 0.0)
