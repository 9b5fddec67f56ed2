"""Velocity, length, entropy and complexity while training goes on, from one record to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .. import measures, merging
from ..analysis.online import Online, Running
from ..histograms import Histogram

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """Newest point of every curve, (L,) float64 each; NaN where there is none.

    Attributes
    ----------
    velocity : Γ since the previous record, 1/step
        By cross products between splits; 0 where noise outweighs motion, NaN with one split.
    noise_floor : Γ that the published estimator reads from noise alone, 1/step
    length : L since the first record
        Chords between the records where motion stands clear of noise, as :class:`igfast.analysis
        .online.Online` adds them up. ``Trajectory.length`` knows the whole path and replaces it
        afterwards.
    entropy : Shannon entropy of the bins over ln(bins)
    complexity : Jensen–Shannon statistical complexity
        Both on the record's own grid; ``Trajectory`` takes all records on one.
    """

    velocity: Float
    noise_floor: Float
    length: Float
    entropy: Float
    complexity: Float

    @classmethod
    def of(cls, found: Running) -> Curves:
        """Of what was measured of a record."""
        velocity = np.sqrt(np.maximum(found.velocity_squared, 0.0))
        return cls(velocity, found.noise_floor, found.length, found.entropy, found.complexity)


@dataclass(frozen=True)
class _Path:
    """Where a quantity is, and what follows it; ``length`` (L,) as far as it was known."""

    step: int
    record: Histogram
    length: Float
    online: Online
    earlier: _Path | None = None  # at the record before


class LiveCurves:
    """Follows a run record by record, with :class:`igfast.analysis.online.Online`.

    A record of other layers, or of an earlier step, begins anew.

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

    def resume(
        self, step: int, quantity: str, record: Histogram, length: Float, online: Online | None
    ) -> None:
        """Go on from a stored record, the (L,) lengths that were known there, and what knew them.

        Without what knew them a segment begins at that record.
        """
        if online is None:
            self._paths[quantity] = _resumed(step, record.to_numpy(), length)
        else:
            self._paths[quantity] = _Path(step, record.to_numpy(), length, online)

    def _add(self, step: int, quantity: str, now: Histogram) -> Curves:
        path, given = self._paths.get(quantity), now
        if path is not None and not _goes_on(path, step, now):
            path = None
        if path is not None and path.record.bins != now.bins:
            before, given = merging.equally_wide([path.record, now])
            if before.bins != path.record.bins:  # pooled rows have as many as their layers span
                path = path.earlier if step == path.step else path
                path = path and _widened(path, given)
        online = path.online if path is not None else Online()
        found = online(step, given)
        length = found.length
        if path is not None:
            length = np.where(np.isfinite(length), length, path.length)
            path = path.earlier if step == path.step else replace(path, earlier=None)
        self._paths[quantity] = _Path(step, given, length, online, path)
        if given is not now:  # empty bins belong to no record
            found = replace(
                found,
                entropy=measures.shannon_entropy(now, normalized=True),
                complexity=measures.statistical_complexity(now),
            )
        return Curves.of(found)


def _goes_on(path: _Path, step: int, now: Histogram) -> bool:
    alike = path.record.names == now.names and path.record.splits == now.splits
    widths = path.record.bins == now.bins or now.grid.kind == "dyadic"
    return alike and widths and path.step <= step


def _resumed(step: int, record: Histogram, length: Float) -> _Path:
    online = Online()
    online.resume(step, record, 0, length)
    return _Path(step, record, length, online)


def _widened(path: _Path, wide: Histogram) -> _Path:
    """The same path on as many bins as another record has."""
    return _resumed(path.step, merging.equally_wide([path.record, wide])[0], path.length)
