"""What a run's histograms tell by themselves: its layers, their densities, losses and grids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from igfast.extremes import finite_edges, unit_of

if TYPE_CHECKING:
    from igfast.histograms import Histogram

Float = NDArray[np.float64]
Int = NDArray[np.int64]
T = TypeVar("T")

MOST_LAYERS = 12  # panels of one figure; what is left out is said
MOST_COLUMNS = 600  # records drawn in a heat map, about one per two pixels
DRAWN_EXPONENT = 1000  # of two: of the largest values that are drawn, and the smallest


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


def name_of(layer: Layer) -> str:
    """Its name."""
    return layer.name


@dataclass(frozen=True)
class Densities:
    """Histograms of one layer at the drawn records, each on the grid it was recorded on."""

    records: Int
    edges: tuple[Float, ...]
    counts: tuple[Int, ...]
    numel: int

    @property
    def drawable(self) -> bool:
        """Whether float64 has numbers for the widths of these bins, and for densities on them."""
        return all(abs(unit_of(edges)) <= DRAWN_EXPONENT for edges in self.edges)

    @cached_property
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
        below = np.zeros((len(self.counts), display.size))
        for row, (edges, counts) in enumerate(zip(self.edges, self.counts, strict=True)):
            running = np.zeros(counts.size + 1)
            running[1:] = counts.cumsum()
            below[row] = np.interp(display, edges, running)
        return np.diff(below, axis=1) / (max(self.numel, 1) * np.diff(display))

    def display_edges(self, most: int) -> Float:
        """Edges for drawing: at most `most` bins, fewer for layers with few elements."""
        low, high = self.bulk
        bins = int(np.clip(2.5 * max(self.numel, 1) ** (1 / 3), 12, most))
        return np.linspace(low, high, bins + 1)


def spread(layers: Sequence[T], most: int = MOST_LAYERS) -> tuple[T, ...]:
    """At most `most` of the layers: the first, the last and evenly spaced between."""
    if len(layers) <= most:
        return tuple(layers)
    chosen = np.unique(np.linspace(0, len(layers) - 1, most).round().astype(int))
    return tuple(layers[i] for i in chosen)


@dataclass(frozen=True)
class Counts:
    """What the T records of a layer say without being compared.

    `lost` elements are beyond the grid; `regrids` are records at which the grid changed.
    """

    lost: Int
    nan: Int
    numel: Int
    regrids: tuple[int, ...]
    densities: Densities | None


def drawn_layers(layers: Sequence[Layer]) -> frozenset[str]:
    """Names of the layers whose densities are drawn."""
    matrices = [layer for layer in layers if layer.matrix]
    vectors = [layer for layer in layers if not layer.matrix]
    return frozenset(layer.name for layer in (*spread(matrices), *spread(vectors)))


def counts_of(records: Sequence[Histogram], layer: Layer, drawn: bool) -> Counts:
    """Counts of a layer from its records, of one row each; densities where they are drawn."""
    lost, nan, numel = np.array(
        [(one.underflow[0] + one.overflow[0], one.nan[0], one.numel[0]) for one in records],
        np.int64,
    ).T
    grids = [
        (int(one.exponents[0]), int(one.origins[0]))
        for one in records
        if one.exponents is not None and one.origins is not None
    ]
    return Counts(
        lost,
        nan,
        numel,
        tuple(record for record, (one, two) in enumerate(pairwise(grids), 1) if one != two),
        _densities(records, layer) if drawn else None,
    )


def _densities(records: Sequence[Histogram], layer: Layer) -> Densities:
    stride, last = -(-len(records) // MOST_COLUMNS), len(records) - 1
    drawn = [record for record in range(len(records)) if not record % stride or record == last]
    return Densities(
        np.array(drawn),
        tuple(finite_edges(records[record].edges.reshape(-1)) for record in drawn),
        tuple(records[record].counts[0] for record in drawn),
        layer.numel,
    )


def losses(counts: Sequence[Counts], pooled: Sequence[Sequence[int]]) -> dict[str, Any]:
    """(T, L) fraction of the elements beyond the grid, and NaN, of layers and what pools them."""
    lost, nan, numel = (
        np.stack([getattr(one, name) for one in counts], -1) for name in ("lost", "nan", "numel")
    )

    def with_pooled(values: Int) -> Int:
        sums = [values[:, rows].sum(axis=1, keepdims=True) for rows in pooled]
        return np.concatenate([values, *sums], axis=1)

    return {
        "outside": with_pooled(lost) / np.maximum(with_pooled(numel), 1),
        "nan": with_pooled(nan),
    }
