"""Logarithmic grids: octaves, mirrored bins, the central bin, exact offsets."""

from __future__ import annotations

import numpy as np
import pytest

GRIDS = [(3, -20, 4), (0, 0, 1), (0, -1, 3), (5, -126, 128), (2, -149, 10), (8, -7, 2)]
GRIDS += [(12, -4, 3), (13, -2, 1), (14, 0, 1), (1, -1074, 1024), (4, -1000, -900), (2, 100, 140)]
GRIDS += [(3, 8, 20), (3, 7, 9), (2, -121, -100), (0, -1100, 1024), (14, 5, 6), (4, -1016, -1000)]


def positive_edges(mantissa_bits: int, min_exponent: int, max_exponent: int) -> np.ndarray:
    octave = np.arange(min_exponent, max_exponent + 1)
    octave = octave[(octave >= -1074) & (octave <= 1023)]
    octave = np.unique(np.concatenate([octave[:20], octave[-20:]]))
    part = np.unique(np.linspace(0, (256 << mantissa_bits) - 1, 700).astype(np.int64))
    mantissa = 1.0 + np.ldexp(part.astype(np.float64), -8 - mantissa_bits)
    return np.ldexp(mantissa[:, None], octave[None]).ravel()


@pytest.mark.parametrize("shape", GRIDS, ids=str)
def test_every_edge_and_its_neighbors(kernel, isa, dtype, shape, edge_values):
    edges = positive_edges(*shape)
    central = np.ldexp(np.arange(257) / 256.0, max(shape[1], -1060))
    values = edge_values(np.concatenate([edges, -edges, central, -central]), dtype)
    kernel.check(values, kernel.Log(*shape), splits=2)


def test_known_values(kernel, isa):
    """m = 1: two bins an octave. B = 5 on 2**0 .. 2**1."""
    x = np.array([-2.0, -1.75, -1.5, -1.0, -0.5, 0.0, 0.999, 1.0, 1.25, 1.5, 2.0], np.float32)
    result = kernel.histogram([x], kernel.Log(1, 0, 1), offsets=True)
    # [-2, -1.5), [-1.5, -1), (-1, 1), [1, 1.5), [1.5, 2) mirrored: -1.5 belongs outwards
    assert result.split_counts.tolist() == [[[2, 1, 3, 2, 1]]]
    assert result.split_outside.tolist() == [[[1, 1]]]
    # -1.75 lies half way: (0, 1] * 256 -> digit 127; -1.5 and -1 at the closed end: 255
    assert result.offsets.tolist() == [[[127 + 255, 255, 64 + 128 + 255, 0 + 128, 0]]]


def test_mirror_symmetry(kernel, isa):
    x = np.random.default_rng(4).standard_cauchy(50_000).astype(np.float32)
    grid = kernel.Log(3, -20, 4)
    here, there = (kernel.histogram([v], grid, offsets=True) for v in (x, -x))
    np.testing.assert_array_equal(here.split_counts, there.split_counts[..., ::-1])
    np.testing.assert_array_equal(here.split_outside, there.split_outside[..., ::-1])
    half = (here.split_counts.shape[-1] - 1) // 2
    mirrored = 255 * there.split_counts - there.offsets
    np.testing.assert_array_equal(here.offsets[..., :half], mirrored[..., ::-1][..., :half])


def test_two_windows(kernel, isa):
    """57,345 bins with offsets do not fit one pass."""
    x = np.random.default_rng(5).normal(size=30_000).astype(np.float32) * 3
    kernel.check(x, kernel.Log(12, -6, 1), splits=8)
