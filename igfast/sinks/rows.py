"""One record as columns of a table: a row per quantity and layer, and one for each group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..summary import FIELDS
from .numbers import CURVES, MOST_POOLED, bars, edges_of
from .record import Record, Table


def columns_of(record: Record, histograms: bool) -> dict[str, list[Any]]:
    """Columns of equal length, in the order of the file.

    ``step``, ``wall_time``, ``quantity``, ``layer``; ``pooled``, whether the layer is a group or
    the whole model; the curves; the fields of :class:`igfast.Moments`; ``underflow`` and
    ``overflow``; ``health``, the kinds of flags that hold, with commas; with ``histograms`` the
    lists ``counts`` and ``edges``, of which groups have at most 512, without empty ends.
    """
    found: dict[str, list[Any]] = {}

    def extend(name: str, values: Any) -> None:
        found.setdefault(name, []).extend(values)

    for table in record.tables():
        histogram, moments = table.histogram.to_numpy(), table.moments.to_numpy()
        layers = len(histogram)
        extend("step", [record.step] * layers)
        extend("wall_time", [record.wall_time] * layers)
        extend("quantity", [table.quantity] * layers)
        extend("layer", histogram.names)
        extend("pooled", [table.pooled] * layers)
        for name in CURVES:
            extend(name, getattr(table.curves, name).tolist())
        for name in FIELDS:
            extend(name, getattr(moments, name).tolist())
        extend("underflow", histogram.underflow.tolist())
        extend("overflow", histogram.overflow.tolist())
        extend("health", (_flags(record, table, layer) for layer in histogram.names))
        if histograms:
            counts, edges = _lists(table)
            extend("counts", counts)
            extend("edges", edges)
    return found


def beside(path: Path) -> Path:
    """Where logged numbers go: ``run.scalars.jsonl`` for ``run.jsonl``.

    >>> beside(Path("runs/first.jsonl")).name
    'first.scalars.jsonl'
    """
    return path.with_name(f"{path.stem}.scalars{path.suffix}")


def other_writer(path: Path) -> RuntimeError:
    """The error of a sink whose file another one has written to since."""
    return RuntimeError(
        f"another sink or process has written to {str(path)!r} since this one; only one may write: "
        "give each sink a path of its own"
    )


def _lists(table: Table) -> tuple[list[list[int]], list[list[float]]]:
    counts, edges = table.histogram.to_numpy().counts, edges_of(table)
    if not table.pooled:
        return counts.tolist(), edges.tolist()
    drawn = bars(counts[0], edges[0], MOST_POOLED)
    return ([[]], [[]]) if drawn is None else ([drawn[0].tolist()], [drawn[1].tolist()])


def _flags(record: Record, table: Table, layer: str) -> str:
    own = (table.quantity, layer)
    return ",".join(f.kind for f in record.health if (f.quantity, f.layer) == own)
