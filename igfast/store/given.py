"""What a record has of one quantity, as the store takes it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..analysis.online import Counts
from ..automatic import Bins
from ..counted import Counted
from ..histograms import Histogram
from ..summary import Moments
from . import codec
from .codec import Cells
from .encoding import grid_json, moment_arrays, to_cells

LEAST_SIZE = 512  # bytes that a record or log counts for at least

Measured = Counted | tuple[Histogram, Moments | None]
HistogramRow = tuple[int, str, int, bytes, bytes]  # quantity, grid, splits, directory, segments
ColumnsRow = tuple[int, bytes, bytes]  # quantity, running, data
# moments (4, L) and (9, L), bins (2, L), start of checksums
Numbers = tuple[NDArray[np.int64] | None, NDArray[np.float64] | None, NDArray[np.int64] | None, int]


@dataclass(slots=True, eq=False)  # found in a queue by being the same
class Pending:
    """A record, or without quantities only named numbers, as it was handed over.

    Attributes
    ----------
    step, wall_time, quantities, scalars, membership, next_bins
        As for :meth:`.RunWriter.write_record`; bins of what is not a Counted, which has its own.
    size : int
        Bytes, where it has to wait.
    """

    step: int
    wall_time: float
    quantities: Mapping[str, Measured] | None
    scalars: Mapping[str, float] = field(default_factory=dict)
    membership: int = 0
    next_bins: Mapping[str, Bins | None] = field(default_factory=dict)
    size: int = 0


def size_of(pending: Pending) -> int:
    """Bytes that it holds, about."""
    size = 0
    for one in (pending.quantities or {}).values():
        if isinstance(one, Counted):
            size += one.nbytes
        else:
            arrays = (one[0].split_counts, one[0].offsets)
            size += sum(array.nbytes for array in arrays if array is not None)
    return max(size, LEAST_SIZE)


@dataclass(frozen=True)
class Quantity:
    """One that is stored: its number, name, layers, and where checksums of its records begin."""

    id: int
    name: str
    layers: tuple[str, ...]
    mark: int

    @classmethod
    def of(cls, id: int, name: str, layers: tuple[str, ...]) -> Quantity:
        """From what the file says."""
        return cls(id, name, layers, codec.identity(name, *layers))


class Given(NamedTuple):
    """Histograms and, where taken, moments of a quantity's layers.

    Attributes
    ----------
    grid : str
        As JSON.
    counts : Counts
        What running measures are taken of.
    cells : Counted, or function
        All integers of the histograms: only asked for where they are stored.
    integers, floats : (4, L) int64 and (9, L) float64, or None
    next_bins : (exponents, origins) or None
    """

    quantity: Quantity
    grid: str
    counts: Counts
    cells: Counted | Callable[[], Cells]
    integers: NDArray[np.int64] | None
    floats: NDArray[np.float64] | None
    next_bins: Bins | None

    @property
    def id(self) -> int:
        """Of the quantity."""
        return self.quantity.id

    @classmethod
    def of(cls, quantity: Quantity, measured: Measured, next_bins: Bins | None) -> Given:
        """From what a Monitor counted, or from objects."""
        if isinstance(measured, Counted):
            return cls._counted(quantity, measured)
        histogram, moments = measured
        h = histogram.to_numpy()
        integers, floats = (None, None) if moments is None else moment_arrays(moments)
        counts = Counts.of(h)
        text = grid_json(h.grid)
        return cls(quantity, text, counts, lambda: to_cells(h), integers, floats, next_bins)

    @classmethod
    def _counted(cls, quantity: Quantity, one: Counted) -> Given:
        grid = one.grid
        bins = grid, one.exponents, one.origins
        counts = Counts(one.shape, one.cells, bins, one.on_host)
        return cls(quantity, grid_json(grid), counts, one, *one.moment_arrays(), one.next_bins)

    def numbers(self, step: int) -> Numbers:
        """What is kept of every record beside running measures, as compiled code takes it."""
        bins = None if self.next_bins is None else np.array(self.next_bins)
        return self.integers, self.floats, bins, codec.checksum_start(self.quantity.mark, step)

    def packed(self, step: int) -> codec.Packed:
        """What compiled code takes to make the histograms' bytes, beside the cells of counts."""
        one = self.cells
        if not isinstance(one, Counted) or isinstance(one.cells, tuple):
            return codec.packed(self._all_cells(), step, self._mark)
        start = codec.checksum_start(self._mark, step, *one.shape[1:])
        return None, one.numel, None, one.exponents, one.origins, codec.DIFFERENCE_FROM, start

    def histogram_row(self, step: int) -> HistogramRow:
        """The histograms as bytes."""
        return self.row(codec.encode(self._all_cells(), step, self._mark))

    def row(self, packed: tuple[bytes, bytes]) -> HistogramRow:
        """A row of bytes that were made."""
        return self.id, self.grid, self.counts.shape[1], *packed

    def _all_cells(self) -> Cells:
        one = self.cells
        if not isinstance(one, Counted):
            return one()
        found, bins = one.outputs, (one.exponents, one.origins)
        return Cells(found.counts, found.outside, found.nan, one.numel, found.offsets, *bins)

    @property
    def _mark(self) -> int:
        return zlib.crc32(b"\0" + self.grid.encode(), self.quantity.mark)


class Entry(NamedTuple):
    """A record to be written."""

    step: int
    wall_time: float
    membership: int
    given: Sequence[Given]
