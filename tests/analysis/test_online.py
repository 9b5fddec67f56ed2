"""Measures of a run that is under way: Γ exactly, a running length on processes of known length."""

from __future__ import annotations

import numpy as np
import pytest

import igfast
from igfast.analysis.online import Online
from igfast.analysis.split import split_velocity_squared

RNG = np.random.default_rng(0)
X = RNG.normal(size=100_000)


def drift(steps):
    return (X + t / steps for t in range(steps + 1))


def there_and_back(steps):
    return (X + 1 - abs(2 * t / steps - 1) for t in range(steps + 1))


def growth(steps):
    return (X * 2 ** (t / steps) for t in range(steps + 1))


def redrawn(steps):
    rng = np.random.default_rng(1)
    return (rng.normal(size=len(X)) for _ in range(steps + 1))


def relaxation(steps):
    """Ornstein-Uhlenbeck, variance 1 to 1/4 + 3/4 e^-4."""
    rng, x = np.random.default_rng(2), X
    decay = np.exp(-2 / steps)
    for _ in range(steps + 1):
        yield x
        x = x * decay + np.sqrt(0.25 * (1 - decay**2)) * rng.normal(size=len(x))


def measure(process, splits=4, grid=None):
    """Running measures along a process, recorded as a Monitor would."""
    array = {"w": np.empty(len(X))}
    plan, online, found = None, Online(), []
    for step, x in enumerate(process):
        array["w"][:] = x
        plan = plan or igfast.Plan(array, grid=grid or igfast.Grid.dyadic(256), splits=splits)
        found.append(online(step, plan()))
    return found


@pytest.mark.parametrize(
    ("process", "steps", "length"),
    [
        (drift, 10, 1.0),
        (drift, 300, 1.0),
        (there_and_back, 100, 2.0),
        (growth, 100, np.sqrt(2) * np.log(2)),  # the grid changes on the way
        (relaxation, 100, 0.942),
    ],
)
def test_running_length(process, steps, length):
    lengths = np.array([one.length[0] for one in measure(process(steps))])
    assert abs(lengths[-1] / length - 1) < 0.1
    assert lengths[0] == 0
    half = 0.5 * lengths[-1]
    assert abs(lengths[steps // 2] - half) < (0.35 if process is relaxation else 0.1) * length


def test_noise_has_no_length():
    found = measure(redrawn(40))
    assert found[-1].length[0] == 0.0
    squares = np.array([one.velocity_squared[0] for one in found[1:]])
    floors = np.array([one.noise_floor[0] for one in found[1:]])
    assert abs(squares.mean()) < 3 * squares.std() / np.sqrt(len(squares))
    # of two independent samples of n elements in B occupied cells
    occupied = (igfast.histogram({"w": X}).counts > 0).sum()
    assert floors.mean() == pytest.approx(np.sqrt(2 * occupied / len(X)), rel=0.15)


def test_velocity_is_that_of_the_analysis():
    grid = igfast.Grid.dyadic(256, exponent=-4)
    records = [igfast.histogram({"w": x}, grid=grid, splits=4) for x in drift(5)]
    steps = [0, 2, 3, 10, 11, 40]
    online = Online()
    found = [online(*pair) for pair in zip(steps, records, strict=True)]
    counts = np.concatenate([h.split_counts for h in records])
    outside = np.concatenate([h.split_outside for h in records])
    squared, _, floor = split_velocity_squared(steps, counts, outside)
    np.testing.assert_allclose([f.velocity_squared[0] for f in found[1:]], squared, rtol=1e-7)
    np.testing.assert_allclose([f.noise_floor[0] for f in found[1:]], floor, rtol=1e-7)
    assert np.isnan(found[0].velocity_squared[0])
    entropy, complexity = (
        igfast.shannon_entropy(records[2], True),
        igfast.statistical_complexity(records[2]),
    )
    np.testing.assert_allclose(found[2].entropy, entropy, rtol=1e-13)
    np.testing.assert_allclose(found[2].complexity, complexity, rtol=1e-13)


def test_across_changing_bins():
    """A layer that doubles is followed by coarser bins; velocities go on across the change."""
    found = measure(growth(10))
    velocities = np.sqrt([one.velocity_squared[0] for one in found[1:]])
    np.testing.assert_allclose(velocities, np.sqrt(2) * np.log(2) / 10, rtol=0.15)


def test_what_cannot_be_known():
    layers = {"w": X[:1000], "empty": np.empty(0)}
    one, two = Online(), Online()
    for step in range(3):
        layers["w"] = layers["w"] + 0.1
        single = one(step, igfast.histogram(layers, splits=1))
        both = two(step, igfast.histogram(layers, splits=2))
    assert np.isnan(single.velocity_squared).all()
    assert np.isnan(single.length).all()
    assert np.isfinite(both.velocity_squared[0])
    assert both.length[0] >= 0
    assert np.isnan(both.length[1])
    assert np.isnan(both.velocity_squared[1])
    assert np.isfinite(both.entropy[0])


def test_a_change_of_membership_is_no_step():
    grid = igfast.Grid.dyadic(256, exponent=-4)
    online = Online()
    for step, x in enumerate(drift(10)):
        found = online(step, igfast.histogram({"w": x}, grid=grid, splits=4), int(step > 4))
        assert np.isnan(found.velocity_squared[0]) == (step in (0, 5))
    assert found.length[0] == pytest.approx(0.9, abs=0.05)


@pytest.fixture(scope="module")
def drifted():
    """Eleven records of a layer that moves by a standard deviation."""
    grid = igfast.Grid.dyadic(256, exponent=-4)
    return [igfast.histogram({"w": x}, grid=grid, splits=4) for x in drift(10)]


def test_the_same_step_again_and_resuming(drifted):
    online, again = Online(), Online()
    for step, record in enumerate(drifted):
        wanted = online(step, record)
        if step == 4:
            again(step, drifted[0])  # replaced
        found = again(step, record)
        np.testing.assert_array_equal(found.velocity_squared, wanted.velocity_squared)
        if step == 6:
            again = Online()
            again.resume(step, record, 0, found.length)
    assert found.length[0] == pytest.approx(wanted.length[0], abs=0.03)


def test_likely_motion_counts_where_elements_go_or_change():
    """A segment that is not clear yet is neither lost with the elements nor with the membership."""
    grid = igfast.Grid.dyadic(256, exponent=-4)
    moved, lost = X[:20_000] + 0.06, np.full(20_000, np.nan)
    for values, membership in ((lost, 0), (moved, 1)):
        online = Online()
        online(0, igfast.histogram({"w": X[:20_000]}, grid=grid, splits=4))
        before = online(1, igfast.histogram({"w": moved}, grid=grid, splits=4))
        online(2, igfast.histogram({"w": values}, grid=grid, splits=4), membership)
        found = online(3, igfast.histogram({"w": moved}, grid=grid, splits=4), membership)
        assert before.length[0] == pytest.approx(0.06, abs=0.03)
        assert found.length[0] == pytest.approx(before.length[0], rel=1e-6)


def test_a_step_again_with_another_membership(drifted):
    online, again = Online(), Online()
    for step, record in enumerate(drifted):
        wanted = online(step, record)
        if step == 4:
            again(step, drifted[9], 1)  # replaced
        found = again(step, record)
        np.testing.assert_array_equal(found.length, wanted.length)
