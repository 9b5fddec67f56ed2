"""Arrays that one kernel call fills, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import _arrays, _core, automatic, config
from .grids import Grid
from .histograms import Histogram
from .summary import Moments

Int = NDArray[np.int64]

_KINDS = {
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


class Sums:
    """The kernels' moment sums of ``rows`` layers."""

    def __init__(self, rows: int) -> None:
        self.integers = np.zeros((rows, 4), dtype=np.int64)
        self.floats = np.zeros((rows, 8))


class Extents:
    """Zeros, minimum and maximum of ``rows`` layers, at a fraction of the moments' cost."""

    def __init__(self, rows: int) -> None:
        self.zeros = np.zeros(rows, dtype=np.int64)
        self.extremes = np.zeros((rows, 2))


class Outputs:
    """Arrays that one kernel call fills."""

    def __init__(self, request: Request, rows: int, out: Histogram | None = None) -> None:
        self._request = request
        shape = (rows, request.splits, request.grid.bins)
        self.offsets: Int | None = None
        self.sums: Sums | None = None
        self.extents: Extents | None = None
        self.numel: Int | None = None  # where other ranks' elements have been added
        if request.offsets:
            self.offsets = np.empty(shape, dtype=np.int64)
        if request.moments:
            self.sums = Sums(rows)
        elif request.grid.automatic:
            self.extents = Extents(rows)
        self._reused = out
        if out is None:
            self.counts = np.empty(shape, dtype=np.int64)
            self.outside = np.empty((rows, request.splits, 2), dtype=np.int64)
            self.nan = np.empty(rows, dtype=np.int64)
            return
        if out.split_counts.shape != shape or (out.offsets is not None) != request.offsets:
            raise ValueError(f"out must be an earlier result of this plan, got {out!r}")
        self.counts = _arrays.to_numpy(out.split_counts)
        self.outside = _arrays.to_numpy(out.split_outside)
        self.nan = _arrays.to_numpy(out.nan)

    def count(self, table: Int, exponents: Int | None, origins: Int | None) -> None:
        grid, edges = self._request.grid, self._request.edges
        _core.histogram(
            table,
            _KINDS[grid.kind],
            grid.bins,
            self._request.splits,
            None if edges is None else np.atleast_2d(edges),
            exponents,
            origins,
            (grid.mantissa_bits, grid.min_exponent, grid.max_exponent)
            if grid.kind == "log"
            else None,
            self.counts,
            self.outside,
            self.nan,
            self.offsets,
            None if self.sums is None else (self.sums.integers, self.sums.floats),
            config.get_num_threads(),
            None if self.extents is None else (self.extents.zeros, self.extents.extremes),
        )

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
        return automatic.Observed(
            self.counts.sum(axis=1),
            self.outside[:, :, 0].sum(axis=1),
            self.outside[:, :, 1].sum(axis=1),
            zeros,
            extremes[:, 0],
            extremes[:, 1],
        )

    def histogram(
        self, batch: _arrays.Batch, exponents: Int | None, origins: Int | None
    ) -> Histogram:
        offsets = None
        if self.offsets is not None:
            room = None if self._reused is None else _arrays.to_numpy(self._reused.offsets)
            offsets = np.multiply(self.offsets, 1 / 256, out=room)
        home = batch.home
        return Histogram(
            split_counts=_arrays.like(home, self.counts),
            split_outside=_arrays.like(home, self.outside),
            nan=_arrays.like(home, self.nan),
            numel=batch.numel if self.numel is None else self.numel,
            grid=self._request.grid,
            names=batch.names,
            offsets=None if offsets is None else _arrays.like(home, offsets),
            exponents=None if exponents is None else exponents.copy(),
            origins=None if origins is None else origins.copy(),
            uniform_edges=self._request.edges,
        )

    def summary(self, batch: _arrays.Batch) -> Moments:
        assert self.sums is not None
        return Moments.from_sums(self.sums.integers, self.sums.floats, batch.names, batch.home)
