"""What derivatives are asked for, checked: each refusal names the argument and what it must be."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .smoothing import CRITERIA, Noise

Float = NDArray[np.float64]

METHODS = ("tikhonov", "total_variation")


def checked(
    times: ArrayLike, values: ArrayLike, at: ArrayLike | None, order: int
) -> tuple[Float, Float, Float]:
    if not isinstance(order, (int, np.integer)) or isinstance(order, bool):
        raise TypeError(f"order must be an integer, got {order!r}")
    t = np.asarray(times, dtype=np.float64)
    y = np.asarray(values, dtype=np.float64)
    if t.ndim != 1 or t.shape != y.shape:
        raise ValueError(f"times and values must be of one shape (T,), got {t.shape} and {y.shape}")
    if order < 1 or t.size < order + 4:
        raise ValueError(
            f"order must be at least 1, with {order} + 4 values or more, got order={order} and "
            f"{t.size} values"
        )
    if not (np.isfinite(t).all() and np.isfinite(y).all()):
        raise ValueError("times and values must be finite; leave out records that are not")
    if (np.diff(t) <= 0).any():
        raise ValueError("times must strictly increase")
    at_times = t if at is None else np.asarray(at, dtype=np.float64)
    if at_times.ndim != 1:
        raise ValueError(f"at must be (N,) times, got shape {at_times.shape}; for one, [time]")
    outside = at_times[~((at_times >= t[0]) & (at_times <= t[-1]))]
    if outside.size:
        raise ValueError(
            f"at must be (N,) times within [{t[0]:.6g}, {t[-1]:.6g}], got {outside[0]:.6g}"
        )
    return t, y, at_times


def checked_errors(error: ArrayLike, t: Float) -> Float:
    errors: Float = np.asarray(error, dtype=np.float64)
    if errors.shape not in ((t.size,), (t.size, t.size)):
        raise ValueError(
            f"error must be (T,) standard errors or a (T, T) covariance for T = {t.size}, got "
            f"shape {errors.shape}"
        )
    if errors.ndim == 2:
        _check_covariance(errors)
    elif not np.isfinite(errors).all() or errors[0] < 0 or (errors[1:] <= 0).any():
        raise ValueError("error must be finite and positive; only the first of a sum may be 0")
    return errors


def _check_covariance(errors: Float) -> None:
    if not np.isfinite(errors).all():
        raise ValueError("error must be finite")
    scale = np.sqrt(np.outer(np.abs(np.diag(errors)), np.abs(np.diag(errors))))
    if (np.abs(errors - errors.T) > 1e-9 * scale).any():
        raise ValueError("error of shape (T, T) must be a covariance, and this is not symmetric")
    try:
        np.linalg.cholesky(errors)
    except np.linalg.LinAlgError:
        raise ValueError(
            "error of shape (T, T) must be a covariance, and this is not positive definite; is "
            "every value measured with some noise of its own?"
        ) from None


def check_choices(method: str, strength: float | str, noise: Noise | None) -> None:
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}")
    if isinstance(strength, str):
        if strength not in CRITERIA:
            raise ValueError(
                f"strength must be a number or one of {tuple(CRITERIA)}, got {strength!r}"
            )
        if strength == "risk" and noise is None:
            raise ValueError('strength="risk" needs error; give it, or use strength="gcv"')
    elif isinstance(strength, bool) or not isinstance(strength, (int, float, np.number)):
        raise TypeError(f"strength must be a number or one of {tuple(CRITERIA)}, got {strength!r}")
    elif not (np.isfinite(strength) and strength > 0):
        raise ValueError(f"strength must be positive and finite, got {strength!r}")
    if noise is not None and not noise.cumulative and noise.variance.flat[0] <= 0:
        raise ValueError("error[0] must be positive unless cumulative=True")
