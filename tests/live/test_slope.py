"""Γ as the slope of a running length."""

from __future__ import annotations

import numpy as np

from igfast.live.slope import RecentSlope


def slopes(lengths: dict[int, float]) -> list[float]:
    slope = RecentSlope()
    return [float(slope(step, np.array([one])).velocity[0]) for step, one in lengths.items()]


def test_motion_that_took_several_records_to_see_is_not_that_of_the_last_one():
    lengths = {0: 0.0, 10: 0.0, 20: 0.0, 30: 0.3, 40: 0.3, 50: 0.5, 60: 0.2}
    # L had been 0 since step 0; the window that ends at step 50 begins at 30
    np.testing.assert_allclose(slopes(lengths), [np.nan, 0, 0, 0.3 / 30, 0, 0.2 / 20, 0])


def test_of_dense_records_the_window_is_a_tenth_of_a_decade():
    slope = RecentSlope()
    for step in range(1001):
        found = slope(step, np.array([step**2 / 1e6]))
    assert found.steps == 1000 - 794
    np.testing.assert_allclose(found.velocity, (1000 + 794) / 1e6)


def test_a_step_again_replaces_it_and_what_came_after():
    slope = RecentSlope()
    for step, length in ((0, 0.0), (10, 0.1), (11, 5.0), (12, 6.0), (11, 0.11), (11, 0.12)):
        found = slope(step, np.array([length]))
    np.testing.assert_allclose(found.velocity, 0.12 / 11)
    assert found.steps == 11
