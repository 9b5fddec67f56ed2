"""The numbers and the figure of docs/entropy.md: python docs/scripts/entropy.py"""

from __future__ import annotations

import math
from pathlib import Path
from statistics import NormalDist

import matplotlib as mpl
import numpy as np

import igfast

mpl.use("svg")
from matplotlib import pyplot as plt

SIGMA = 0.02
FIGURE = Path(__file__).parents[1] / "figures" / "entropy.svg"
EXACT = 0.5 * math.log(2 * math.pi * math.e * SIGMA**2)


def gaussian(size: int) -> np.ndarray:
    """Quantiles of N(0, σ²): a sample without scatter."""
    draw = NormalDist(0.0, SIGMA).inv_cdf
    return np.array([draw((i + 0.5) / size) for i in range(size)])


def dyadic(values, exponent: int, bins: int = 256) -> igfast.Histogram:
    return igfast.histogram(values, grid=igfast.Grid.dyadic(bins, exponent=exponent))


def grid_effect(values: np.ndarray) -> None:
    print("N(0, 0.02), 256 bins of 2^k around 0")
    print("   k   w/σ    outside   H/ln B      C    H nats   differential")
    for k in range(-13, -4):
        h = dyadic(values, k)
        outside = 1 - h.counts.sum() / values.size
        normalized = igfast.shannon_entropy(h, normalized=True)[0]
        complexity = igfast.statistical_complexity(h)[0]
        print(
            f"{k:4d} {2.0**k / SIGMA:7.4f} {outside:8.4f} {normalized:8.3f} {complexity:8.3f}"
            f" {igfast.shannon_entropy(h)[0]:8.4f} {igfast.differential_entropy(h)[0]:9.4f}"
        )
    print(f"closed form of the differential entropy: {EXACT:.4f}")
    print("the same values in B bins over ±6.25 σ")
    for bins in (64, 128, 256, 512, 1024):
        h = igfast.histogram(values, bins=bins, range=(-0.125, 0.125))
        normalized = igfast.shannon_entropy(h, normalized=True)[0]
        print(
            f"{bins:5d} {normalized:8.3f} {igfast.statistical_complexity(h)[0]:8.3f}"
            f" {igfast.differential_entropy(h)[0]:9.4f}"
        )


def extreme_values() -> None:
    print("range from minimum to maximum, n = 4e5: H/ln B and C, smallest and largest of 20 seeds")
    for name in ("normal", "laplace"):
        for bins in (50, 500):
            found = []
            for seed in range(20):
                x = getattr(np.random.default_rng(seed), name)(size=400_000)
                h = igfast.histogram(x, bins=bins, range=(x.min(), x.max()))
                entropy = igfast.shannon_entropy(h, normalized=True)[0]
                found.append((entropy, igfast.statistical_complexity(h)[0]))
            low, high = np.min(found, axis=0), np.max(found, axis=0)
            print(
                f"{name:8s} B = {bins:3d}  {low[0]:.3f} … {high[0]:.3f}"
                f"  {low[1]:.3f} … {high[1]:.3f}"
            )


def finite_samples(values: np.ndarray) -> None:
    print("bias of samples of n, 256 bins of 2^-10: mean over 400 seeds, nats (C: 1)")
    print("      n    occupied      H      H, MM       C      C, MM     MM term")
    whole = dyadic(values, -10)
    entropy = igfast.shannon_entropy(whole)[0]
    complexity = igfast.statistical_complexity(whole)[0]
    for size in (100, 1_000, 10_000, 100_000):
        draws = np.random.default_rng(size).normal(0, SIGMA, size=(400, size))
        h = dyadic(list(draws), -10)
        plain = igfast.shannon_entropy(h)
        corrected = igfast.shannon_entropy(h, correction="miller_madow")
        print(
            f"{size:7d} {(h.counts > 0).sum(1).mean():9.1f} {np.mean(plain - entropy):10.5f}"
            f" {np.mean(corrected - entropy):10.5f}"
            f" {np.mean(igfast.statistical_complexity(h) - complexity):10.5f}"
            f" {np.mean(igfast.statistical_complexity(h, 'miller_madow') - complexity):10.5f}"
            f" {np.mean(corrected - plain):10.5f}"
        )


def figure(values: np.ndarray) -> None:
    exponents = np.arange(-11, -4)
    small = np.random.default_rng(0).normal(0, SIGMA, size=1_000)
    curves: dict[str, list[float]] = {name: [] for name in ("H", "C", "h", "h small", "h MM")}
    for k in exponents.tolist():
        h, few = dyadic(values, k), dyadic(small, k)
        curves["H"].append(igfast.shannon_entropy(h, normalized=True)[0])
        curves["C"].append(igfast.statistical_complexity(h)[0])
        curves["h"].append(igfast.differential_entropy(h)[0])
        curves["h small"].append(igfast.differential_entropy(few)[0])
        curves["h MM"].append(igfast.differential_entropy(few, correction="miller_madow")[0])
    mpl.rcParams.update({"svg.hashsalt": "igfast", "font.size": 8, "svg.fonttype": "none"})
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.0, 2.6), layout="constrained")
    left.plot(exponents, curves["H"], "o-", color="#1f4e79", label="H / ln 256")
    left.plot(exponents, curves["C"], "s-", color="#b5502b", label="C")
    left.set(ylim=(0, 1), title="depends on the grid", ylabel="H/ln B, C")
    right.axhline(EXACT, color="#888888", lw=1, label="½ ln(2πeσ²)")
    right.plot(exponents, curves["h"], "o-", color="#1f4e79", label="n = 10⁶")
    right.plot(exponents, curves["h small"], "s-", color="#b5502b", label="n = 10³")
    right.plot(
        exponents, curves["h MM"], "s--", color="#b5502b", mfc="white", label="n = 10³, corrected"
    )
    right.set(title="differential entropy", ylabel="nats", ylim=(-2.75, -2.15))
    for axis in (left, right):
        axis.set_xlabel("bin width 2^k: k")
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False)
    FIGURE.parent.mkdir(exist_ok=True)
    fig.savefig(FIGURE, metadata={"Date": None})
    print(f"wrote {FIGURE.name}, {FIGURE.stat().st_size:,} bytes")


def main() -> None:
    values = gaussian(1_000_000)
    grid_effect(values)
    extreme_values()
    finite_samples(values)
    figure(values)


if __name__ == "__main__":
    main()
