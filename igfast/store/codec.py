"""Histograms of one record as bytes, and back, exactly.

A record becomes a *directory* (a few numbers for each layer) and *segments*, one for each layer,
that can be decoded one by one. A segment holds two series of integers (``csrc/record/coding.cpp``,
which ``docs/store.md`` describes):

1. counts of all splits, [underflow, bins…, overflow]. Full layers (``DIFFERENCED``) store the first
   split as differences between neighboring bins and the others as differences to the mean of the
   splits before: what is left is the shot noise.
2. offsets of the non-empty bins, in 256ths, less the 127.5 per element of an even spread.

Each integer is written in Rice's code, with as many low bits as suit those that were seen before at
counts of the same size.

CRC-32 sums, started from step, quantity, layers' names, grid and splits, cover every byte: damage
is found, never decoded.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core

HISTOGRAM_CODEC = 2
DIFFERENCED = 1
OFFSETS = 2
DIFFERENCE_FROM = 4  # mean count of a cell above which differences are smaller than counts

Integers = NDArray[np.int64]

DIRECTORY = np.dtype(
    [
        ("size", "<u4"),
        ("crc", "<u4"),
        ("flags", "<u4"),
        ("exponent", "<i4"),
        ("origin", "<i8"),
        ("nan", "<i8"),
        ("numel", "<i8"),
    ]
)
DYADIC_NONE = -(2**31)  # exponent of a layer whose grid has none


class DamagedRecord(ValueError):
    """Bytes that are not what was written."""


Optional = Integers | None
# nan, numel, offsets, exponents, origins, DIFFERENCE_FROM, start of checksums; of a block without
# nan and offsets
Packed = tuple[Optional, Integers, Optional, Optional, Optional, int, int]


class Cells(NamedTuple):
    """The integers of one record: L layers, G splits, B bins.

    Attributes
    ----------
    counts : (L, G, B)
    outside : (L, G, 2) underflow, overflow
    nan, numel : (L,)
    offsets : (L, G, B) in 256ths of a bin, or None
    exponents, origins : (L,) or None
    """

    counts: Integers
    outside: Integers
    nan: Integers
    numel: Integers
    offsets: Integers | None = None
    exponents: Integers | None = None
    origins: Integers | None = None


def identity(*parts: str) -> int:
    """A number for a quantity, its layers and grid, where the checksums of its records start."""
    return zlib.crc32("\0".join(parts).encode())


def encode(cells: Cells, step: int, identity: int) -> tuple[bytes, bytes]:
    """Directory and segments of a record.

    Raises
    ------
    ValueError
        If counts do not add up to ``numel`` or an offset is impossible for its count.
    """
    whole: list[Any] = [None if one is None else np.ascontiguousarray(one) for one in cells]
    cells = Cells(*whole)
    return _core.pack_histograms(
        cells.counts,
        cells.outside,
        cells.nan,
        cells.numel,
        cells.offsets,
        cells.exponents,
        cells.origins,
        DIFFERENCE_FROM,
        checksum_start(identity, step, *cells.counts.shape[1:]),
    )


def packed(cells: Cells, step: int, identity: int) -> Packed:
    """What compiled code takes beside counts, all of it contiguous."""
    start = checksum_start(identity, step, *cells.counts.shape[1:])
    bins = cells.exponents, cells.origins
    return cells.nan, cells.numel, cells.offsets, *bins, DIFFERENCE_FROM, start


def decode_directory(directory: bytes, seed: int) -> NDArray[Any]:
    """The (L,) entries of a record's directory."""
    body = unseal(directory, seed, "directory")
    (layers,) = struct.unpack_from("<I", body)
    raw = np.frombuffer(zlib.decompress(body[4:]), np.uint8)
    return np.ascontiguousarray(raw.reshape(DIRECTORY.itemsize, layers).T).view(DIRECTORY)[:, 0]


def decode(
    directory: bytes,
    segments: bytes,
    step: int,
    identity: int,
    *,
    splits: int,
    bins: int,
    layers: Iterable[int] | None = None,
) -> Cells:
    """The cells of a record, of all layers or of those at the given positions.

    Raises
    ------
    DamagedRecord
        If any byte differs from what was written.
    """
    seed = checksum_start(identity, step, splits, bins)
    entries = decode_directory(directory, seed)
    chosen = np.arange(len(entries)) if layers is None else np.fromiter(layers, np.int64)
    has_offsets = bool(len(entries)) and bool(entries["flags"][0] & OFFSETS)
    found = _core.unpack_histograms(
        entries.tobytes(), segments, chosen, seed, has_offsets, splits, bins
    )
    if isinstance(found, str):
        raise DamagedRecord(found)
    counts, outside, offsets = found
    chosen_entries = entries[chosen]
    exponents = chosen_entries["exponent"].astype(np.int64)
    dyadic = bool((exponents != DYADIC_NONE).all())
    return Cells(
        counts=counts,
        outside=outside,
        nan=chosen_entries["nan"].astype(np.int64),
        numel=chosen_entries["numel"].astype(np.int64),
        offsets=offsets,
        exponents=exponents if dyadic else None,
        origins=chosen_entries["origin"].astype(np.int64) if dyadic else None,
    )


def checksum_start(identity: int, *context: int) -> int:
    """Start of the checksums: a record read as another's, or with another shape, is damage too."""
    return zlib.crc32(struct.pack(f"<{len(context)}q", *context), identity)


def unseal(data: bytes, seed: int, what: str) -> bytes:
    """Bytes without their checksum, verified."""
    if len(data) < 8 or data[-4:] != struct.pack("<I", zlib.crc32(data[:-4], seed)):
        raise DamagedRecord(f"{what} fails its checksum")
    return data[:-4]
