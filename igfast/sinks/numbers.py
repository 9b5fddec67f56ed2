"""One record as numbers under names, and as bars: what loggers take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import _arrays
from .record import Record, Table

Float = NDArray[np.float64]

CURVES = ("velocity", "noise_floor", "length", "entropy", "complexity")
MOMENTS = ("mean", "l2", "nan", "inf", "outside")
MEASURES = (*CURVES, *MOMENTS)
# Counts of what should not be there: shown from the first record of a layer that has any.
_RARE = ("nan", "inf", "outside")
# A group's bins are as fine as those of its finest layer and reach as far as all: thousands.
MOST_POOLED = 512


@dataclass(frozen=True)
class Bars:
    """What a logger draws of one layer or group, which is the given ``row`` of a table.

    (B,) int64 ``counts`` between (B+1,) float64 ``edges``.
    """

    name: str
    table: Table
    row: int
    counts: NDArray[np.int64]
    edges: Float


class Numbers:
    """Names and values of a record's scalars.

    Parameters
    ----------
    measures : sequence of str
        Among ``MEASURES``.

    Raises
    ------
    ValueError
        For another measure.
    """

    def __init__(self, measures: Sequence[str]) -> None:
        if isinstance(measures, str):
            raise TypeError(f"scalars must be a sequence, got {measures!r}; use ({measures!r},)")
        unknown = [name for name in measures if name not in MEASURES]
        if unknown:
            raise ValueError(f"scalars must be among {', '.join(MEASURES)}, got {unknown[0]!r}")
        self._measures = tuple(measures)
        self._seen: set[str] = set()

    def of(self, record: Record) -> dict[str, float]:
        """Values by ``quantity_measure/layer``, and those of health by their own names.

        Those that are not known (NaN) are left out.
        """
        found = dict(record.scalars)
        for table in record.tables():
            columns = columns_of(table)
            for measure in self._measures:
                values = columns[measure].tolist()
                for layer, value in zip(table.histogram.names, values, strict=True):
                    name = f"{table.quantity}_{measure}/{layer}"
                    if value != value or not self._shown(measure, name, value):
                        continue
                    found[name] = float(value)
        return found

    def _shown(self, measure: str, name: str, value: float) -> bool:
        if measure not in _RARE or name in self._seen:
            return True
        if value:
            self._seen.add(name)
        return bool(value)


def columns_of(table: Table) -> dict[str, NDArray[np.generic]]:
    """(L,) NumPy arrays of every measure."""
    histogram, moments = table.histogram.to_numpy(), table.moments
    found = {name: np.asarray(getattr(table.curves, name)) for name in CURVES}
    for name in ("mean", "l2", "nan", "inf"):
        found[name] = np.asarray(_arrays.to_numpy(getattr(moments, name)))
    found["outside"] = histogram.underflow + histogram.overflow
    return found


def bars_of(record: Record, most: int | None = None) -> Iterator[Bars]:
    """Bars of every layer and group that has elements within its grid, none empty at the ends.

    What lies outside a layer's grid is not drawn: one outlier would leave the rest a single bar.
    It is the measure ``outside``. More bars than ``most`` are merged, neighbors with neighbors.
    """
    for table in record.tables():
        counts = _arrays.to_numpy(table.histogram.counts)
        limit = (most or MOST_POOLED) if table.pooled else most
        for row, layer in enumerate(table.histogram.names):
            found = bars(counts[row], edges_of(table)[row], limit)
            if found is not None:
                yield Bars(f"{table.quantity}_histogram/{layer}", table, row, *found)


def edges_of(table: Table) -> Float:
    """(L, B+1) edges of a table's bins."""
    histogram = table.histogram
    return np.broadcast_to(histogram.edges, (len(histogram), histogram.bins + 1))


def bars(
    counts: NDArray[np.int64], edges: Float, most: int | None
) -> tuple[NDArray[np.int64], Float] | None:
    """Counts and edges from the first bin that is not empty to the last; None if all are."""
    held = np.flatnonzero(counts)
    if not len(held):
        return None
    first, last = int(held[0]), int(held[-1]) + 1
    factor = 1 if most is None else -(-(last - first) // most)
    starts = np.arange(first, last, factor)
    return np.add.reduceat(counts[:last], starts), np.append(edges[starts], edges[last])
