"""Results before anybody asks for them as objects, and the memory that they are counted into."""

from __future__ import annotations

import numpy as np

import igfast

X = np.random.default_rng(0).normal(size=5000)
GRID = igfast.Grid.dyadic(64, exponent=-3)


def plan_of(**options):
    plan = igfast.Plan({"w": X}, grid=GRID, splits=4, moments=True, **options)
    plan.reuse()
    return plan


def test_objects_are_those_of_a_plain_call():
    plan = plan_of(offsets=True)
    counted = plan.settle(plan.count())
    histogram, moments = igfast.Plan({"w": X}, grid=GRID, splits=4, offsets=True, moments=True)()
    for name in ("split_counts", "split_outside", "nan", "numel", "offsets", "exponents"):
        np.testing.assert_array_equal(
            getattr(counted.histogram, name), getattr(histogram, name), err_msg=name
        )
    assert counted.moments.l2 == moments.l2
    assert counted.moments.names == counted.names == ("w",)
    assert counted.nbytes == 2 * 4 * 64 * 8
    assert counted.outputs.offsets.dtype == np.int64  # in 256ths still


def test_a_first_record_keeps_its_offsets_when_it_becomes_an_object():
    """Of which automatic bins are chosen: its counts are in arrays of their own."""
    plan = igfast.Plan({"w": X}, splits=4, offsets=True, moments=True)
    plan.reuse()
    counted = plan.take()
    positions = counted.histogram.offsets
    assert counted.outputs.offsets.dtype == np.int64
    np.testing.assert_array_equal(counted.outputs.offsets / 256, positions)


def test_memory_is_used_again_once_nothing_refers_to_it():
    plan = plan_of()
    first = plan.settle(plan.count())
    place = first.outputs.counts.ctypes.data
    second = plan.settle(plan.count())
    assert second.outputs.counts.ctypes.data != place
    del first
    again = plan.settle(plan.count())
    assert again.outputs.counts.ctypes.data == place


def test_whatever_is_kept_of_a_result_keeps_its_memory():
    plan = plan_of()
    kept = []
    for step in range(12):
        X[0] = step / 10
        counted = plan.settle(plan.count())
        parts = counted.histogram.nan, counted.moments.max, counted.outputs.counts[0, 1:]
        kept.append((parts[step % 3], parts[step % 3].copy()))
    for part, was in kept:
        np.testing.assert_array_equal(part, was)
