"""Processes written later still, as somebody might choose who checks the estimator.

They showed that long first steps, quantized values and moving cusps were measured wrong, or not
honestly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import special, stats

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
    still,
    uniform,
)

CENTERS = np.array([-3.0, -1.0, 1.0, 3.0])
LEVELS = np.arange(16) + 0.5
LEAST = 1e-300


def _weights(t: float) -> Array:
    """Of four modes that gain and lose elements at different rates, smoothly."""
    w = np.exp([math.sin(3 * t), 1.5 * math.cos(4 * t), 1 - 2 * t, 0.8 * math.sin(6 * t + 1)])
    return w / w.sum()


def _four_modes(z: Array, t: float) -> Array:
    mode = np.searchsorted(np.cumsum(_weights(t))[:-1], z[1], side="right")
    return CENTERS[mode] + 0.4 * z[0]


def _four_modes_below(x: Array, t: float) -> Array:
    return sum(w * normal((x - c) / 0.4) for w, c in zip(_weights(t), CENTERS, strict=True))


def _box_below(x: Array, t: float) -> Array:
    """Of (1 + t)·U + 0.15 z with U uniform on ±1."""
    half, s = 1 + t, 0.15

    def mass(u: Array) -> Array:
        return u * normal(u) + np.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)

    return s / (2 * half) * (mass((x + half) / s) - mass((x - half) / s))


def _levels(z: Array, t: float) -> Array:
    """Sixteen values, as of quantized weights: a binomial share of each that drifts."""
    return LEVELS[stats.binom.ppf(z, 15, 0.3 + 0.4 * t).astype(np.int64)]


def _cauchy_jumps(rng: np.random.Generator, n: int, times: Array) -> Iterator[Array]:
    """Elements that jump by heavy-tailed steps of their own while they drift."""
    x = rng.standard_cauchy(n)
    yield x.copy()
    for step in np.diff(times):
        x += step + 0.5 * step * rng.standard_cauchy(n)
        yield x.copy()


def _later() -> list[Process]:
    fast = lambda t: 1.5 * math.expm1(t * math.log(100)) / 99  # noqa: E731
    back = lambda t: 1 + 0.8 * math.sin(math.pi * t) ** 2  # noqa: E731
    shape = lambda t: 5 * t - 2.5  # noqa: E731
    settled = lambda t: 2 * math.exp(-2 * t)  # noqa: E731
    narrow = lambda t: math.sqrt(0.25 + 0.75 * (1 - math.exp(-4 * t)))  # noqa: E731
    jump = lambda t: 1.0 if t > 0.52 else 0.0  # noqa: E731
    pulse = lambda t: math.sin(5 * t)  # noqa: E731
    swung = lambda t: 0.4 * math.sin(2 * math.pi * 3 * t)  # noqa: E731
    return [
        Process(
            "weights of four", -5, 5, 1, moved(pair(gauss, uniform), _four_modes), _four_modes_below
        ),
        Process(
            "Student wider and back", -30, 30, 1,
            moved(lambda r, n: r.standard_t(3, n), lambda z, t: z * back(t)),
            lambda x, t: stats.t.cdf(x / back(t), 3), 2 * math.log(1.8),
        ),
        Process(
            "hundredfold speed", -6, 8, 1, moved(gauss, lambda z, t: z + fast(t)),
            gaussian_below(fast, one), 1.5,
        ),
        Process(
            "off equilibrium", -5, 5, 1.5, relaxing(0.25, 1.0, 2.0, settled, one),
            gaussian_below(settled, narrow),
            gaussian_length(
                lambda t: -4 * np.exp(-2 * t),
                lambda t: np.sqrt(1 - 0.75 * np.exp(-4 * t)),
                lambda t: 1.5 * np.exp(-4 * t) / np.sqrt(1 - 0.75 * np.exp(-4 * t)),
                1.5,
            ),
        ),
        Process(
            "skewness turns", -5, 5, 1,
            moved(pair(gauss, gauss), lambda z, t: (
                (d := shape(t) / math.hypot(1, shape(t))) * np.abs(z[0])
                + math.sqrt(1 - d * d) * z[1]
            )),
            lambda x, t: normal(x) - 2 * special.owens_t(x, shape(t)),
        ),
        Process(
            "box widens", -3, 3, 1,
            moved(pair(lambda r, n: r.uniform(-1, 1, n), gauss), lambda z, t: (
                (1 + t) * z[0] + 0.15 * z[1]
            )),
            _box_below,
        ),
        Process(
            "from a narrow start", -5, 5, 1,
            diffusing(lambda r, n: 0.15 * r.standard_normal(n), 1.0, still),
            gaussian_below(still, lambda t: math.sqrt(0.0225 + t)),
            math.log(1 + 1 / 0.0225) / math.sqrt(2),
        ),
        Process(
            "log-normal drifts", 0, 15, 1, moved(gauss, lambda z, t: np.exp(0.6 * z + t)),
            lambda x, t: normal((np.log(np.maximum(x, LEAST)) - t) / 0.6), 1 / 0.6,
        ),
        Process(
            "a twentieth moves", -6, 6, 1,
            moved(pair(gauss, uniform), lambda z, t: (
                z[0] + np.where(z[1] < 0.05, 2.5 * math.sin(3 * t), 0)
            )),
            lambda x, t: 0.95 * normal(x) + 0.05 * normal(x - 2.5 * math.sin(3 * t)),
        ),
        Process(
            "one jump", -6, 7, 1, moved(gauss, lambda z, t: z + jump(t)),
            gaussian_below(jump, one), 1.0,
        ),
        Process(
            "Laplace drifts", -10, 11, 1, moved(lambda r, n: r.laplace(size=n), lambda z, t: z + t),
            lambda x, t: stats.laplace.cdf(x - t), 1.0,
        ),
        Process(
            "levels", 0, 16, 1, moved(uniform, _levels),
            lambda x, t: stats.binom.cdf(np.ceil(x - 0.5) - 1, 15, 0.3 + 0.4 * t),
            2 * math.sqrt(15) * (math.asin(math.sqrt(0.7)) - math.asin(math.sqrt(0.3))),
        ),
        Process(
            "Cauchy jumps", -25, 25, 1, _cauchy_jumps,
            lambda x, t: stats.cauchy.cdf((x - t) / (1 + 0.5 * t)),
            math.sqrt(1.25 / 2) * math.log(1.5) / 0.5,
        ),
        Process(
            "jitter, wave", -6, 6, 1, relaxing(1.0, 1.0, 2.0, pulse, one),
            gaussian_below(pulse, one),
            gaussian_length(lambda t: 5 * np.cos(5 * t), one, still, 1),
        ),
        Process(
            "three waves", -6, 6, 1, moved(gauss, lambda z, t: z + swung(t)),
            gaussian_below(swung, one), 4.8,
        ),
        Process(
            "wears at one side", -2, 6, 1,
            moved(lambda r, n: r.gamma(3.0, size=n), lambda z, t: z ** (1 - 0.4 * t)),
            lambda x, t: special.gammainc(3, np.maximum(x, 0) ** (1 / (1 - 0.4 * t))),
        ),
    ]  # fmt: skip


LATER = {process.name: process for process in _later()}
