"""Which records stand in a ridgeline, and their densities. Needs NumPy only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from igfast.report.collect import MotionCurves
from igfast.report.counted import Densities, Float, Int

RIDGES = 12


def ridge_records(motion: MotionCurves) -> Int:
    """Indices of up to `RIDGES` records spread evenly along the path.

    Evenly in L divided by its final value, mean over the weight matrices whose L is resolved (over
    all such layers if there is none), so that many ridges stand where much changes; evenly in the
    record number where no length is resolved. A layer lost to NaN has arrived.
    """
    drawn = next(iter(motion.densities.values())).records
    if len(drawn) <= RIDGES:
        return drawn
    clear = [layer for layer in motion.layers if motion.resolved(layer)]
    columns = [layer.column for layer in clear if layer.matrix] or [x.column for x in clear]
    if columns:
        path = motion.length[:, columns] / motion.final.length[columns]
        place = np.where(np.isfinite(path), path, 1.0).mean(axis=1)[drawn]
    else:
        place = np.linspace(0.0, 1.0, len(drawn))
    nearest = np.abs(place[:, None] - np.linspace(0.0, 1.0, RIDGES)).argmin(axis=0)
    nearest[[0, -1]] = 0, len(drawn) - 1  # where L rests at an end, many records are as near
    return np.asarray(np.unique(drawn[nearest]))


def ridge_densities(densities: Densities, chosen: Int) -> tuple[Float, Float]:
    """Edges (D+1,) and densities (R, D) per unit of weight of the chosen records."""
    edges = densities.display_edges(80)
    places = np.searchsorted(densities.records, chosen).tolist()
    few = replace(
        densities,
        records=chosen,
        edges=tuple(densities.edges[place] for place in places),
        counts=tuple(densities.counts[place] for place in places),
    )
    return edges, few.on(edges)
