"""The local exponent of an information length, from the records that measure it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .derivative import Derivative, log_differentiate
from .derivative_arguments import checked_times, real_numbers
from .derivative_units import exponent

Float = NDArray[np.float64]

CLEAR = 4.0  # standard errors that L must hold: ln L needs small relative errors
STRAIGHT = 1e-9  # relative change of slope below which a record was interpolated
REST = 4.0  # a rest from step t to this many times t, or longer, counts record by record
FEWEST = 10  # informative records
PER_DECADE = 40  # times at which the derivative is given


class UnresolvedLength(ValueError):
    """Too few records at which L stands clear of its error."""


def informative(times: ArrayLike, length: ArrayLike, error: ArrayLike | None) -> NDArray[np.bool_]:
    """(T,) whether a record measures L: interpolated and unresolved ones do not.

    Inside an adaptive segment L is linear in the step: only the segment's ends were measured. Where
    L stands still for long, all say so. Records before L stands clear of zero for good have no
    useful logarithm; nor have those at which L or its error is not known.

    Parameters
    ----------
    times, length : (T,) array_like
    error : (T,) array_like, optional
        Standard errors of the length.

    Examples
    --------
    >>> import numpy as np
    >>> L = np.array([0.0, 0.1, 0.2, 0.5, 0.6])
    >>> informative(np.arange(5.0), L, np.full(5, 0.01)).tolist()
    [False, False, True, True, True]
    """
    t, values = np.asarray(times, dtype=np.float64), np.asarray(length, dtype=np.float64)
    return _measured(t, values, error) & _clear(t, values, error)


def _measured(t: Float, values: Float, error: ArrayLike | None) -> NDArray[np.bool_]:
    """Not interpolated, and known with its error."""
    known = np.isfinite(values)
    measured = known.copy()
    sizes = exponent(t), exponent(values[known])  # in other units slopes may vanish or overflow
    slope = np.diff(np.ldexp(values, -sizes[1])) / np.diff(np.ldexp(t, -sizes[0]))
    with np.errstate(invalid="ignore"):
        measured[1:-1] = np.abs(np.diff(slope)) > STRAIGHT * np.abs(slope[:-1])
    measured[np.flatnonzero(known)[-1:]] = True  # ends a segment, though L be lost afterwards
    bounds = np.flatnonzero(np.diff(np.r_[False, slope == 0, False].astype(np.int8)))
    for start, stop in bounds.reshape(-1, 2).tolist():
        if t[stop] >= REST * t[start]:
            measured[start:stop] = True  # else one far record is all that tells of the rest
    if error is not None:
        measured &= np.isfinite(np.asarray(error, dtype=np.float64))
    return measured


def _clear(t: Float, values: Float, error: ArrayLike | None) -> NDArray[np.bool_]:
    """After the last record at which L, as far as it is known, stands not clear of zero."""
    known = np.isfinite(values)
    least = 0.0 if error is None else CLEAR * np.nan_to_num(np.asarray(error, dtype=np.float64))
    with np.errstate(invalid="ignore"):
        hidden = np.flatnonzero(known & ~((values > least) & (t > 0)))
    clear = known.copy()
    clear[: hidden[-1] + 1 if hidden.size else 0] = False
    return clear


def local_exponent(
    times: ArrayLike,
    length: ArrayLike,
    error: ArrayLike | None = None,
    *,
    order: int = 1,
    method: str = "tikhonov",
    strength: float | str = "gcv",
) -> Derivative:
    """d ln L/d ln t (order 1) or d² ln L/d(ln t)² (order 2) of an information length.

    Parameters
    ----------
    times : (T,) array_like
        Steps since the length was 0, strictly increasing; another origin of time gives other
        exponents.
    length : (T,) array_like
        NaN where it is not known.
    error : (T,) array_like, optional
        Standard errors of the length, taken as those of a sum of independent increments; all NaN
        counts as none.
    order, method, strength
        As for :func:`igfast.analysis.log_differentiate`.

    Returns
    -------
    Derivative
        At 40 times per decade between the first and the last record that measures L.

    Raises
    ------
    UnresolvedLength
        If fewer than 10 records measure L.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(200.0)
    >>> rng = np.random.default_rng(0)
    >>> L = np.cumsum(np.r_[0, np.diff(t**0.5) * (1 + 0.01 * rng.normal(size=199))])
    >>> bool(np.abs(local_exponent(t, L).value - 0.5).max() < 0.02)
    True
    """
    t, values = checked_times(times, length, "length")
    errors = None if error is None else real_numbers("error", error)
    if errors is not None and errors.shape != t.shape:
        raise ValueError(
            f"error must be (T,) standard errors of the length for T = {t.size}, got shape "
            f"{errors.shape}"
        )
    if errors is not None and not np.isfinite(errors[1:]).any():
        errors = None  # of an estimator that has none
    keep = informative(t, values, errors)
    if keep.sum() < FEWEST:
        raise UnresolvedLength(_unresolved(t, values, errors))
    t, values = t[keep], values[keep]
    count = max(int(np.ceil(PER_DECADE * np.log10(t[-1] / t[0]))), 2) + 1
    at = np.clip(np.geomspace(t[0], t[-1], count), t[0], t[-1])
    return log_differentiate(
        t,
        values,
        order=order,
        method=method,
        strength=strength,
        error=None if errors is None else errors[keep],
        at=at,
    )


def _unresolved(t: Float, values: Float, errors: Float | None) -> str:
    unknown = ~np.isfinite(values)
    clear, measured = _clear(t, values, errors), _measured(t, values, errors)
    between = int((clear & ~measured).sum())
    return (
        f"L is measured by {(clear & measured).sum()} of {t.size} records, {FEWEST} are needed: at "
        f"{(~clear & ~unknown).sum()} it is not yet {CLEAR:g} standard errors clear of zero, at "
        f"{between} interpolated within a segment, at {unknown.sum()} not known; record more often "
        "or use more splits"
    )


def local_exponents(
    times: ArrayLike, lengths: Mapping[str, tuple[ArrayLike, ArrayLike]], **choices: Any
) -> dict[str, Derivative]:
    """:func:`local_exponent` of (length, error) by name; of several, unresolved ones are left out.

    Raises
    ------
    UnresolvedLength
        If the only one is not resolved.
    """
    found = {}
    for name, (length, error) in lengths.items():
        try:
            found[name] = local_exponent(times, length, error, **choices)
        except UnresolvedLength as problem:
            if len(lengths) == 1:
                raise UnresolvedLength(f"layer {name!r}: {problem}") from None
    return found
