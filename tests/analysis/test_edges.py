"""Uniform values whose edges wear off, as those of a freshly initialized layer do.

All motion is beyond the first record's least and largest elements, and the more of it the smaller
the wear: cells of a hundred elements, as a small layer needs, hide it.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from igfast.analysis.split import split_length
from igfast.analysis.split_cells import merge_sparse

SEEDS = 12
INTERVALS = 30


def worn_length(wear):
    """L of U(−1, 1) + s·N(0, 1), s from 0 to ``wear``: ∫ 2√(∫ (∂ₛ√p)² dx) ds, by chords."""
    x = np.linspace(-1 - 6 * wear, 1 + 6 * wear, 40_001)
    erf = np.vectorize(math.erf)

    def root(s):
        return np.sqrt(0.25 * (erf((x + 1) / s / 2**0.5) - erf((x - 1) / s / 2**0.5)))

    roots = [np.sqrt(0.5 * (np.abs(x) <= 1)), *map(root, wear * np.geomspace(1e-4, 1, 100))]
    chords = [np.square(b - a).sum() * (x[1] - x[0]) for a, b in itertools.pairwise(roots)]
    return 2 * np.sqrt(chords).sum()


def worn(seed, n, wear, splits):
    rng = np.random.default_rng(seed)
    x, noise = rng.uniform(-1, 1, (splits, n // splits)), rng.normal(size=(splits, n // splits))
    edges = np.linspace(-2, 2, 257)
    return np.array(
        [
            [np.histogram(part, edges)[0] for part in x + wear * t / INTERVALS * noise]
            for t in range(INTERVALS + 1)
        ]
    )


def test_the_truth():
    """Of a small wear s the shape at the edges stays, its width grows: L ∝ √s."""
    assert worn_length(0.04) == pytest.approx(0.412, abs=0.005)
    assert worn_length(0.08) == pytest.approx(0.586, abs=0.005)
    assert worn_length(0.08) / worn_length(0.04) == pytest.approx(2**0.5, rel=0.01)


@pytest.mark.parametrize(
    ("n", "wear", "splits"), [(3_000, 0.04, 4), (3_000, 0.08, 4), (10_000, 0.04, 8)]
)
def test_edges_that_wear_off_are_seen(n, wear, splits):
    truth, outside = worn_length(wear), np.zeros((INTERVALS + 1, splits, 2))
    found = [
        split_length(range(INTERVALS + 1), worn(seed, n, wear, splits), outside)
        for seed in range(SEEDS)
    ]
    length = np.array([one.length[-1] for one in found])
    error = np.array([one.standard_error[-1] for one in found])
    assert (np.abs(length - truth) <= 2 * error).sum() >= SEEDS - 1
    assert length.mean() == pytest.approx(truth, rel=0.25)
    assert (length > 0).sum() >= SEEDS - 2


@pytest.mark.parametrize("n", [300, 3_000])
def test_edges_that_stay_have_no_length(n):
    """Each record with noise of its own, 0.02 wide: no edge moves."""
    rng, edges = np.random.default_rng(0), np.linspace(-2, 2, 257)
    resolved = 0
    for _ in range(SEEDS):
        x = rng.uniform(-1, 1, (4, n // 4))
        counts = [
            [np.histogram(part, edges)[0] for part in x + 0.02 * rng.normal(size=x.shape)]
            for _ in range(INTERVALS + 1)
        ]
        found = split_length(range(INTERVALS + 1), counts, np.zeros((INTERVALS + 1, 4, 2)))
        resolved += found.length[-1] > 2 * found.standard_error[-1]
    assert resolved <= 1


def test_cells_beyond_the_ends():
    """Four splits of 200 elements in 8 bins: 2 of each pass the right end, 1 the left, of which a
    cell needs 2 in every split.
    """
    first = np.array([0, 0, *[25] * 8, 0, 0])
    last = np.array([0, 1, 24, *[25] * 6, 23, 1, 1])
    counts = np.repeat(np.array([first, last])[:, None], 4, axis=1)
    none = np.zeros(12, bool)
    joined, _ = merge_sparse(counts, none)
    apart, _ = merge_sparse(counts, none, ends=True)
    assert joined[:, 0, -1].tolist() == [25, 25]
    assert apart[:, 0, -1].tolist() == [0, 2]
    assert apart[:, 0, 0].tolist() == [25, 25]
    assert (apart.sum(axis=-1) == counts.sum(axis=-1)).all()
