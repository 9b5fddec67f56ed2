"""Which records stand in a ridgeline, and their densities. Needs NumPy only."""

from __future__ import annotations

import numpy as np

from igfast.report.collect import Densities, Float, Int, Motion

RIDGES = 12


def ridge_records(motion: Motion) -> Int:
    """Indices of up to `RIDGES` records spread evenly along the path.

    Evenly in the mean over layers of L divided by its final value, so that many ridges stand where
    much changes; evenly in the record number where no length is known.
    """
    drawn = next(iter(motion.densities.values())).records
    if len(drawn) <= RIDGES:
        return drawn
    final = motion.length[-1]
    moving = np.isfinite(motion.length).all(axis=0) & (final > 0)
    if moving.any():
        place = (motion.length[:, moving] / final[moving]).mean(axis=1)[drawn]
    else:
        place = np.linspace(0.0, 1.0, len(drawn))
    nearest = np.abs(place[:, None] - np.linspace(0.0, 1.0, RIDGES)).argmin(axis=0)
    return np.asarray(np.unique(np.append(drawn[nearest], drawn[[0, -1]])))


def ridge_densities(densities: Densities, chosen: Int) -> tuple[Float, Float]:
    """Edges (D+1,) and densities (R, D) per unit of weight of the chosen records."""
    edges = densities.display_edges(80)
    return edges, densities.on(edges)[np.searchsorted(densities.records, chosen)]
