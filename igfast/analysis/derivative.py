"""Regularized derivatives of noisy curves at uneven times, with error bands.

Tikhonov regularization finds u, the derivative of order n, from

    min  Σ (Au + c − y)²  +  λ ∫ (du/ds)² ds,      A: n-fold integral, c: polynomial of degree n − 1

and total variation (Chartrand 2011, doi:10.5402/2011/164564) puts ∫ |du/ds| ds in place of
the square. u is linear between knots and the integrals are exact, so uneven times need no
correction. λ is given, or chosen and reported. ``docs/derivatives.md`` derives what is done here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .derivative_arguments import check_choices, checked, checked_errors
from .derivative_ends import hidden_at_ends
from .smoothing import Noise, basis, best_strength, decompose, knots_for
from .total_variation import Variations

Float = NDArray[np.float64]

MOST_KNOTS = 320
MOST_KNOTS_VARIATION = 200  # solved some hundred times
RENEWED = 0.2  # least share of a cumulative variance that is new in each e-fold of time


@dataclass(frozen=True)
class Derivative:
    """A derivative and how it was regularized.

    Attributes
    ----------
    times : (N,) float64
    value : (N,) float64
        The derivative at ``times``.
    error : (N,) float64
        One standard error. Tikhonov: the posterior band of Wahba (1983), noise and smoothing
        together, and what the penalty hides at the ends. Total variation: spread and shift of
        refits to resampled noise. On average along a curve; too narrow at kinks.
    noise_error : (N,) float64
        The part of it that is noise: right where λ is so small that smoothing does no harm.
    order : int
    coordinates : {"linear", "log-log"}
        d^n y/dt^n, or d^n ln y/d(ln t)^n.
    method : {"tikhonov", "total_variation"}
    strength : float
        λ, in the units of the formula; with errors given the first sum is χ².
    chosen_by : {"given", "gcv", "risk"}
        What decided on λ.
    freedom : float
        Degrees of freedom of the fit; ``order + 1`` is a straight polynomial.
    scatter : float
        Residual variance; with errors given, χ² per degree of freedom.
    fitted : (N,) float64
        The smoothed curve itself (ln y for log-log).
    root : (N, K) float64
        ``root @ root.T`` is the covariance of ``value``, without what is hidden at the ends: that
        makes a curve too level there, so minima seem shallower than they are, never deeper.
    """

    times: Float
    value: Float
    error: Float
    noise_error: Float
    order: int
    coordinates: str
    method: str
    strength: float
    chosen_by: str
    freedom: float
    scatter: float
    fitted: Float = field(repr=False)
    root: Float = field(repr=False)

    def difference_error(self, index: int) -> Float:
        """(N,) standard error of ``value − value[index]``, correlations included."""
        squared: Float = ((self.root - self.root[index]) ** 2).sum(axis=1)
        return np.sqrt(squared)


def differentiate(
    times: ArrayLike,
    values: ArrayLike,
    *,
    order: int = 1,
    method: str = "tikhonov",
    strength: float | str = "gcv",
    error: ArrayLike | None = None,
    cumulative: bool = False,
    at: ArrayLike | None = None,
) -> Derivative:
    """Derivative of values at uneven times.

    Parameters
    ----------
    times : (T,) array_like
        Strictly increasing.
    values : (T,) array_like
    order : int
        1 or higher; T must be at least ``order + 4``.
    method : {"tikhonov", "total_variation"}
        Total variation keeps jumps of the derivative sharp.
    strength : float, "gcv" or "risk"
        λ > 0, or how it is chosen: "gcv" is generalized cross-validation, and with errors given
        the larger of its λ and that of "risk", unbiased risk, which takes the errors at their
        word: noise that is smoother than its errors must not pass for signal.
    error : (T,) or (T, T) array_like, optional
        Standard errors of the values, or their covariance. Without it the noise is taken to be
        independent and even, and measured by the residuals; with it, residuals larger than the
        errors widen the band, smaller ones don't narrow it.
    cumulative : bool
        The values are running sums of independent increments and ``error`` (T,) is that of the
        sums, so that errors at different times are correlated.
    at : (N,) array_like, optional
        Where to evaluate, within the times; default: at the times.

    Returns
    -------
    Derivative
        In values/time^order.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> t = np.sort(rng.uniform(0, 6, 200))
    >>> found = differentiate(t, np.sin(t) + 0.01 * rng.normal(size=200))
    >>> bool(np.abs(found.value - np.cos(t)).max() < 0.1)
    True
    """
    t, y, at_times = checked(times, values, at, order)
    if cumulative and (error is None or np.ndim(error) != 1):
        raise ValueError(
            f"cumulative=True needs error, the (T,) standard errors of the running sums, got "
            f"{'None' if error is None else f'shape {np.shape(error)}'}"
        )
    noise = None
    if error is not None:
        noise = _noise(
            t, checked_errors(error, t), np.ones(t.size), cumulative, float(t[-1] - t[0])
        )
    return _solve(t, y, noise, order, method, strength, at_times)


def smooth(
    times: ArrayLike,
    values: ArrayLike,
    *,
    strength: float | str = "gcv",
    error: ArrayLike | None = None,
    at: ArrayLike | None = None,
) -> Derivative:
    """The smoothed curve itself, ``order`` 0: min Σ (f − y)² + λ ∫ f″² ds, with its band.

    Parameters and result are those of :func:`differentiate`.
    """
    t, y, at_times = checked(times, values, at, 1)
    noise = None
    if error is not None:
        noise = _noise(t, checked_errors(error, t), np.ones(t.size), False, 1.0)
    return _solve(t, y, noise, 0, "tikhonov", strength, at_times)


def log_differentiate(
    times: ArrayLike,
    values: ArrayLike,
    *,
    order: int = 1,
    method: str = "tikhonov",
    strength: float | str = "gcv",
    error: ArrayLike | None = None,
    cumulative: bool = True,
    at: ArrayLike | None = None,
) -> Derivative:
    """d^n ln(values)/d(ln times)^n: the local exponent (n = 1) and its change (n = 2).

    Parameters
    ----------
    times, values : (T,) array_like
        Positive; records where a length is not clear of its error are best left out, since the
        logarithm needs small relative errors.
    error : (T,) or (T, T) array_like, optional
        Standard errors of the values (not of their logarithms), or their covariance.
    cumulative : bool
        As an information length is; ignored without (T,) errors.
    order, method, strength, at
        As for :func:`differentiate`; λ is in units of ln t.

    Returns
    -------
    Derivative

    Examples
    --------
    >>> import numpy as np
    >>> t = np.geomspace(1, 1000, 60)
    >>> noise = np.exp(1e-3 * np.random.default_rng(0).normal(size=60))
    >>> found = log_differentiate(t, 3 * t**0.5 * noise)
    >>> bool(np.abs(found.value - 0.5).max() < 0.01)
    True
    """
    t, y, at_times = checked(times, values, at, order)
    for name, array in (("times", t), ("values", y), ("at", at_times)):
        if not (array > 0).all():
            raise ValueError(
                f"{name} must be positive for logarithms, the least is {array.min():.6g}; leave "
                "out such records"
            )
    noise = None
    if error is not None:
        errors = checked_errors(error, t)
        noise = _noise(np.log(t), errors, y, cumulative and errors.ndim == 1, 1.0)
    found = _solve(np.log(t), np.log(y), noise, order, method, strength, np.log(at_times))
    return replace(found, times=at_times, coordinates="log-log")


def _solve(
    t: Float,
    y: Float,
    noise: Noise | None,
    order: int,
    method: str,
    strength: float | str,
    at: Float,
) -> Derivative:
    check_choices(method, strength, noise)
    degree = max(order, 1) + 1
    width = float(t[-1] - t[0])
    s, s_at = (t - t[0]) / width, np.clip((at - t[0]) / width, 0.0, 1.0)
    smooth = method == "tikhonov"
    knots = knots_for(s, MOST_KNOTS if smooth else MOST_KNOTS_VARIATION)
    # λ of the formula, in the user's units of time, against λ on the unit interval
    unit = width ** (1 - 2 * degree if smooth else 1 - degree)
    offset = y[0] if noise is not None and noise.starts_exact else 0.0
    fixed, free = basis(s, knots, degree)
    white = np.asarray if noise is None else noise.white
    if noise is not None:
        fixed = fixed[:, int(noise.starts_exact) :]  # an exact first value leaves c₀ no freedom
    fit = decompose(white(y - offset), white(fixed), white(free))
    variations = None if smooth else Variations(fit, np.sqrt(np.diff(knots)))
    if not isinstance(strength, str):
        inner, chosen_by = strength * unit, "given"
    else:
        names = ("gcv", "risk") if strength == "gcv" and noise is not None else (strength,)
        inner, chosen_by = max(
            (best_strength(fit, name) if variations is None else variations.best(name), name)
            for name in names
        )
    if variations is None:
        freedom, residual = fit.freedom(inner), fit.residual(inner)
        c, z = fit.coefficients(inner)
    else:
        varied = variations.solve(inner, fit.data)
        freedom, residual, c, z = varied.freedom, varied.residual, varied.fixed, varied.free
    left = fit.data.size - freedom
    if chosen_by == "given" and left < 1e-6 * fit.data.size:
        raise ValueError(f"strength={strength:g} leaves no residual to tell errors by; raise it")
    scatter = residual / left
    kept = fit.triangle.shape[0]  # one less than the degree where the constant is not fitted
    at_fixed, at_free = basis(s_at, knots, degree, order)
    at_fixed = at_fixed[:, -kept:] / width**order
    at_free /= width**order
    spread = np.sqrt(scatter if noise is None else max(scatter, 1.0))
    if variations is None:
        noise_root, root = (spread * r for r in fit.roots(inner, at_fixed, at_free))
        hidden = hidden_at_ends(fit, inner, (s, s_at), knots, (degree, order), white)
    else:
        root = variations.root(inner, spread, at_fixed, at_free)
        noise_root, hidden = root[:, :-1], np.zeros(at.size)
    back_fixed, back_free = basis(s_at, knots, degree)
    return Derivative(
        times=at,
        value=at_fixed @ c + at_free @ z,
        error=np.hypot(np.sqrt((root**2).sum(axis=1)), hidden / width**order),
        noise_error=np.sqrt((noise_root**2).sum(axis=1)),
        order=order,
        coordinates="linear",
        method=method,
        strength=float(inner / unit),
        chosen_by=chosen_by,
        freedom=freedom,
        scatter=scatter,
        fitted=offset + back_fixed[:, -kept:] @ c + back_free @ z,
        root=root,
    )


def _noise(s: Float, errors: Float, scale: Float, cumulative: bool, efold: float) -> Noise:
    """Noise of values from their errors; ``efold`` is the time in which a share is renewed.

    Standard errors are estimates: where a running sum's error does not grow, its increments would
    count as exact. So a least share of the variance is taken to be new in every interval.
    """
    if errors.ndim == 2:
        return Noise(errors, scale, False)
    if not cumulative:
        return Noise(errors**2, scale, False)
    held = np.maximum.accumulate(errors**2)
    least = RENEWED * held[1:] * np.minimum(np.diff(s) / efold, 1.0)
    grown = np.maximum(np.diff(held), least)
    return Noise(np.cumsum(np.concatenate([held[:1], grown])), scale, True)
