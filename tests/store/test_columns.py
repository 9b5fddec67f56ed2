"""The numbers of every record as bytes: each bit comes back, and damage is never decoded."""

from __future__ import annotations

import numpy as np
import pytest

from igfast.store import codec, columns
from igfast.store.columns import Columns
from igfast.store.encoding import FLOAT_FIELDS


def example(layers: int = 5) -> Columns:
    rng = np.random.default_rng(0)
    integers = rng.integers(0, 2**60, (4, layers))
    integers[0, 1] = 0
    floats = rng.normal(size=(9, layers))
    floats[0] = [np.nan, np.inf, -np.inf, -0.0, 5e-324]
    floats[FLOAT_FIELDS.index("sum_squares")] **= 2
    running = rng.normal(size=(5, layers)).astype(np.float32)
    running[2] = [np.nan, np.inf, -0.0, 1e-45, 0]
    return Columns(running, integers, floats, rng.integers(-(2**50), 2**50, (2, layers)))


@pytest.mark.parametrize("moments", [False, True])
@pytest.mark.parametrize("bins", [False, True])
def test_round_trip_bit_for_bit(moments, bins):
    whole = example()
    given = Columns(
        whole.running,
        whole.integers if moments else None,
        whole.floats if moments else None,
        whole.bins if bins else None,
    )
    found = columns.decode(*columns.encode(given, 3, 1), 3, 1)
    for name in ("running", "integers", "floats", "bins"):
        a, b = getattr(found, name), getattr(given, name)
        assert (a is None) == (b is None), name
        if b is not None:
            assert a.dtype == b.dtype, name
            kind = f"i{b.dtype.itemsize}"
            np.testing.assert_array_equal(a.view(kind), b.view(kind), err_msg=name)


def test_damage_is_found():
    parts = columns.encode(example(), 3, 1)
    for part, data in enumerate(parts):
        for position in range(len(data)):
            flipped = [*map(bytearray, parts)]
            flipped[part][position] ^= 1
            with pytest.raises(codec.DamagedRecord):
                columns.decode(*map(bytes, flipped), 3, 1)
    for step, identity in ((4, 1), (3, 2)):
        with pytest.raises(codec.DamagedRecord):
            columns.decode(*parts, step, identity)
        with pytest.raises(codec.DamagedRecord):
            columns.decode_running(parts[0], step, identity)


def test_what_follows_from_other_fields_takes_no_room():
    """Mean and norm of a layer are known from its sums: 16 of 104 bytes, whatever they are."""
    rng = np.random.default_rng(0)
    layers = 500
    integers = np.tile(rng.integers(1, 2**40, (4, 1)), layers)
    floats = np.zeros((9, layers))
    floats[2:4] = np.abs(rng.normal(size=(2, layers)))
    floats[4], floats[8] = floats[2] / integers[0], np.sqrt(floats[3])
    _, data = columns.encode(Columns(np.zeros((5, layers), np.float32), integers, floats), 0, 0)
    assert 14 * layers < len(data) < 18 * layers
