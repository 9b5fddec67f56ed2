"""The numbers of docs/measures.md and of docstrings: python docs/scripts/measures.py"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

import igfast
from igfast.measures import information_velocity_squared

PAIRWISE = ("hellinger", "chi2", "fisher_rao", "node", "kde", "split", "gaussian")
ALONG = ("hellinger", "chi2", "fisher_rao", "gaussian", "kde", "node")
SEEDS = 20
N = 100_000


def record(x: np.ndarray, exponent: int = -4, offsets: bool = True) -> igfast.Histogram:
    grid = igfast.Grid.dyadic(256, exponent=exponent)
    return igfast.histogram({"w": x}, grid=grid, splits=8, offsets=offsets)


def biases() -> None:
    print("two uniform samples of n = 1e5 in K = 256 cells, mean of 100 pairs; predicted")
    rng, cells, found = np.random.default_rng(0), 256, []
    for _ in range(100):
        h0, h1 = (igfast.histogram(rng.random(N), bins=cells, range=(0, 1)) for _ in range(2))
        found.append(
            [
                igfast.shannon_entropy(h0)[0] - math.log(cells),
                igfast.statistical_complexity(h0)[0],
                igfast.kl_divergence(h0, h1)[0],
                igfast.js_divergence(h0, h1)[0],
                igfast.hellinger_distance(h0, h1)[0] ** 2,
                igfast.fisher_rao_distance(h0, h1)[0] ** 2,
                igfast.alpha_divergence(h0, h1, alpha=0.0)[0],
                igfast.renyi_divergence(h0, h1, order=2)[0],
                igfast.bregman_divergence(h0, h1, "squared_euclidean")[0],
            ]
        )
    names = ("H", "C", "KL", "JS", "H²", "d²", "α = 0", "Rényi 2", "(p − q)²")
    floor = (cells - 1) / N
    braces = (cells + 1) / cells * math.log(cells + 1) - 2 * math.log(2 * cells) + math.log(cells)
    predicted = (-0.5, -2 / braces / 8, 1, 0.25, 0.25, 2, 1, 2, 2 / cells)
    for name, value, factor in zip(names, np.mean(found, axis=0), predicted, strict=True):
        print(f"  {name:9s} {value:10.3e} {factor * floor:10.3e}")


def exact(mean: float) -> igfast.Histogram:
    """Histogram of 1e15 elements with the cell masses of N(mean, 1): bins of 1/64 on ±6."""
    edges = np.arange(-384, 385) / 64
    lower = np.array([0.5 * math.erfc((mean - x) / math.sqrt(2)) for x in edges])
    upper = np.array([0.5 * math.erfc((x - mean) / math.sqrt(2)) for x in edges])
    mass = np.where(edges[:-1] > mean, upper[:-1] - upper[1:], lower[1:] - lower[:-1])
    template = igfast.histogram(np.zeros(1), grid=igfast.Grid.dyadic(768, exponent=-6))
    return replace(template, split_counts=np.rint(1e15 * mass).astype(np.int64)[None, None])


def closed_forms() -> None:
    print("N(0, 1) against N(½, 1)")
    h0, h1 = exact(0.0), exact(0.5)
    print(f"  KL {igfast.kl_divergence(h0, h1)[0]:.4f} JS {igfast.js_divergence(h0, h1)[0]:.4f}")
    print(f"  H {igfast.hellinger_distance(h0, h1)[0]:.4f}", end="")
    print(f" d {igfast.fisher_rao_distance(h0, h1)[0]:.5f}")
    orders = (0.5, 1, 2, 4)
    print("  Rényi", [f"{igfast.renyi_divergence(h0, h1, order=a)[0]:.4f}" for a in orders])


def shifts() -> None:
    print("N(0, 1) moved by δ, bins of σ/16: estimated Γ over true Γ;", *PAIRWISE)
    for delta in (1.0, 0.1, 0.01, 0.001):
        found = []
        for seed in range(SEEDS):
            x = np.random.default_rng(seed).normal(size=N)
            h0, h1 = record(x), record(x + delta)
            found.append(
                [information_velocity_squared(h0, h1, dt=delta, estimator=e)[0] for e in PAIRWISE]
            )
        ratio = np.sqrt(np.maximum(np.mean(found, axis=0), 0))
        scatter = np.std(found, axis=0)[PAIRWISE.index("split")]
        print(f"  {delta:5}", " ".join(f"{v:7.3f}" for v in ratio), f"split Γ² ± {scatter:.2g}")


def jitter() -> None:
    print("stationary jitter by ε: mean Γ²;", *PAIRWISE)
    for epsilon in (1.0, 0.1, 0.01, 0.001):
        found = []
        for seed in range(SEEDS):
            rng = np.random.default_rng(seed)
            x = rng.normal(size=N)
            y = x * math.sqrt(1 - epsilon**2) + epsilon * rng.normal(size=N)
            h0, h1 = record(x), record(y)
            found.append([information_velocity_squared(h0, h1, estimator=e)[0] for e in PAIRWISE])
        print(f"  {epsilon:5}", " ".join(f"{v:8.1e}" for v in np.mean(found, axis=0)))


def along() -> None:
    processes = {
        "shift by σ, L = 1": lambda x, u: x + u,
        "σ doubles, L = 0.980": lambda x, u: x * 2**u,
    }
    x = np.random.default_rng(0).normal(size=N)
    for name, move in processes.items():
        for exponent, offsets in ((-4, True), (-3, True), (-4, False)):
            print(f"{name}, bins of σ/{2**-exponent}, offsets={offsets}: L;", *ALONG)
            for steps in (1, 10, 100, 1000):
                times = np.arange(steps + 1)
                run = igfast.Trajectory.from_histograms(
                    times, [record(move(x, t / steps), exponent, offsets) for t in times]
                )
                lengths = [
                    run.length(layer="w", estimator=e)[-1] if offsets or e != "node" else math.nan
                    for e in ALONG
                ]
                print(f"  {steps:5d}", " ".join(f"{v:7.3f}" for v in lengths))


def main() -> None:
    biases()
    closed_forms()
    shifts()
    jitter()
    along()


if __name__ == "__main__":
    main()
