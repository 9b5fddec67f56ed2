"""Velocity, length, entropy and complexity while training goes on, from one record to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import measures, merging
from ..analysis.split_square import interval_squares
from ..histograms import Histogram

Float = NDArray[np.float64]

# A layer has moved once its squared displacement stands this many standard errors above zero.
RESOLVED = 3.0


@dataclass(frozen=True)
class Curves:
    """Newest point of every curve, (L,) float64 each; NaN where there is none.

    Attributes
    ----------
    velocity : Γ since the previous record, 1/step
        By cross products between splits; 0 where noise outweighs motion, NaN with one split.
    velocity_squared_error : standard error of Γ², 1/step²
        See :func:`igfast.analysis.split_velocity_squared`: on the safe side.
    noise_floor : Γ that the published estimator reads from noise alone, 1/step
    length : L since the first record
        Chords between the records where motion stands clear of noise. ``Trajectory.length`` knows
        the whole path and replaces it afterwards.
    entropy : Shannon entropy of the bins over ln(bins)
    complexity : Jensen–Shannon statistical complexity
        Both on the record's own grid; ``Trajectory`` takes all records on one.
    """

    velocity: Float
    velocity_squared_error: Float
    noise_floor: Float
    length: Float
    entropy: Float
    complexity: Float


@dataclass(frozen=True)
class _Path:
    """Where a quantity was: at the previous record, and where each layer last clearly moved to."""

    step: int
    before: Histogram
    anchor: Histogram
    length: Float


class LiveCurves:
    """Follows a run record by record, in memory of two records per quantity.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> x = np.random.default_rng(0).normal(size=100_000)
    >>> grid = igfast.Grid.dyadic(256, exponent=-4)
    >>> live = LiveCurves()
    >>> for step in range(11):
    ...     h = igfast.histogram({"w": x + step / 10}, grid=grid, splits=4)
    ...     found = live.add(step, {"param": h})["param"]
    >>> found.velocity.round(2), found.length.round(1)
    (array([0.1]), array([1.]))
    """

    def __init__(self) -> None:
        self._paths: dict[str, _Path] = {}

    def add(self, step: int, histograms: Mapping[str, Histogram]) -> dict[str, Curves]:
        """The curves at a record, by quantity."""
        return {name: self._add(step, name, h.to_numpy()) for name, h in histograms.items()}

    def _add(self, step: int, quantity: str, now: Histogram) -> Curves:
        path = self._paths.get(quantity)
        velocity, spread, floor = np.full((3, len(now)), np.nan)
        if path is None or not _comparable(path.before, now) or path.step > step:
            path = _Path(step, now, now, np.zeros(len(now)))
        elif path.step < step:
            squared, error, noise = _displacement(path.before, now)
            interval = step - path.step
            velocity, floor = np.sqrt(np.maximum(squared, 0.0)) / interval, noise / interval
            spread = error / interval**2
            chord, error, _ = _displacement(path.anchor, now)
            moved = chord > RESOLVED * error
            length = path.length + np.sqrt(np.where(moved, chord, 0.0))
            path = _Path(step, now, _rows(moved, now, path.anchor), length)
        self._paths[quantity] = path
        return Curves(
            velocity,
            spread,
            floor,
            np.where(_measurable(now), path.length, np.nan),
            measures.shannon_entropy(now, normalized=True),
            measures.statistical_complexity(now),
        )


def _comparable(before: Histogram, now: Histogram) -> bool:
    return before.names == now.names and before.splits == now.splits


def _measurable(now: Histogram) -> NDArray[np.bool_]:
    """(L,) whether every one of several splits holds elements."""
    held = now.split_counts.sum(axis=2) + now.split_outside.sum(axis=2) > 0
    return np.asarray(held.all(axis=1) & (now.splits > 1))


def _displacement(before: Histogram, now: Histogram) -> Float:
    """(3, L) squared displacement, its standard error, and its noise floor; NaN where unknown."""
    a, b, comparable = merging.align(before, now)
    found = interval_squares(a.split_counts, a.split_outside, b.split_counts, b.split_outside)
    return np.where(comparable, found, np.nan)


def _rows(chosen: NDArray[np.bool_], one: Histogram, other: Histogram) -> Histogram:
    """Rows of one histogram where chosen, else of the other."""
    if chosen.all() or not chosen.any():  # a pooled row may have more bins than the one before
        return one if chosen.all() else other

    def pick(name: str) -> Any:
        mine, theirs = getattr(one, name), getattr(other, name)
        if mine is None:
            return None
        return np.where(chosen.reshape(-1, *[1] * (mine.ndim - 1)), mine, theirs)

    fields = ("split_counts", "split_outside", "nan", "numel", "exponents", "origins")
    return replace(one, offsets=None, **{name: pick(name) for name in fields})
