"""What is kept of every record, a few numbers for each layer, as bytes, and back, exactly.

The running measures are stored as they are, apart from the rest: a layer's are read from every
record of a long run, and nothing else has to be read or inflated for that. Moments (where taken)
and the automatic bins of the next record are byte planes, all first bytes, then all second ones, …,
deflated. What nearly follows from other fields is stored as its exclusive or with what follows
from them.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..analysis.online import RUNNING_FIELDS
from . import codec
from .encoding import FLOAT_FIELDS, INTEGER_FIELDS

COLUMNS_CODEC = 1
MOMENTS = 1
BINS = 2

Integers = NDArray[np.int64]
Float = NDArray[np.float64]

_MEAN, _SUM = FLOAT_FIELDS.index("mean"), FLOAT_FIELDS.index("sum")
_L2, _SQUARES = FLOAT_FIELDS.index("l2"), FLOAT_FIELDS.index("sum_squares")
_COUNT = INTEGER_FIELDS.index("count")


@dataclass(frozen=True)
class Columns:
    """Of L layers at one record.

    Attributes
    ----------
    running : (5, L) float32, by ``RUNNING_FIELDS``
    integers, floats : (4, L) int64 and (9, L) float64, or None
        The moments, by ``INTEGER_FIELDS`` and ``FLOAT_FIELDS``.
    bins : (2, L) int64, or None
        Exponents and origins of the next record.
    """

    running: NDArray[np.float32]
    integers: Integers | None = None
    floats: Float | None = None
    bins: Integers | None = None


def encode(columns: Columns, step: int, identity: int) -> tuple[bytes, bytes]:
    """Running measures, and the rest, with checksums that start from step, quantity and layers."""
    running = np.ascontiguousarray(columns.running, np.float32)
    numbers = columns.integers, columns.floats, columns.bins
    return _core.pack_numbers(running, *numbers, codec.checksum_start(identity, step))


def decode_running(data: bytes, step: int, identity: int) -> NDArray[np.float32]:
    """(5, L) running measures.

    Raises
    ------
    DamagedRecord
        If any byte differs from what was written.
    """
    body = codec.unseal(data, codec.checksum_start(identity, step), "running measures")
    measures = np.frombuffer(body, "<f4").reshape(len(RUNNING_FIELDS), -1)
    return measures.astype(np.float32, copy=False)


def decode(running: bytes, data: bytes, step: int, identity: int) -> Columns:
    """Inverse of :func:`encode`.

    Raises
    ------
    DamagedRecord
        If any byte differs from what was written.
    """
    body = codec.unseal(data, codec.checksum_start(identity, step), "layers' numbers")
    layers, flags = struct.unpack_from("<IB", body)
    raw = np.frombuffer(zlib.decompress(body[5:]), np.uint8)
    integers = floats = bins = None
    if flags & MOMENTS:
        words, raw = _words(raw, len(INTEGER_FIELDS), layers)
        guessed, raw = _words(raw, len(FLOAT_FIELDS), layers)
        integers = words.view("<i8").astype(np.int64, copy=False)
        floats = guessed.view("<f8").astype(np.float64, copy=False)
        floats = (guessed ^ _expected(integers, floats)).view("<f8")
    if flags & BINS:
        words, raw = _words(raw, 2, layers)
        bins = words.view("<i8").astype(np.int64, copy=False)
    if len(raw):
        raise codec.DamagedRecord("layers' numbers have more bytes than they need")
    return Columns(decode_running(running, step, identity), integers, floats, bins)


def _expected(integers: Integers, floats: Float) -> NDArray[np.uint64]:
    """What mean and norm are up to rounding, as words; zero for the other fields."""
    expected = np.zeros_like(floats)
    with np.errstate(all="ignore"):
        expected[_MEAN] = floats[_SUM] / integers[_COUNT]
        expected[_L2] = np.sqrt(floats[_SQUARES])
    return expected.view("<u8")


def _words(
    raw: NDArray[np.uint8], count: int, layers: int
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """The next words of 64 bits of the planes, (count, layers), and what follows them."""
    size = 8 * count * layers
    planes = raw[:size].reshape(count, 8, layers)
    words = np.ascontiguousarray(planes.transpose(0, 2, 1)).reshape(count, 8 * layers)
    return words.view("<u8"), raw[size:]
