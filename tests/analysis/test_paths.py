"""What of a length's error is a factor that the whole path shares, and what is not."""

import numpy as np
import pytest

import igfast
from igfast import Grid, Trajectory
from igfast.analysis import find_transitions
from igfast.analysis.paths import split, split_estimate
from igfast.analysis.split import split_length

STEPS = np.unique(np.concatenate([np.arange(16), np.geomspace(16, 2000, 50).astype(int)]))


def worn(grid, n=100_000):
    """A uniform density on ±1 whose edges wear off so that L grows as the root of time."""
    rng = np.random.default_rng(0)
    x, z = rng.uniform(-1, 1, n), rng.normal(size=n)
    values = [x + 0.15 * t / STEPS[-1] * z for t in STEPS.tolist()]
    records = [igfast.histogram({"w": y}, grid=grid, splits=8, offsets=True) for y in values]
    return Trajectory.from_histograms(STEPS, records)


@pytest.fixture(scope="module")
def run():
    return worn(Grid.dyadic(256, exponent=-5))


def test_what_cells_lose_is_a_factor_of_all_of_the_length(run):
    (part,) = run._records.series("w", "param")
    whole = split_length(part.steps, part.split_counts, part.split_outside, part.offsets)
    found = split_estimate([part], len(STEPS))
    assert whole.proportional > 0.1  # sharp edges in wide cells
    np.testing.assert_array_equal(found.length_error, run.length("w", error=True)[1])
    together = np.hypot(found.independent_error, whole.proportional * found.length)
    np.testing.assert_allclose(together[-1], found.length_error[-1], rtol=1e-9)
    assert found.independent_error[-1] < 0.15 * found.length_error[-1]


def test_no_transition_where_edges_wear_through_a_bin(run):
    slope, curvature = run.log_derivative("w"), run.log_derivative("w", order=2)
    assert np.interp(30, slope.times, slope.value) == pytest.approx(0.5, abs=0.1)
    assert find_transitions(curvature) == ()
    # with all of the error residuals would be a fraction of what the errors say
    length, error = run.length("w", error=True)
    wide = igfast.analysis.local_exponent(STEPS, length, error)
    assert wide.scatter < 0.3
    assert 0.5 < slope.scatter < 5


def test_factors_of_parts_may_differ(run):
    """Where a run was cut, the shorter part's factor is uncertain against the longer one's."""
    (part,) = run._records.series("w", "param")
    cut = 40
    parts = [
        igfast.analysis.LayerSeries(
            low, part.steps[low:high], part.split_counts[low:high], part.split_outside[low:high],
            None, slice(0, high - low - 1), part.edges,
        )
        for low, high in ((0, cut + 1), (cut, len(STEPS)))
    ]  # fmt: skip
    found, (long, short) = (
        split_estimate(parts, len(STEPS)),
        sorted(map(split, parts), key=lambda one: -one.length[-1]),
    )
    shares = [
        (one.length_error[-1] ** 2 - one.independent_error[-1] ** 2) / one.length[-1] ** 2
        for one in (long, short)
    ]
    expected = long.independent_error[-1] ** 2 + short.independent_error[-1] ** 2
    expected += sum(shares) * short.length[-1] ** 2
    assert found.independent_error[-1] ** 2 == pytest.approx(expected, rel=1e-9)
    assert found.length[-1] == pytest.approx(long.length[-1] + short.length[-1])


def test_where_nothing_is_measured():
    none = split_estimate([], 1)
    assert none.independent_error.tolist() == [0.0]
    x = np.random.default_rng(0).normal(size=1_000)
    records = [igfast.histogram({"w": x + t}, grid=Grid.dyadic(64, exponent=-2)) for t in range(3)]
    run = Trajectory.from_histograms(range(3), records)  # one split: no estimate
    (part,) = run._records.series("w", "param")
    assert np.isnan(split_estimate([part], 3).independent_error[1:]).all()
