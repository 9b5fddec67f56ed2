"""What one pass over a run's histograms tells: its layers, their densities, losses and grids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from igfast.histograms import Histogram

Float = NDArray[np.float64]
Int = NDArray[np.int64]
T = TypeVar("T")

MOST_LAYERS = 12  # panels of one figure; what is left out is said
MOST_COLUMNS = 600  # records drawn in a heat map, about one per two pixels


@dataclass(frozen=True)
class Layer:
    """One layer of a quantity; `column` is its place in the arrays of `MotionCurves`.

    Of a module group, `repeats` says whether it is a layer under another name: lists that name
    layers and groups leave it out, what divides the model into modules does not.
    """

    name: str
    column: int
    numel: int
    shape: tuple[int, ...] | None
    repeats: bool = False

    @property
    def matrix(self) -> bool:
        """Whether it holds weights proper: two axes or more, and not a bias by name."""
        if self.shape is None:
            return not self.name.endswith(("bias", "beta"))
        return len(self.shape) >= 2


@dataclass(frozen=True)
class Densities:
    """Histograms of one layer at the drawn records, each on the grid it was recorded on."""

    records: Int
    edges: tuple[Float, ...]
    counts: tuple[Int, ...]
    numel: int

    def bulk(self) -> tuple[float, float]:
        """Range with 99.9 % of the elements at all times, at least ten bins wide.

        Symmetric around zero where zero is well inside.
        """
        low, high, bin_width = np.inf, -np.inf, 0.0
        for edges, counts in zip(self.edges, self.counts, strict=True):
            total = counts.sum()
            if total:
                cumulative = np.cumsum(counts) / total
                first = int(np.searchsorted(cumulative, 0.0005, "right"))
                low = min(low, edges[first])
                bin_width = max(bin_width, edges[first + 1] - edges[first])
                high = max(high, edges[np.searchsorted(cumulative, 0.9995, "left") + 1])
        if not low < high:
            return -1.0, 1.0
        center, half = (low + high) / 2, max((high - low) / 2, 5 * bin_width)
        if abs(center) < half:
            reach = max(abs(low), abs(high), half)
            return -reach, reach
        return center - 1.02 * half, center + 1.02 * half

    def on(self, display: Float) -> Float:
        """(T', D) probability density per unit of weight between the edges `display` (D+1,)."""
        found = np.zeros((len(self.counts), display.size - 1))
        for row, (edges, counts) in enumerate(zip(self.edges, self.counts, strict=True)):
            running = np.concatenate([[0.0], np.cumsum(counts)])
            inside = np.diff(np.interp(display, edges, running))
            found[row] = inside / (max(self.numel, 1) * np.diff(display))
        return found

    def display_edges(self, most: int) -> Float:
        """Edges for drawing: at most `most` bins, fewer for layers with few elements."""
        low, high = self.bulk()
        bins = int(np.clip(2.5 * max(self.numel, 1) ** (1 / 3), 12, most))
        return np.linspace(low, high, bins + 1)


def spread(layers: Sequence[T], most: int = MOST_LAYERS) -> tuple[T, ...]:
    """At most `most` of the layers: the first, the last and evenly spaced between."""
    if len(layers) <= most:
        return tuple(layers)
    chosen = np.unique(np.linspace(0, len(layers) - 1, most).round().astype(int))
    return tuple(layers[i] for i in chosen)


def counted(
    histograms: Sequence[Histogram], layers: Sequence[Layer], pooled: Sequence[Sequence[str]] = ()
) -> dict[str, Any]:
    """What one pass over the histograms tells: losses, grids, and the densities to draw.

    Losses also of rows that pool layers of these names; those have no grid of their own.
    """
    matrices = [layer for layer in layers if layer.matrix]
    vectors = [layer for layer in layers if not layer.matrix]
    shown = (*spread(matrices), *spread(vectors))
    records = len(histograms)
    stride = -(-records // MOST_COLUMNS)
    sums = np.array([[layer.name in names for layer in layers] for names in pooled], np.int64)
    sums = sums.reshape(len(pooled), len(layers))

    def with_pooled(values: Int) -> Int:
        return np.concatenate([values, sums @ values])

    rows = len(layers) + len(pooled)
    outside, nan = np.zeros((records, rows)), np.zeros((records, rows), np.int64)
    edges: dict[int, list[Float]] = {layer.column: [] for layer in shown}
    counts: dict[int, list[Int]] = {layer.column: [] for layer in shown}
    drawn = []
    regrids: list[list[int]] = [[] for _ in range(rows)]
    grid_before: NDArray[Any] | None = None
    for record in range(records):
        histogram = histograms[record]
        lost = histogram.underflow + histogram.overflow
        outside[record] = with_pooled(lost) / np.maximum(with_pooled(histogram.numel), 1)
        nan[record] = with_pooled(histogram.nan)
        if histogram.exponents is not None and histogram.origins is not None:
            grid = np.stack([histogram.exponents, histogram.origins], axis=1)
            if grid_before is not None:
                for column in np.flatnonzero((grid != grid_before).any(axis=1)):
                    regrids[column].append(record)
            grid_before = grid
        if record % stride and record != records - 1:
            continue
        drawn.append(record)
        all_edges = np.broadcast_to(histogram.edges, (len(layers), histogram.bins + 1))
        for layer in shown:
            edges[layer.column].append(all_edges[layer.column])
            counts[layer.column].append(histogram.counts[layer.column])
    densities = {
        layer.column: Densities(
            np.array(drawn), tuple(edges[layer.column]), tuple(counts[layer.column]), layer.numel
        )
        for layer in shown
    }
    return {
        "outside": outside,
        "nan": nan,
        "densities": densities,
        "recorded_grid": str(histograms[0].grid),
        "regrids": tuple(tuple(records) for records in regrids),
    }
