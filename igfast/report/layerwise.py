"""What a report measures of one layer, in whichever process.

Needs NumPy only.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from igfast.report.counted import Counts, Float, Layer, counts_of

if TYPE_CHECKING:
    from igfast.trajectory import Trajectory

SPARSE = 4  # the sampling check takes every fourth record
LEAST_SAMPLED = 1000  # elements of a layer from which on its sampling is checked


@dataclass(frozen=True)
class Row:
    """A layer, or what pools some, in all that a table or a curve shows of it.

    `curves` are fields of `MotionCurves`, without their axis of layers.
    """

    curves: dict[str, Float]
    grid: str
    counts: Counts


def measured(
    run: Trajectory, layer: Layer, *, quantity: str, estimator: str, drawn: Collection[str]
) -> Row:
    """All at once: decoding the layer's records is a good part of the work."""
    curves = _curves(run, layer, quantity, estimator)
    records = run.shared_records(layer.name, quantity)
    curves["great_circle"] = np.array(np.nan)
    last = last_known(curves["length_published"])
    if last > 0:
        ends = type(run).from_histograms([0, 1], [records[0], records[last]])
        curves["great_circle"] = great_circle(ends)[0]
    counts = counts_of(records, layer, layer.name in drawn)
    return Row(curves, str(run.common(layer.name, quantity)), counts)


def _curves(run: Trajectory, layer: Layer, quantity: str, estimator: str) -> dict[str, Float]:
    name, records = layer.name, len(run.steps_of(quantity))
    found = {
        "entropy": run.entropy(name, quantity),
        "complexity": run.complexity(name, quantity),
        "length_sparse": np.array(np.nan),
    }
    pairs = ("velocity", "velocity_squared", "length")
    if records < 2:
        intervals, still = np.zeros(0), np.zeros(records)
        names = (*pairs[:2], *(f"{one}_error" for one in pairs[:2]), "velocity_published")
        found |= dict.fromkeys((*names, "noise_floor"), intervals)
        return found | dict.fromkeys(("length", "length_error", "length_published"), still)
    for one in pairs:
        found[one], found[f"{one}_error"] = getattr(run, one)(name, estimator, quantity, error=True)
    found["velocity_published"] = run.velocity(name, "hellinger", quantity)
    found["length_published"] = run.length(name, "hellinger", quantity)
    found["noise_floor"] = run.noise_floor(name, quantity)
    last = last_known(found["length_published"])
    clear = is_clear(found["length"][last], found["length_error"][last])
    if clear and layer.numel >= LEAST_SAMPLED and records >= 5 * SPARSE:
        thinned = run.thinned_length(SPARSE, name, estimator, quantity)
        found["length_sparse"] = np.array(thinned)
    return found


def last_known(published: Float) -> Any:
    """Index of the last record at which a published length, (T,) or (T, L), is known."""
    return np.maximum(np.isfinite(published).sum(axis=0) - 1, 0)


def is_clear(length: float, error: float) -> bool:
    """Whether a length stands clear of zero by two standard errors, if it has any."""
    return bool(length > 2 * np.nan_to_num(error))


def great_circle(ends: Trajectory) -> Float:
    """(L,) Fisher-Rao distance between two records one step apart, without the noise floor.

    With D² = 4 Σ(√p − √q)² the distance on the sphere is 4·arcsin(D/4), equal to 2·arccos Σ√(pq).
    The noise of bin borders adds to D²; where there are splits it is measured and subtracted, so
    that layers at rest have distance zero.
    """
    square = ends.velocity(estimator="hellinger")[0] ** 2
    noise = np.nan_to_num(ends.noise_floor()[0]) ** 2
    return np.asarray(4 * np.arcsin(np.sqrt(np.maximum(square - noise, 0.0)) / 4))
