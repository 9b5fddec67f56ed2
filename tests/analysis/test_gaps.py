"""Records without elements, as of a layer that is all NaN for a while: what is known beside them.

And records that cannot be compared at all.
"""

from __future__ import annotations

import numpy as np
import pytest

import igfast

GRID = igfast.Grid.dyadic(256, exponent=-4)
X = np.random.default_rng(0).normal(size=50_000)
STEP = 0.02
RECORDS = 40
ESTIMATORS = ("split", "hellinger", "chi2", "fisher_rao", "gaussian", "kde", "node")


def run(empty=(), grid=GRID, splits=8):
    lost = np.full_like(X, np.nan)
    records = [
        igfast.histogram(
            {"w": lost if t in empty else X + STEP * t}, grid=grid, splits=splits, offsets=True
        )
        for t in range(RECORDS)
    ]
    return igfast.Trajectory.from_histograms(range(RECORDS), records)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_run_that_ends_in_nan_keeps_its_length_until_then(estimator):
    whole, cut = run(), run((38, 39))
    length = cut.length("w", estimator=estimator)
    assert np.isnan(length).tolist() == [False] * 38 + [True] * 2
    velocity = cut.velocity_squared("w", estimator=estimator)
    assert np.isnan(velocity).tolist() == [False] * 37 + [True] * 2
    np.testing.assert_array_equal(
        velocity[:37], whole.velocity_squared("w", estimator=estimator)[:37]
    )


def test_the_length_before_is_that_of_a_run_that_ended_there():
    cut = run((30, 31))
    length, error = cut.length("w", error=True)
    assert length[29] == pytest.approx(29 * STEP, abs=2 * error[29])
    assert np.isfinite(length[:30]).all()
    assert np.isnan(length[30:]).all()
    assert np.isfinite(error[:30]).all()
    velocity = cut.velocity_squared("w")
    assert np.isnan(velocity).nonzero()[0].tolist() == [29, 30, 31]
    assert velocity[32:].mean() == pytest.approx(STEP**2, rel=0.2)
    assert np.isnan(cut.noise_floor("w")).nonzero()[0].tolist() == [29, 30, 31]
    assert cut.log_derivative("w").times[-1] == 29


def test_gaps_on_grids_that_move():
    """Around a cut between grids 32 records on either side are looked at, but not beyond a gap."""
    cut = run((5, 20), igfast.Grid.dyadic(64))
    length = cut.length("w")
    assert np.isfinite(length[:5]).all()
    assert np.isnan(length[5:]).all()
    assert np.isnan(cut.velocity_squared("w")).nonzero()[0].tolist() == [4, 5, 19, 20]


def test_what_is_said_of_such_runs():
    cut = run((38, 39))
    sampling = cut.sampling("w")
    assert sampling.records == 38
    assert sampling.length == cut.length("w")[36]
    assert "nan" not in sampling.statement
    assert "Sampling resolves the path" in sampling.statement
    scales = cut.length_scales("w")
    assert scales.lengths[0] == cut.length("w")[37]
    assert "nan" not in scales.statement


@pytest.mark.parametrize("lost", [run((0,)), run(splits=1)], ids=["empty start", "one split"])
def test_what_is_said_where_nothing_is_known(lost):
    assert "cannot be judged" in lost.sampling("w").statement
    assert "is not known" in lost.length_scales("w").statement


@pytest.mark.parametrize("records", [1, 2])
def test_too_few_records_to_judge_sampling(records):
    few = [igfast.histogram({"w": X + t}, grid=GRID, splits=8) for t in range(records)]
    found = igfast.Trajectory.from_histograms(range(records), few).sampling("w")
    assert "cannot be judged: of 3 records" in found.statement


def test_the_gaussian_estimator_sees_each_record_on_its_own_bins():
    """σ grows thirtyfold in three steps; no grid in common holds all elements of all records."""
    scales = np.array([1, 1.5, 4, 30])
    records = [igfast.histogram({"w": X * s}, grid=igfast.Grid.dyadic(256)) for s in scales]
    found = igfast.Trajectory.from_histograms(range(4), records).length("w", estimator="gaussian")
    ratio = scales[1:] / scales[:-1]
    steps = np.sqrt(0.5 * (ratio**2 + ratio**-2) - 1)
    np.testing.assert_allclose(found, np.r_[0, np.cumsum(steps)], rtol=2e-3)


def test_fewer_splits_are_what_all_records_have():
    records = [
        igfast.histogram({"w": X + t / 10}, grid=GRID, splits=splits)
        for t, splits in enumerate((8, 4, 8))
    ]
    same = [igfast.histogram({"w": X + t / 10}, grid=GRID, splits=4) for t in range(3)]
    mixed, plain = (igfast.Trajectory.from_histograms(range(3), some) for some in (records, same))
    for name, values in plain.running("w").items():
        np.testing.assert_array_equal(mixed.running("w")[name], values)


def test_records_that_cannot_be_compared():
    first = igfast.histogram({"w": X}, grid=GRID)
    for grid, message in (
        (igfast.Grid.dyadic(128, exponent=-4), "step 7 has 128 bins, that of step 3 256"),
        (igfast.Grid.log(), "step 7 lies on a log grid, that of step 3 on a dyadic one"),
    ):
        with pytest.raises(ValueError, match=message):
            igfast.Trajectory.from_histograms(
                [3, 7], [first, igfast.histogram({"w": X}, grid=grid)]
            )


def test_other_quantities_are_not_these():
    few = run()
    for ask in (few.length, few.entropy, few.running, few.noise_floor):
        with pytest.raises(KeyError, match="no quantity 'grad'"):
            ask("w", quantity="grad")
    with pytest.raises(KeyError, match="no quantity 'grad'"):
        few.histograms("grad")
