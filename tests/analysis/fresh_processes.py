"""Processes that were written down after most numbers of the estimator were chosen.

Of the first dozen one, "breathing Student", showed that a reversal in the last interval was not
seen; of ``UNTOUCHED``, written after that was mended, a saw and a cusp showed what sudden reversals
hide, and what its errors left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import special, stats

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
    uniform,
)


def _triangle(t: float) -> float:
    """0 → 0.9 → −0.3 → 0.6 at constant speed, with kinks at times that are no records."""
    path = 3.0 * t
    if path < 0.9:
        return path
    if path < 2.1:
        return 1.8 - path
    return path - 2.4


def _switching(rng: np.random.Generator, n: int, times: Array) -> Iterator[Array]:
    """Elements jump from one mode to the other one by one, each at a time of its own."""
    z, when = rng.standard_normal(n), rng.exponential(size=n)
    for time in times:
        yield 0.7 * z + np.where(when < 1.2 * time, 1.5, -1.0)


def _switching_below(x: Array, t: float) -> Array:
    gone = -math.expm1(-1.2 * t)
    return (1 - gone) * normal((x + 1.0) / 0.7) + gone * normal((x - 1.5) / 0.7)


def _chi(rng: np.random.Generator, n: int, times: Array) -> Iterator[Array]:
    """Moduli of three coordinates that diffuse."""
    x = rng.standard_normal((3, n))
    yield np.sqrt(np.square(x).sum(axis=0))
    for step in np.diff(times):
        x = x + math.sqrt(1.5 * step) * rng.standard_normal((3, n))
        yield np.sqrt(np.square(x).sum(axis=0))


def _pareto(u: Array, t: float) -> Array:
    return (1 - u) ** (-1 / (2.0 + 1.5 * t))


def _fresh() -> list[Process]:
    grown = lambda t: 1 + 0.5 * np.sin(5 * t)  # noqa: E731
    bump = lambda t: 0.8 * np.exp(-(((t - 0.5) / 0.1) ** 2))  # noqa: E731
    spread = lambda t: math.sqrt(3 - 2 * math.exp(-3 * t))  # noqa: E731
    turned = lambda t: 0.4 * np.sin(9 * t)  # noqa: E731
    share = lambda t: 0.05 + 0.25 * t  # noqa: E731
    return [
        Process(
            "kinks between records", -6, 7, 1, moved(gauss, lambda z, t: z + _triangle(t)),
            gaussian_below(_triangle, one), 3.0,
        ),
        Process("jumps one by one", -6, 6, 1, _switching, _switching_below),
        Process(
            "modulus diffuses", 0, 10, 1, _chi,
            lambda x, t: stats.chi.cdf(np.maximum(x, 0) / math.sqrt(1 + 1.5 * t), 3),
            math.sqrt(1.5) * math.log(2.5),
        ),
        Process(
            "Pareto tail", 1, 12, 1, moved(uniform, _pareto),
            lambda x, t: 1 - np.maximum(x, 1.0) ** -(2.0 + 1.5 * t), math.log(1.75),
        ),
        Process(
            "breathing Student", -20, 20, 1,
            moved(lambda r, n: r.standard_t(4, n), lambda z, t: z * grown(t)),
            lambda x, t: stats.t.cdf(x / grown(t), 4),
        ),
        Process(
            "there and back at once", -6, 7, 1, moved(gauss, lambda z, t: z + bump(t)),
            gaussian_below(bump, one), 1.6 * (1 - math.exp(-25)),
        ),
        Process(
            "jitter, wider, shaken to and fro", -9, 9, 1, relaxing(1.0, 3.0, 1.5, turned, one),
            gaussian_below(turned, spread),
            gaussian_length(
                lambda t: 3.6 * np.cos(9 * t),
                lambda t: np.sqrt(3 - 2 * np.exp(-3 * t)),
                lambda t: 3 * np.exp(-3 * t) / np.sqrt(3 - 2 * np.exp(-3 * t)),
                1,
            ),
        ),
        Process(
            "outliers appear", -10, 10, 1,
            moved(pair(gauss, uniform), lambda z, t: z[0] * np.where(z[1] < share(t), 2.5, 1)),
            lambda x, t: (1 - share(t)) * normal(x) + share(t) * normal(x / 2.5),
        ),
        Process(
            "triangular tilts", -0.01, 1.01, 1,
            moved(pair(uniform, uniform), lambda z, t: np.where(
                z[1] < 0.5 + 0.4 * t, np.sqrt(z[0]), 1 - np.sqrt(z[0]))),
            lambda x, t: (
                (0.5 + 0.4 * t) * np.clip(x, 0, 1) ** 2
                + (0.5 - 0.4 * t) * (1 - (1 - np.clip(x, 0, 1)) ** 2)
            ),
        ),
        Process(
            "skew normal bends", -6, 6, 1,
            moved(pair(gauss, gauss), lambda z, t: (
                (d := 3 * t / math.sqrt(1 + 9 * t * t)) * np.abs(z[0]) + math.sqrt(1 - d * d) * z[1]
            )),
            lambda x, t: normal(x) - 2 * special.owens_t(x, 3 * t),
        ),
        Process(
            "jitter alone, wide tails", -30, 30, 1,
            lambda r, n, times: (r.standard_t(3, n) + 0 * t for t in times),
            lambda x, t: stats.t.cdf(x, 3), 0.0,
        ),
        Process(
            "logistic drifts", -12, 13, 1,
            moved(lambda r, n: r.logistic(size=n), lambda z, t: z + 1.5 * t**1.5),
            lambda x, t: special.expit(x - 1.5 * t**1.5), 1.5 / math.sqrt(3),
        ),
    ]  # fmt: skip


def _untouched() -> list[Process]:
    angle = lambda t: 2.5 * t  # noqa: E731
    wide = lambda t: 1 + 0.9 * t * t  # noqa: E731
    saw = lambda t: 0.5 * ((4.3 * t) % 1.0 if int(4.3 * t) % 2 == 0 else 1 - (4.3 * t) % 1.0)  # noqa: E731
    drift = lambda t: 0.9 * np.tanh(4 * t - 2)  # noqa: E731
    return [
        Process(
            "saw, kinks anywhere", -6, 7, 1, moved(gauss, lambda z, t: z + saw(t)),
            gaussian_below(saw, one), 0.5 * 4.3,
        ),
        Process(
            "two scales beat", -9, 9, 1,
            moved(pair(gauss, uniform), lambda z, t: z[0] * np.where(
                z[1] < 0.5, 1 + 0.5 * np.sin(angle(t)), 1 + 0.5 * np.cos(angle(t)))),
            lambda x, t: (
                0.5 * normal(x / (1 + 0.5 * math.sin(angle(t))))
                + 0.5 * normal(x / (1 + 0.5 * math.cos(angle(t))))
            ),
        ),
        Process(
            "Gumbel drifts and widens", -8, 18, 1,
            moved(lambda r, n: r.gumbel(size=n), lambda z, t: z * wide(t) + t),
            lambda x, t: np.exp(-np.exp(-(x - t) / wide(t))),
        ),
        Process(
            "jitter, sigmoid drift", -6, 6, 1, relaxing(1.0, 1.0, 4.0, drift, one),
            gaussian_below(drift, one), 1.8 * math.tanh(2),
        ),
        Process(
            "Laplace mode melts", -12, 12, 1,
            moved(pair(lambda r, n: r.laplace(size=n), gauss), lambda z, t: (
                math.sqrt(1 - 0.5 * t) * z[0] + math.sqrt(t) * z[1])),
            _melting_below,
        ),
        Process(
            "rare drift", -6, 9, 1,
            moved(pair(gauss, uniform), lambda z, t: z[0] + np.where(z[1] < 0.1, 3 * t, 0)),
            lambda x, t: 0.9 * normal(x) + 0.1 * normal(x - 3 * t),
        ),
    ]  # fmt: skip


def _melting_below(x: Array, t: float) -> Array:
    """Of a·Laplace + s·normal."""
    a, s = math.sqrt(1 - 0.5 * t), math.sqrt(t + 1e-12)
    left = special.log_ndtr(-x / s - s / a) + x / a
    right = special.log_ndtr(x / s - s / a) - x / a
    half = (s / a) ** 2 / 2
    return normal(x / s) + 0.5 * (np.exp(half + left) - np.exp(half + right))


UNTOUCHED = {process.name: process for process in _untouched()}
FRESH = {process.name: process for process in _fresh()}
