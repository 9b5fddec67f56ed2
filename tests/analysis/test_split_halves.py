"""Bins cut in two by the mean positions of their elements, where they hide much of a length."""

from __future__ import annotations

import math

import numpy as np
import pytest

import igfast
from igfast import Grid, Trajectory
from igfast.analysis import split_tuning as tuning
from igfast.analysis.split import split_length
from igfast.analysis.split_halves import halved

from .blind_processes import EDGE
from .known_processes import KNOWN
from .later_processes import LATER

N = 100_000


def recorded(process, grid, n=N, seed=0):
    """30 intervals of a process, 8 splits, as one series of records."""
    times = np.linspace(0, process.duration, 31)
    elements = process.elements(np.random.default_rng(seed), n, times)
    records = [igfast.histogram({"w": x}, grid=grid, splits=8, offsets=True) for x in elements]
    return Trajectory.from_histograms(range(31), records)


def without_offsets(run):
    (part,) = run._records.series("w", "param")
    return split_length(part.steps, part.split_counts, part.split_outside)


def blurred(to):
    """U(−1, 1) under noise of deviation σ up to ``to``: L = 2√(σ·EDGE)."""
    rng = np.random.default_rng(0)
    x, z = rng.uniform(-1, 1, N), rng.normal(size=N)
    steps = np.unique(np.concatenate([np.arange(16), np.geomspace(16, 2000, 50).astype(int)]))
    grid = Grid.dyadic(256, exponent=-5)
    values = [x + to * t / steps[-1] * z for t in steps.tolist()]
    records = [igfast.histogram({"w": y}, grid=grid, splits=8, offsets=True) for y in values]
    return Trajectory.from_histograms(steps, records), 2 * math.sqrt(to * EDGE)


@pytest.mark.parametrize("slope", [-2.0, -0.7, 0.0, 1.3, 2.0])
def test_halves_of_a_straight_density_are_exact(slope):
    """1 + s(x − ½) on [0, 1] has its mean at ½ + s/12 and ½ − s/8 in the lower half."""
    counts = np.array([[[5.0, 1000.0, 7.0]]])
    cells, single = halved(counts, counts[..., 1:-1] * (0.5 + slope / 12), np.zeros(3, bool))
    expected = [5.0, 1000 * (0.5 - slope / 8), 1000 * (0.5 + slope / 8), 7.0]
    np.testing.assert_allclose(cells[0, 0], expected, rtol=1e-12)
    assert single.shape == (4,)


def test_halves_hold_what_bins_hold_and_rise_with_the_mean():
    means = np.linspace(0, 1, 257)
    counts = np.pad(np.full((1, 1, 257), 64.0), ((0, 0), (0, 0), (1, 1)))
    cells, _ = halved(counts, 64 * means[None, None], np.zeros(259, bool))
    lower, upper = cells[0, 0, 1:-1:2], cells[0, 0, 2:-1:2]
    np.testing.assert_array_equal(lower + upper, 64.0)
    assert (np.diff(upper) > 0).all()
    assert (upper[0], lower[-1]) == (0.0, 0.0)
    empty = np.zeros((1, 1, 5))
    assert not halved(empty, np.zeros((1, 1, 3)), np.zeros(5, bool))[0].any()


def test_bins_of_one_value_stay_whole():
    counts = np.array([[[0.0, 100.0, 100.0, 0.0]]])
    cells, single = halved(counts, np.array([[[25.0, 25.0]]]), np.array([0, 1, 0, 0], bool))
    assert cells[0, 0].tolist() == [0.0, 100.0, 0.0, 81.25, 18.75, 0.0]
    assert single.tolist() == [False, True, True, False, False, False]


def test_edges_that_wear_off_in_wide_bins():
    """Bins of a 64th of the layer show two thirds of L; what they lose, halves mostly lose too."""
    run, truth = blurred(0.15)
    length, error = (values[-1] for values in run.length("w", error=True))
    bins = without_offsets(run)
    assert abs(length - truth) < error < bins.standard_error[-1]
    assert abs(length - truth) < 0.5 * abs(bins.length[-1] - truth)
    assert 0.05 < run.resolution("w").lost < 0.6 * bins.lost_in_cells


@pytest.mark.parametrize(
    ("name", "bins", "less"),
    [
        ("Cauchy scale", 256, 0.6),
        ("Student shift", 64, 0.85),
        ("relaxation", 64, 0.8),
        ("uniform spreads", 64, 0.85),
    ],
)
def test_wide_bins_cost_less_with_offsets(name, bins, less):
    truth = KNOWN[name].truth
    run = recorded(KNOWN[name], Grid.dyadic(bins))
    length, error = (values[-1] for values in run.length("w", error=True))
    whole = without_offsets(run)
    assert abs(length - truth) < min(error, 0.9 * abs(whole.length[-1] - truth))
    assert error < less * whole.standard_error[-1]


@pytest.mark.parametrize("process", [KNOWN["shift"], LATER["levels"]])
def test_nothing_changes_where_bins_hide_little(process):
    """Normal values in bins of a 16th of their deviation; levels, between which nothing is lost."""
    run = recorded(process, Grid.dyadic(256))
    (part,) = run._records.series("w", "param")
    whole = split_length(part.steps, part.split_counts, part.split_outside, part.offsets)
    assert whole.lost_in_cells + whole.hidden_in_cells < tuning.LOST_IN_BINS
    if process.name == "shift":
        np.testing.assert_array_equal(run.length("w"), without_offsets(run).length)
    assert run.length("w")[-1] == pytest.approx(process.truth, rel=0.02)


def test_scales_of_time_see_the_same_halves():
    """Else L(τ) of a layer of wide bins would rise by what bins are believed to lose."""
    run, _ = blurred(0.15)
    scales = run.length_scales("w")
    assert scales.lengths[1] == pytest.approx(scales.lengths[0], rel=0.05)
    bins = without_offsets(run).length[-1]
    assert abs(scales.lengths[1] - bins) > 0.08 * bins
