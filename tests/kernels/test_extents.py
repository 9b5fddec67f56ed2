"""Zeros, minimum and maximum beside dyadic counts: of finite values, in any order."""

from __future__ import annotations

import numpy as np
import pytest

from igfast import _core


@pytest.fixture
def extents(kernel):
    """Function (arrays, ...) -> zeros, extremes; outputs start poisoned."""

    def run(arrays, *, offsets=False, rows=None, starts=None, threads=1, bins=64, exponent=-4):
        row_count = len(arrays) if rows is None else max(rows) + 1
        counts = np.empty((row_count, 1, bins), np.int64)
        zeros, extremes = np.full(row_count, -7, np.int64), np.full((row_count, 2), np.nan)
        arguments = kernel.Dyadic(bins, exponent, -bins // 2).arguments(row_count)
        kernel.core.histogram(
            tensors=kernel.table(arrays, starts, rows),
            **arguments,
            splits=1,
            split_counts=counts,
            split_outside=np.empty((row_count, 1, 2), np.int64),
            nan=np.empty(row_count, np.int64),
            offsets=np.empty_like(counts) if offsets else None,
            moments=None,
            threads=threads,
            extents=(zeros, extremes),
        )
        return zeros, extremes

    return run


@pytest.mark.parametrize("offsets", [False, True])
@pytest.mark.parametrize("size", [0, 1, 31, 256, 1000, 20_011])
@pytest.mark.parametrize("start", [0, 3])
def test_they_are_those_of_numpy(extents, isa, dtype, offsets, size, start):
    rng = np.random.default_rng(size)
    x = (rng.normal(0, 1, size) * (rng.random(size) < 0.9)).astype(dtype)
    zeros, extremes = extents([x], offsets=offsets, starts=[start])
    wide = x.astype(np.float64)
    assert zeros[0] == np.count_nonzero(wide == 0)
    assert extremes[0, 0] == wide.min(initial=np.inf)
    assert extremes[0, 1] == wide.max(initial=-np.inf)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_left_out(extents, isa, odd):
    x = np.linspace(1, 2, 1024, dtype=np.float32)
    x[[0, 300, 301, 1023]] = odd
    finite = x[np.isfinite(x)]
    zeros, extremes = extents([x, np.full(300, odd, np.float64)])
    assert zeros.tolist() == [0, 0]
    assert extremes[0].tolist() == [finite.min(), finite.max()]
    assert extremes[1].tolist() == [np.inf, -np.inf]


def test_a_negative_zero_is_a_zero(extents, isa):
    zeros, extremes = extents([np.full(512, -0.0, np.float32)])
    assert zeros[0] == 512
    assert not np.signbit(extremes).any()


def test_rows_of_several_tensors_dtypes_and_threads(extents, isa):
    rng = np.random.default_rng(5)
    arrays = [rng.normal(0, s, 200_000).astype(t) for s, t in ((1, "f4"), (3, "f8"), (0.1, "f2"))]
    arrays[2][::7] = 0
    for threads in (1, 3):
        zeros, extremes = extents(arrays, rows=[0, 0, 1], threads=threads)
        assert zeros.tolist() == [0, np.count_nonzero(arrays[2] == 0)]
        low = min(arrays[0].min(), arrays[1].min())
        assert extremes[0].tolist() == [low, max(arrays[0].max(), arrays[1].max())]
        assert extremes[1].tolist() == [arrays[2].min(), arrays[2].max()]


def test_rules_that_vectors_do_not_hold(extents, isa):
    """A bin of 2^20 is scaled down, which is left to the scalar loop."""
    zeros, extremes = extents([np.arange(-500, 500, dtype=np.float32)], exponent=20)
    assert zeros[0] == 1
    assert extremes[0].tolist() == [-500, 499]


def test_many_bins_take_several_passes_but_count_once(extents):
    zeros, extremes = extents([np.zeros(1000, np.float32)], offsets=True, bins=65_536)
    assert zeros[0] == 1000
    assert extremes[0].tolist() == [0, 0]


def test_other_grids_refuse(kernel):
    with pytest.raises(ValueError, match="extents must be None unless the grid is dyadic"):
        _core.histogram(
            tensors=kernel.table([np.zeros(4, np.float32)]),
            **kernel.Uniform(np.linspace(0, 1, 5)).arguments(1),
            splits=1,
            split_counts=np.empty((1, 1, 4), np.int64),
            split_outside=np.empty((1, 1, 2), np.int64),
            nan=np.empty(1, np.int64),
            offsets=None,
            moments=None,
            threads=1,
            extents=(np.empty(1, np.int64), np.empty((1, 2))),
        )
