"""What derivatives are asked for, checked: each refusal names the argument, its value and what it
must be."""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .smoothing import CRITERIA

Float = NDArray[np.float64]

METHODS = ("tikhonov", "total_variation")
# Of exact values of e^t, sin 6t and e^(−10t) at 200 even times from 0 to 1 the sixth derivative is
# off by 5, 9 and 13 % of its largest and inside ± 2 errors; the eighth by 15, 18 and 55 %, at a
# tenth of times of one curve outside; the twelfth by 0.3 to 3 times.
HIGHEST_ORDER = 6
_KINDS = {
    "c": "real numbers, and of these the imaginary part would be lost",
    "S": "numbers, not text",
    "U": "numbers, not text",
    "M": "numbers: count from some moment in some unit",
    "m": "numbers: divide by some unit",
}


def real_numbers(name: str, given: ArrayLike) -> Float:
    """As float64; what that would change silently is refused."""
    if isinstance(given, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array; leave masked records out of every argument, or pass "
            f"{name}.data to use them"
        )
    array = np.asarray(given)
    if array.dtype.kind in _KINDS:
        example = f", for example {array.flat[0]!r}" if array.size else ""
        raise TypeError(f"{name} must be {_KINDS[array.dtype.kind]}; got {array.dtype}{example}")
    return np.asarray(array, dtype=np.float64)


def checked_times(times: ArrayLike, values: ArrayLike, name: str = "values") -> tuple[Float, Float]:
    """Times that strictly increase, and as many values, which may be anything."""
    t, y = real_numbers("times", times), real_numbers(name, values)
    if t.ndim != 1 or t.shape != y.shape:
        raise ValueError(f"times and {name} must be of one shape (T,), got {t.shape} and {y.shape}")
    _check_finite("times", t)
    back = np.flatnonzero(t[1:] <= t[:-1])
    if back.size:
        at = int(back[0]) + 1
        raise ValueError(
            f"times must strictly increase, got times[{at}] = {t[at]:.10g} after {t[at - 1]:.10g}; "
            "sort the records, and keep one of each time"
        )
    return t, y


def checked(
    times: ArrayLike, values: ArrayLike, at: ArrayLike | None, order: int
) -> tuple[Float, Float, Float]:
    """Of a derivative of an order, 0 for the smoothed curve."""
    t, y = checked_times(times, values)
    needed = max(order, 1) + 4
    if t.size < needed:
        raise ValueError(
            f"times and values must hold {needed} records or more"
            f"{f' for order={order}' if order else ''}, got {t.size}"
        )
    _check_finite("values", y)
    at_times = t if at is None else real_numbers("at", at)
    if at_times.ndim != 1:
        raise ValueError(f"at must be (N,) times, got shape {at_times.shape}; for one, [time]")
    outside = at_times[~((at_times >= t[0]) & (at_times <= t[-1]))]
    if outside.size:
        raise ValueError(
            f"at must be (N,) times within [{t[0]:.6g}, {t[-1]:.6g}], got {outside[0]:.6g}"
        )
    return t, y, at_times


def check_order(order: int) -> None:
    if not isinstance(order, (int, np.integer)) or isinstance(order, bool):
        raise TypeError(f"order must be an integer, got {order!r}")
    if not 1 <= order <= HIGHEST_ORDER:
        raise ValueError(
            f"order must be from 1 to {HIGHEST_ORDER}, got {order}: rounding of float64 alone "
            "hides higher derivatives; take the derivative of a fitted formula instead"
        )


def checked_errors(error: ArrayLike, t: Float, cumulative: bool) -> Float:
    """Standard errors, of a running sum where ``cumulative``, or a covariance."""
    errors = real_numbers("error", error)
    if errors.shape not in ((t.size,), (t.size, t.size)):
        raise ValueError(
            f"error must be (T,) standard errors or a (T, T) covariance for T = {t.size}, got "
            f"shape {errors.shape}"
        )
    _check_finite("error", errors)
    if errors.ndim == 2:
        _check_covariance(errors)
        return errors
    wrong = errors <= 0
    if cumulative and errors[0] == 0:
        wrong[0] = False  # sums start from nothing
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        more = " (of a running sum the first may be 0)" if cumulative else ""
        raise ValueError(
            f"error must be positive{more}, got error[{at}] = {errors[at]:.6g}; leave out records "
            "whose error is not known"
        )
    return errors


def _check_finite(name: str, array: Float) -> None:
    if not np.isfinite(array).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(
            f"{name} must be finite, got {name}[{', '.join(map(str, at))}] = {array[at]}; leave "
            "out such records"
        )


def _check_covariance(errors: Float) -> None:
    spread = np.sqrt(np.abs(np.diag(errors)))
    uneven = np.abs(errors - errors.T) > 1e-9 * spread[:, None] * spread
    if uneven.any():
        i, j = (int(k) for k in np.argwhere(uneven)[0])
        raise ValueError(
            "error of shape (T, T) must be a covariance, and this is not symmetric: "
            f"error[{i}, {j}] = {errors[i, j]:.6g}, error[{j}, {i}] = {errors[j, i]:.6g}"
        )
    try:
        np.linalg.cholesky(errors)
    except np.linalg.LinAlgError:
        raise ValueError(
            "error of shape (T, T) must be a covariance, and this is not positive definite: its "
            f"least eigenvalue is {np.linalg.eigvalsh(errors)[0]:.6g}; is every value measured "
            "with some noise of its own?"
        ) from None


def check_choices(method: str, strength: float | str, errors: Float | None) -> None:
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}")
    if isinstance(strength, str):
        if strength not in CRITERIA:
            raise ValueError(
                f"strength must be a number or one of {tuple(CRITERIA)}, got {strength!r}"
            )
        if strength == "risk" and errors is None:
            raise ValueError('strength="risk" needs error; give it, or use strength="gcv"')
    elif not is_number(strength):
        raise TypeError(f"strength must be a number or one of {tuple(CRITERIA)}, got {strength!r}")
    elif not 0 < strength <= sys.float_info.max:
        raise ValueError(f"strength must be positive and finite, got {strength!r}")


def is_number(given: object) -> bool:
    """Whether it is one real number."""
    return isinstance(given, (int, float, np.integer, np.floating)) and not isinstance(given, bool)
