"""Where a rank's block begins in the whole parameter, against indices that are really cut."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest

from igfast.monitor.sharding import block_of, flat_start


@dataclass
class Cut:
    dim: int


@dataclass
class StridedCut:
    dim: int
    split_factor: int


class Copy:
    pass


def chunk(indices, axis, parts, part):
    step = -(-indices.shape[axis] // parts)
    return np.take(
        indices,
        range(*slice(part * step, (part + 1) * step).indices(indices.shape[axis])),
        axis=axis,
    )


def held(shape, mesh, coordinate, placements):
    """Flat indices that a rank holds; with a strided cut the later axes come first."""
    indices = np.arange(int(np.prod(shape))).reshape(shape)
    axes = sorted(range(len(mesh)), key=lambda axis: isinstance(placements[axis], StridedCut))
    for axis in axes:
        if not isinstance(placements[axis], Copy):
            indices = chunk(indices, placements[axis].dim, mesh[axis], coordinate[axis])
    return indices


MESHES = [
    ((4,), [Cut(0)]),
    ((3,), [Cut(1)]),
    ((2,), [Cut(2)]),
    ((2,), [Copy()]),
    ((2, 3), [Copy(), Cut(0)]),
    ((2, 2), [Cut(0), Cut(1)]),
    ((2, 2), [Cut(0), Cut(0)]),
    ((2, 3), [StridedCut(0, 3), Cut(0)]),
    ((2, 2, 2), [Copy(), StridedCut(0, 2), Cut(0)]),
    ((2, 3), [StridedCut(1, 3), Cut(1)]),
]


SHAPES = [(7,), (12, 5), (3, 4), (1, 9, 2), (5, 1, 3), (2, 0, 3), (6, 4, 5)]
CASES = [
    (shape, mesh, placements)
    for shape in SHAPES
    for mesh, placements in MESHES
    if all(getattr(placement, "dim", 0) < len(shape) for placement in placements)
]


@pytest.mark.parametrize(("shape", "mesh", "placements"), CASES)
def test_start_is_that_of_a_contiguous_block(shape, mesh, placements):
    for coordinate in itertools.product(*map(range, mesh)):
        indices = held(shape, mesh, coordinate, placements)
        block = block_of(shape, mesh, coordinate, placements)
        assert block is not None
        assert tuple(length for _, length in block) == indices.shape
        flat = indices.ravel()
        start = flat_start(shape, block)
        if not len(flat):
            assert start == 0
        elif (np.diff(flat) == 1).all():
            assert start == flat[0]
        else:
            assert start is None


def test_unknown_orders_are_no_block():
    assert block_of((8,), (2, 2), (0, 0), [StridedCut(0, 4), Cut(0)]) is None
    assert block_of((8,), (2, 2), (0, 0), [Cut(0), StridedCut(0, 2)]) is None
