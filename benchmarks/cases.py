"""What is measured: values, dtypes and lists of shapes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import torch

BINS = 256
RANGE = (-1.3, 1.1)  # not a power of two: edges are no round numbers
TILE = 1 << 20

Array = np.ndarray


def fill(tile: Array, size: int) -> Array:
    """`size` values: the tile over and over, each copy turned by another offset."""
    found = np.empty(size, tile.dtype)
    for number, begin in enumerate(range(0, size, tile.size)):
        part = found[begin : begin + tile.size]
        part[:] = np.roll(tile, 7919 * number)[: part.size]
    return found


def gaussian(size: int) -> Array:
    return fill(np.random.default_rng(0).normal(0, 0.3, TILE).astype(np.float32), size)


def uniform(size: int) -> Array:
    return fill(np.random.default_rng(1).uniform(*RANGE, TILE).astype(np.float32), size)


def one_bin(size: int) -> Array:
    return np.full(size, 0.123, np.float32)


def two_bins(size: int) -> Array:
    coins = np.random.default_rng(2).random(TILE) < 0.5
    return fill(np.where(coins, 0.123, 0.3).astype(np.float32), size)


def ascending(size: int) -> Array:
    return np.sort(gaussian(size))


def trained(size: int) -> Array:
    """Weights of a network trained on scikit-learn's digits for a few seconds."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    inputs = torch.tensor(digits.data / 16, dtype=torch.float32)
    targets = torch.tensor(digits.target)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Linear(64, 512),
            torch.nn.LeakyReLU(),
            torch.nn.Linear(512, 512),
            torch.nn.LeakyReLU(),
            torch.nn.Linear(512, 10),
        )
        optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
        for _ in range(60):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
    weights = torch.cat([p.detach().flatten() for p in model.parameters()]).numpy()
    return fill(weights, size)


VALUES: dict[str, Callable[[int], Array]] = {
    "uniform": uniform,
    "Gaussian": gaussian,
    "one bin": one_bin,
    "two bins": two_bins,
    "sorted": ascending,
    "trained weights": trained,
}

DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float8_e4m3fn": torch.float8_e4m3fn,
    "float8_e5m2": torch.float8_e5m2,
}


def tensor(size: int, values: str = "Gaussian", dtype: str = "float32") -> torch.Tensor:
    """In memory that torch allocates, as a model's parameters are: NumPy asks for huge pages."""
    return torch.from_numpy(VALUES[values](size)).clone().to(DTYPES[dtype])


# ---- shapes of models ----
def mlp() -> list[tuple[int, ...]]:
    """784-512-512-10: 669,706 parameters in 6 tensors."""
    widths = [784, 512, 512, 10]
    return [s for n, m in itertools.pairwise(widths) for s in ((m, n), (m,))]


def resnet50() -> list[tuple[int, ...]]:
    """25,557,032 parameters in 161 tensors (He et al. 2016)."""

    def convolution(inputs: int, outputs: int, kernel: int) -> list[tuple[int, ...]]:
        return [(outputs, inputs, kernel, kernel), (outputs,), (outputs,)]  # and its BatchNorm

    shapes = convolution(3, 64, 7)
    inputs = 64
    for blocks, width in ((3, 64), (4, 128), (6, 256), (3, 512)):
        for block in range(blocks):
            shapes += convolution(inputs, width, 1) + convolution(width, width, 3)
            shapes += convolution(width, 4 * width, 1)
            if block == 0:
                shapes += convolution(inputs, 4 * width, 1)
            inputs = 4 * width
    return [*shapes, (1000, 2048), (1000,)]


def gpt2() -> list[tuple[int, ...]]:
    """124,439,808 parameters in 148 tensors (Radford et al. 2019)."""
    w = 768
    block: list[tuple[int, ...]] = [(w,), (w,), (w, 3 * w), (3 * w,), (w, w), (w,)]
    block += [(w,), (w,), (w, 4 * w), (4 * w,), (4 * w, w), (w,)]
    return [(50257, w), (1024, w), *block * 12, (w,), (w,)]


def llama_1b() -> list[tuple[int, ...]]:
    """1,235,814,400 parameters in 146 tensors (Llama 3.2 1B)."""
    w, kv, hidden = 2048, 512, 8192
    block: list[tuple[int, ...]] = [(w, w), (kv, w), (kv, w), (w, w)]
    block += [(hidden, w), (hidden, w), (w, hidden), (w,), (w,)]
    return [(128256, w), *block * 16, (w,)]


def llama_7b() -> list[tuple[int, ...]]:
    """6,738,415,616 parameters in 291 tensors (Touvron et al. 2023)."""
    w, hidden = 4096, 11008
    block: list[tuple[int, ...]] = [(w, w)] * 4
    block += [(hidden, w), (w, hidden), (hidden, w), (w,), (w,)]
    return [(32000, w), *block * 32, (w,), (32000, w)]


MODELS = {"MLP": mlp, "ResNet-50": resnet50, "GPT-2": gpt2, "Llama 1B": llama_1b}
MODELS["Llama 7B"] = llama_7b


def tensors(model: str, dtype: str = "float32") -> dict[str, torch.Tensor]:
    """A model's tensors with Gaussian values, each in memory of its own."""
    shapes = MODELS[model]()
    pool = torch.from_numpy(gaussian(max(math.prod(s) for s in shapes))).to(DTYPES[dtype])
    return {
        str(number): pool[: math.prod(shape)].clone().view(shape)
        for number, shape in enumerate(shapes)
    }
