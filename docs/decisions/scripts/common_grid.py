"""Merging a whole run to one grid, and how constant layers start.   python common_grid.py RUNS"""

from __future__ import annotations

import math
import sys
from dataclasses import replace

import numpy as np
from grid_rule import RULE, dyadic, first_grid
from lengths import record_series, runs
from real_grids import effective, follow, quantile_next

BINS = 256


def window(records, how):
    """(k, low, high) on the coarsest exponent: bins common to all records, or all bins of any."""
    k = max(r.k for r in records)
    starts = [math.ldexp(r.o, r.k - k) for r in records]
    ends = [math.ldexp(r.o + BINS, r.k - k) for r in records]
    if how == "intersection":
        return k, math.ceil(max(starts)), math.floor(min(ends))
    return k, math.floor(min(starts)), math.ceil(max(ends))


def merged(series, records, how):
    """Bins, mean and worst share outside, effective bins; a union keeps a record's own outside."""
    k, low, high = window(records, how)
    if high <= low:
        return 0, 1.0, 1.0, 0.0
    outside, bins = [], []
    for x, r in zip(series, records, strict=True):
        counts, under, over = dyadic(x, (k, low), high - low)
        own = r.cells[:, [0, -1]].sum()
        outside.append((under + over if how == "intersection" else own) / x.size)
        bins.append(effective(counts))
    return high - low, np.mean(outside), max(outside), np.median(bins)


if __name__ == "__main__":
    print(
        "one grid for all records, mean over layers: bins | outside, mean % | worst record % "
        "| effective bins | layers whose worst record exceeds 5 %"
    )
    todo = list(runs(sys.argv[1]))
    for steps in (4, 8, 256):
        for how in ("intersection", "union"):
            rows = [
                merged(s, record_series(s, BINS, replace(RULE, steps=steps)), how)
                for _, _, s in todo
            ]
            print(
                f"align=B/{steps:<4d}{how:13s}"
                + " | ".join(
                    f"{v:7.2f}"
                    for v in np.array([(b, 100 * m, 100 * w, e) for b, m, w, e in rows]).mean(0)
                )
                + f" | {sum(w > 0.05 for _, _, w, _ in rows)} of {len(rows)}"
            )
    print(
        "\nlayers that start constant (gpt, conv), first ten records after the start, "
        "by window 2^-constant: changes | outside mean % | "
        "records above 50 % | records with fewer than 4 effective bins"
    )
    flat = [s for run, _, s in todo if s[0].size > 16 and s[0].min() == s[0].max()]
    for constant in (-2, 0, 2, 4, 6, 8, 12):
        for pace, pick in (
            ("every step", range(11)),
            ("10th record", (0, 10, 20, 30, 40, 60, 80, 100, 120, 140, 160)),
        ):
            rule, out = replace(RULE, constant=constant), []
            for s in flat:
                series = [s[i] for i in pick]
                out.append(
                    follow(series, quantile_next(rule), first_grid(series[0], BINS, rule=rule)[0])
                )
            share = np.array([o[3][1:] for o in out])
            eff = np.array([o[4][1:] for o in out])
            print(
                f"constant={constant:3d} {pace:11s} {np.mean([o[0] for o in out]):5.2f}"
                f" | {100 * share.mean():6.2f} | {(share > 0.5).sum(1).mean():5.2f}"
                f" | {(eff < 4).sum(1).mean():5.2f}   ({len(flat)} layers)"
            )
