"""Lengths and bins: what cells lose, what they cannot show, and where nothing lies between them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import igfast
from igfast.analysis.split import split_length

from .blind_processes import BLIND
from .known_processes import KNOWN
from .later_processes import LATER
from .processes import simulate

N = 100_000


@pytest.mark.parametrize("bins", [64, 128, 1024])
def test_bins_do_not_matter_where_they_resolve(bins):
    found = split_length(*simulate(KNOWN["shift"], N, 30, bins=bins))
    assert found.length[-1] == pytest.approx(1.0, abs=0.02)


def test_what_cells_lose_is_in_the_error():
    """Bins of one standard deviation."""
    found = split_length(*simulate(KNOWN["shift"], N, 30, bins=13))
    assert found.lost_in_cells > 0.02
    assert abs(found.length[-1] - 1) < 2 * found.standard_error[-1]


@pytest.mark.parametrize(("bins", "off"), [(64, -0.165), (256, -0.065)])
def test_what_no_cells_show_may_be_as_much_again(bins, off):
    """Magnitudes over decades: each halving of the bins shows as much of L as the last one."""
    process = BLIND["magnitudes spread"]
    found = split_length(*simulate(process, N, 30, bins=bins))
    assert found.length[-1] / process.truth - 1 == pytest.approx(off, abs=0.02)
    assert found.hidden_in_cells > found.lost_in_cells > 0.02
    error = found.standard_error[-1] / process.truth
    assert 0.04 < error < 0.11  # 0.013 and 0.026 without


@pytest.mark.parametrize("seed", range(4))
def test_what_shows_in_one_place_is_missed_by_neither_way_to_pair(seed):
    """Around zero, where one way joins two cells that are alike."""
    process = BLIND["magnitudes spread"]
    found = split_length(*simulate(process, N, 20, seed=seed))
    assert 0.06 < found.hidden_in_cells < 0.09  # 0 of each if ways were averaged


@pytest.mark.parametrize("name", ["shift", "uniform spreads", "relaxation"])
def test_cells_that_resolve_hide_nothing(name):
    assert split_length(*simulate(KNOWN[name], N, 30)).hidden_in_cells == 0


def test_values_apart_lose_nothing_in_cells():
    """Sixteen values, fifteen empty bins between them: no density that bins cut."""
    process = LATER["levels"]
    found = split_length(*simulate(process, 20_000, 20))
    assert found.lost_in_cells < 1e-3  # 0.03 if levels were joined
    assert found.length[-1] == pytest.approx(process.truth, rel=0.02)


def test_a_lattice_of_one_bin_a_value_loses_nothing_in_cells():
    """Poisson counts of rate 2 to 8, L = 2√8 − 2√2: 2.3 % more if bins were cut from a density."""
    share, grid = np.random.default_rng(0).random(50_000), igfast.Grid.dyadic(32, exponent=0)
    below = [stats.poisson.cdf(np.arange(15), rate) for rate in np.linspace(2, 8, 21)]
    values = [np.searchsorted(steps, share).astype(np.float32) for steps in below]
    records = [igfast.histogram([x], grid=grid, splits=8, offsets=True) for x in values]
    run = igfast.Trajectory.from_histograms(range(21), records)
    length, error = run.length("0", error=True)
    assert length[-1] == pytest.approx(2 * (math.sqrt(8) - math.sqrt(2)), rel=0.008)
    assert error[-1] < 0.015  # 0.034 with half of what cells would lose
    assert run.length_scales("0").lengths[1] == pytest.approx(length[-1], rel=0.008)
