"""Module groups and the whole model while training goes on: their layers pooled, as one row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..groups import MODEL
from ..histograms import Histogram
from .curves import Curves, LiveCurves
from .record import Record, Table


class Grouped:
    """Pools the layers of every group, record after record.

    Parameters
    ----------
    groups : mapping of str to sequence of str
        Their layers. The whole model, ``"model"``, goes before them where there are several layers.
    """

    def __init__(self, groups: Mapping[str, Sequence[str]]) -> None:
        self._groups = dict(groups)
        self._live = LiveCurves()

    def tables(self, record: Record) -> tuple[Table, ...]:
        """A row for each quantity and group that has layers there."""
        found = []
        for quantity, histogram in record.histograms.items():
            moments = record.moments[quantity].to_numpy()
            rows = self._members(histogram)
            pairs = self.follow(record.step, quantity, histogram)
            for (name, members), (pooled, curves) in zip(rows, pairs, strict=True):
                whole = moments.select(members).pooled(name)
                found.append(Table(quantity, pooled, whole, curves, pooled=True))
        return tuple(found)

    def follow(
        self, step: int, quantity: str, histogram: Histogram
    ) -> list[tuple[Histogram, Curves]]:
        """Pooled rows of one record, and their curves."""
        found = []
        for name, rows in self._members(histogram):
            # nobody takes offsets, and pooling them takes as long as pooling the counts
            pooled = replace(histogram.to_numpy().select(rows), offsets=None).pooled(name)
            key = f"{quantity}/{name}"
            found.append((pooled, self._live.add(step, {key: pooled})[key]))
        return found

    def _members(self, histogram: Histogram) -> Iterator[tuple[str, list[int]]]:
        names = histogram.names
        if not histogram.poolable:
            return
        if len(names) > 1 and MODEL not in names:
            yield MODEL, list(range(len(names)))
        for group, layers in self._groups.items():
            rows = [names.index(layer) for layer in layers if layer in names]
            if rows:
                yield group, rows
