"""Information length of the trained runs under other bins, splits and coverage.

    python lengths.py RUNS

Estimators: `hellinger` (4 sum (d sqrt p)^2 per step), `node` (the same on count-and-offset node
masses) and `split` (cross products between splits, adaptive stride, bins of >= 100 counts).
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from grid_rule import RULE, first_grid, next_grid

SPLITS = 8


@dataclass
class Record:
    k: int
    o: int
    cells: np.ndarray  # [8, B+2] split counts: underflow, bins, overflow
    offsets: np.ndarray  # [8, B] sums of floor(256 position)


def split_index(n):
    i = np.arange(n, dtype=np.int64)
    return (i + ((((i >> 8) * 2654435761) % 2**32) >> 29)) % SPLITS


def bin_record(x, split, grid, bins):
    k, o = grid
    scaled = np.ldexp(x, -k)
    position = np.floor(scaled)
    cell = np.clip(position - o, -1, bins).astype(np.int64) + 1
    index = split * (bins + 2) + cell
    counts = np.bincount(index, minlength=SPLITS * (bins + 2)).reshape(SPLITS, -1)
    part = np.bincount(index, np.floor(256 * (scaled - position)), SPLITS * (bins + 2)).reshape(
        SPLITS, -1
    )
    return Record(k, o, counts, part[:, 1:-1].astype(np.int64))


def record_series(series, bins, rule=RULE):
    split = split_index(series[0].size)
    grid, _ = first_grid(series[0], bins, rule=rule)
    records = []
    for x in series:
        r = bin_record(x, split, grid, bins)
        total = r.cells.sum(0)
        records.append(r)
        grid = next_grid(
            grid,
            total[1:-1],
            int(total[0]),
            int(total[-1]),
            int((x == 0).sum()),
            x.min(),
            x.max(),
            24,
            rule=rule,
        )
    return records


def to_grid(r, k, low, high):
    """Cells and offsets (256ths) of r on the window [low, high) 2^k, k >= r.k."""
    cells, offsets = r.cells, r.offsets
    f = 1 << (k - r.k)
    a, b = low * f - r.o, high * f - r.o
    inner = cells[:, 1 + a : 1 + b].reshape(len(cells), -1, f)
    part = offsets[:, a:b].reshape(len(cells), -1, f)
    under, over = cells[:, : 1 + a].sum(1), cells[:, 1 + b :].sum(1)
    merged = ((part + 256 * np.arange(f) * inner).sum(2)) / f
    return np.concatenate([under[:, None], inner.sum(2), over[:, None]], 1), merged


def common(r, q):
    if (r.k, r.o) == (q.k, q.o):
        return (r.cells, r.offsets), (q.cells, q.offsets)
    k, bins = max(r.k, q.k), r.offsets.shape[1]
    low = max(math.ceil(math.ldexp(x.o, x.k - k)) for x in (r, q))
    high = min(math.floor(math.ldexp(x.o + bins, x.k - k)) for x in (r, q))
    if high <= low:  # disjoint
        return None
    return to_grid(r, k, low, high), to_grid(q, k, low, high)


def nodes(cells, offsets):
    """Linear (cloud-in-cell) masses at the bin edges."""
    s = offsets / 256
    mass = np.zeros((len(cells), offsets.shape[1] + 1))
    mass[:, :-1] += cells[:, 1:-1] - s
    mass[:, 1:] += s
    mass[:, 0] += cells[:, 0]
    mass[:, -1] += cells[:, -1]
    return mass


def plain_length(records, use_nodes, stride=1):
    total, picked = 0.0, records[::stride]
    for r, q in pairwise(picked):
        pair = common(r, q)
        if pair is None:
            total += math.sqrt(8)
            continue
        a, b = ((nodes(*x) if use_nodes else x[0]).sum(0) for x in pair)
        d = np.sqrt(a / a.sum()) - np.sqrt(b / b.sum())
        total += 2 * math.sqrt(max(0.0, (d * d).sum()))
    return total


def groups(pooled, least):
    """Starts of runs of neighbors holding at least `least` each; the remainder joins the last."""
    total, starts, at = np.cumsum(pooled), [], 0
    while at < len(pooled) and total[-1] - (total[at - 1] if at else 0) >= least:
        starts.append(at)
        at = int(np.searchsorted(total, (total[at - 1] if at else 0) + least)) + 1
    return starts


def cross(pair, splits, use_nodes, least):
    """Per split half: estimate of (Gamma dt)^2 and its standard error."""
    (a, b) = (nodes(*x) if use_nodes else x[0] for x in pair)
    a, b = (x.reshape(SPLITS // splits, splits, -1).sum(0) for x in (a, b))
    starts = groups((a + b).sum(0) / 2, least)
    if len(starts) < 2:
        return None
    a, b = (np.add.reduceat(x, starts, axis=1) for x in (a, b))
    p = (a + b).sum(0) / (a + b).sum()
    d = (b / b.sum(1, keepdims=True) - a / a.sum(1, keepdims=True)) / np.sqrt(p)
    noise = d.var(0, ddof=1)
    halves = [d[: splits // 2], d[splits // 2 :]] if splits >= 4 else [d, d]
    out = []
    for h in halves:
        n = len(h)
        value = ((h.sum(0) ** 2).sum() - (h**2).sum()) / (n * (n - 1))
        mean2 = np.maximum(0, h.mean(0) ** 2 - noise / n)
        out.append(
            (value, math.sqrt(2 / (n * (n - 1)) * (noise**2).sum() + 4 / n * (mean2 * noise).sum()))
        )
    return out


def split_length(records, splits=8, use_nodes=False, stride=1, least=100, clear=6.0):
    picked, lengths = records[::stride], []
    for judge, other in ((0, 1), (1, 0)):
        total, i, j = 0.0, 0, 1
        while j < len(picked):
            pair = common(picked[i], picked[j])
            if pair is None:
                total, i, j = total + math.sqrt(8), j, j + 1
                continue
            result = cross(pair, splits, use_nodes, least)
            if result is None:
                return math.nan
            if result[judge][0] > clear * result[judge][1] or j == len(picked) - 1:
                total += math.sqrt(max(0.0, result[other][0]))
                i = j
            j += 1
        lengths.append(total)
    return sum(lengths) / 2


def runs(root):
    for run in ("mlp", "conv", "gpt"):
        files = sorted((Path(root) / run / "params").glob("*.npz"))
        data = [np.load(f) for f in files]
        for name in data[0].files:
            yield run, name, [d[name].ravel().astype(np.float64) for d in data]


def ratio(values, reference):
    v, r = np.array(values, float), np.array(reference, float)
    ok = np.isfinite(v) & np.isfinite(r) & (r > 0.05)
    q = v[ok] / r[ok]
    return (
        f"{np.median(q):5.3f} [{q.min():5.3f}, {q.max():5.3f}] {ok.sum():2d}" if ok.any() else "-"
    )


if __name__ == "__main__":
    table = {}  # (run, size class) -> configuration -> lengths
    for run, name, series in runs(sys.argv[1]):
        key = (run, "n>=10k" if series[0].size >= 10_000 else "n<10k")
        by = {}
        for bins in (64, 128, 256, 512, 1024):
            rec = record_series(series, bins)
            by[f"B={bins} hellinger"] = plain_length(rec, False)
            by[f"B={bins} node"] = plain_length(rec, True)
            by[f"B={bins} split G=8"] = split_length(rec)
            by[f"B={bins} split+node G=8"] = split_length(rec, use_nodes=True)
            if bins in (128, 256):
                for g in (2, 4):
                    by[f"B={bins} split G={g}"] = split_length(rec, g)
                    by[f"B={bins} split+node G={g}"] = split_length(rec, g, use_nodes=True)
                for stride in (4, 16):
                    by[f"B={bins} hellinger every {stride}"] = plain_length(rec, False, stride)
                    by[f"B={bins} node every {stride}"] = plain_length(rec, True, stride)
                    by[f"B={bins} split G=8 every {stride}"] = split_length(rec, 8, stride=stride)
                    by[f"B={bins} split G=4 every {stride}"] = split_length(rec, 4, stride=stride)
        for label, change in {
            "margin=1.5": {"margin": 1.5},
            "margin=4": {"margin": 4.0},
            "margin=8": {"margin": 8.0},
            "tail=4": {"tail": 4},
            "tail=10": {"tail": 10},
        }.items():
            rec = record_series(series, 256, replace(RULE, **change))
            by[f"B=256 {label} split G=8"] = split_length(rec)
            by[f"B=256 {label} node"] = plain_length(rec, True)
        print(
            f"{run:5s}{name:28s}{series[0].size:8d} "
            + " ".join(
                f"{k.replace(' ', '_')}={by[k]:.3f}"
                for k in (
                    "B=256 hellinger",
                    "B=256 node",
                    "B=256 split G=8",
                    "B=64 split G=8",
                    "B=1024 split G=8",
                    "B=256 split G=4",
                )
            ),
            flush=True,
        )
        for label, value in by.items():
            table.setdefault(key, {}).setdefault(label, []).append(value)
    print("\nratio of L to `B=1024 split G=8`: median [min, max] layers")
    for key, rows in table.items():
        reference = rows["B=1024 split G=8"]
        for label in sorted(rows):
            print(f"{key[0]:5s}{key[1]:7s}{label:34s}{ratio(rows[label], reference)}")
