"""What a histogram is asked for: the grid, its fixed bins, and whether they suit the data."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .automatic import PRECISION
from .grids import Grid, check_dyadic

Int = NDArray[np.int64]
Float = NDArray[np.float64]

DEFAULT_BINS = 256


class ResolutionWarning(UserWarning):
    """Bins are narrower than the spacing of the dtype's numbers, so that some stay empty."""


def choose_grid(bins: int | None, range: Any, grid: Grid | None) -> Grid:
    """The grid that the arguments of a histogram name."""
    if grid is not None:
        if not isinstance(grid, Grid):
            raise TypeError(
                f"grid must be an igfast.Grid, got {grid!r}; make one with Grid.uniform, "
                "Grid.dyadic or Grid.log"
            )
        if not grid.bins:
            raise ValueError(
                "grid has 0 bins, as that of histograms without bins in common; choose another"
            )
        if range is not None or (bins is not None and bins != grid.bins):
            raise ValueError(
                f"grid={grid} already says bins and range; leave bins={bins} and range={range} out"
            )
        return grid
    count = DEFAULT_BINS if bins is None else bins
    if range is None:
        return Grid.dyadic(count)
    try:
        low, high = range
    except (TypeError, ValueError):
        raise ValueError(f"range must be a pair (low, high), got {range!r}") from None
    return Grid.uniform(count, low=low, high=high)


def check_offsets(offsets: Any, grid: Grid) -> bool:
    """Whether offsets are wanted; refuses them where there are none."""
    if offsets and grid.kind == "uniform":
        raise ValueError(
            "offsets=True needs a dyadic or log grid: a uniform grid has no exact positions "
            "within its bins; use Grid.dyadic(), or pass offsets=False"
        )
    return bool(offsets)


def uniform_edges(grid: Grid, rows: int) -> Float | None:
    """Edges of a uniform grid, (B+1,) or (L, B+1); None for the others."""
    if grid.kind != "uniform":
        return None
    edges = grid.edges()
    if edges.ndim == 2 and len(edges) != rows:
        raise ValueError(f"range has {len(edges)} rows for {rows} tensors; give one for each")
    return edges


def fixed_bins(grid: Grid, rows: int) -> tuple[Int | None, Int | None]:
    """Exponents and origins, (L,) each, of a dyadic grid that is not automatic."""
    if grid.exponent is None:
        return None, None
    pair = []
    for argument in ("exponent", "origin"):
        value = np.asarray(getattr(grid, argument), dtype=np.int64)
        if value.ndim == 1 and len(value) != rows:
            raise ValueError(
                f"{argument} has {len(value)} values for {rows} tensors; give one for each"
            )
        pair.append(np.broadcast_to(value, rows).copy())
    check_dyadic(pair[0], pair[1], grid.bins)
    return pair[0], pair[1]


def warn_about_combs(
    grid: Grid,
    names: tuple[str, ...],
    dtypes: tuple[str, ...],
    precision: Int,
) -> None:
    """Warn where bins are narrower than the spacing of a layer's numbers."""
    if grid.automatic or not len(names):
        return
    lacking = _lacking_precision(grid)
    if isinstance(lacking, int) and min(map(PRECISION.__getitem__, set(dtypes))) > lacking:
        return
    narrow = precision <= lacking
    if narrow.any():
        row = int(np.argmax(narrow))
        warnings.warn(
            f"histogram: bins of {grid} are narrower than the spacing of "
            f"{dtypes[row]} numbers at its far end (tensor "
            f"{names[row]!r}); counts will show a comb, use fewer bins or a log grid",
            ResolutionWarning,
            stacklevel=4,
        )


@lru_cache(maxsize=64)
def _lacking_precision(grid: Grid) -> Int | int:
    """The most significand bits with which numbers at the grid's far end are a bin or more apart.

    One number, or (L,) for a grid whose layers differ.
    """
    if grid.kind == "log":
        return grid.mantissa_bits
    edges = np.atleast_2d(grid.edges())
    far = np.abs(edges[:, [0, -1]]).max(axis=1)
    exponent = np.frexp(np.where(far > 0, far, 1.0))[1] - 1
    width = (edges[:, -1] - edges[:, 0]) / grid.bins
    # width · 2^(precision − 1 − exponent) < 1, solved for the precision
    bits: Int = exponent - np.frexp(width)[1] + 1
    return int(bits[0]) if len(bits) == 1 else bits
