"""Processes written to make the estimator fail: changing tails, cusps, kinks, schedules."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import stats

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


def _student(z: Array, t: float) -> Array:
    """Of degrees of freedom that change (R. W. Bailey, Math. Comput. 62 (1994) 779)."""
    freedom = _freedom(t)
    radius = np.sqrt(freedom * np.expm1(-2 / freedom * np.log1p(-z[0])))
    return radius * np.cos(2 * math.pi * z[1])


def _freedom(t: float) -> float:
    return 10.0 * 0.25**t


def _extreme(u: Array, t: float) -> Array:
    """Of the generalized distribution of extremes, whose tail changes from bounded to heavy."""
    tail = 0.5 * t - 0.2
    return -np.log(-np.log(u)) if tail == 0 else np.expm1(-tail * np.log(-np.log(u))) / tail


def _extreme_below(x: Array, t: float) -> Array:
    tail = 0.5 * t - 0.2
    if abs(tail) < 1e-9:
        return np.exp(-np.exp(-x))
    with np.errstate(divide="ignore"):
        return np.exp(-(np.maximum(1 + tail * x, 0.0) ** (-1 / tail)))


def _tooth(t: float) -> float:
    """0 → ½ → 0 ... at constant speed, five times, with kinks at times that are no records."""
    return 0.5 * abs((5.3 * t + 1.0) % 2.0 - 1.0)


def _tooth_length(t: float) -> float:
    return 0.5 * 5.3 * t


def _apex(z: Array, t: float) -> Array:
    """Triangular on [0, 1] with its apex at c."""
    c = 0.3 + 0.4 * t
    return np.where(z < c, np.sqrt(c * z), 1 - np.sqrt((1 - c) * (1 - z)))


def _apex_below(x: Array, t: float) -> Array:
    c, x = 0.3 + 0.4 * t, np.clip(x, 0, 1)
    return np.where(x < c, x * x / c, 1 - (1 - x) ** 2 / (1 - c))


def _bfloat16(x: Array) -> Array:
    """Rounded to 8 bits of significand."""
    fraction, exponent = np.frexp(x)
    return np.ldexp(np.round(256 * fraction) / 256, exponent)


def _sparse(rng: np.random.Generator, n: int, times: Array) -> Iterator[Array]:
    """Elements jump by ½ at times of their own: one in twenty in each of 30 steps."""
    x = rng.standard_normal(n)
    yield x.copy()
    for step in np.diff(times):
        x += 0.5 * rng.poisson(1.5 * step, size=n)
        yield x.copy()


def _sparse_below(x: Array, t: float) -> Array:
    share = [math.exp(-1.5 * t) * (1.5 * t) ** k / math.factorial(k) for k in range(13)]
    return sum(part * normal(x - 0.5 * k) for k, part in enumerate(share))


def _laplace(u: Array) -> Array:
    return np.sign(u - 0.5) * -np.log1p(-np.abs(2 * u - 1))


def _laplace_below(x: Array) -> Array:
    return np.where(x < 0, 0.5 * np.exp(np.minimum(x, 0)), 1 - 0.5 * np.exp(-np.maximum(x, 0)))


def _sides(t: float) -> tuple[float, float]:
    return 1.0 + 0.6 * t, 1.0 - 0.4 * t


def _tilted(u: Array, t: float) -> Array:
    """Exponential of scale a to the right and b to the left, in proportion."""
    a, b = _sides(t)
    left = b / (a + b)
    below = b * np.log(np.maximum(u / left, 1e-300))
    return np.where(u < left, below, -a * np.log(np.maximum((1 - u) / (1 - left), 1e-300)))


def _tilted_below(x: Array, t: float) -> Array:
    a, b = _sides(t)
    left = b / (a + b)
    right = 1 - (1 - left) * np.exp(-np.maximum(x, 0) / a)
    return np.where(x < 0, left * np.exp(np.minimum(x, 0) / b), right)


def _maxwell(rng: np.random.Generator, n: int) -> Array:
    return np.sqrt(np.square(rng.standard_normal((3, n))).sum(axis=0))


def _three_speeds(z: Array, t: float) -> Array:
    part = np.where(z[1] < 0.5, 0.4 * t, np.where(z[1] < 0.8, -1.5 * t, 1.0 + 2.5 * t * t))
    return np.where(z[1] < 0.5, 1.0, np.where(z[1] < 0.8, 0.5, 0.3)) * z[0] + part


def _three_speeds_below(x: Array, t: float) -> Array:
    return (
        0.5 * normal(x - 0.4 * t) + 0.3 * normal(2 * (x + 1.5 * t))
        + 0.2 * normal((x - 1.0 - 2.5 * t * t) / 0.3)
    )  # fmt: skip


def _skeptical() -> list[Process]:
    swap = lambda t: 0.5 - 0.3 * math.cos(2 * math.pi * t)  # noqa: E731
    shape = lambda t: 0.3 + 0.4 * math.sin(math.pi * t)  # noqa: E731
    ringing = lambda t: 0.8 * math.exp(-2 * t) * math.sin(14 * t)  # noqa: E731
    spiral_mean = lambda t: 0.8 * t * np.cos(6 * t)  # noqa: E731
    spiral_scale = lambda t: np.exp(0.5 * t * np.sin(6 * t))  # noqa: E731
    eased = lambda t: 0.2 * t + 1.6 * (t - 0.5) ** 3 * 4 + 0.8  # noqa: E731
    saw = lambda t: math.exp(_tooth(t))  # noqa: E731
    slowing = lambda t: 0.6 * np.log1p(6 * t)  # noqa: E731
    narrowing = lambda t: np.exp(-0.4 * t)  # noqa: E731
    return [
        Process(
            "Student loosens", -25, 25, 1, moved(pair(uniform, uniform), _student),
            lambda x, t: stats.t.cdf(x, _freedom(t)),
        ),
        Process(
            "spiral", -7, 7, 1, moved(gauss, lambda z, t: spiral_scale(t) * z + spiral_mean(t)),
            gaussian_below(spiral_mean, spiral_scale),
            gaussian_length(
                lambda t: 0.8 * np.cos(6 * t) - 4.8 * t * np.sin(6 * t),
                spiral_scale,
                lambda t: spiral_scale(t) * (0.5 * np.sin(6 * t) + 3 * t * np.cos(6 * t)),
                1,
            ),
        ),
        Process("extremes grow a tail", -4, 14, 1, moved(uniform, _extreme), _extreme_below),
        Process(
            "fast, slow, fast", -6, 8, 1, moved(gauss, lambda z, t: z + eased(t)),
            gaussian_below(eased, one), 0.2 + 1.6,
        ),
        Process(
            "rings down", -6, 6, 1, moved(gauss, lambda z, t: z + ringing(t)),
            gaussian_below(ringing, one),
            gaussian_length(
                lambda t: 0.8 * np.exp(-2 * t) * (14 * np.cos(14 * t) - 2 * np.sin(14 * t)),
                one, still, 1,
            ),
        ),
        Process(
            "saw of the scale", -9, 9, 1, moved(gauss, lambda z, t: saw(t) * z),
            gaussian_below(still, saw), math.sqrt(2) * _tooth_length(1.0),
        ),
        Process(
            "modes swap and swap back", -5, 5, 1,
            moved(pair(gauss, uniform), lambda z, t: (
                0.7 * z[0] + np.where(z[1] < swap(t), 1.5, -1.5))),
            lambda x, t: (
                swap(t) * normal((x - 1.5) / 0.7) + (1 - swap(t)) * normal((x + 1.5) / 0.7)
            ),
        ),
        Process(
            "apex moves", -0.01, 1.01, 1, moved(uniform, _apex), _apex_below, 2 * math.asin(0.4),
        ),
        Process(
            "log-normal widens and returns", 0, 8, 1,
            moved(gauss, lambda z, t: np.exp(shape(t) * z)),
            lambda x, t: normal(np.log(np.maximum(x, 1e-300)) / shape(t)),
            2 * math.sqrt(2) * math.log(7 / 3),
        ),
        Process(
            "all jitter, drift slows", -5, 7, 1, relaxing(1.0, 1.0, 20.0, slowing, narrowing),
            gaussian_below(slowing, narrowing),
            gaussian_length(
                lambda t: 3.6 / (1 + 6 * t), narrowing, lambda t: -0.4 * narrowing(t), 1
            ),
        ),
        Process(
            "bfloat16 drifts", -6, 8, 1, moved(gauss, lambda z, t: _bfloat16(z + 1.2 * t)),
            None, 1.2,
        ),
        Process("one in twenty jumps", -6, 9, 1, _sparse, _sparse_below),
        Process(
            "Laplace turns normal", -9, 9, 1,
            moved(lambda r, n: np.stack([r.random(n), r.standard_normal(n), r.random(n)]),
                  lambda z, t: np.where(z[2] < t, z[1], _laplace(z[0]))),
            lambda x, t: (1 - t) * _laplace_below(x) + t * normal(x),
        ),
        Process("exponential sides", -9, 13, 1, moved(uniform, _tilted), _tilted_below),
        Process(
            "Maxwell drifts", -0.2, 6, 1, moved(_maxwell, lambda z, t: z + 0.5 * t),
            lambda x, t: stats.maxwell.cdf(x - 0.5 * t), 0.5 * math.sqrt(3),
        ),
        Process(
            "parts at three speeds", -6, 6, 1, moved(pair(gauss, uniform), _three_speeds),
            _three_speeds_below,
        ),
    ]  # fmt: skip


SKEPTICAL = {process.name: process for process in _skeptical()}
