"""Times, values and errors brought near 1 by powers of two, and results brought back.

A power of two changes nothing but exponents: results are the same to the last bit in all units that
differ by one, and squares neither overflow nor vanish in units far from 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .smoothing import Noise

Float = NDArray[np.float64]

EPSILON = float(np.finfo(np.float64).eps)
TINY = float(np.finfo(np.float64).tiny)  # the least number that holds all its digits
# Times EPSILON√T: a solution is exact for values off by about EPSILON of their norm, which may lie
# along one direction all, as the slope is.
ROUNDING = 4.0
RENEWED = 0.2  # least share of a cumulative variance that is new in each e-fold of time


@dataclass(frozen=True)
class Units:
    """Times span width·2^span with ½ ≤ width < 1; values are in units of 2^size."""

    width: float
    span: int
    size: int

    def back(self, name: str, found: Float, values: int, times: int) -> Float:
        """A result in values^``values``·times^``times``, from units of 2^size and the whole span.

        Raises
        ------
        ValueError
            If its largest element is no float64 then.
        """
        exponent = self.size * values + self.span * times
        factor = self.width**times
        with np.errstate(over="ignore", under="ignore"):
            result: Float = np.ldexp(found * factor, exponent)
        largest, inner = np.abs(result).max(initial=0.0), np.abs(found).max(initial=0.0) * factor
        if np.isfinite(largest) and (largest >= TINY or inner == 0):
            return result
        decades = math.log10(inner) + exponent * math.log10(2)
        raise ValueError(
            f"{name} is about 1e{decades:+.0f}, which float64 cannot hold: times span about "
            f"1e{self.span * math.log10(2):+.0f}, and values and errors reach about "
            f"1e{self.size * math.log10(2):+.0f}; give them in units that bring both near 1"
        )

    def inner(self, strength: float, values: int, times: int) -> float:
        """The λ in units of 2^size and the whole span; far beyond what singular values reach, any
        does the same."""
        exponent = -self.size * values - self.span * times
        with np.errstate(over="ignore", under="ignore"):
            found = np.ldexp(strength * self.width**-times, exponent)
        return float(np.clip(found, 1e-300, 1e300))


@dataclass(frozen=True)
class Problem:
    """What is fitted: ``values`` at ``times`` from 0 to 1, wanted ``at`` others.

    ``rounding`` is the standard error of ``values`` by rounding alone.
    """

    times: Float
    values: Float
    at: Float
    noise: Noise | None
    rounding: float
    units: Units


def posed(
    times: Float,
    values: Float,
    at: Float,
    errors: Float | None,
    *,
    cumulative: bool,
    logarithmic: bool,
) -> Problem:
    """A problem from what was given, in units of its own.

    Parameters
    ----------
    times, values : (T,) float64
    at : (N,) float64
    errors : None or (T,) or (T, T) float64
        Of the values: standard errors or covariance.
    cumulative : bool
        Whether increments are what is independent.
    logarithmic : bool
        Whether logarithms of times and values are fitted.
    """
    scale, span = np.ones(times.size), exponent(times)
    if logarithmic:
        size, span = exponent(values), 0
        scale, errors = np.ldexp(values, -size), _divided(errors, size)
        times, values, at = np.log(times), np.log(values), np.log(at)
    times, at = np.ldexp(times, -span), np.ldexp(at, -span)
    width = float(times[-1] - times[0])
    if width == 0:
        raise ValueError("times must differ by more than the rounding of their logarithms does")
    efold = 1.0 if logarithmic else width
    size = exponent(values)
    if errors is not None:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            relative = (errors if errors.ndim == 1 else np.sqrt(np.diag(errors))) / scale
        beyond = np.flatnonzero(~np.isfinite(relative))
        if beyond.size:
            raise ValueError(
                f"error must be comparable with values, and at record {beyond[0]} is beyond 1e308 "
                "times the value; leave out such records"
            )
        size = max(size, exponent(relative))
    values, errors = np.ldexp(values, -size), _divided(errors, size)
    # ln y is rounded by what y is rounded by, however near 0 it is
    coarse = float(np.abs(values).max()) + (math.ldexp(1.0, -size) if logarithmic else 0.0)
    rounding = ROUNDING * EPSILON * math.sqrt(times.size) * coarse
    noise = None
    if errors is not None:
        noise = _noise(np.diff(times) / efold, errors, scale, cumulative, rounding * scale)
    mantissa, more = math.frexp(width)
    return Problem(
        times=(times - times[0]) / width,
        values=values,
        at=np.clip((at - times[0]) / width, 0.0, 1.0),
        noise=noise,
        rounding=rounding,
        units=Units(mantissa, span + more, size),
    )


def exponent(values: Float) -> int:
    """The least k with \\|values\\| < 2^k; 0 of zeros."""
    return math.frexp(float(np.abs(values).max(initial=0.0)))[1]


def _divided(errors: Float | None, size: int) -> Float | None:
    """Errors or a covariance in units of 2^size."""
    if errors is None:
        return None
    with np.errstate(over="ignore", under="ignore"):
        found: Float = np.ldexp(errors, -size * errors.ndim)
    return found


def _noise(gaps: Float, errors: Float, scale: Float, cumulative: bool, rounding: Float) -> Noise:
    """Noise of values from their errors, which are no less than ``rounding`` (T,).

    Standard errors are estimates: where a running sum's error does not grow, its increments would
    count as exact. So a least share of the variance is taken to be new in every interval, of which
    ``gaps`` (T − 1,) are the lengths in e-folds.
    """
    if errors.ndim == 2:
        return Noise(errors + np.diag(rounding**2), scale, False)
    floored = np.maximum(errors, rounding)
    if cumulative and errors[0] == 0:
        floored[0] = 0.0
    variance = floored**2
    if (variance[floored > 0] == 0).any():
        raise ValueError(
            "error must not span more decades than squares hold, got "
            f"{errors[errors > 0].min():.6g} to {errors.max():.6g} in units of the largest value"
        )
    if not cumulative:
        return Noise(variance, scale, False)
    held = np.maximum.accumulate(variance)
    # less than some EPSILON of what it is added to would be lost again
    least = RENEWED * held[1:] * np.clip(gaps, 64 * EPSILON, 1.0)
    grown = np.maximum(np.diff(held), least)
    grown = np.maximum(grown, rounding[1:] ** 2 + rounding[:-1] ** 2)
    return Noise(np.cumsum(np.concatenate([held[:1], grown])), scale, True)
