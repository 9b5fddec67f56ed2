"""One record as columns of a table: a row per quantity and layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..summary import FIELDS
from .numbers import CURVES
from .record import Record


def columns_of(record: Record, histograms: bool) -> dict[str, list[Any]]:
    """Columns of equal length, in the order of the file.

    ``step``, ``wall_time``, ``quantity``, ``layer``; the curves; the fields of
    :class:`igfast.Moments`; ``underflow`` and ``overflow``; ``health``, the kinds of flags that
    hold, with commas; with ``histograms`` the lists ``counts`` and ``edges``.
    """
    found: dict[str, list[Any]] = {}

    def extend(name: str, values: Any) -> None:
        found.setdefault(name, []).extend(values)

    for quantity, on_device in record.histograms.items():
        histogram, moments = on_device.to_numpy(), record.moments[quantity].to_numpy()
        layers = len(histogram)
        extend("step", [record.step] * layers)
        extend("wall_time", [record.wall_time] * layers)
        extend("quantity", [quantity] * layers)
        extend("layer", histogram.names)
        for name in CURVES:
            extend(name, getattr(record.curves[quantity], name).tolist())
        for name in FIELDS:
            extend(name, getattr(moments, name).tolist())
        extend("underflow", histogram.underflow.tolist())
        extend("overflow", histogram.overflow.tolist())
        extend("health", (_flags(record, quantity, layer) for layer in histogram.names))
        if histograms:
            extend("counts", histogram.counts.tolist())
            edges = np.broadcast_to(histogram.edges, (layers, histogram.bins + 1))
            extend("edges", edges.tolist())
    return found


def _flags(record: Record, quantity: str, layer: str) -> str:
    return ",".join(f.kind for f in record.health if (f.quantity, f.layer) == (quantity, layer))
