"""How far each split moves along the tangents of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import split_tuning as tuning
from .split_cells import Roots, join_pairs, roots
from .split_modes import Modes, find_modes
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


def lost_in_cells(merged: Float, length: float) -> float:
    """Share of the length that cells of this width lose, at most.

    What is lost goes as the square of the width where the density is smooth, as the width itself in
    a tail that is one cell: joining pairs of cells loses once or three times as much again.
    """
    if not length > 0:
        return 0.0
    pairs = join_pairs(merged)
    coarse, coarsest = (_length_of(cells) for cells in (pairs, join_pairs(pairs)))
    lost = max(length - coarse, (coarse - coarsest) / 3, 0.0)
    return min(lost / length, tuning.MOST_LOST)


def _length_of(cells: Float) -> float:
    curve = roots(cells)
    return float(follow(curve, find_modes(curve)).increments.mean(axis=0).sum())


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
