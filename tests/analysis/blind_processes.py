"""Processes written by one who had not seen the estimator: what training does to weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from scipy import special

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

Parts = Callable[[float], list[tuple[float, float, float]]]  # share, mean, deviation of each


def _mixture(
    name: str, low: float, high: float, parts: Parts, rate: float = 0.0, truth: float | None = None
) -> Process:
    """Elements of normal parts, with jitter of a rate that leaves each part as it is."""

    def elements(rng: np.random.Generator, n: int, times: Array) -> Iterator[Array]:
        share = rng.random(n)
        for z, time in zip(relaxing(1, 1, rate, still, one)(rng, n, times), times, strict=True):
            shares, means, deviations = map(np.array, zip(*parts(time), strict=True))
            part = np.minimum(np.searchsorted(np.cumsum(shares), share), len(shares) - 1)
            yield means[part] + deviations[part] * z

    def below(x: Array, t: float) -> Array:
        return sum(share * normal((x - mean) / sigma) for share, mean, sigma in parts(t))

    return Process(name, low, high, 1.0, elements, below, truth)


def _triangular(t: float) -> float:
    """The deviation: 1 → 1½ → 1, four times."""
    return 1 + 0.5 * (1 - abs((8 * t) % 2 - 1))


def _restarts(t: float) -> float:
    """The deviation: 1 → 0.6 by half a cosine and back at once, twice, and 1 → 0.6 again."""
    cycle = min(int(3 * t), 2)
    within = 3 * t - cycle
    if cycle == 2 or within < 0.97:
        down = within / (1.0 if cycle == 2 else 0.97)
        return 0.6 + 0.4 * math.cos(0.5 * math.pi * down) ** 2
    back = (within - 0.97) / 0.03
    return 0.6 + 0.4 * back * back * (3 - 2 * back)


def _spread(t: float) -> float:
    return 0.02 + 0.1 * t * t


def _drops(t: float) -> float:
    """The mean: ever slower, by a fifth of the speed at a third and at two thirds of the time."""
    return 0.8 * (min(t, 1 / 3) * 3 + 0.2 * np.clip(3 * t - 1, 0, 1) + 0.04 * max(3 * t - 2, 0))


def _skewed(z: Array, t: float) -> Array:
    """A normal turns into an exponential: z cos φ + (e − 1) sin φ."""
    angle = 0.5 * math.pi * 0.9 * t
    return math.cos(angle) * z[0] - math.sin(angle) * (np.log(z[1]) + 1)


def _skewed_below(x: Array, t: float) -> Array:
    """Of a normal and an exponential."""
    angle = 0.5 * math.pi * 0.9 * t
    sigma, tau = math.cos(angle), math.sin(angle)
    x = x + tau
    if tau < 1e-9:
        return normal(x / sigma)
    shifted = x / sigma - sigma / tau
    log = special.log_ndtr(shifted) + 0.5 * (sigma / tau) ** 2 - x / tau
    return normal(x / sigma) - np.exp(log)


def _biweight(rng: np.random.Generator, n: int) -> Array:
    """Of density 15/16 (1 − x²)²."""
    return 2 * rng.beta(3, 3, n) - 1


def _biweight_below(x: Array, t: float) -> Array:
    return special.betainc(3, 3, np.clip(0.5 + 0.5 * x / (1 + t), 0, 1))


def _magnitude(z: Array, t: float) -> Array:
    """Log-normal of either sign, over ever more decades: most near zero, in few bins."""
    return np.sign(z[1] - 0.5) * np.exp((1.7 + t) * z[0] - 2.0 + 0.4 * t)


def _magnitude_below(x: Array, t: float) -> Array:
    with np.errstate(divide="ignore"):
        part = normal((np.log(np.abs(x)) + 2.0 - 0.4 * t) / (1.7 + t))
    return 0.5 + 0.5 * np.sign(x) * part


# ∫ (z φ(z))²/Φ(z) dz: an edge of density p that noise has blurred by b has Γ² = K p/b in b
EDGE = 1.1034681


def _blurred_below(x: Array, t: float) -> Array:
    """Of U(−1, 1) and normal noise of variance 0.09 t."""
    if t == 0:
        return np.clip(0.5 + 0.5 * x, 0, 1)
    sigma = 0.3 * math.sqrt(t)

    def integral(z: Array) -> Array:
        return z * normal(z) + np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)

    return 0.5 * sigma * (integral((x + 1) / sigma) - integral((x - 1) / sigma))


def _leaps(t: float) -> float:
    return t + 4 * (t > 0.5)


def _pitchfork(t: float) -> float:
    return 1.5 * math.sqrt(max(t - 0.3, 0.0))


_CHOSEN = [
    Process(
        "triangular schedule",
        -9,
        9,
        1.0,
        relaxing(1, 1, 4.0, still, _triangular),
        gaussian_below(still, _triangular),
        8 * math.sqrt(2) * math.log(1.5),
    ),
    Process(
        "warm restarts",
        -6,
        6,
        1.0,
        moved(gauss, lambda z, t: _restarts(t) * z),
        gaussian_below(still, _restarts),
        5 * math.sqrt(2) * math.log(1 / 0.6),
    ),
    Process(
        "gains spread from 1",
        -0.2,
        2,
        1.0,
        moved(gauss, lambda z, t: 1 - 0.1 * t + _spread(t) * z),
        gaussian_below(lambda t: 1 - 0.1 * t, _spread),
        gaussian_length(lambda t: 0.1, _spread, lambda t: 0.2 * t, 1.0),
    ),
    Process(
        "learning rate drops",
        -6,
        7,
        1.0,
        relaxing(1, 1, 3.0, _drops, one),
        gaussian_below(_drops, one),
        0.8 * 1.24,
    ),
    _mixture(
        "a third moves at once",
        -6,
        6,
        lambda t: [(0.7, 0, 1.0), (0.3, 0.25 + 1.25 * math.tanh((t - 0.7) / 0.02), 0.7)],
        rate=5.0,
    ),
    _mixture("signs part", -1.8, 1.8, lambda t: [(0.6, t, 0.1), (0.4, -t, 0.1)]),
    _mixture("pitchfork", -5, 5, lambda t: [(0.5, -_pitchfork(t), 0.5), (0.5, _pitchfork(t), 0.5)]),
    _mixture(
        "mass goes round",
        -10,
        10,
        lambda t: [
            ((1 + 0.8 * math.cos(2 * math.pi * (t - k / 8))) / 8, 2.2 * (k - 3.5), 0.5)
            for k in range(8)
        ],
        rate=0.0,
    ),
    _mixture("two in a hundred travel", -6, 12, lambda t: [(0.98, 0, 1), (0.02, 2 + 6 * t, 0.5)]),
    Process(
        "normal turns exponential",
        -5,
        10,
        1.0,
        moved(pair(gauss, uniform), _skewed),
        _skewed_below,
    ),
    Process(
        "biweight widens",
        -2.5,
        2.5,
        1.0,
        moved(_biweight, lambda z, t: (1 + t) * z),
        _biweight_below,
        math.sqrt(5) * math.log(2),
    ),
    Process(
        "magnitudes spread",
        -4,
        4,
        1.0,
        moved(pair(gauss, uniform), _magnitude),
        _magnitude_below,
    ),
    Process(
        "fresh layer blurs",
        -2.5,
        2.5,
        1.0,
        diffusing(lambda r, n: r.uniform(-1, 1, n), 0.09, still),
        _blurred_below,
        2 * math.sqrt(0.3 * EDGE),
    ),
    Process(
        "leaps far",
        -5,
        10,
        1.0,
        moved(gauss, lambda z, t: z + _leaps(t)),
        gaussian_below(_leaps, one),
        5.0,  # if it glides
    ),
]
BLIND = {process.name: process for process in _CHOSEN}
