"""What compiled code says of a counted record, beside the same in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from igfast import _core

LAYERS, SPLITS, BINS = 5, 4, 16


@pytest.fixture
def counts():
    chance = np.random.default_rng(0)
    found = chance.poisson(3, (2, LAYERS, SPLITS, BINS))
    found[:, 2, 1] = 0  # an empty split
    return found


@pytest.mark.parametrize("splits", [2, 4, 8])
def test_motion_is_the_weighted_product_of_changes(splits):
    chance = np.random.default_rng(splits)
    counted = chance.poisson(2, (2, LAYERS, splits, BINS))
    outside = chance.poisson(1, (2, LAYERS, splits, 2))
    records = [_core.shares(*pair) for pair in zip(counted, outside, strict=True)]
    cells = np.concatenate([outside[..., :1], counted, outside[..., 1:]], axis=-1)
    shares = cells / cells.sum(axis=-1, keepdims=True)
    pooled = cells.sum(axis=2) / cells.sum(axis=(2, 3))[..., None]
    for (of_splits, of_all, known), wanted, whole in zip(records, shares, pooled, strict=True):
        # by reciprocals: within a unit in the last place
        np.testing.assert_allclose(of_splits, wanted, rtol=3e-16)
        np.testing.assert_allclose(of_all, whole, rtol=3e-16)
        assert known.all()
    change = shares[1] - shares[0]
    middle = (pooled[0] + pooled[1]) / 2
    weight = np.divide(1, middle, out=np.zeros_like(middle), where=middle > 0)
    expected = np.einsum("lgb,lhb,lb->lgh", change, change, weight)
    products, occupied = _core.motion(*records[0][:2], *records[1][:2])
    np.testing.assert_allclose(products, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(occupied, (middle > 0).sum(axis=1))
    shared, _ = _core.judge(products, occupied, 0.5)
    off_diagonal = expected.sum(axis=(1, 2)) - np.trace(expected, axis1=1, axis2=2)
    np.testing.assert_allclose(shared, off_diagonal / (splits * (splits - 1)), rtol=1e-11)


def test_an_empty_split_is_told(counts):
    outside = np.zeros((LAYERS, SPLITS, 2), np.int64)
    assert _core.shares(counts[0], outside)[2].tolist() == [True, True, False, True, True]


def test_clearness_by_hand():
    """Two splits that share 3 of 5 over 8 cells: noise 2, variance 2·(2 + 6), error √(16/4)."""
    products = np.array([[[5.0, 3.0], [3.0, 5.0]], [[0.0, 0.0], [0.0, 0.0]]])
    shared, clearness = _core.judge(products, np.array([8, 8]), 0.5)
    assert shared.tolist() == [3.0, 0.0]
    assert clearness.tolist() == [1.5, 0.0]


def test_offsets_are_multiples_of_a_256th():
    assert _core.units(np.array([[0.5, 3.25]])).tolist() == [[128, 832]]
    for wrong in (1 / 512, np.nan, np.inf, 1e300):
        with pytest.raises(ValueError, match="multiples of 1/256"):
            _core.units(np.array([wrong]))


def test_shapes_and_types_are_checked(counts):
    outside = np.zeros((LAYERS, SPLITS, 2), np.int64)
    with pytest.raises(ValueError, match="outside has another shape"):
        _core.shares(counts[0], outside[1:].copy())
    with pytest.raises(TypeError):
        _core.shares(counts[0].astype(np.int32), outside)
    with pytest.raises(ValueError, match="two splits or more"):
        _core.judge(np.zeros((1, 1, 1)), np.ones(1, np.int64), 0.5)
