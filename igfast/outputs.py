"""Arrays that one kernel call fills, and what becomes of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arrays, _core, automatic, config
from ._devices import device_of
from .grids import Grid
from .histograms import Histogram
from .summary import Moments

Int = NDArray[np.int64]

KINDS = {
    "uniform": _core.GRID_UNIFORM,
    "dyadic": _core.GRID_DYADIC,
    "log": _core.GRID_LOG,
}


@dataclass(frozen=True)
class Request:
    """What is counted; ``edges`` of a uniform grid, (B+1,) or (L, B+1)."""

    grid: Grid
    splits: int
    offsets: bool
    moments: bool
    edges: NDArray[np.float64] | None

    @property
    def extents(self) -> bool:
        """Whether zeros and extremes are wanted, without all moments."""
        return self.grid.automatic and not self.moments

    @property
    def edge_rows(self) -> NDArray[np.float64] | None:
        """Edges as the kernels take them, (1 or L, B+1)."""
        edges = self.edges
        return edges[np.newaxis] if edges is not None and edges.ndim == 1 else edges

    @property
    def log(self) -> tuple[int, int, int] | None:
        """A log grid as the kernels take it."""
        grid = self.grid
        if grid.kind != "log":
            return None
        return grid.mantissa_bits, grid.min_exponent, grid.max_exponent

    def host_counter(self, rows: int) -> _core.HostCounter:
        """What takes it with moments, record after record, into memory that is used again."""
        assert self.moments
        grid = self.grid
        return _core.HostCounter(
            rows, KINDS[grid.kind], grid.bins, self.splits, self.offsets, self.edge_rows, self.log
        )


@dataclass
class Sums:
    """The kernels' moment sums of L layers: (L, 4) and (L, 8)."""

    integers: Int
    floats: NDArray[np.float64]

    @classmethod
    def zeros(cls, rows: int) -> Sums:
        return cls(np.zeros((rows, 4), dtype=np.int64), np.zeros((rows, 8)))


@dataclass
class Extents:
    """Zeros (L,), minima and maxima (L, 2), at a fraction of the moments' cost."""

    zeros: Int
    extremes: NDArray[np.float64]


def sections(request: Request, rows: int) -> Iterator[tuple[str, slice, tuple[int, ...]]]:
    """Outputs one behind the other in a block of 64-bit words: name, place and shape.

    Counts first, in one piece, so that they are cleared in one go.
    """
    shape = (rows, request.splits, request.grid.bins)
    found: dict[str, tuple[int, ...]] = {"counts": shape}
    if request.offsets:
        found["offsets"] = shape
    found |= {"outside": (rows, request.splits, 2), "nan": (rows,)}
    if request.moments:
        found |= {"integers": (rows, 4), "floats": (rows, 8)}
    elif request.extents:
        found |= {"zeros": (rows,), "extremes": (rows, 2)}
    first = 0
    for name, size in found.items():
        last = first + math.prod(size)
        yield name, slice(first, last), size
        first = last


def require_result(out: Any) -> None:
    """Refuse an ``out`` that is no Histogram."""
    if not isinstance(out, Histogram):
        raise TypeError(
            "out must be a Histogram, an earlier result of this plan (of a pair with moments, "
            f"the first), got {type(out).__name__}"
        )


def refilled(found: Histogram, out: Histogram | None) -> Histogram:
    """The object whose arrays were filled again, which says what they now hold."""
    if out is None:
        return found
    vars(out).clear()  # sums and edges that it worked out before, too
    vars(out).update(vars(found))
    return out


class Outputs:
    """Arrays that one kernel call fills."""

    counts: Int
    outside: Int
    nan: Int

    def __init__(self, request: Request, rows: int, out: Histogram | None = None) -> None:
        self.request = request
        shape = (rows, request.splits, request.grid.bins)
        self.offsets: Int | None = None
        self.sums: Sums | None = None
        self.extents: Extents | None = None
        self.numel: Int | None = None  # where other ranks' elements have been added
        if request.offsets:
            self.offsets = np.empty(shape, dtype=np.int64)
        if request.moments:
            self.sums = Sums.zeros(rows)
        elif request.extents:
            self.extents = Extents(np.zeros(rows, dtype=np.int64), np.zeros((rows, 2)))
        self._reused = out
        if out is None:
            self.counts = np.empty(shape, dtype=np.int64)
            self.outside = np.empty((rows, request.splits, 2), dtype=np.int64)
            self.nan = np.empty(rows, dtype=np.int64)
            return
        require_result(out)
        held = [tuple(part.shape) for part in (out.split_counts, out.split_outside, out.nan)]
        same = held == [shape, (*shape[:2], 2), shape[:1]]
        if not same or (out.offsets is not None) != request.offsets:
            raise ValueError(
                f"out must hold counts of shape {shape} with{'' if request.offsets else 'out'} "
                f"offsets, as results of this plan do, got shape {tuple(out.split_counts.shape)} "
                f"with{'out' if out.offsets is None else ''}"
            )
        if device_of(_arrays.home_of(out.split_counts)) is not None:
            raise ValueError(
                f"out must be an earlier result of this plan, on the host, got {out!r} on "
                f"{_arrays.home_of(out.split_counts)}"
            )
        self.counts = _arrays.to_numpy(out.split_counts)
        self.outside = _arrays.to_numpy(out.split_outside)
        self.nan = _arrays.to_numpy(out.nan)

    def count(self, table: Int, exponents: Int | None, origins: Int | None) -> None:
        grid = self.request.grid
        _core.histogram(
            table,
            KINDS[grid.kind],
            grid.bins,
            self.request.splits,
            self.request.edge_rows,
            exponents,
            origins,
            self.request.log,
            self.counts,
            self.outside,
            self.nan,
            self.offsets,
            None if self.sums is None else (self.sums.integers, self.sums.floats),
            config.get_num_threads(),
            None if self.extents is None else (self.extents.zeros, self.extents.extremes),
        )

    @classmethod
    def over(cls, request: Request, rows: int, words: Int) -> Outputs:
        """Outputs in one block of memory."""
        found = cls.__new__(cls)
        found.request, found._reused, found.numel = request, None, None
        parts = {
            name: np.ndarray(shape, np.int64, words, 8 * part.start)
            for name, part, shape in sections(request, rows)
        }
        found.counts, found.outside, found.nan = parts["counts"], parts["outside"], parts["nan"]
        found.offsets = parts.get("offsets")
        found.sums = found.extents = None
        if request.moments:
            found.sums = Sums(parts["integers"], parts["floats"].view(np.float64))
        elif request.extents:
            found.extents = Extents(parts["zeros"], parts["extremes"].view(np.float64))
        return found

    @classmethod
    def within(cls, request: Request, block: _core.Block) -> Outputs:
        """Outputs with moments in the memory of a record."""
        found = cls.__new__(cls)
        found.request, found._reused, found.numel, found.extents = request, None, None, None
        found.counts, found.outside, found.nan, found.offsets, integers, floats = block.arrays()
        found.sums = Sums(integers, floats)
        return found

    def take(self, rows: Int, part: Outputs) -> None:
        """Copy the rows that were counted again."""
        self.counts[rows], self.outside[rows], self.nan[rows] = part.counts, part.outside, part.nan
        if self.offsets is not None and part.offsets is not None:
            self.offsets[rows] = part.offsets
        if self.sums is not None and part.sums is not None:
            self.sums.integers[rows] = part.sums.integers
            self.sums.floats[rows] = part.sums.floats
        if self.extents is not None and part.extents is not None:
            self.extents.zeros[rows] = part.extents.zeros
            self.extents.extremes[rows] = part.extents.extremes

    def observed(self) -> automatic.Observed:
        if self.sums is not None:
            zeros, extremes = self.sums.integers[:, 3], self.sums.floats[:, :2]
        else:
            assert self.extents is not None
            zeros, extremes = self.extents.zeros, self.extents.extremes
        return automatic.Observed(self.counts, self.outside, zeros, extremes[:, 0], extremes[:, 1])

    def histogram(
        self,
        labels: _arrays.Labels,
        exponents: Int | None,
        origins: Int | None,
        *,
        last: bool = False,
    ) -> Histogram:
        """As an object; offsets become its own where that is the ``last`` use of them here.

        A histogram whose arrays were filled again is that object: it says what they now hold.
        """
        offsets = None
        if last and self.offsets is not None and self._reused is None and self.offsets.base is None:
            _core.to_positions(self.offsets)
            offsets, self.offsets = self.offsets.view(np.float64), None
        elif self.offsets is not None:
            room = None if self._reused is None else _arrays.to_numpy(self._reused.offsets)
            offsets = np.multiply(self.offsets, 1 / 256, out=room)
        home = labels.host
        found = Histogram(
            split_counts=_arrays.like(home, self.counts),
            split_outside=_arrays.like(home, self.outside),
            nan=_arrays.like(home, self.nan),
            numel=labels.numel.copy() if self.numel is None else self.numel,
            grid=self.request.grid,
            names=labels.names,
            offsets=None if offsets is None else _arrays.like(home, offsets),
            exponents=exponents,
            origins=origins,
            uniform_edges=self.request.edges,
        )
        return refilled(found, self._reused)

    def summary(self, labels: _arrays.Labels) -> Moments:
        assert self.sums is not None
        return Moments.from_sums(self.sums.integers, self.sums.floats, labels.names, labels.host)
