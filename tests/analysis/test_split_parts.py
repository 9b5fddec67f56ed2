"""Parts of the split estimator of length by themselves."""

from __future__ import annotations

import numpy as np
import pytest

from igfast.analysis.split_cells import first_cells, roots
from igfast.analysis.split_corners import corners
from igfast.analysis.split_errors import statistical_error
from igfast.analysis.split_following import follow
from igfast.analysis.split_modes import find_modes
from igfast.analysis.split_remainder import measure_remainder

from .processes import simulate
from .unseen_processes import UNSEEN


def noise_of_splits(rng, own, between, draws):
    """Lengths (8, draws) of splits and (8, 8, draws) of pairs: noise of single ones, of pairs."""
    single = own * rng.standard_normal((8, draws))
    both = np.triu(np.ones((8, 8)), 1)[..., None] * between * rng.standard_normal((8, 8, draws))
    both = both + both.transpose(1, 0, 2)
    return single + both.sum(axis=1) / 7, both + 0.5 * (single[:, None] + single[None])


@pytest.mark.parametrize(("own", "between"), [(1.0, 0.0), (0.0, 1.0), (0.2, 1.0)])
def test_the_error_of_a_mean_over_pairs(own, between):
    """Variance own²/8 + 2·between²/(8·7); Student's factor 1.21 for the spread of 8 splits."""
    lengths, pairs = noise_of_splits(np.random.default_rng(0), own, between, 4000)
    true = own**2 / 8 + 2 * between**2 / 56
    assert lengths.mean(axis=0).var() == pytest.approx(true, rel=0.1)
    found = statistical_error(lengths, pairs)
    assert 0.98 * true < np.square(found).mean() < 1.55 * true
    inside = np.abs(lengths.mean(axis=0)) <= 2 * found
    assert 0.94 < inside.mean() < 0.985


def test_the_spread_alone_would_miss_noise_of_pairs():
    lengths, _ = noise_of_splits(np.random.default_rng(0), 0.0, 1.0, 4000)
    spread = lengths.var(axis=0, ddof=1).mean() / 8
    assert spread == pytest.approx(6 / (8 * 49), rel=0.05)  # of 2/56 = 14/(8·49)


@pytest.mark.parametrize("turn", [2.1, 2.5, 2.8, 5.7, 0.3])
def test_turning_round_within_an_interval(turn):
    """x = −(t − turn)²/100 at t = 0, 1, ... 6, also in the last and in the first interval."""
    moved = np.diff(-0.01 * (np.arange(7) - turn) ** 2)
    forth = np.where(moved > 0, 1.0, -1.0)
    turned = 0.5 * (np.abs(moved[1:]) + np.abs(moved[:-1])) * forth[1:] * forth[:-1]
    across = forth[2:] * forth[:-2]
    single = np.ones(6, dtype=bool)
    found = corners(np.abs(moved), turned, across, single, np.ones((7, 8, 4)))
    true = 0.01 * (turn**2 + (6 - turn) ** 2)
    assert np.abs(moved).sum() < 0.9999 * true
    assert (np.abs(moved) * found.gain).sum() == pytest.approx(true, rel=2e-3)


def test_a_sudden_reversal_is_in_doubt():
    """There and back at one speed, turned in the middle of an interval: 0.2 is missing."""
    chords = np.array([0.2, 0.2, 0.2, 0.0, 0.2, 0.2, 0.2])
    turned, across = np.array([0.2, 0.2, 0.1, -0.1, 0.2, 0.2]), np.array([1.0, 1, -1, 1, 1])
    found = corners(chords, turned, across, chords > 0, np.ones((8, 8, 4)))
    missing = 1.4 - (chords * found.gain).sum()
    assert 0 < missing <= 2 * found.doubtful * chords.sum() + 1e-9


def test_motion_that_no_mode_shows_is_measured():
    """The truncated normal moves by one mode and a half: the half is found in wide cells."""
    found = []
    for seed in range(6):
        records = simulate(UNSEEN["truncated normal"], 100_000, 30, seed=seed)
        cells = first_cells(records.counts.sum(axis=1).max(axis=0), 100)
        curve = roots(np.add.reduceat(records.counts.astype(float), cells, axis=-1))
        modes = find_modes(curve)
        if modes.rank > 1:
            continue
        path = np.concatenate([[0], np.cumsum(follow(curve, modes).increments.mean(axis=0))])
        found.append(measure_remainder(curve, path, modes, known=0.004).value / 2)
    assert len(found) >= 3
    assert np.mean(found) == pytest.approx(0.005, abs=0.003)
