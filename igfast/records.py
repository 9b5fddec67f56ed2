"""One layer's records, whichever source they come from: read once, cut into series once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import takewhile
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from . import analysis, merging
from .analysis import Common
from .analysis.series import LayerSeries, cut, recorded_moments
from .groups import MODEL
from .histograms import Histogram
from .layers import named
from .sources import Source

Float = NDArray[np.float64]
T = TypeVar("T")

MOST_BYTES = 256 << 20  # of decoded records, and again of series, and of common grids


class _Part:
    """Decoded records of some layers; ``rows`` by layer."""

    def __init__(self, quantity: str, layers: Sequence[str], records: list[Histogram]) -> None:
        self.quantity, self.records = quantity, records
        self.rows = {name: row for row, name in enumerate(layers)}
        self._last: tuple[str, list[Histogram]] = ("", [])

    def of(self, layer: str) -> list[Histogram]:
        """Records of one layer; several measures in turn ask for those of the same."""
        if len(self.rows) == 1:
            return list(self.records)
        if self._last[0] != layer or not self._last[1]:
            row, self._last = [self.rows[layer]], ("", [])  # not two layers at a time
            self._last = layer, [record.select(row) for record in self.records]
        return list(self._last[1])


class _Kept(Generic[T]):
    """By quantity and layer, what was made of records: the newest, as many as memory is meant for.

    Parameters
    ----------
    size : function
        Bytes of one.
    """

    def __init__(self, size: Callable[[T], int]) -> None:
        self._size, self._bytes = size, 0
        self._held: dict[tuple[str, str], T] = {}

    def get(self, key: tuple[str, str]) -> T | None:
        """What is still there."""
        return self._held.get(key)

    def put(self, key: tuple[str, str], one: T) -> T:
        """Keep one, and forget the oldest."""
        before = self._held.pop(key, None)  # of another thread that was at the same
        self._bytes += self._size(one) - (0 if before is None else self._size(before))
        self._held[key] = one
        while self._bytes > MOST_BYTES and len(self._held) > 1:
            self._bytes -= self._size(self._held.pop(next(iter(self._held))))
        return one


class Records:
    """What a trajectory measures, layer by layer; ``"model"`` and groups pool theirs."""

    def __init__(self, source: Source, groups: Mapping[str, Sequence[str]]) -> None:
        self._source, self._groups = source, groups
        self._part: _Part | None = None
        self._pooled: _Kept[list[Histogram]] = _Kept(_sizes)
        self._series: _Kept[list[LayerSeries]] = _Kept(_sizes)
        self._commons: _Kept[Common] = _Kept(lambda one: one.counts.nbytes)
        self._moments: dict[str, dict[str, NDArray[Any]]] = {}
        self._expected: frozenset[str] | None = None

    def expect(self, layers: Collection[str]) -> None:
        """Only these layers will be asked for next: no others are decoded with them."""
        self._expected = frozenset(layers)

    def histograms(self, layer: str, quantity: str) -> list[Histogram]:
        """T histograms of one layer."""
        if not self.pools(layer, quantity):
            return self._part_with(layer, quantity).of(layer)
        found = self._pooled.get((quantity, layer))
        if found is not None:
            return found
        rows = self._members(layer, quantity)
        known = self._source.layers(quantity)
        if not len(self._source.steps_of(quantity)):
            return []
        if self._expected is None and self._room(quantity) >= len(known):
            records = self._part_with(known[0], quantity).records
            pooled = [record.select(rows).pooled(layer) for record in records]
        else:
            series = self._source.histogram_series(quantity, [known[row] for row in rows])
            pooled = [record.pooled(layer) for record in series]
        return self._pooled.put((quantity, layer), merging.equally_wide(pooled))

    def _part_with(self, layer: str, quantity: str) -> _Part:
        """Decoded records of this layer and those after it, as many as memory is meant for."""
        part = self._part
        if part is not None and part.quantity == quantity and layer in part.rows:
            return part
        first, names = self._row(layer, quantity), self._source.layers(quantity)
        self._part = None  # before the next one takes its memory
        chosen = names[first : first + self._room(quantity)]
        if self._expected is not None:
            chosen = chosen[:1] + tuple(takewhile(self._expected.__contains__, chosen[1:]))
        if chosen == names:
            records = list(self._source.histogram_series(quantity))
        else:
            records = list(self._source.histogram_series(quantity, chosen))
        self._part = _Part(quantity, chosen, records)
        return self._part

    def _room(self, quantity: str) -> int:
        """Layers whose decoded records memory is meant for, at least one."""
        series, layers = self._source.histogram_series(quantity), self._source.layers(quantity)
        size = sum(_size(record) for record in series[:1]) * len(series)
        return max(1, MOST_BYTES * len(layers) // max(size, 1))

    def _row(self, layer: str, quantity: str) -> int:
        return named(self._source.layers(quantity), layer, [*self._groups, MODEL])

    def pools(self, layer: str, quantity: str) -> bool:
        """Whether a name is that of a group, or of all layers, and no layer's own."""
        known = self._source.layers(quantity)
        return layer not in known and (layer == MODEL or layer in self._groups)

    def _members(self, layer: str, quantity: str) -> list[int]:
        """Rows that are pooled: of a group, those that this quantity has."""
        known = self._source.layers(quantity)
        rows = [known.index(name) for name in self._groups.get(layer, known) if name in known]
        if not rows:
            raise ValueError(f"none of the layers of group {layer!r} has a {quantity!r}")
        return rows

    def series(self, layer: str, quantity: str, every: int = 1) -> list[LayerSeries]:
        """The layer's records, or every second, third, ..., in stretches that one grid serves.

        Those of every record are kept for other measures of the same layer.
        """
        known = self._series.get((quantity, layer)) if every == 1 else None
        if known is not None:
            return known
        moments = self._recorded_moments(layer, quantity)
        found = cut(
            self._source.steps_of(quantity)[::every],
            self.histograms(layer, quantity)[::every],
            self._source.memberships_of(quantity)[::every],
            None if moments is None else moments[::every],
        )
        return self._series.put((quantity, layer), found) if every == 1 else found

    def common(self, layer: str, quantity: str) -> Common:
        """All records of the layer on one grid."""
        known = self._commons.get((quantity, layer))
        if known is not None:
            return known
        records = self.histograms(layer, quantity)
        if not records:
            raise ValueError(f"the run holds no record of {quantity!r} yet")
        return self._commons.put((quantity, layer), analysis.common(records))

    def stacked(self, layer: str, quantity: str) -> Histogram:
        """The records of the layer, on their common grid, as the rows of one histogram."""
        grid = self.common(layer, quantity)
        counts = np.ascontiguousarray(grid.counts)
        outside = np.stack([grid.underflow, grid.overflow], axis=-1)
        return Histogram(
            split_counts=counts[:, None, :],
            split_outside=outside[:, None, :],
            nan=np.zeros(len(counts), dtype=np.int64),
            numel=counts.sum(axis=1) + outside.sum(axis=1),
            grid=self.histograms(layer, quantity)[0].grid,
            names=tuple(map(str, self._source.steps_of(quantity))),
            uniform_edges=grid.edges,
        )

    def _recorded_moments(self, layer: str, quantity: str) -> Float | None:
        source, steps = self._source, self._source.steps_of(quantity)
        if quantity not in self._moments:
            there = len(steps) and len(source.moment_steps(quantity))
            found = source.moments(quantity, steps) if there else {}
            kept = {name: found[name] for name in ("count", "mean", "variance") if there}
            self._moments[quantity] = kept
        if not self._moments[quantity]:
            return None
        pooled = self.pools(layer, quantity)
        columns = self._members(layer, quantity) if pooled else [self._row(layer, quantity)]
        return recorded_moments(self._moments[quantity], columns)


def _sizes(held: Sequence[Histogram] | Sequence[LayerSeries]) -> int:
    return sum(map(_size, held))


def _size(held: Histogram | LayerSeries) -> int:
    """Bytes of a histogram or a series."""
    return int(held.split_counts.nbytes) + (0 if held.offsets is None else held.offsets.nbytes)
