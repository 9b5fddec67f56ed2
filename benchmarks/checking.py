"""Compares a timed output with the slow definitions of igfast.reference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

import igfast
from igfast import reference

PART = 1 << 22  # elements at a time: the reference is float64 and generous with copies


def check(found: object, tensors: object, period: int | None = None) -> None:
    """Raise unless every count, and every offset summed over splits, is exact.

    `period` says that the values of a tensor repeat, in another order, after so many elements;
    only the first of them and the rest are then counted by the reference.
    """
    histogram = found[0] if isinstance(found, tuple) else found
    assert isinstance(histogram, igfast.Histogram)
    parts = list(tensors.values()) if isinstance(tensors, Mapping) else [tensors]
    ours = _columns(histogram)
    for row, tensor in enumerate(parts):
        flat = tensor.flatten()
        copies = flat.numel() // period if period else 0
        expected = _counted(flat[copies * (period or 0) :], histogram, row)
        if period and copies:
            expected += copies * _counted(flat[:period], histogram, row)
        np.testing.assert_array_equal(ours[row], expected)


def _columns(histogram: igfast.Histogram) -> np.ndarray:
    """(L, …) counts, underflow, overflow, NaN, and offsets in 256ths where there are any."""
    h = histogram.to_numpy()
    columns = [h.counts, h.underflow[:, None], h.overflow[:, None], h.nan[:, None]]
    if h.offsets is not None:
        columns.append(np.rint(h.offsets.sum(1) * 256).astype(np.int64))
    return np.concatenate(columns, axis=1)


def _counted(values: torch.Tensor, histogram: igfast.Histogram, row: int) -> np.ndarray:
    width = _columns(histogram).shape[1]
    total = np.zeros(width, np.int64)
    for begin in range(0, values.numel(), PART):
        x = values[begin : begin + PART].to(torch.float64).numpy()
        found = _reference(x, histogram, row)
        columns = [found.split_counts.sum(0), found.split_outside.sum(0), [found.nan]]
        if histogram.offsets is not None:
            columns.append(found.offsets.sum(0))
        total += np.concatenate(columns)
    return total


def _reference(x: np.ndarray, h: igfast.Histogram, row: int) -> reference.ReferenceHistogram:
    if h.grid.kind == "uniform":
        edges = h.edges if h.edges.ndim == 1 else h.edges[row]
        return reference.uniform_histogram(x, edges)
    if h.grid.kind == "dyadic":
        exponents, origins = h.dyadic_bins()
        return reference.dyadic_histogram(x, h.bins, int(exponents[row]), int(origins[row]))
    grid = h.grid
    return reference.log_histogram(x, grid.mantissa_bits, grid.min_exponent, grid.max_exponent)
