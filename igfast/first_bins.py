"""Bins of a first record: counted again and again until they fit every layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import _core, automatic, config, device_counting
from ._devices import Device
from .automatic import FirstBins
from .outputs import Outputs, Request, Sums

Int = NDArray[np.int64]


def first_bins(
    table: Int,
    device: Device | None,
    request: Request,
    precision: Int,
    found: Outputs | None,
    others: FirstBins | None,
) -> tuple[Int, Int]:
    """Exponents and origins, (L,) each, that fit every layer; only misfits are counted again.

    Parameters
    ----------
    table : (L, 5) int64
        Of the kernels, one row for each layer.
    device : Device, optional
        Where the tensors are, if not on the host.
    precision : (L,) int64
        Significand bits of each layer's dtype.
    found : Outputs, optional
        Takes the counts on those bins.
    others : FirstBins, optional
        The other ranks, which hold other parts of the layers.
    """
    low, high = _sums(table, device).floats[:, :2].T
    if others is not None:
        low, high = others.extremes(low, high)
    exponents, origins = automatic.start(low, high, request.grid.bins, precision)
    rows = np.arange(len(table))
    for left in reversed(range(automatic.MAX_PASSES)):
        part = _count_rows(table[rows], device, request, exponents[rows], origins[rows])
        if found is not None:
            found.take(rows, part)
        seen = part.observed() if others is None else others.observed(part.observed())
        new = automatic.follow(exponents[rows], origins[rows], seen, precision[rows], first=True)
        moved = (new[0] != exponents[rows]) | (new[1] != origins[rows])
        rows = rows[moved]
        if not len(rows) or not left:  # the bins are those counted last, even where they move on
            break
        exponents[rows], origins[rows] = new[0][moved], new[1][moved]
    return exponents, origins


def _sums(table: Int, device: Device | None) -> Sums:
    """Moment sums of all layers, on the host."""
    if device is not None:
        return device_counting.sums(device, table, len(table))
    sums = Sums.zeros(len(table))
    _core.moments(table, sums.integers, sums.floats, config.get_num_threads())
    return sums


def _count_rows(
    table: Int, device: Device | None, request: Request, exponents: Int, origins: Int
) -> Outputs:
    """Counts of some layers, on the host."""
    table[:, 4] = np.arange(len(table))
    if device is not None:
        return device_counting.count(device, table, request, exponents, origins)
    part = Outputs(request, len(table))
    part.count(table, exponents, origins)
    return part
