"""What a record costs when a model is trained on many ranks: the tables of docs/distributed.md.

Bytes are those that igfast.monitor.reduction hands to its collectives (a test counts them). Times
are a model: a tree all-reduce of S bytes over N ranks takes 2·ceil(log2 N)·latency + 2·S/bandwidth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

WORD = 8
FLOPS = 4e14  # sustained by one rank, for the time of a step: 6 operations per parameter and token
TOKENS = 4e6  # of a step


@dataclass(frozen=True)
class Model:
    name: str
    parameters: float
    tensors: int
    ranks: int


@dataclass(frozen=True)
class Network:
    name: str
    bandwidth: float  # bytes per second of one rank, each way
    latency: float  # seconds per hop


MODELS = (
    Model("dense 125M", 1.25e8, 12 * 9 + 3, 8),
    Model("dense 7B", 7e9, 32 * 9 + 3, 64),
    Model("dense 70B", 7e10, 80 * 9 + 3, 1_024),
    Model("dense 1T", 1e12, 128 * 9 + 3, 10_000),
    Model("1T, 256 experts in one tensor", 1e12, 61 * 12 + 3, 10_000),
    Model("1T, 256 experts apart", 1e12, 61 * (9 + 3 * 256) + 3, 10_000),
)
NETWORKS = (
    Network("10 Gb/s", 1.25e9, 50e-6),
    Network("100 Gb/s", 12.5e9, 10e-6),
    Network("400 Gb/s", 50e9, 10e-6),
)


def collectives(layers: int, bins: int = 256, splits: int = 4, offsets: bool = True) -> list[int]:
    """Bytes of the three collectives of a record of one quantity."""
    counts = splits * bins * (2 if offsets else 1) + 2 * splits + 1
    integers, sums = 4, 3 * 4
    header = 1 + 4 + 1
    return [
        WORD * (header + 3 * layers),
        WORD * (counts + integers + sums) * layers,
        WORD * 3 * 4 * layers,
    ]


def seconds(sizes: list[int], ranks: int, network: Network) -> float:
    """Time of these all-reduces, one after the other."""
    hops = 2 * math.ceil(math.log2(ranks))
    return sum(hops * network.latency + 2 * size / network.bandwidth for size in sizes)


def step(model: Model) -> float:
    """Seconds of a training step."""
    return 6 * model.parameters * TOKENS / (model.ranks * FLOPS)


def main() -> None:
    print("Bytes of one layer of one quantity: bins, splits, offsets, MAX, SUM, SUM")
    for bins, splits, offsets in ((256, 4, True), (256, 4, False), (256, 1, False), (64, 4, True)):
        per = [
            b - a
            for a, b in zip(
                collectives(0, bins, splits, offsets),
                collectives(1, bins, splits, offsets),
                strict=True,
            )
        ]
        print(f"| {bins} | {splits} | {offsets} | {per[0]} | {per[1]:,} | {per[2]} |")
    print("\nOne record of parameters")
    for model in MODELS:
        sizes = collectives(model.tensors)
        times = [seconds(sizes, model.ranks, network) for network in NETWORKS]
        share = 100 * times[1] / step(model)
        print(
            f"| {model.name} | {model.tensors:,} | {model.ranks:,} | "
            f"{model.parameters / model.ranks / 1e6:,.0f} M | {sum(sizes) / 1e6:,.1f} | "
            + " | ".join(f"{1e3 * t:,.1f}" for t in times)
            + f" | {step(model):.2g} | {share:.2g} | {share / 10:.2g} |"
        )


if __name__ == "__main__":
    main()
