"""Small runs that the tests of the store write and compare."""

from __future__ import annotations

import numpy as np

import igfast
from igfast.store import RunWriter

ARRAYS = {
    "a.weight": np.random.default_rng(0).normal(0, 0.02, (40, 50)).astype(np.float32),
    "a.bias": np.zeros(50, np.float32),
    "empty": np.zeros((0, 3), np.float32),
    "odd": np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0], np.float32),
}
GRIDS = {
    "automatic": igfast.Grid.dyadic(64),
    "dyadic": igfast.Grid.dyadic(64, exponent=-9),
    "dyadic_rows": igfast.Grid.dyadic(64, exponent=[-9, -8, 0, 3], origin=[-32, 0, 5, -7]),
    "log": igfast.Grid.log(2, -12, 2),
    "uniform": igfast.Grid.uniform(50, low=-0.1, high=0.3),
    "uniform_rows": igfast.Grid.uniform(5, low=[-0.1, 0.1, 0, 1], high=[0.3, 1 / 3, 1, 2]),
}


def histograms(arrays, grid, **options):
    options = {"splits": 4, "offsets": grid.kind != "uniform"} | options
    return igfast.histogram(arrays, grid=grid, moments=True, **options)


def define(writer, arrays=ARRAYS, quantity="param"):
    shapes = [array.shape for array in arrays.values()]
    writer.define_layers(quantity, list(arrays), shapes, ["float32"] * len(arrays))


def write_run(path, steps=(0, 10, 20), arrays=ARRAYS, grid=GRIDS["automatic"]):
    records = []
    with RunWriter(path, config={"seed": 1}) as writer:
        define(writer, arrays)
        for step in steps:
            moved = {name: array + np.float32(step * 1e-3) for name, array in arrays.items()}
            records.append(histograms(moved, grid))
            writer.write_record(step, 100.0 + step, {"param": records[-1]}, {"loss": step / 3})
    return records


def assert_same(found: igfast.Histogram, wanted: igfast.Histogram) -> None:
    wanted = wanted.to_numpy()
    assert found.names == wanted.names
    assert found.grid == wanted.grid
    for field in (
        "split_counts",
        "split_outside",
        "nan",
        "numel",
        "offsets",
        "exponents",
        "origins",
        "edges",
    ):
        a, b = getattr(found, field), getattr(wanted, field)
        assert (a is None) == (b is None), field
        if b is not None:
            assert a.dtype == b.dtype, field
            np.testing.assert_array_equal(a, b, err_msg=field)
