"""Processes written after the estimator was last changed: they judge it, and chose nothing."""

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
    still,
    uniform,
)


def _ramps(t: float) -> float:
    """Fast, slow, and back: kinks at times that are no records."""
    return 2 * min(t, 0.33) + 0.4 * float(np.clip(t - 0.33, 0, 0.38)) - 1.5 * max(t - 0.71, 0.0)


def _wave(t: float) -> float:
    return 0.5 * math.sin(4 * t)


def _parting(z: Array, t: float) -> Array:
    center = np.where(z[1] < 0.5, t - 2, np.where(z[1] < 0.8, _wave(t), 2 - 1.5 * t))
    return 0.5 * z[0] + center


def _jittering(rng: np.random.Generator, n: int, times: Array) -> Iterator[Array]:
    """Student elements, each of a width of its own, that jitter and are shaken together."""
    width, x = np.sqrt(5 / rng.chisquare(5, size=n)), rng.standard_normal(n)
    yield width * x + _wave(times[0])
    for time, step in zip(times[1:], np.diff(times), strict=True):
        kept = math.exp(-3 * step)
        x = kept * x + math.sqrt(1 - kept**2) * rng.standard_normal(n)
        yield width * x + _wave(time)


def _half_and_half(rng: np.random.Generator, n: int, times: Array) -> Iterator[Array]:
    """Half of the elements drift, the others diffuse."""
    x, drifting = rng.standard_normal(n), rng.random(n) < 0.5
    yield x.copy()
    for step in np.diff(times):
        x += np.where(drifting, 1.5 * step, math.sqrt(step) * rng.standard_normal(n))
        yield x.copy()


def _last() -> list[Process]:
    narrowed = lambda t: 1 - 0.4 * t  # noqa: E731
    breath = lambda t: 1 + 0.5 * math.sin(6 * t)  # noqa: E731
    rested = lambda t: 0.6 ** (max(t - 0.4, 0.0) / 0.6)  # noqa: E731
    return [
        Process(
            "gamma drifts and narrows", -1, 16, 1,
            moved(lambda r, n: r.gamma(4.0, size=n), lambda z, t: z * narrowed(t) + 0.8 * t),
            lambda x, t: special.gammainc(4, np.maximum(x - 0.8 * t, 0) / narrowed(t)),
        ),
        Process(
            "three modes part", -5, 5, 1, moved(pair(gauss, uniform), _parting),
            lambda x, t: (
                0.5 * normal(2 * (x - t + 2)) + 0.3 * normal(2 * (x - _wave(t)))
                + 0.2 * normal(2 * (x - 2 + 1.5 * t))
            ),
        ),
        Process(
            "Student, jitter and wave", -12, 12, 1, _jittering,
            lambda x, t: stats.t.cdf(x - _wave(t), 5),
            math.sqrt(6 / 8) * gaussian_length(lambda t: 2 * np.cos(4 * t), one, still, 1),
        ),
        Process(
            "fast, slow and back", -6, 7, 1, moved(gauss, lambda z, t: z + _ramps(t)),
            gaussian_below(_ramps, one), 0.66 + 0.152 + 0.435,
        ),
        Process(
            "sinh bends", -15, 40, 1, moved(gauss, lambda z, t: np.sinh(np.arcsinh(z) + 1.2 * t)),
            lambda x, t: normal(np.sinh(np.arcsinh(x) - 1.2 * t)),
        ),
        Process(
            "logit-normal breathes", 0, 1, 1,
            moved(gauss, lambda z, t: special.expit(breath(t) * z)),
            lambda x, t: normal(special.logit(np.clip(x, 0, 1)) / breath(t)),
            gaussian_length(
                still, lambda t: 1 + 0.5 * np.sin(6 * t), lambda t: 3 * np.cos(6 * t), 1
            ),
        ),
        Process(
            "half drifts, half diffuses", -7, 8, 1, _half_and_half,
            lambda x, t: 0.5 * normal(x - 1.5 * t) + 0.5 * normal(x / math.sqrt(1 + t)),
        ),
        Process(
            "rests, then shrinks", -6, 6, 1, moved(gauss, lambda z, t: z * rested(t)),
            gaussian_below(still, rested), math.sqrt(2) * math.log(1 / 0.6),
        ),
        Process(
            "Rayleigh grows", 0, 9, 1,
            moved(lambda r, n: r.rayleigh(size=n), lambda z, t: z * 1.7**t),
            lambda x, t: stats.rayleigh.cdf(x / 1.7**t), 2 * math.log(1.7),
        ),
    ]  # fmt: skip


LAST = {process.name: process for process in _last()}
