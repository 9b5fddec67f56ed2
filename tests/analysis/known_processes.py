"""Processes on which the numbers in ``igfast/analysis/split_tuning.py`` were chosen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from scipy import stats

from .processes import (
    Array,
    Process,
    diffusing,
    gauss,
    gaussian_below,
    gaussian_length,
    moved,
    normal,
    one,
    pair,
    relaxing,
    shift,
    still,
    there_and_back,
    uniform,
)

ROOT2 = math.sqrt(2)


def _scale(
    name: str, low: float, high: float, duration: float, sigma: Callable, truth: float
) -> Process:
    return Process(
        name,
        low,
        high,
        duration,
        moved(gauss, lambda z, t: z * sigma(t)),
        gaussian_below(still, sigma),
        truth,
    )


def _uniform_spread_below(x: Array, t: float) -> Array:
    s = 0.05 + 0.4 * t

    def mass(u: Array) -> Array:
        return u * normal(u) + np.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)

    return (s / 2) * (mass((x + 1) / s) - mass((x - 1) / s))


def _known() -> list[Process]:
    mid, spread = lambda t: 0.7 * np.sin(t), lambda t: np.exp(0.4 * np.cos(t))
    ou_variance = lambda t: math.sqrt(0.25 + 0.75 * math.exp(-2 * t))  # noqa: E731
    return [
        shift("shift", -6, 7, 1, lambda t: t, 1.0),
        Process(
            "relaxation",
            -6,
            6,
            2,
            relaxing(1, 0.25, 1, still, one),
            gaussian_below(still, ou_variance),
            math.log(1 / (0.25 + 0.75 * math.exp(-4))) / ROOT2,
        ),
        _scale("scale", -10, 10, 1, lambda t: 2**t, ROOT2 * math.log(2)),
        _scale("shrink", -6, 6, 1, lambda t: 0.5**t, ROOT2 * math.log(2)),
        Process(
            "diffusion",
            -8,
            8,
            1,
            diffusing(gauss, 1, still),
            gaussian_below(still, lambda t: math.sqrt(1 + t)),
            math.log(2) / ROOT2,
        ),
        Process(
            "drift and diffusion",
            -7,
            9,
            1,
            diffusing(gauss, 1, lambda t: t),
            gaussian_below(lambda t: t, lambda t: math.sqrt(1 + t)),
            gaussian_length(
                lambda t: 1.0, lambda t: np.sqrt(1 + t), lambda t: 0.5 / np.sqrt(1 + t), 1
            ),
        ),
        shift("return", -6, 7, 2, there_and_back, 2.0),
        _scale(
            "breathing", -10, 10, 10, lambda t: 2 ** there_and_back(t), 10 * ROOT2 * math.log(2)
        ),
        _scale(
            "linear breathing",
            -10,
            10,
            10,
            lambda t: 1 + there_and_back(t),
            10 * ROOT2 * math.log(2),
        ),
        Process(
            "Student shift",
            -10,
            11,
            1,
            moved(lambda r, n: r.standard_t(3, n), lambda z, t: z + t),
            lambda x, t: stats.t.cdf(x - t, 3),
            math.sqrt(4 / 6),
        ),
        Process(
            "Cauchy scale",
            -15,
            15,
            1,
            moved(lambda r, n: r.standard_cauchy(n), lambda z, t: z * 2**t),
            lambda x, t: stats.cauchy.cdf(x / 2**t),
            math.log(2) / ROOT2,
        ),
        Process(
            "Laplace scale",
            -12,
            12,
            1,
            moved(lambda r, n: r.laplace(size=n), lambda z, t: z * 2**t),
            lambda x, t: stats.laplace.cdf(x / 2**t),
            math.log(2),
        ),
        Process(
            "modes part",
            -6,
            6,
            1,
            moved(
                pair(gauss, uniform),
                lambda z, t: z[0] / 2 + np.where(z[1] < 0.3, -1, 1) * (0.5 + 1.5 * t),
            ),
            lambda x, t: 0.3 * normal(2 * x + 1 + 3 * t) + 0.7 * normal(2 * x - 1 - 3 * t),
        ),
        Process(
            "weight flows",
            -6,
            6,
            1,
            moved(
                pair(gauss, uniform), lambda z, t: z[0] / 2 + np.where(z[1] < 0.2 + 0.6 * t, 2, -2)
            ),
            lambda x, t: (0.8 - 0.6 * t) * normal(2 * x + 4) + (0.2 + 0.6 * t) * normal(2 * x - 4),
        ),
        Process(
            "a fifth grows",
            -12,
            12,
            1,
            moved(pair(gauss, uniform), lambda z, t: z[0] * np.where(z[1] < 0.2, 1 + 2 * t, 1)),
            lambda x, t: 0.8 * normal(x) + 0.2 * normal(x / (1 + 2 * t)),
        ),
        Process(
            "circle",
            -9,
            9,
            2 * math.pi,
            moved(gauss, lambda z, t: z * spread(t) + mid(t)),
            gaussian_below(mid, spread),
            gaussian_length(
                lambda t: 0.7 * np.cos(t),
                spread,
                lambda t: 0.4 * np.sin(t) * spread(t),
                2 * math.pi,
            ),
        ),
        shift("far shift", -6, 14, 1, lambda t: 8 * t, 8.0),
        shift("start and stop", -6, 7, 1, lambda t: min(2 * t, 1.0), 1.0),
        Process(
            "jitter and shift",
            -6,
            7,
            1,
            relaxing(1, 1, 5, lambda t: t, one),
            gaussian_below(lambda t: t, one),
            1.0,
        ),
        Process(
            "jitter and return",
            -6,
            7,
            2,
            relaxing(1, 1, 5, there_and_back, one),
            gaussian_below(there_and_back, one),
            2.0,
        ),
        Process(
            "exponential scale",
            0,
            20,
            1,
            moved(lambda r, n: r.exponential(size=n), lambda z, t: z * 2**t),
            lambda x, t: 1 - np.exp(-np.maximum(x, 0) / 2**t),
            math.log(2),
        ),
        Process(
            "uniform spreads",
            -4,
            4,
            1,
            moved(
                pair(lambda r, n: r.uniform(-1, 1, n), gauss),
                lambda z, t: z[0] + (0.05 + 0.4 * t) * z[1],
            ),
            _uniform_spread_below,
        ),
        shift("slowing shift", -6, 7, 1, lambda t: 1 - math.exp(-8 * t), 1 - math.exp(-8)),
        shift("small shift", -6, 7, 1, lambda t: 0.1 * t, 0.1),
        Process(
            "stationary", -6, 6, 1, relaxing(1, 1, 10, still, one), gaussian_below(still, one), 0.0
        ),
        Process(
            "slow stationary",
            -6,
            6,
            1,
            relaxing(1, 1, 0.5, still, one),
            gaussian_below(still, one),
            0.0,
        ),
        shift("frozen", -6, 6, 1, still, 0.0),
    ]


def _shaken(rng: np.random.Generator, n: int, times: Array) -> Iterator[Array]:
    x = rng.standard_normal(n)
    for time in times:
        yield x + time + 0.003 * rng.standard_normal()


KNOWN = {process.name: process for process in _known()}
# All elements shake together while they drift: real motion, of a length that depends on its scale.
SHAKEN = Process("shaken together", -6, 7, 1, _shaken, None, 1.0)
