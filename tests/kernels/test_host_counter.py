"""Records counted in one compiled call, beside the calls that it stands for."""

from __future__ import annotations

import numpy as np
import pytest

import igfast
from igfast import _core, automatic
from igfast.outputs import Outputs, Request

LAYERS = {
    "normal": np.random.default_rng(0).normal(size=3000).astype(np.float32),
    "nan": np.array([np.nan, np.inf, 0.0, 1.5], np.float32),
    "empty": np.empty(0, np.float32),
}
GRIDS = {
    "uniform": igfast.Grid.uniform(16, low=-1, high=1),
    "dyadic": igfast.Grid.dyadic(16, exponent=-2),
    "log": igfast.Grid.log(1, -4, 2),
}


def table_of(layers):
    tag = _core.DTYPES["float32"]
    rows = [(x.ctypes.data if x.size else 0, x.size, 0, tag, i) for i, x in enumerate(layers)]
    return np.array(rows, np.int64)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", GRIDS)
def test_it_counts_as_a_plain_call_does(kind, threads):
    grid, offsets = GRIDS[kind], kind != "uniform"
    options = {"grid": grid, "splits": 4, "offsets": offsets, "moments": True}
    histogram, moments = igfast.histogram(LAYERS, **options)
    edges = np.linspace(-1, 1, 17) if kind == "uniform" else None
    request = Request(grid, 4, offsets, True, edges)
    counter, table = request.host_counter(3), table_of(LAYERS.values())
    bins = histogram.exponents, histogram.origins
    block, moved = counter.count(table, *bins, None, threads)
    assert moved is None
    found = Outputs.within(request, block)
    np.testing.assert_array_equal(found.counts, histogram.split_counts)
    np.testing.assert_array_equal(found.outside, histogram.split_outside)
    np.testing.assert_array_equal(found.nan, [0, 1, 0])
    if offsets:
        np.testing.assert_array_equal(found.offsets, histogram.offsets * 256)
    else:
        assert found.offsets is None
    integers, floats = block.moments()
    np.testing.assert_array_equal(
        integers, [moments.count, moments.nan, moments.inf, moments.zeros]
    )
    np.testing.assert_array_equal(floats[0], moments.min)
    np.testing.assert_array_equal(floats[8], moments.l2)


def test_the_next_bins_are_those_of_the_rule():
    grid, precision = igfast.Grid.dyadic(16), automatic.precisions(("float32",) * 3)
    request = Request(grid, 2, True, True, None)
    exponents = np.array([-9, -2, 0])  # far too fine for the first layer, which moves alone
    origins = np.array([-8, -8, -8])
    block, moved = request.host_counter(3).count(
        table_of(LAYERS.values()), exponents, origins, precision, 1
    )
    seen = Outputs.within(request, block).observed()
    wanted = np.stack(automatic.follow(exponents, origins, seen, precision))
    np.testing.assert_array_equal(moved, wanted)
    assert (moved[0] == exponents).tolist() == [False, True, True]


def test_what_it_refuses():
    grid = {"grid": _core.GRID_DYADIC, "bins": 16, "edges": None, "log": None}
    with pytest.raises(ValueError, match="splits must be 1, 2, 4 or 8, not 3"):
        _core.HostCounter(1, splits=3, offsets=True, **grid)
    edges = np.linspace(0, 1, 17)[None]
    with pytest.raises(ValueError, match="offsets must be False on a uniform grid"):
        _core.HostCounter(1, _core.GRID_UNIFORM, 16, 4, True, edges, None)
    counter = _core.HostCounter(1, splits=4, offsets=True, **grid)
    table, one = table_of([LAYERS["normal"]]), np.zeros(1, np.int64)
    with pytest.raises(TypeError, match="exponents must be a NumPy int64 array"):
        counter.count(table, None, None, None, 1)
    with pytest.raises(ValueError, match=r"origins must be a C-contiguous int64 array.*\(1\)"):
        counter.count(table, one, np.zeros(2, np.int64), None, 1)
    with pytest.raises(ValueError, match="precision must be"):
        counter.count(table, one, one, np.zeros(2, np.int64), 1)
    with pytest.raises(ValueError, match="threads must be in"):
        counter.count(table, one, one, None, -1)
    block, _ = counter.count(table, one, one, None, 1)
    health = _core.Health(np.ones(2, bool), 10, 10.0, 5, True)
    with pytest.raises(ValueError, match="other layers"):
        health.examine_block(block)


def test_slots_hold_what_they_held():
    module, weight = {"weight": object(), "bias": None}, object()
    slots = [(module, "weight", module["weight"]), (module, "bias", None)]
    assert _core.slots_hold(slots)
    module["weight"] = weight
    assert not _core.slots_hold(slots)
    del module["weight"]
    assert not _core.slots_hold(slots)
    with pytest.raises(TypeError, match="a dict, a key and a value"):
        _core.slots_hold([(module, "weight")])
