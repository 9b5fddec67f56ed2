"""Processes that were written down before the estimator's numbers were chosen."""

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
    pair,
    relaxing,
    shift,
    still,
    there_and_back,
    uniform,
)

ROOT2 = math.sqrt(2)


def _gamma_elements(rng: np.random.Generator, n: int, times: Array) -> Iterator[Array]:
    x = rng.gamma(2.0, size=n)
    yield x
    for step in np.diff(times):
        x = x + rng.gamma(4.0 * step, size=n)
        yield x


def _beta_elements(rng: np.random.Generator, n: int, times: Array) -> Iterator[Array]:
    """Beta(2 + 3t, 5 − 3t) as a ratio of gamma processes, one growing and one thinned."""
    one, other, shape = rng.gamma(2.0, size=n), rng.gamma(5.0, size=n), 5.0
    yield one / (one + other)
    for step in np.diff(times):
        one = one + rng.gamma(3 * step, size=n)
        other = other * rng.beta(shape - 3 * step, 3 * step, size=n)
        shape -= 3 * step
        yield one / (one + other)


def _laplace_below(x: Array, t: float) -> Array:
    """Of a Laplace variable plus a normal one."""
    x, s = x - t, math.sqrt(0.5 * t + 1e-12)
    left = special.log_ndtr(-x / s - s) + x
    right = special.log_ndtr(x / s - s) - x
    return normal(x / s) + 0.5 * (np.exp(s**2 / 2 + left) - np.exp(s**2 / 2 + right))


def _tilt(u: Array, t: float) -> Array:
    rate = 6 * t - 3 + 1e-9
    return np.log1p(u * math.expm1(rate)) / rate


def _tilt_below(x: Array, t: float) -> Array:
    rate = 6 * t - 3 + 1e-9
    return np.expm1(rate * np.clip(x, 0, 1)) / math.expm1(rate)


def _held_out() -> list[Process]:
    weight, center = lambda t: 0.7 - 0.4 * t, lambda t: 1.5 * t - 2
    log_mean, log_sigma = lambda t: 0.8 * t, lambda t: 0.5 - 0.2 * t
    grown = lambda t: 1 + 0.6 * there_and_back(t)  # noqa: E731
    turn, wide = lambda t: np.cos(3 * t), lambda t: 1 + 0.3 * t
    pause = lambda t: 1.2 * (min(t, 0.3) + max(t - 0.7, 0.0))  # noqa: E731
    return [
        Process(
            "gamma shape", 0, 20, 1, _gamma_elements, lambda x, t: special.gammainc(2 + 4 * t, x)
        ),
        Process("exponential tilt", -0.1, 1.1, 1, moved(uniform, _tilt), _tilt_below),
        Process(
            "beta drift",
            0,
            1,
            1,
            _beta_elements,
            lambda x, t: special.betainc(2 + 3 * t, 5 - 3 * t, x),
        ),
        Process(
            "weights and drift",
            -6,
            6,
            1,
            moved(
                pair(gauss, uniform),
                lambda z, t: np.where(z[1] < weight(t), 0.6 * z[0] + center(t), 0.8 * z[0] + 2),
            ),
            lambda x, t: (
                weight(t) * normal((x - center(t)) / 0.6) + (1 - weight(t)) * normal((x - 2) / 0.8)
            ),
        ),
        Process(
            "Laplace, drift and diffusion",
            -10,
            11,
            1,
            diffusing(lambda r, n: r.laplace(size=n), 0.5, lambda t: t),
            _laplace_below,
        ),
        Process(
            "log-normal",
            0,
            12,
            1,
            moved(gauss, lambda z, t: np.exp(z * log_sigma(t) + log_mean(t))),
            lambda x, t: normal((np.log(np.maximum(x, 1e-300)) - log_mean(t)) / log_sigma(t)),
            gaussian_length(lambda t: 0.8, log_sigma, lambda t: -0.2, 1),
        ),
        Process(
            "half zeros",
            -1,
            7,
            1,
            moved(gauss, lambda z, t: np.maximum(z + t - 0.5, 0)),
            lambda x, t: np.where(x > 0, normal(x - t + 0.5), 0),
        ),
        Process(
            "modes merge",
            -6,
            6,
            1,
            moved(
                pair(gauss, uniform), lambda z, t: z[0] / 2 + np.where(z[1] < 0.5, -2, 2) * (1 - t)
            ),
            lambda x, t: 0.5 * normal(2 * x + 4 - 4 * t) + 0.5 * normal(2 * x - 4 + 4 * t),
        ),
        shift("speeding shift", -6, 8, 1, lambda t: 1.5 * t**3, 1.5),
        shift("pause", -6, 7, 1, pause, 0.72),
        Process(
            "jitter, grown and back",
            -10,
            10,
            2,
            relaxing(1, 1, 3, still, grown),
            gaussian_below(still, grown),
            2 * ROOT2 * math.log(1.6),
        ),
        Process(
            "Student, to and fro",
            -12,
            12,
            1,
            moved(lambda r, n: r.standard_t(5, n), lambda z, t: z * wide(t) + turn(t)),
            lambda x, t: stats.t.cdf((x - turn(t)) / wide(t), 5),
        ),
    ]


HELD_OUT = {process.name: process for process in _held_out()}
