"""The grid rule on constructed layers: one-shot coverage, then layers that change.

python synthetic.py
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from grid_rule import RULE, centered, dyadic, exponent, first_grid
from real_grids import effective, follow, moments_next, quantile_next

BINS = 256


def one_shot():
    r, n = np.random.default_rng(0), 1_000_000
    outlier = r.normal(0, 0.02, n)
    outlier[5] = 8.5
    huge = outlier.copy()
    huge[5] = 1e30
    sparse = r.normal(0, 1e-3, n) * (r.random(n) < 0.01)
    cases = {
        "N(1, .01)": r.normal(1, 0.01, n),
        "N(0, .02)": r.normal(0, 0.02, n),
        "N(0, .02), one 8.5": outlier,
        "N(0, .02), one 1e30": huge,
        "uniform": r.uniform(-0.036, 0.036, n),
        "Laplace": r.laplace(0, 0.02, n),
        "Student t, 3": 0.02 * r.standard_t(3, n),
        "Student t, 2": 0.02 * r.standard_t(2, n),
        "Cauchy": 0.02 * r.standard_cauchy(n),
        "bimodal +-1, s=.05": r.choice([-1.0, 1.0], n) + r.normal(0, 0.05, n),
        "bimodal 90/10, s=.01": (r.random(n) < 0.1) + r.normal(0, 0.01, n),
        "squared normal": r.normal(0, 1e-4, n) ** 2,
        "99 % zeros": sparse,
        "1e6 + N(0, 1)": r.normal(1e6, 1, n),
        "all one": np.ones(512),
        "all zero": np.zeros(512),
        "empty": np.zeros(0),
        "one element": np.array([0.3]),
        "10 elements": r.uniform(-0.04, 0.04, 10),
    }
    print(
        "layer | counting passes | k | outside % | occupied | effective "
        "| mean+-4s: outside % | effective | min-max: effective"
    )
    for name, x in cases.items():
        x = x.astype(np.float32).astype(np.float64)
        grid, passes = first_grid(x, BINS)
        cells = dyadic(x, grid, BINS)
        occupied = (cells[0] > 0).sum()
        cell = f"{name:22s} {passes:2d} {grid[0]:4d} {share(cells):7.3f} {occupied:4d}"
        cell += f" {effective(cells[0]):6.1f}"
        if x.size and x.min() < x.max():
            low, high = max(x.min(), x.mean() - 4 * x.std()), min(x.max(), x.mean() + 4 * x.std())
            one = replace(RULE, margin=1.0)
            other = dyadic(x, centered(exponent(low, high, BINS, 24, one), low, high, BINS), BINS)
            whole = dyadic(
                x, centered(exponent(x.min(), x.max(), BINS, 24, one), x.min(), x.max(), BINS), BINS
            )
            cell += (
                f" | {share(other):7.3f} {effective(other[0]):6.1f} | {effective(whole[0]):6.1f}"
            )
        print(cell)


def share(cells):
    total = int(cells[0].sum()) + cells[1] + cells[2]
    return 100 * (cells[1] + cells[2]) / max(1, total)


def changing():
    r, n, t = np.random.default_rng(1), 50_000, np.arange(300)
    z, heavy = r.normal(0, 1, n), r.standard_cauchy(n)
    drift = np.exp(np.cumsum(r.normal(0, 0.15, 300)))
    scenarios = {
        "stationary N": [0.02 * r.normal(0, 1, n) for _ in t],
        "stationary N, n=10": [0.02 * r.normal(0, 1, 10) for _ in t],
        "stationary N, n=200": [0.02 * r.normal(0, 1, 200) for _ in t],
        "stationary Cauchy": [r.standard_cauchy(n) for _ in t],
        "grows 10x": [0.02 * 10 ** (s / 299) * z for s in t],
        "shrinks 10x": [0.02 * 10 ** (-s / 299) * z for s in t],
        "Cauchy grows 10x": [0.02 * 10 ** (s / 299) * heavy for s in t],
        "mean drifts 20 s": [0.02 * (z + 20 * s / 299) for s in t],
        "gradient, 15 %/record walk": [d * r.normal(0, 1, n) for d in drift],
        "gradient, 4 decades down": [10 ** (-4 * s / 299) * r.normal(0, 1, n) for s in t],
        "zero, then sqrt growth": [1e-3 * math.sqrt(s) * z for s in t],
        "ones, Adam-like": [1 + 1e-3 * math.sqrt(s) * np.sign(z) * abs(z) ** 0.2 for s in t],
        "jump x100 at 150": [(100 if s >= 150 else 1) * r.normal(0, 1, n) for s in t],
        "jump /100 at 150": [(1 if s >= 150 else 100) * r.normal(0, 1, n) for s in t],
    }
    steps = {"quantile": quantile_next(RULE), "mean+-4s": moments_next(4)}
    steps["same,2.42s"] = moments_next(2.42, RULE.margin, RULE.refine)
    print(
        "\nscenario, 300 records | rule | grid changes | mean outside % | records above 5 % "
        "| effective bins median, min"
    )
    for name, series in scenarios.items():
        for label, step in steps.items():
            start, _ = first_grid(series[0], BINS)
            changes, _, _, outside, bins = follow(series, step, start)
            print(
                f"{name:28s}{label:11s}{changes:4d} {100 * np.mean(outside):8.3f} "
                f"{sum(o > 0.05 for o in outside):4d} "
                f"{np.median(bins):6.1f} {min(bins[2:]):6.1f}"
            )


if __name__ == "__main__":
    one_shot()
    changing()
