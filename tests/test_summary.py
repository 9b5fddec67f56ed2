"""Moments of several layers together."""

from __future__ import annotations

import numpy as np
import pytest

import igfast
from igfast.summary import FIELDS, pool


def test_pooled_moments_are_those_of_all_elements():
    rng = np.random.default_rng(0)
    layers = {
        "wide": rng.gamma(2.0, size=3000),
        "far": 5.0 + 0.01 * rng.normal(size=500),
        "equal": np.full(40, -1.5),
        "empty": np.zeros(0),
        "bad": np.array([np.nan, np.inf, -np.inf, 0.0, 2.0]),
        "lost": np.array([np.nan, np.nan]),
    }
    found = igfast.moments(layers).pooled("all")
    wanted = igfast.moments({"all": np.concatenate(list(layers.values()))})
    assert found.names == ("all",)
    for name in FIELDS:
        value = getattr(wanted, name)
        np.testing.assert_allclose(getattr(found, name), value, rtol=1e-12, err_msg=name)
    assert found.nan.tolist() == [3]
    assert found.inf.tolist() == [2]


def test_records_are_pooled_at_once():
    rng = np.random.default_rng(0)
    tensors = [
        {"a": rng.normal(size=30), "b": rng.gamma(2.0, size=7), "c": np.zeros(0)} for _ in range(3)
    ]
    records = [igfast.moments(one) for one in tensors]
    wholes = [igfast.moments({"all": np.concatenate(list(one.values()))}) for one in tensors]
    found = pool({name: np.stack([getattr(one, name) for one in records]) for name in FIELDS})
    for name in FIELDS:
        wanted = [getattr(one, name)[0] for one in wholes]
        np.testing.assert_allclose(found[name], wanted, rtol=1e-12, err_msg=name)


def test_pooled_of_nothing_finite():
    found = igfast.moments({"a": np.zeros(0), "b": np.array([np.nan])}).pooled()
    assert (found.count[0], found.nan[0], found.sum[0], found.l2[0]) == (0, 1, 0.0, 0.0)
    for name in ("min", "max", "mean", "variance", "skewness", "kurtosis"):
        assert np.isnan(getattr(found, name)[0])


def test_chosen_layers():
    m = igfast.moments({"a": np.arange(3.0), "b": np.arange(5.0), "c": np.zeros(2)})
    assert m.select([m.names[2], -3]).names == (m.names[2], m.names[-3])
    with pytest.raises(KeyError, match="no layer 'zz'; the layers are"):
        m.select(["zz"])
    found = m.select([2, 0])
    assert found.names == ("c", "a")
    assert found.count.tolist() == [2, 3]
    assert found.max.tolist() == [0.0, 2.0]


@pytest.mark.parametrize("value", [0.0, 1e300])
def test_pooled_equal_values_have_no_spread(value):
    found = igfast.moments({"a": np.full(7, value), "b": np.full(9, value)}).pooled()
    assert found.variance[0] == 0.0
    assert found.mean[0] == value


def test_moments_are_equal_to_themselves_alone():
    m = igfast.moments({"a": np.arange(3.0), "b": np.zeros(2)})
    assert m == m
    assert m != igfast.moments({"a": np.arange(3.0), "b": np.zeros(2)})
    assert len({m, m}) == 1
