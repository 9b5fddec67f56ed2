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

from .derivative_arguments import check_choices, check_order, checked, checked_errors
from .derivative_ends import hidden_at_ends
from .derivative_units import EPSILON, Problem, exponent, posed
from .one_thread import on_one_thread
from .smoothing import basis, best_strength, decompose, hidden_between, knots_for
from .total_variation import Variations

Float = NDArray[np.float64]

MOST_KNOTS = 320
MOST_KNOTS_VARIATION = 200  # solved some hundred times


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
        together, and what the penalty hides at the ends and straight pieces between knots. Total
        variation: spread and shift of refits to resampled noise. On average along a curve; too
        narrow at kinks. Rounding is in all of it.
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
        Residual variance, no less than rounding leaves; with errors given, χ² per degree of
        freedom.
    fitted : (N,) float64
        The smoothed curve itself (ln y for log-log).
    root : (N, K) float64
        ``root @ root.T`` is the covariance of ``value``, without what is hidden at the ends: that
        makes a curve too level there, so minima seem shallower than they are, never deeper.
    rounding : float
        Of each of ``value`` where it is computed, independent of its neighbors'.
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
    rounding: float = field(repr=False)

    def difference_error(self, index: int) -> Float:
        """(N,) standard error of ``value − value[index]``, correlations included."""
        apart = self.root - self.root[index]
        size = exponent(apart)  # in other units squares may vanish or overflow
        spread: Float = np.sqrt((np.ldexp(apart, -size) ** 2).sum(axis=1))
        found: Float = np.hypot(np.ldexp(spread, size), np.sqrt(2.0) * self.rounding)
        return found


@on_one_thread
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
        1 to 6; T must be at least ``order + 4``.
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
        In values/time^order; λ too depends on the units of time, and a number that float64 cannot
        hold in those given is refused.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> t = np.sort(rng.uniform(0, 6, 200))
    >>> found = differentiate(t, np.sin(t) + 0.01 * rng.normal(size=200))
    >>> bool(np.abs(found.value - np.cos(t)).max() < 0.1)
    True
    """
    check_order(order)
    t, y, at_times = checked(times, values, at, order)
    if cumulative and (error is None or np.ndim(error) != 1):
        raise ValueError(
            f"cumulative=True needs error, the (T,) standard errors of the running sums, got "
            f"{'None' if error is None else f'shape {np.shape(error)}'}"
        )
    errors = None if error is None else checked_errors(error, t, cumulative)
    check_choices(method, strength, errors)
    problem = posed(t, y, at_times, errors, cumulative=cumulative, logarithmic=False)
    return _solve(problem, at_times, order, method, strength)


@on_one_thread
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
    t, y, at_times = checked(times, values, at, 0)
    errors = None if error is None else checked_errors(error, t, False)
    check_choices("tikhonov", strength, errors)
    problem = posed(t, y, at_times, errors, cumulative=False, logarithmic=False)
    return _solve(problem, at_times, 0, "tikhonov", strength)


@on_one_thread
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
    check_order(order)
    t, y, at_times = checked(times, values, at, order)
    for name, array in (("times", t), ("values", y), ("at", at_times)):
        if not (array > 0).all():
            raise ValueError(
                f"{name} must be positive for logarithms, the least is {array.min():.6g}; leave "
                "out such records"
            )
    increments = cumulative and error is not None and np.ndim(error) == 1
    errors = None if error is None else checked_errors(error, t, increments)
    check_choices(method, strength, errors)
    problem = posed(t, y, at_times, errors, cumulative=increments, logarithmic=True)
    found = _solve(problem, at_times, order, method, strength)
    return replace(found, coordinates="log-log")


def _solve(
    problem: Problem, at: Float, order: int, method: str, strength: float | str
) -> Derivative:
    degree = max(order, 1) + 1
    noise, units, s = problem.noise, problem.units, problem.times
    smooth = method == "tikhonov"
    knots = knots_for(s, MOST_KNOTS if smooth else MOST_KNOTS_VARIATION)
    offset = problem.values[0] if noise is not None and noise.starts_exact else 0.0
    fixed, free = basis(s, knots, degree)
    white = np.asarray if noise is None else noise.white
    if noise is not None:
        fixed = fixed[:, int(noise.starts_exact) :]  # an exact first value leaves c₀ no freedom
    floor = s.size * problem.rounding**2 if noise is None else 0.0  # errors hold it otherwise
    fit = decompose(white(problem.values - offset), white(fixed), white(free), floor)
    variations = None if smooth else Variations(fit, np.sqrt(np.diff(knots)))
    # powers of values and times in λ: sums of squares are in those of values, or χ² without units
    powers = (0 if smooth else 1) - (0 if noise is None else 2), (2 if smooth else 1) * degree - 1
    if not isinstance(strength, str):
        inner, chosen_by = units.inner(float(strength), *powers), "given"
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
    at_fixed, at_free = basis(problem.at, knots, degree, order)
    at_fixed = at_fixed[:, -kept:]
    spread = np.sqrt(scatter if noise is None else max(scatter, 1.0))
    if variations is None:
        noise_root, root = (spread * r for r in fit.roots(inner, at_fixed, at_free))
        hidden = hidden_at_ends(fit, inner, (s, problem.at), knots, (degree, order), white)
        if order == degree - 1:  # what is wanted is straight between knots
            hidden = np.hypot(hidden, hidden_between(problem.at, knots, z))
    else:
        root = variations.root(inner, spread, at_fixed, at_free)
        noise_root, hidden = root[:, :-1], np.zeros(at.size)
    terms = np.abs(at_fixed) @ np.abs(c) + np.abs(at_free) @ np.abs(z)
    largest = np.asarray(terms.max(initial=0.0))
    error = np.sqrt((root**2).sum(axis=1) + hidden**2 + (EPSILON * largest) ** 2)
    back_fixed, back_free = basis(problem.at, knots, degree)
    fitted = offset + back_fixed[:, -kept:] @ c + back_free @ z
    return Derivative(
        times=at,
        value=units.back("value", at_fixed @ c + at_free @ z, 1, -order),
        error=units.back("error", error, 1, -order),
        noise_error=units.back("noise_error", np.sqrt((noise_root**2).sum(axis=1)), 1, -order),
        order=order,
        coordinates="linear",
        method=method,
        strength=float(
            strength
            if chosen_by == "given"
            else units.back("strength, the λ chosen,", np.asarray(inner), *powers)
        ),
        chosen_by=chosen_by,
        freedom=freedom,
        scatter=float(units.back("scatter", np.asarray(scatter), 2 if noise is None else 0, 0)),
        fitted=units.back("fitted", fitted, 1, 0),
        root=units.back("root", root, 1, -order),
        rounding=EPSILON * float(units.back("value", largest, 1, -order)),
    )
