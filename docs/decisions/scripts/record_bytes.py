"""Bytes per layer-record under several encodings.   python record_bytes.py RUNS"""

from __future__ import annotations

import bz2
import lzma
import math
import sys
import zlib

import numpy as np
from lengths import Record, record_series, runs


def minimal(a):
    """Byte-shuffled unsigned integers of the least width that holds them."""
    a = np.asarray(a, np.int64).ravel()
    width = next(w for w in (1, 2, 4, 8) if a.max(initial=0) < 1 << 8 * w)
    return a.astype(f"<u{width}").view(np.uint8).reshape(-1, width).T.tobytes()


def zigzag(a):
    a = np.asarray(a, np.int64)
    return (a << 1) ^ (a >> 63)


def deflate(*arrays):
    return sum(len(zlib.compress(minimal(a), 1)) for a in arrays)


def trim(a, first, last):
    return a[..., first : last + 1]


def transposed(a):  # [G, B] -> bins outermost, so the splits of one bin are neighbors
    return np.moveaxis(a, 0, -1)


def sizes(record, before, splits):
    cells = record.cells[:, 1:-1].reshape(8 // splits, splits, -1).sum(0)
    part = record.offsets.reshape(8 // splits, splits, -1).sum(0)
    counts, offsets = cells.sum(0), part.sum(0)
    used = np.flatnonzero(counts)
    first, last = (used[0], used[-1]) if used.size else (0, -1)
    residual = offsets - (255 * counts >> 1)
    part_residual = part - (255 * cells >> 1)
    c, p, r = trim(counts, first, last), trim(cells, first, last), trim(residual, first, last)
    # splits: the sum of all, then all but the last split against their share of it
    spread = p[:-1] - c // splits if splits > 1 else p[:0]
    out = {
        "raw int64 (counts by split + offsets by split)": 16 * cells.size,
        "counts": deflate(counts),
        "counts, occupied range": deflate(c),
        "splits": deflate(cells),
        "splits, occupied range": deflate(p),
        "counts + split residuals, occupied range": deflate(c, zigzag(spread))
        if splits > 1
        else deflate(c),
        "offsets, summed": deflate(offsets),
        "offsets, summed, residual": deflate(zigzag(residual)),
        "offsets, summed, residual, occupied range": deflate(zigzag(r)),
        "offsets by split": deflate(part),
        "offsets by split, residual, occupied range": deflate(
            zigzag(trim(part_residual, first, last))
        ),
    }
    chosen = minimal(c) + minimal(zigzag(spread)) + minimal(zigzag(r))
    out["counts + split residuals + summed offset residuals, one stream"] = len(
        zlib.compress(chosen, 1)
    )
    out["  the same, zlib-6"] = len(zlib.compress(chosen, 6))
    out["  the same, bz2"] = len(bz2.compress(chosen))
    out["  the same, lzma"] = len(lzma.compress(chosen, preset=1))
    out["  splits + summed offsets, minimal width, no residuals"] = len(
        zlib.compress(minimal(cells) + minimal(offsets), 1)
    )
    if before is not None and (before.k, before.o) == (record.k, record.o):
        old = before.cells[:, 1:-1].reshape(8 // splits, splits, -1).sum(0)
        old_offsets = before.offsets.sum(0)
        delta = minimal(zigzag(trim(cells - old, first, last))) + minimal(
            zigzag(trim(offsets - old_offsets, first, last))
        )
        out["  the same as difference to the record before"] = len(zlib.compress(delta, 1))
    return out


def imagined(n, bins, seed=0):
    """A normal layer of n elements in the tightest automatic grid, 9.7 sigma wide."""
    r = np.random.default_rng(seed)
    edges = np.linspace(-4.84, 4.84, bins + 1)
    density = np.exp(-(edges**2) / 2) / math.sqrt(2 * math.pi)
    share = (density[1:] + density[:-1]) / 2 * (edges[1] - edges[0])
    tilt = (density[1:] - density[:-1]) / (density[1:] + density[:-1]) / 6
    cells = r.poisson(np.tile(n / 8 * share, (8, 1)))
    offsets = cells * (127.5 + 256 * tilt) + np.sqrt(cells) * 73.9 * r.normal(size=cells.shape)
    return Record(
        0, 0, np.pad(cells, ((0, 0), (1, 1))), np.clip(offsets, 0, 255 * cells).astype(np.int64)
    )


if __name__ == "__main__":
    table = {}
    for _, _, series in runs(sys.argv[1]):
        n = series[0].size
        size = (
            "n>=100k"
            if n >= 100_000
            else "10k<=n<100k"
            if n >= 10_000
            else "1k<=n<10k"
            if n >= 1000
            else "n<1k"
        )
        for bins in (64, 128, 256, 512, 1024):
            records = record_series(series, bins)
            for t in range(20, len(records), 20):
                for splits in (1, 2, 4, 8):
                    for label, value in sizes(records[t], records[t - 1], splits).items():
                        table.setdefault((bins, splits, label), {}).setdefault(size, []).append(
                            value
                        )
    for bins in (128, 256, 512):
        for splits in (1, 2, 4, 8):
            for n in (10**6, 10**8, 10**10):
                for label, value in sizes(imagined(n, bins), None, splits).items():
                    table[bins, splits, label].setdefault(f"normal {n:.0e}", []).append(value)
    classes = (
        "n>=100k",
        "10k<=n<100k",
        "1k<=n<10k",
        "n<1k",
        *(f"normal {10**e:.0e}" for e in (6, 8, 10)),
    )
    print(
        f"{'B':>5s}{'G':>3s}  {'mean bytes per layer-record':72s}"
        + "".join(f"{c:>14s}" for c in classes)
    )
    for (bins, splits, label), row in table.items():
        print(
            f"{bins:5d}{splits:3d}  {label:72s}"
            + "".join(f"{np.mean(row[c]):14.0f}" if c in row else f"{'-':>14s}" for c in classes)
        )
