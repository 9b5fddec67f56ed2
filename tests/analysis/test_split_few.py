"""Lengths of few elements, and of few that move: what is told, and what is left to the error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from igfast.analysis.split import split_length

from .known_processes import KNOWN
from .later_processes import LATER
from .processes import simulate
from .unseen_processes import UNSEEN


@pytest.mark.parametrize("n", [30, 300, 1000])
def test_two_splits_of_few_elements(n):
    """Where no mode is found, and pairs of splits have no error of their own."""
    for seed in range(3):
        found = split_length(*simulate(KNOWN["shift"], n, 10, splits=2, seed=seed))
        assert np.isfinite(found.length).all()
        assert (found.standard_error[1:] > 0).all()


def test_a_displacement_that_is_clear_is_a_length():
    """Of a thousand elements no direction stands clear of noise by itself: once L was 0 here."""
    process = UNSEEN["truncated normal"]
    found = [split_length(*simulate(process, 1000, 30, seed=seed)) for seed in range(12)]
    lengths = np.array([one.length[-1] for one in found])
    errors = np.array([one.standard_error[-1] for one in found])
    assert (lengths > 0).all()
    assert (abs(lengths - process.truth) <= 2 * errors).all()
    assert lengths.mean() == pytest.approx(process.truth, rel=0.08)
    still = [split_length(*simulate(KNOWN["stationary"], 1000, 10, seed=s)) for s in range(40)]
    assert sum(one.length[-1] > 2 * one.standard_error[-1] for one in still) <= 2


def test_a_return_of_few_elements_is_a_length():
    """Of 300, the way from the first record to the last is none: parts of the path show it."""
    process = LATER["Student wider and back"]
    found = [split_length(*simulate(process, 300, 30, seed=seed)) for seed in range(12)]
    lengths = np.array([one.length[-1] for one in found])
    errors = np.array([one.standard_error[-1] for one in found])
    assert (lengths > 0).sum() >= 11
    assert (abs(lengths - process.truth) <= 2 * errors).sum() >= 11
    for name in ("stationary", "slow stationary"):
        still = [split_length(*simulate(KNOWN[name], 300, 30, seed=s)) for s in range(40)]
        assert sum(one.length[-1] > 0 for one in still) <= 2


@pytest.mark.parametrize("n", [8, 10, 16])
def test_a_handful_of_elements(n):
    """Nothing moved for certain: the error says that hardly anything is known."""
    for name in ("shift", "stationary", "frozen"):
        found = split_length(*simulate(KNOWN[name], n, 10, bins=32))
        assert found.standard_error[-1] > 0.2


@pytest.mark.parametrize(("n", "movers"), [(1000, 10), (10_000, 20), (100_000, 20), (100_000, 50)])
def test_a_few_that_travel_where_nothing_else_moves(n, movers):
    """From the middle to far outside, in parts narrower than the cells that hold enough to tell."""
    rng = np.random.default_rng(0)
    moves = rng.permutation(n) < movers
    x = np.where(moves, 0.3, 1.0) * rng.normal(size=n)
    edges, ways = np.linspace(-8, 12, 257), [x + 0.2 * step * moves for step in range(31)]
    counts = [[np.histogram(way[g::8], edges)[0] for g in range(8)] for way in ways]
    share, at = movers / n, np.linspace(-8, 12, 4001)
    path = [
        2 * np.sqrt((1 - share) * stats.norm.pdf(at) + share * stats.norm.pdf(at, m, 0.3))
        for m in np.linspace(0, 6, 121)
    ]
    true = np.sqrt(0.005 * np.square(np.diff(path, axis=0)).sum(axis=1)).sum()
    found = split_length(range(31), counts, np.zeros((31, 8, 2)))
    assert abs(found.length[-1] - true) < 2 * found.standard_error[-1] < 2 * true


def test_a_frozen_layer_is_bounded_by_one_element():
    records = simulate(KNOWN["frozen"], 1000, 10, offsets=True)
    occupied = np.count_nonzero(records.counts[0].sum(axis=0))
    found = split_length(*records)
    assert found.length[-1] == 0
    assert found.standard_error[-1] == pytest.approx(np.sqrt(2 * occupied) / 1000, rel=0.05)
    sharper = split_length(*records, records.offsets)
    assert 0 < sharper.standard_error[-1] < found.standard_error[-1] / 100


@pytest.mark.parametrize("seed", [129, 222])
def test_splits_of_few_elements_that_agree_by_chance(seed):
    """Two splits of a hundred elements whose displacements multiply to nothing: L = 0, and an error
    from their spread alone would be 0 too."""
    process, edges = LATER["three waves"], np.linspace(-6, 6, 65)
    path = process.elements(np.random.default_rng(seed), 100, np.linspace(0, process.duration, 41))
    counts = np.array([[np.histogram(x[g::2], edges)[0] for g in (0, 1)] for x in path])
    found = split_length(range(41), counts, np.zeros((41, 2, 2)))
    assert found.length[-1] < 1e-9
    assert found.strides.min() > 0
    one_element = np.sqrt(2 * np.count_nonzero(counts[0].sum(axis=0))) / 100
    assert (found.standard_error[1:] >= one_element * (1 - 1e-12)).all()
