"""Processes that were written down after the estimator's numbers were chosen, to judge them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from scipy import special

from .processes import (
    Array,
    Process,
    gauss,
    gaussian_below,
    gaussian_length,
    moved,
    normal,
    one,
    pair,
    relaxing,
    still,
    uniform,
)


def _mixed(weight: Callable, means: tuple[float, ...], width: float) -> Process:
    """Three modes whose weights rotate; elements change modes by their own share."""

    def where(z: Array, t: float) -> Array:
        edges = np.cumsum(weight(t))
        mode = np.searchsorted(edges[:-1], z[1], side="right")
        return np.asarray(means)[mode] + width * z[0]

    def below(x: Array, t: float) -> Array:
        parts = zip(weight(t), means, strict=True)
        return sum(w * normal((x - m) / width) for w, m in parts)

    return Process("weights rotate", -6, 6, 1, moved(pair(gauss, uniform), where), below)


def _rotating(t: float) -> Array:
    phase = 2 * math.pi * (0.8 * t + np.arange(3) / 3)
    return (1 + 0.6 * np.cos(phase)) / 3


def _restored(rng: np.random.Generator, n: int, times: Array) -> Iterator[Array]:
    """Ornstein–Uhlenbeck elements pulled to a mean that oscillates."""
    x = rng.standard_normal(n)
    yield x.copy()
    for time, step in zip(times[1:], np.diff(times), strict=True):
        kept = math.exp(-step)
        noise = math.sqrt(1 - kept**2) * rng.standard_normal(n)
        x = kept * x + noise + _pulled(time) - kept * _pulled(time - step)
        yield x.copy()


def _pulled(t: float) -> float:
    """Solution of ṁ = sin 2t − m that starts with m = 0."""
    return (math.sin(2 * t) - 2 * math.cos(2 * t) + 2 * math.exp(-t)) / 5


def _trembling(rng: np.random.Generator, n: int, times: Array) -> Iterator[Array]:
    """A fifth three times as wide, growing together, while every element trembles by itself."""
    x = rng.standard_normal(n) * np.where(rng.random(n) < 0.2, 3, 1)
    for time in times:
        yield 1.6**time * x + 0.3 * rng.standard_normal(n)


def _trembling_below(x: Array, t: float) -> Array:
    narrow, wide = math.hypot(1.6**t, 0.3), math.hypot(3 * 1.6**t, 0.3)
    return 0.8 * normal(x / narrow) + 0.2 * normal(x / wide)


def _truncated(u: Array, t: float) -> Array:
    low, high = normal(-1 - 0.7 * t), normal(2 - 0.7 * t)
    return special.ndtri(low + u * (high - low)) + 0.7 * t


def _truncated_below(x: Array, t: float) -> Array:
    low, high = normal(-1 - 0.7 * t), normal(2 - 0.7 * t)
    return np.clip((normal(np.clip(x, -1, 2) - 0.7 * t) - low) / (high - low), 0, 1)


def _gap(t: float) -> float:
    return 1.2 + 0.6 * math.sin(4 * t)


def _unseen() -> list[Process]:
    scale, shape = lambda t: 1 + 0.8 * t, lambda t: 1.5 + 1.5 * t
    skew = lambda t: 0.8 * t  # noqa: E731
    return [
        Process(
            "gamma scale, drift",
            -0.5,
            20,
            1,
            moved(lambda r, n: r.gamma(3.0, size=n), lambda z, t: scale(t) * z + 0.5 * t),
            lambda x, t: special.gammainc(3, np.maximum(x - 0.5 * t, 0) / scale(t)),
        ),
        Process(
            "two modes, changing gap",
            -5,
            5,
            1,
            moved(
                pair(gauss, uniform),
                lambda z, t: 0.6 * z[0] + np.where(z[1] < 0.4, -_gap(t), _gap(t)),
            ),
            lambda x, t: 0.4 * normal((x + _gap(t)) / 0.6) + 0.6 * normal((x - _gap(t)) / 0.6),
        ),
        _mixed(_rotating, (-2.5, 0.0, 2.5), 0.6),
        Process(
            "Weibull shape",
            0,
            6,
            1,
            moved(uniform, lambda u, t: (-np.log1p(-u)) ** (1 / shape(t))),
            lambda x, t: -np.expm1(-(np.maximum(x, 0) ** shape(t))),
        ),
        Process(
            "pulled to and fro",
            -6,
            6,
            4,
            _restored,
            gaussian_below(_pulled, one),
            gaussian_length(
                lambda t: (2 * np.cos(2 * t) + 4 * np.sin(2 * t) - 2 * np.exp(-t)) / 5,
                one,
                still,
                4,
            ),
        ),
        Process(
            "root of time",
            -6,
            8,
            1,
            moved(gauss, lambda z, t: z + 1.5 * math.sqrt(t)),
            gaussian_below(lambda t: 1.5 * math.sqrt(t), one),
            1.5,
        ),
        Process("heavy tails tremble", -15, 15, 1, _trembling, _trembling_below),
        Process("truncated normal", -1.2, 2.2, 1, moved(uniform, _truncated), _truncated_below),
        Process(
            "logistic, wider and back",
            -14,
            14,
            2,
            moved(
                lambda r, n: r.logistic(size=n),
                lambda z, t: z * (1 + 0.4 * math.sin(math.pi * t / 2)),
            ),
            lambda x, t: special.expit(x / (1 + 0.4 * math.sin(math.pi * t / 2))),
            2 * math.log(1.4) * math.sqrt((3 + math.pi**2) / 9),
        ),
        Process(
            "bend into skew",
            -5,
            9,
            1,
            moved(gauss, lambda z, t: np.where(z > 0, z * (1 + skew(t)), z)),
            lambda x, t: normal(np.where(x > 0, x / (1 + skew(t)), x)),
            math.log(1.8),
        ),
        Process(
            "slow relaxation with drift",
            -8,
            8,
            1,
            relaxing(1.0, 2.0, 2.0, lambda t: 0.5 * t**2, one),
            gaussian_below(lambda t: 0.5 * t**2, lambda t: math.sqrt(2 - math.exp(-4 * t))),
            gaussian_length(
                lambda t: t,
                lambda t: np.sqrt(2 - np.exp(-4 * t)),
                lambda t: 2 * np.exp(-4 * t) / np.sqrt(2 - np.exp(-4 * t)),
                1,
            ),
        ),
    ]


UNSEEN = {process.name: process for process in _unseen()}
