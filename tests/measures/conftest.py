"""Histograms made from given counts, and from exact Gaussian cell masses."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import igfast

GAUSSIAN_TOTAL = 10**15


@pytest.fixture(scope="session")
def from_counts() -> Callable[..., igfast.Histogram]:
    """(L, B) or (L, G, B) counts -> Histogram on a uniform grid of bins of width 1 from 0."""

    def make(counts, outside=None, *, grid=None, offsets=None, **fields) -> igfast.Histogram:
        counts = np.asarray(counts, dtype=np.int64)
        if counts.ndim == 2:
            counts = counts[:, None, :]
        layers, splits, bins = counts.shape
        outside = np.zeros((layers, splits, 2)) if outside is None else np.asarray(outside)
        outside = outside.reshape(layers, splits, 2).astype(np.int64)
        if grid is None:
            grid = igfast.Grid.uniform(bins, low=0.0, high=float(bins))
            fields["uniform_edges"] = grid.edges()
        return igfast.Histogram(
            split_counts=counts,
            split_outside=outside,
            nan=np.zeros(layers, dtype=np.int64),
            numel=counts.sum((1, 2)) + outside.sum((1, 2)),
            grid=grid,
            names=tuple(f"layer{row}" for row in range(layers)),
            offsets=offsets,
            **fields,
        )

    return make


@pytest.fixture(scope="session")
def gaussian(from_counts) -> Callable[[float, float], igfast.Histogram]:
    """Histogram of 1e15 elements with the cell masses of N(mean, sigma²): bins of 1/64 on ±6."""
    edges = np.arange(-6 * 64, 6 * 64 + 1) / 64

    def make(mean: float, sigma: float) -> igfast.Histogram:
        # The upper and lower tail functions keep all digits of their own side.
        z = (edges - mean) / (sigma * math.sqrt(2))
        lower = np.array([0.5 * math.erfc(-v) for v in z])
        upper = np.array([0.5 * math.erfc(v) for v in z])
        mass = np.where(z[:-1] > 0, upper[:-1] - upper[1:], lower[1:] - lower[:-1])
        counts = np.rint(mass * GAUSSIAN_TOTAL).astype(np.int64)
        bins = len(counts)
        return from_counts(
            counts[None],
            [[np.rint(lower[0] * GAUSSIAN_TOTAL), np.rint(upper[-1] * GAUSSIAN_TOTAL)]],
            grid=igfast.Grid.dyadic(bins, exponent=-6, origin=-6 * 64),
            exponents=np.array([-6]),
            origins=np.array([-6 * 64]),
        )

    return make
