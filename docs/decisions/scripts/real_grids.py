"""How often grids change and what they cover on the trained runs.

python real_grids.py RUNS [rule ...]
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from grid_rule import RULE, centered, dyadic, exponent, first_grid, next_grid

BINS = 256


def layers(root, run, kind):
    """name -> list of arrays, one per record."""
    files = sorted((root / run / kind).glob("*.npz"))
    records = [np.load(f) for f in files]
    for name in records[0].files:
        yield name, [r[name].ravel().astype(np.float64) for r in records]


def effective(counts):
    p = counts[counts > 0] / max(1, counts.sum())
    return math.exp(-(p * np.log(p)).sum())


def moments_next(c, margin=1.0, refine=2):
    """mean +- c sigma, clipped to [min, max], with the same hysteresis and alignment."""

    def step(grid, x):
        if not x.size or x.min() == x.max():
            return next_grid(grid, *dyadic(x, grid, BINS), 0, *(x.min(), x.max()), 24)
        k, o = grid
        low, high = max(x.min(), x.mean() - c * x.std()), min(x.max(), x.mean() + c * x.std())
        best = exponent(low, high, BINS, 24, replace(RULE, margin=margin))
        if math.ldexp(o, k) <= low and high <= math.ldexp(o + BINS, k) and best > k - refine:
            return grid
        return centered(k if best in (k - 1, k) else best, low, high, BINS)

    return step


def quantile_next(rule):
    def step(grid, x, refine=None):
        zeros = int((x == 0).sum())
        return next_grid(
            grid, *dyadic(x, grid, BINS), zeros, x.min(), x.max(), 24, refine=refine, rule=rule
        )

    return step


def follow(series, step, start):
    grid, changes, scale, early, outside, bins = start, 0, 0, 0, [], []
    for t, x in enumerate(series):
        counts, under, over = dyadic(x, grid, BINS)
        outside.append((under + over) / x.size)
        bins.append(effective(counts))
        new = step(grid, x)
        changes += new != grid
        scale += new[0] != grid[0]
        early += new != grid and t < 10
        grid = new
    return changes, scale, early, outside, bins


VARIANTS = {f"mean+-{c}s": (moments_next(c), RULE) for c in (4, 6)}
VARIANTS["same,2.42s"] = (moments_next(2.42, RULE.margin, RULE.refine), RULE)
for change in (
    {},
    {"margin": 1.5},
    {"margin": 3.0},
    {"tail": 6},
    {"tail": 10},
    {"refine": 1},
    {"refine": 2},
    {"refine": 4},
    {"steps": 4},
    {"steps": 256},
):
    label = " ".join(f"{k}={v}" for k, v in change.items()) or "chosen"
    changed = replace(RULE, **change)
    VARIANTS[label] = (quantile_next(changed), changed)

if __name__ == "__main__":
    only = sys.argv[2:] or list(VARIANTS)
    print(
        "per layer: grid changes (of those k; in the first 10 records; worst layer) | outside %: "
        "mean, 99th percentile, records above 5 % | effective bins: median, 5th percentile of "
        "the layers' medians"
    )
    for run in ("mlp", "conv", "gpt"):
        for kind in ("params", "grads"):
            rows = {v: [] for v in only}
            for name, series in layers(Path(sys.argv[1]), run, kind):
                for v in only:
                    step, rule = VARIANTS[v]
                    start, _ = first_grid(series[0], BINS, rule=rule)
                    rows[v].append((name, follow(series, step, start)))
            for v in only:
                r = [x for _, x in rows[v]]
                out = np.concatenate([x[3] for x in r])
                med = [np.median(x[4]) for x in r]
                worst = max(rows[v], key=lambda x: x[1][0])
                print(
                    f"{run:5s}{kind:7s}{v:12s}{np.mean([x[0] for x in r]):6.1f}"
                    f" ({np.mean([x[1] for x in r]):5.1f};{np.mean([x[2] for x in r]):4.1f};"
                    f" {worst[1][0]:3d} {worst[0]}) | {100 * out.mean():6.3f}"
                    f" {100 * np.percentile(out, 99):6.2f} {100 * (out > 0.05).mean():5.2f}"
                    f" | {np.median(med):6.1f} {np.percentile(med, 5):6.1f}",
                    flush=True,
                )
