"""A plan in its steady state, and what laying one out at every call costs."""

from __future__ import annotations

import pytest

import igfast

from . import cases

SIZE = 10_000_000


@pytest.mark.parametrize("size", [1_000, 100_000, SIZE])
def test_automatic_grid(compare, size):
    values = cases.tensor(size)
    fixed = igfast.Plan(values, grid=igfast.Grid.dyadic(256, exponent=-7, origin=-128))
    plan = igfast.Plan(values, bins=256)
    first, second = plan(), plan()
    assert (first.counts == second.counts).all()
    assert int(second.counts.sum() + second.underflow + second.overflow) == size
    compare(plan, {"exponent given": fixed}, elements=size, size=4 * size)


@pytest.mark.parametrize("model", ["MLP", "ResNet-50"])
def test_one_call(compare, model):
    parts = cases.tensors(model)
    plan = igfast.Plan(parts, bins=256, range=cases.RANGE)
    elements = sum(t.numel() for t in parts.values())
    assert (igfast.histogram(parts, 256, cases.RANGE).counts == plan().counts).all()

    def ours():
        return igfast.histogram(parts, 256, cases.RANGE)

    compare(ours, {"plan": plan}, elements=elements, size=4 * elements)


@pytest.mark.parametrize("model", ["MLP", "ResNet-50"])
def test_output_reuse(compare, model):
    parts = cases.tensors(model)
    plan = igfast.Plan(parts, bins=256, range=cases.RANGE)
    out = plan()
    elements = sum(t.numel() for t in parts.values())
    compare(lambda: plan(out=out), {"fresh": plan}, elements=elements, size=4 * elements)
