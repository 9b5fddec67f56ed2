"""Grids that follow a layer over octaves: the steps between stretches of nearly equal grids."""

from __future__ import annotations

import math

import numpy as np
import pytest

import igfast
from igfast import Grid, Trajectory
from igfast.analysis.stretches import WINDOW

N = 100_000
RECORDS = 31
OCTAVES = 5
STEP = math.sqrt(2) * math.log(2) * OCTAVES / (RECORDS - 1)  # of a normal density that widens


@pytest.fixture(scope="module", params=["widens", "narrows"])
def run(request):
    x = np.random.default_rng(0).normal(size=N)
    scales = 2.0 ** np.linspace(0, OCTAVES, RECORDS)
    if request.param == "narrows":
        scales = scales[::-1]
    plan = igfast.Plan({"w": x}, grid=Grid.dyadic(256), splits=8, offsets=True)
    place, records = x, []
    x = x.copy()
    for scale in scales:
        place[:] = scale * x
        records.append(plan())
    return Trajectory.from_histograms(range(RECORDS), records)


def cuts(run):
    """Steps that are taken from windows around cuts, and these."""
    return [(part.place.start, part) for part in run._records.series("w", "param")
            if part.counted.stop - part.counted.start == 1]  # fmt: skip


def test_every_step_is_as_long_as_it_is(run):
    length, error = run.length("w", error=True)
    assert length[-1] == pytest.approx((RECORDS - 1) * STEP, rel=0.01)
    assert abs(length[-1] - (RECORDS - 1) * STEP) < 2 * error[-1]
    at = [step for step, _ in cuts(run)]
    assert at
    assert np.diff(length)[at] == pytest.approx(STEP, rel=0.06)


def test_the_published_estimator_too(run):
    length = run.length("w", estimator="hellinger")
    assert np.diff(length) == pytest.approx(STEP, rel=0.15)


def test_no_window_leaves_out_much_of_a_record(run):
    """Of 31 records over five octaves the bins that all have in common hold few elements."""
    assert run.resolution("w").outside < 0.05
    assert all(1 < len(part.steps) < 2 * WINDOW for _, part in cuts(run))
    assert not run.resolution("w").coarse
