"""Motion that the modes leave out, measured where displacements are long enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import split_tuning as tuning
from .split_modes import Modes

Float = NDArray[np.float64]

_TINY = 1e-300


@dataclass(frozen=True)
class Remainder:
    """Squared length outside the modes over that inside, and its error."""

    value: float
    error: float


def measure_remainder(centered: Float, path: Float, modes: Modes, known: float) -> Remainder:
    """Compare cross products in all cells with those through the tangents.

    Over displacements long enough to be measured in all cells. The shorter they are the more bends
    they show, and the more noise: the shortest are taken whose error is small beside ``known``, the
    relative statistical error of the length.
    """
    found, pieces = Remainder(0.0, 0.0), 1
    while pieces * tuning.LADDER_OVERLAP < 2 * len(path):
        ratios = _level(centered, path, modes, pieces)
        if ratios is not None:
            error = _jackknife(ratios[1:])
            if error / 2 > tuning.FINEST_LEVEL * known:
                break
            found = Remainder(float(ratios[0]), error)
        pieces *= 2
    return found


def _jackknife(without: Float) -> float:
    """Of products of splits, all of whose mean is noise: half of what leaving one out tells."""
    count = len(without)
    spread = np.square(without - without.mean()).sum()
    return float(np.sqrt(0.5 * (count - 1) / count * spread))


def _level(centered: Float, path: Float, modes: Modes, pieces: int) -> Float | None:
    """(1 + G,) ratio − 1 from all splits and without each; None where the path is too bent."""
    records, splits, _ = centered.shape
    overlap = tuning.LADDER_OVERLAP
    lengths = np.linspace(0, path[-1], pieces * overlap + 1)
    at = np.searchsorted(path, lengths - 1e-12 * path[-1]).clip(0, records - 1)
    before, after = at[:-overlap], at[overlap:]
    moved = after > before
    before, after = before[moved], after[moved]
    if len(before) == 0:
        return None
    change = centered[after] - centered[before]
    inside = _through_tangents(change, modes)
    flat = change.transpose(1, 0, 2).reshape(splits, -1)
    full, seen = flat @ flat.T, inside @ inside.T
    apart = ~np.eye(splits, dtype=bool)
    if not seen[apart].mean() > 0.5 * np.square(path[after] - path[before]).sum():
        return None
    ratios = [full[apart].sum() / seen[apart].sum() - 1]
    for split in range(splits):
        kept = apart.copy()
        kept[split] = kept[:, split] = False
        ratios.append(full[kept].sum() / seen[kept].sum() - 1)
    return np.array(ratios)


def _through_tangents(change: Float, modes: Modes) -> Float:
    """(G, D) displacements (D, G, B) of each split along the direction of the others'."""
    total, splits = change.sum(axis=1), change.shape[1]
    found = np.empty((splits, len(change)))
    for split, (basis, overlap) in enumerate(zip(modes.directions, modes.overlap, strict=True)):
        unit = ((total - change[:, split]) / (splits - 1)) @ basis
        unit /= np.sqrt(np.maximum(np.square(unit).sum(axis=1), _TINY))[:, None]
        cosine = np.sqrt(np.maximum(np.square(unit) @ overlap, 0.1))
        found[split] = ((change[:, split] @ basis) * unit).sum(axis=1) / cosine
    return found
