"""One record as numbers under names, and as bars: what loggers take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import _arrays
from .record import Record

Float = NDArray[np.float64]

CURVES = ("velocity", "noise_floor", "length", "entropy", "complexity")
MOMENTS = ("mean", "l2", "nan", "inf", "outside")
MEASURES = (*CURVES, *MOMENTS)
# Counts of what should not be there: shown from the first record of a layer that has any.
_RARE = ("nan", "inf", "outside")


@dataclass(frozen=True)
class Bars:
    """What a logger draws of one layer, which is the given ``row`` of a quantity's histogram.

    (B,) int64 ``counts`` between (B+1,) float64 ``edges``.
    """

    name: str
    quantity: str
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
        for quantity, histogram in record.histograms.items():
            columns = columns_of(record, quantity)
            for measure in self._measures:
                for layer, value in zip(histogram.names, columns[measure].tolist(), strict=True):
                    name = f"{quantity}_{measure}/{layer}"
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


def columns_of(record: Record, quantity: str) -> dict[str, NDArray[np.generic]]:
    """(L,) NumPy arrays of every measure."""
    histogram, moments = record.histograms[quantity].to_numpy(), record.moments[quantity]
    curves = record.curves[quantity]
    found = {name: np.asarray(getattr(curves, name)) for name in CURVES}
    for name in ("mean", "l2", "nan", "inf"):
        found[name] = np.asarray(_arrays.to_numpy(getattr(moments, name)))
    found["outside"] = histogram.underflow + histogram.overflow
    return found


def bars_of(record: Record, most: int | None = None) -> Iterator[Bars]:
    """Bars of every layer that has elements within its grid, without empty ones at the ends.

    What lies outside a layer's grid is not drawn: one outlier would leave the rest a single bar.
    It is the measure ``outside``. More bars than ``most`` are merged, neighbors with neighbors.
    """
    for quantity, histogram in record.histograms.items():
        counts = _arrays.to_numpy(histogram.counts)
        edges = np.broadcast_to(histogram.edges, (len(histogram), histogram.bins + 1))
        for row, layer in enumerate(histogram.names):
            held = np.flatnonzero(counts[row])
            if not len(held):
                continue
            first, last = int(held[0]), int(held[-1]) + 1
            factor = 1 if most is None else -(-(last - first) // most)
            starts = np.arange(first, last, factor)
            merged = np.add.reduceat(counts[row, :last], starts)
            bounds = np.append(edges[row, starts], edges[row, last])
            yield Bars(f"{quantity}_histogram/{layer}", quantity, row, merged, bounds)
