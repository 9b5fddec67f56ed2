"""What is said of bins: those that resolve the motion, that hide some of it, that lie elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest

import igfast


def shifted(grid, by=1.0, records=11, n=80_000):
    x = np.random.default_rng(0).normal(size=n)
    steps = range(records)
    found = [
        igfast.histogram({"w": x + by * t / (records - 1)}, grid=grid, splits=8) for t in steps
    ]
    return igfast.Trajectory.from_histograms(steps, found)


def test_narrow_bins_resolve():
    run = shifted(igfast.Grid.uniform(bins=256, low=-6, high=7))
    found, (length, error) = run.resolution("w"), run.length("w", error=True)
    assert (found.length, found.error) == (length[-1], error[-1])
    assert found.lost < 0.005
    assert found.outside < 1e-4
    assert not found.coarse
    assert found.statement.startswith("Bins resolve the motion: 0.")


def test_bins_of_a_standard_deviation_and_more_are_coarse():
    found = shifted(igfast.Grid.uniform(bins=7, low=-6, high=8)).resolution("w")
    assert found.lost > 0.05
    assert found.coarse
    assert f"{found.lost:.0%} of L = " in found.statement
    assert found.statement.endswith("Record with more bins.")


def test_elements_that_leave_the_bins():
    """A third and more beyond 1.4 at the end, where the mean is 1."""
    found = shifted(igfast.Grid.uniform(bins=64, low=-6, high=1.4)).resolution("w")
    assert found.outside == pytest.approx(0.345, abs=0.01)
    assert found.coarse
    assert "up to 3" in found.statement
    assert found.statement.endswith("et them cover all elements.")


def test_a_length_that_is_not_known():
    run = igfast.Trajectory.from_histograms(
        range(3), [igfast.histogram({"w": np.arange(9.0)}, splits=1) for _ in range(3)]
    )
    found = run.resolution("w")
    assert math.isnan(found.length)
    assert not found.coarse
    assert found.statement == "Bins cannot be judged: the length is not known."


def test_a_single_record():
    found = shifted(igfast.Grid.uniform(bins=64, low=-6, high=7), records=2).resolution("w")
    assert found.length > 0
    one = igfast.histogram({"w": np.arange(9.0)}, splits=4)
    run = igfast.Trajectory.from_histograms([0], [one])
    assert run.resolution("w").statement == "Bins cannot be judged: the length is not known."
