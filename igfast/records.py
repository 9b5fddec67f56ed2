"""One layer's records, whichever source they come from: read once, cut into series once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import analysis, merging
from .analysis import Common
from .analysis.series import LayerSeries, cut, recorded_moments
from .groups import MODEL
from .histograms import Histogram
from .sources import Source

Int = NDArray[np.int64]
Float = NDArray[np.float64]


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


class Records:
    """What a trajectory measures, layer by layer; ``"model"`` and groups pool theirs."""

    def __init__(self, source: Source, groups: Mapping[str, Sequence[str]]) -> None:
        self._source, self._groups = source, groups
        self._part: _Part | None = None
        self._pooled: dict[tuple[str, str], list[Histogram]] = {}
        self._pooled_bytes = 0
        self._series: dict[tuple[str, str], list[LayerSeries]] = {}
        self._series_bytes = 0
        self._commons: dict[tuple[str, str], Common] = {}
        self._commons_bytes = 0
        self._moments: dict[str, dict[str, NDArray[Any]]] = {}
        self._expected: frozenset[str] | None = None

    def expect(self, layers: Collection[str]) -> None:
        """Only these layers will be asked for next: no others are decoded with them."""
        self._expected = frozenset(layers)

    def histograms(self, layer: str, quantity: str) -> list[Histogram]:
        """T histograms of one layer."""
        if not self._is_pooled(layer, quantity):
            return self._part_with(layer, quantity).of(layer)
        key = (quantity, layer)
        if key not in self._pooled:
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
            self._pooled[key] = merging.equally_wide(pooled)
            self._pooled_bytes += sum(map(_size, self._pooled[key]))
            while self._pooled_bytes > MOST_BYTES and len(self._pooled) > 1:
                oldest = self._pooled.pop(next(iter(self._pooled)))
                self._pooled_bytes -= sum(map(_size, oldest))
        return self._pooled[key]

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
        names = self._source.layers(quantity)
        if layer not in names:
            raise KeyError(f"no layer {layer!r}; the layers are {', '.join(names)}")
        return names.index(layer)

    def _keep(self, key: tuple[str, str], parts: list[LayerSeries]) -> None:
        """Keep what was cut, and forget the oldest while that exceeds its memory."""
        self._series[key] = parts
        self._series_bytes += sum(map(_size, parts))
        while self._series_bytes > MOST_BYTES and len(self._series) > 1:
            oldest = self._series.pop(next(iter(self._series)))
            self._series_bytes -= sum(map(_size, oldest))

    def _is_pooled(self, layer: str, quantity: str) -> bool:
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
        key = (quantity, layer)
        if every == 1 and key in self._series:
            return self._series[key]
        moments = self._recorded_moments(layer, quantity)
        found = cut(
            self._source.steps_of(quantity)[::every],
            self.histograms(layer, quantity)[::every],
            self._source.memberships_of(quantity)[::every],
            None if moments is None else moments[::every],
        )
        if every == 1:
            self._keep(key, found)
        return found

    def common(self, layer: str, quantity: str) -> Common:
        """All records of the layer on one grid."""
        key = (quantity, layer)
        if key not in self._commons:
            records = self.histograms(layer, quantity)
            if not records:
                raise ValueError(f"the run holds no record of {quantity!r} yet")
            found = analysis.common(records)
            while self._commons and self._commons_bytes + found.counts.nbytes > MOST_BYTES:
                oldest = self._commons.pop(next(iter(self._commons)))
                self._commons_bytes -= oldest.counts.nbytes
            self._commons[key] = found
            self._commons_bytes += found.counts.nbytes
        return self._commons[key]

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
        pooled = self._is_pooled(layer, quantity)
        columns = self._members(layer, quantity) if pooled else [self._row(layer, quantity)]
        return recorded_moments(self._moments[quantity], steps, steps, columns)


def _size(held: Any) -> int:
    """Bytes of a histogram or a series."""
    return int(held.split_counts.nbytes) + (0 if held.offsets is None else held.offsets.nbytes)
