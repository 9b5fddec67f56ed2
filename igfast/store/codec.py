"""Histograms of one record as bytes, and back, exactly.

A record becomes a *directory* (a few numbers for each layer) and *segments*, one for each layer,
that can be decoded one by one. A segment is a raw deflate stream (level 1, run-length strategy: the
fastest, and on these planes also the smallest) over byte planes of two streams of integers:

1. counts of all splits, [underflow, bins…, overflow]. Full layers (``DIFFERENCED``) store the first
   split as differences between neighboring bins and the others as differences to the mean of the
   splits before: what is left is the shot noise.
2. offsets of the non-empty bins, in 256ths, less the 127.5 per element of an even spread. Their
   lowest byte is noise wherever positions are spread evenly, and then kept as it is (``PLAIN``),
   behind the deflate stream: half the time for the same size.

Signed integers are zigzag-coded (0, -1, 1, -2, … become 0, 1, 2, 3, …). Every stream takes as many
bytes per integer as its largest needs. CRC-32 sums, started from step, quantity,
layers' names, grid and splits, cover every byte: damage is found, never decoded.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core

HISTOGRAM_CODEC = 1
DIFFERENCED = 1
OFFSETS = 2
PLAIN = 4
DIFFERENCE_FROM = 4  # mean count of a cell above which differences are smaller than counts
WINDOW, MEMORY = 13, 7  # runs need little: more is slower, for the memory is cleared every time

Integers = NDArray[np.int64]

DIRECTORY = np.dtype(
    [
        ("size", "<u4"),
        ("crc", "<u4"),
        ("flags", "<u4"),
        ("count_width", "<u4"),
        ("offset_width", "<u4"),
        ("exponent", "<i4"),
        ("origin", "<i8"),
        ("nan", "<i8"),
        ("numel", "<i8"),
    ]
)
DYADIC_NONE = -(2**31)  # exponent of a layer whose grid has none


class DamagedRecord(ValueError):
    """Bytes that are not what was written."""


@dataclass(frozen=True)
class Cells:
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
    layers, splits, bins = cells.counts.shape
    layouts, planes = _core.lay_out(
        np.ascontiguousarray(cells.counts),
        np.ascontiguousarray(cells.outside),
        np.ascontiguousarray(cells.nan),
        np.ascontiguousarray(cells.numel),
        None if cells.offsets is None else np.ascontiguousarray(cells.offsets),
        DIFFERENCE_FROM,
    )
    differenced, count_width, offset_width, occupied, plain = layouts.T
    entries = np.zeros(layers, DIRECTORY)
    entries["nan"], entries["numel"] = cells.nan, cells.numel
    entries["exponent"] = DYADIC_NONE if cells.exponents is None else cells.exponents
    entries["origin"] = 0 if cells.origins is None else cells.origins
    entries["flags"] = differenced * DIFFERENCED + plain * PLAIN
    entries["count_width"], entries["offset_width"] = count_width, offset_width
    if cells.offsets is not None:
        entries["flags"] |= OFFSETS

    seed = checksum_start(identity, step, splits, bins)
    sizes = np.stack([count_width * splits * (bins + 2), plain * occupied, offset_width * occupied])
    sizes[2] -= sizes[1]
    ends = np.cumsum(sizes.T).tolist()
    segments, start = [], 0
    for cells_end, plain_end, end in zip(ends[::3], ends[1::3], ends[2::3], strict=True):
        segments.append(
            _segment(planes[start:cells_end], planes[cells_end:plain_end], planes[plain_end:end])
        )
        start = end
    entries["size"] = [len(segment) for segment in segments]
    entries["crc"] = [zlib.crc32(segment, seed) for segment in segments]
    # one row of bytes for each byte of an entry: equal layers compress to nothing
    raw = entries.view(np.uint8).reshape(layers, DIRECTORY.itemsize).T.tobytes()
    return seal(struct.pack("<I", layers) + zlib.compress(raw, 1), seed), b"".join(segments)


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
    ends = np.cumsum(entries["size"], dtype=np.int64)
    if (ends[-1] if len(ends) else 0) != len(segments):
        raise DamagedRecord("segments do not have the length that their directory gives")
    chosen = np.arange(len(entries)) if layers is None else np.fromiter(layers, np.int64)
    cells = splits * (bins + 2)  # of one layer
    full = np.empty((len(chosen), splits, bins + 2), np.int64)
    chosen_entries = entries[chosen]
    has_offsets = bool(len(entries)) and bool(entries["flags"][0] & OFFSETS)
    offsets = np.zeros((len(chosen), splits, bins), np.int64) if has_offsets else None
    for row, layer in enumerate(chosen):
        entry = entries[layer]
        segment = segments[ends[layer] - entry["size"] : ends[layer]]
        if zlib.crc32(segment, seed) != entry["crc"]:
            raise DamagedRecord(f"segment of layer {layer} fails its checksum")
        inflate = zlib.decompressobj(-15)
        raw = inflate.decompress(segment)
        width = int(entry["count_width"])
        values = _from_planes(raw[: cells * width], width).reshape(splits, bins + 2)
        full[row] = _accumulate(_unzigzag(values)) if entry["flags"] & DIFFERENCED else values
        if offsets is not None:
            counts = full[row, :, 1:-1]
            plain = inflate.unused_data if entry["flags"] & PLAIN else b""
            residuals = _from_planes(plain + raw[cells * width :], int(entry["offset_width"]))
            mask = counts > 0
            halves = 127 * counts[mask] + (counts[mask] >> 1)
            offsets[row][mask] = _unzigzag(residuals) + halves
    exponents = chosen_entries["exponent"].astype(np.int64)
    dyadic = bool((exponents != DYADIC_NONE).all())
    return Cells(
        counts=np.ascontiguousarray(full[..., 1:-1]),
        outside=np.ascontiguousarray(full[..., [0, -1]]),
        nan=chosen_entries["nan"].astype(np.int64),
        numel=chosen_entries["numel"].astype(np.int64),
        offsets=offsets,
        exponents=exponents if dyadic else None,
        origins=chosen_entries["origin"].astype(np.int64) if dyadic else None,
    )


def _segment(cells: bytes, plain: bytes, offsets: bytes) -> bytes:
    deflate = zlib.compressobj(1, zlib.DEFLATED, -WINDOW, MEMORY, zlib.Z_RLE)
    return deflate.compress(cells) + deflate.compress(offsets) + deflate.flush() + plain


def _accumulate(differences: Integers) -> Integers:
    """Counts from differences of one layer, (G, C)."""
    out = differences.copy()
    out[0] = np.cumsum(differences[0])
    before = out[0].copy()
    for split in range(1, len(out)):
        out[split] += before // split
        before += out[split]
    return out


def _unzigzag(values: Integers) -> Integers:
    return (values >> 1) ^ -(values & 1)


def _from_planes(raw: bytes, width: int) -> Integers:
    words = np.zeros((len(raw) // max(width, 1), 8), np.uint8)
    words[:, :width] = np.frombuffer(raw, np.uint8).reshape(width, len(words)).T
    return words.view("<i8")[:, 0].astype(np.int64, copy=False)


def checksum_start(identity: int, *context: int) -> int:
    """Start of the checksums: a record read as another's, or with another shape, is damage too."""
    return zlib.crc32(struct.pack(f"<{len(context)}q", *context), identity)


def seal(body: bytes, seed: int) -> bytes:
    """Bytes with their checksum behind them."""
    return body + struct.pack("<I", zlib.crc32(body, seed))


def unseal(data: bytes, seed: int, what: str) -> bytes:
    """Bytes without their checksum, verified."""
    if len(data) < 8 or data[-4:] != struct.pack("<I", zlib.crc32(data[:-4], seed)):
        raise DamagedRecord(f"{what} fails its checksum")
    return data[:-4]
