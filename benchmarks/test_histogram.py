"""Counting: dtypes, bins, distributions, sizes, grids and threads, beside the peers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import igfast

from . import cases, peers

SIZE = 10_000_000
SIZES = [
    1_000,
    100_000,
    SIZE,
    pytest.param(200_000_000, marks=pytest.mark.huge),
]
GRIDS = {
    "uniform": {"bins": 256, "range": cases.RANGE},
    "dyadic": {"grid": igfast.Grid.dyadic(256, exponent=-7, origin=-128)},
    "log": {"grid": igfast.Grid.log()},
}
EXTRAS = {
    "counts": {},
    "4 splits": {"splits": 4},
    "offsets": {"offsets": True, "splits": 4},
    "moments": {"offsets": True, "splits": 4, "moments": True},
}


def uniform_plan(values: torch.Tensor, bins: int = 256) -> igfast.Plan:
    """Its counts are those of searchsorted on the grid's own edges."""
    plan = igfast.Plan(values, bins=bins, range=cases.RANGE)
    found = plan()
    edges, x = found.edges, values.double().numpy()
    x = x[(x >= edges[0]) & (x <= edges[-1])]
    index = np.minimum(np.searchsorted(edges, x, side="right") - 1, bins - 1)
    np.testing.assert_array_equal(found.counts[0], np.bincount(index, minlength=bins))
    return plan


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("peer", [*peers.PEERS, "read"])
def test_peers(compare, size, peer):
    values = cases.tensor(size)
    plan = uniform_plan(values)
    if peer == "read":
        other = values.sum
    else:
        theirs = peers.PEERS[peer](values, 256)
        assert peers.disagreement(theirs, plan().counts[0].numpy()) < 1e-3

        def other():
            return peers.PEERS[peer](values, 256)

    compare(plan, {peer: other}, elements=size, size=4 * size)


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("grid", GRIDS)
def test_dtypes(compare, dtype, grid):
    values = cases.tensor(SIZE, dtype=dtype)
    plan = uniform_plan(values) if grid == "uniform" else igfast.Plan(values, **GRIDS[grid])
    found = plan()
    assert int(found.counts.sum() + found.underflow + found.overflow) == SIZE
    compare(plan, elements=SIZE, size=SIZE * values.element_size())


@pytest.mark.parametrize("bins", [2, 64, 256, 1024, 4096, 65_536])
def test_bins(compare, bins):
    values = cases.tensor(SIZE)
    base = uniform_plan(values)
    compare(uniform_plan(values, bins), {"256 bins": base}, elements=SIZE, size=4 * SIZE)


@pytest.mark.parametrize("values", cases.VALUES)
@pytest.mark.parametrize("grid", GRIDS)
def test_distributions(compare, values, grid):
    data = cases.tensor(SIZE, values)
    plan = uniform_plan(data) if grid == "uniform" else igfast.Plan(data, **GRIDS[grid])
    assert int(plan().nan.sum()) == 0
    compare(plan, {"read": data.sum}, elements=SIZE, size=4 * SIZE)


@pytest.mark.parametrize("grid", ["dyadic", "log"])
@pytest.mark.parametrize("extra", EXTRAS)
def test_splits_offsets_moments(compare, grid, extra):
    values = cases.tensor(SIZE)
    base = igfast.Plan(values, **GRIDS[grid])
    plan = igfast.Plan(values, **GRIDS[grid], **EXTRAS[extra])
    found = plan()
    histogram = found[0] if extra == "moments" else found
    np.testing.assert_array_equal(histogram.counts, base().counts)
    compare(plan, {"counts": base}, elements=SIZE, size=4 * SIZE)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads(compare, threads):
    values = cases.tensor(4 * SIZE)
    plan = uniform_plan(values)

    def on(count, action):
        def run():
            igfast.set_num_threads(count)
            torch.set_num_threads(count)
            return action()

        return run

    others = {"1 thread": on(1, plan), "read": on(threads, values.sum)}
    compare(on(threads, plan), others, elements=4 * SIZE, size=16 * SIZE, cpu=False)
