"""What a penalty hides at the ends of a curve, where nothing but the penalty holds it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .smoothing import Fit, basis

Float = NDArray[np.float64]

_REACH = 0.05  # of what is hidden at an end, as far as which the curve's slope is looked at


def hidden_at_ends(
    fit: Fit,
    strength: float,
    times: tuple[Float, Float],
    knots: Float,
    derivatives: tuple[int, int],
    white: Callable[[Float], Float],
) -> Float:
    """(N,) errors of a derivative, large at the ends, next to none between them.

    A penalty on derivative m makes it zero at the ends: with it the derivative of order n, where
    that is m − 1, comes out level there. How much of a derivative m that is 1 everywhere is lost,
    and how far into the curve, is known exactly: from the fit of sᵐ/m! at the same strength. It is
    the more of the curve's own, of which the largest counts that the fit has within that reach.

    Parameters
    ----------
    fit, strength
        Of the data.
    times : (T,), (N,) float64
        Of the data, and where the derivative is wanted, both in units of the whole span.
    knots : (K + 1,) float64
    derivatives : (int, int)
        Penalized and wanted.
    white
        Whitens values as the data were.
    """
    degree, order = derivatives
    at, kept = times[1], len(fit.triangle)
    steep = np.abs(fit.coefficients(strength)[1]) / np.sqrt(np.diff(knots))
    even = replace(fit, data=white(times[0] ** degree / math.factorial(degree)))
    c, z = even.coefficients(strength)

    def lost(where: Float) -> Float:
        fixed, free = basis(where, knots, degree, order)
        power = degree - order
        return np.asarray(where**power / math.factorial(power) - fixed[:, -kept:] @ c - free @ z)

    middles = (knots[1:] + knots[:-1]) / 2
    inside, slopes = np.abs(lost(middles)), []
    for end, half in ((0, middles < 0.5), (-1, middles >= 0.5)):
        within = half & (inside > _REACH * inside[end])
        slopes.append(float(steep[within].max(initial=0.0)))
    share = at**2 * (3 - 2 * at)  # of the second end: the other's slope fades in
    return np.asarray(np.abs(lost(at)) * ((1 - share) * slopes[0] + share * slopes[1]))
