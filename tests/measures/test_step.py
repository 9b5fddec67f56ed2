"""Measures of a step as it is counted: on the host they are those of the histograms."""

from __future__ import annotations

import numpy as np
import pytest

import igfast


def test_equal_those_of_the_two_histograms():
    values = np.random.default_rng(0).normal(size=(2, 1000))
    plan = igfast.Plan({"a": values[0], "b": values[1]}, bins=16, range=(-4, 4))
    previous = plan()
    values += 0.25
    now, step = igfast.measure_step(plan, previous, dt=[1.0, 2.0])
    assert (now.counts == plan().counts).all()
    velocity = igfast.information_velocity(previous, now, [1.0, 2.0], "hellinger")
    np.testing.assert_allclose(step.velocity_squared, velocity**2, rtol=1e-14)
    np.testing.assert_array_equal(step.entropy, igfast.shannon_entropy(now))
    np.testing.assert_array_equal(step.complexity, igfast.statistical_complexity(now))
    np.testing.assert_array_equal(step.js_divergence, igfast.js_divergence(previous, now))
    assert (step.js_divergence > 0).all()


def test_what_is_no_plan_and_no_histogram_is_refused():
    plan = igfast.Plan(np.zeros(3), bins=2, range=(0, 1))
    with pytest.raises(TypeError, match=r"plan must be an igfast.Plan, got Histogram; make one"):
        igfast.measure_step(plan(), plan())
    with pytest.raises(TypeError, match=r"previous must be an igfast.Histogram, got Plan"):
        igfast.measure_step(plan, plan)
    with pytest.raises(ValueError, match="dt must be finite and positive, got 0"):
        igfast.measure_step(plan, plan(), dt=0)
