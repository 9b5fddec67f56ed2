"""Elements that move so that the length of their distribution's path is known.

The processes themselves are in ``known_processes.py`` and ``held_out_processes.py``.
"""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

Array = np.ndarray
normal = special.ndtr


@dataclass(frozen=True)
class Process:
    """n elements in [low, high) over a time ``duration``; ``below`` (x, t) is P(X < x)."""

    name: str
    low: float
    high: float
    duration: float
    elements: Callable[[np.random.Generator, int, Array], Iterator[Array]]
    below: Callable[[Array, float], Array] | None
    closed_form: float | None = None

    @functools.cached_property
    def truth(self) -> float:
        """Length of the path in infinitely narrow bins (within 1e-4)."""
        return numeric_length(self) if self.closed_form is None else self.closed_form


@dataclass(frozen=True)
class Records:
    """Times (T+1,), counts (T+1, G, B), under- and overflow (T+1, G, 2), offsets or None."""

    steps: Array
    counts: Array
    outside: Array
    offsets: Array | None

    def __iter__(self) -> Iterator[Array]:
        return iter((self.steps, self.counts, self.outside))


def numeric_length(process: Process, bins: int = 4000, steps: int = 500) -> float:
    """Sum of great circles between exact histograms."""
    assert process.below is not None
    edges = np.linspace(process.low, process.high, bins + 1)
    length, before = 0.0, None
    for time in np.linspace(0, process.duration, steps + 1):
        running = np.concatenate([[0.0], process.below(edges, time), [1.0]])
        root = np.sqrt(np.maximum(np.diff(running), 0.0))
        if before is not None:
            length += 4 * math.asin(min(1.0, float(np.linalg.norm(root - before)) / 2))
        before = root
    return length


def simulate(
    process: Process,
    n: int,
    intervals: int,
    *,
    bins: int = 256,
    splits: int = 8,
    seed: int = 0,
    offsets: bool = False,
) -> Records:
    """Histograms of ``intervals`` + 1 equally spaced records; element i is in split i mod G."""
    times = np.linspace(0, process.duration, intervals + 1)
    split = (np.arange(n) % splits) * (bins + 2) + 1
    width = (process.high - process.low) / bins
    counts = np.empty((len(times), splits, bins + 2), dtype=np.int64)
    inside = np.zeros((len(times), splits, bins)) if offsets else None
    name = zlib.crc32(process.name.encode())  # no two processes share their noise
    rng = np.random.Generator(np.random.SFC64([name, seed, intervals, n]))
    for record, x in enumerate(process.elements(rng, n, times)):
        position = (x - process.low) / width
        cell = np.floor(np.clip(position, -1, bins)).astype(np.int64) + split
        counts[record] = np.bincount(cell, minlength=splits * (bins + 2)).reshape(splits, -1)
        if inside is not None:
            digit = np.floor(256 * (position % 1)) / 256
            held = np.bincount(cell, digit, minlength=splits * (bins + 2))
            inside[record] = held.reshape(splits, -1)[:, 1:-1]
    return Records(times, counts[:, :, 1:-1], counts[:, :, [0, -1]], inside)


def moved(draw: Callable, where: Callable) -> Callable:
    """Elements drawn once that ``where`` (z, t) puts somewhere at every time."""

    def elements(rng: np.random.Generator, n: int, times: Array) -> Iterator[Array]:
        z = draw(rng, n)
        for time in times:
            yield where(z, time)

    return elements


def relaxing(before: float, after: float, rate: float, mean: Callable, scale: Callable) -> Callable:
    """Ornstein–Uhlenbeck elements of variance before → after, scaled and moved together."""

    def elements(rng: np.random.Generator, n: int, times: Array) -> Iterator[Array]:
        x = rng.standard_normal(n) * math.sqrt(before)
        yield x * scale(times[0]) + mean(times[0])
        for time, step in zip(times[1:], np.diff(times), strict=True):
            kept = math.exp(-rate * step)
            x = kept * x + math.sqrt(after * (1 - kept**2)) * rng.standard_normal(n)
            yield x * scale(time) + mean(time)

    return elements


def diffusing(draw: Callable, spread: float, mean: Callable) -> Callable:
    """Elements with variance growing by ``spread`` per time, moved together."""

    def elements(rng: np.random.Generator, n: int, times: Array) -> Iterator[Array]:
        x = draw(rng, n)
        yield x + mean(times[0])
        for time, step in zip(times[1:], np.diff(times), strict=True):
            x = x + math.sqrt(spread * step) * rng.standard_normal(n)
            yield x + mean(time)

    return elements


def gaussian_length(speed: Callable, sigma: Callable, growth: Callable, duration: float) -> float:
    """∫ √(ṁ² + 2σ̇²)/σ dt by the midpoint rule."""
    t = (np.arange(200_000) + 0.5) * duration / 200_000
    squared = (speed(t) ** 2 + 2 * growth(t) ** 2) / sigma(t) ** 2 + 0 * t
    return float(np.sqrt(squared).mean() * duration)


def gauss(rng: np.random.Generator, n: int) -> Array:
    return rng.standard_normal(n)


def there_and_back(t: float) -> float:
    """0 → 1 → 0 on [0, 2], and so on."""
    return 1 - abs(t % 2.0 - 1)


def still(t: float) -> float:
    return 0.0


def one(t: float) -> float:
    return 1.0


def gaussian_below(mean: Callable, sigma: Callable) -> Callable:
    return lambda x, t: normal((x - mean(t)) / sigma(t))


def uniform(rng: np.random.Generator, n: int) -> Array:
    return rng.random(n)


def pair(first: Callable, second: Callable) -> Callable:
    return lambda rng, n: np.stack([first(rng, n), second(rng, n)])


def shift(
    name: str, low: float, high: float, duration: float, mean: Callable, truth: float
) -> Process:
    return Process(
        name,
        low,
        high,
        duration,
        moved(gauss, lambda z, t: z + mean(t)),
        gaussian_below(mean, one),
        truth,
    )
