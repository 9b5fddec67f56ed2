"""Transitions of a run, the onset of overfitting, and the lag between them.

A transition is a minimum of d² ln L/d(ln t)²: the growth of the information length slows down
most sharply there (Thiruthummal, Kim, Shelyag 2024, arXiv 2406.05295).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .derivative import Derivative, smooth
from .derivative_arguments import is_number, real_numbers

Float = NDArray[np.float64]

THRESHOLD = 2.5  # standard errors that a minimum must be deep
BAND = 2.0  # standard errors that an interval allows
RISE = 3.0  # standard errors by which a test loss must have risen
ONSET_POINTS = 400
FEWEST = 5  # evaluations of a loss


@dataclass(frozen=True)
class Transition:
    """A minimum of d² ln L/d(ln t)² that is deeper than its band.

    Attributes
    ----------
    time : float
        Of the minimum, in steps.
    start, stop : float
        Interval: around the minimum the curve is nowhere more than two standard errors (of the
        difference) above it.
    value, error : float
        d² ln L/d(ln t)² at the minimum.
    depth, depth_error : float
        Below the lower of the two shoulders, in units of ``depth_error``; the shoulders are the
        highest points on either side before the curve falls below the minimum.
    before, after : float
        Times of the shoulders.
    """

    time: float
    start: float
    stop: float
    value: float
    error: float
    depth: float
    depth_error: float
    before: float
    after: float


@dataclass(frozen=True)
class Onset:
    """Where a test loss is least.

    Attributes
    ----------
    found : bool
        Whether the loss rises again, by more than three standard errors until the last
        evaluation, or is infinite in the end.
    time : float
        Of the minimum of the smoothed loss; NaN where none was found.
    start, stop : float
        Interval: the smoothed loss is within two standard errors (of the difference) of its
        minimum; ``stop`` is infinite where no onset was found.
    loss : float
        The smoothed loss at its minimum so far.
    rise, rise_error : float
        ln(loss at the end/least loss).
    strength, freedom : float
        λ of the smoothing and its degrees of freedom.
    """

    found: bool
    time: float
    start: float
    stop: float
    loss: float
    rise: float
    rise_error: float
    strength: float
    freedom: float


@dataclass(frozen=True)
class Lag:
    """log₁₀(onset/transition) in decades of steps; positive where the transition comes first.

    ``low`` and ``high`` hold every pair of times from the two intervals. Without an onset
    ``decades`` is NaN and ``high`` infinite: the lag is at least ``low``.
    """

    decades: float
    low: float
    high: float


def find_transitions(
    curvature: Derivative, *, threshold: float = THRESHOLD
) -> tuple[Transition, ...]:
    """Minima of a second logarithmic derivative that are deeper than their band, by time.

    Parameters
    ----------
    curvature : Derivative
        Of order 2, from :func:`igfast.analysis.local_exponent` or
        :func:`igfast.analysis.log_differentiate`.
    threshold : float
        A minimum counts if both shoulders lie this many standard errors of their difference from
        it above it. The ends of the curve are shoulders but never minima.

    Returns
    -------
    tuple of Transition

    Examples
    --------
    >>> import numpy as np
    >>> from igfast.analysis import log_differentiate
    >>> t = np.geomspace(1, 10_000, 100)
    >>> L = np.where(t < 100, 0.1 * t, t**0.5)  # exponent 1, from step 100 on 1/2
    >>> L *= np.exp(2e-3 * np.random.default_rng(0).normal(size=100))
    >>> found, = find_transitions(log_differentiate(t, L, order=2))
    >>> found.start < 100 < found.stop
    True
    """
    if curvature.order != 2:
        raise ValueError(
            f"curvature must be a second derivative, got order={curvature.order}; make it with "
            "order=2"
        )
    if not is_number(threshold):
        raise TypeError(f"threshold must be a number of standard errors, got {threshold!r}")
    if not threshold >= 0:
        raise ValueError(f"threshold must be 0 standard errors or more, got {threshold!r}")
    value, times = curvature.value, curvature.times
    found = []
    for index in _minima(value):
        left, right = _shoulders(value, index)
        spread = curvature.difference_error(index)
        if any(value[i] - value[index] <= threshold * spread[i] for i in (left, right)):
            continue
        lower = left if value[left] < value[right] else right
        first, last = _within(value - value[index] <= BAND * spread, index)
        found.append(
            Transition(
                time=float(times[index]),
                start=float(times[max(first - 1, 0)]),
                stop=float(times[min(last + 1, times.size - 1)]),
                value=float(value[index]),
                error=float(curvature.error[index]),
                depth=float(value[lower] - value[index]),
                depth_error=float(spread[lower]),
                before=float(times[left]),
                after=float(times[right]),
            )
        )
    return tuple(found)


def overfitting_onset(steps: ArrayLike, loss: ArrayLike, *, strength: float | str = "gcv") -> Onset:
    """Where the smoothed test loss is least, with an interval, or that it is falling still.

    ln(loss) is smoothed over ln(step) by a penalty on its second derivative. Evaluations at step 0
    and missing ones are left out, infinite ones too; but a loss that is infinite in the end, of a
    run that diverged, has risen. Noise is taken to be independent between evaluations: where it
    lasts longer than one, a plateau is taken for an onset more often (docs/transitions.md).

    Parameters
    ----------
    steps, loss : (N,) array_like
        At least 5 finite evaluations at positive steps; losses positive.
    strength : float, "gcv"
        λ of the smoothing, in units of ln(step)³, or how it is chosen.

    Returns
    -------
    Onset

    Examples
    --------
    >>> import numpy as np
    >>> steps = np.arange(100, 10_001, 100)
    >>> loss = 0.1 + 0.05 * np.log(steps / 2000) ** 2
    >>> onset = overfitting_onset(steps, loss + 1e-3 * np.random.default_rng(0).normal(size=100))
    >>> onset.start < 2000 < onset.stop
    True
    """
    s, y = real_numbers("steps", steps), real_numbers("loss", loss)
    if s.ndim != 1 or s.shape != y.shape:
        raise ValueError(f"steps and loss must be of one shape (N,), got {s.shape} and {y.shape}")
    if not np.isfinite(s).all():
        at = int(np.flatnonzero(~np.isfinite(s))[0])
        raise ValueError(f"steps must be finite, got steps[{at}] = {s[at]}; leave it out")
    held = y[(s > 0) & ~np.isnan(y)]
    diverged = bool(np.isposinf(held[-1:]).any())
    infinite = s[(s > 0) & np.isposinf(y)]
    kept = np.flatnonzero((s > 0) & np.isfinite(y))
    s, y = s[kept], y[kept]
    back = np.flatnonzero(np.diff(s) <= 0)
    if back.size:
        at = int(back[0]) + 1
        raise ValueError(
            f"steps must increase, got steps[{kept[at]}] = {s[at]:.10g} after {s[at - 1]:.10g}; "
            "sort the evaluations, and keep one of each step"
        )
    if s.size < FEWEST:
        raise ValueError(
            f"steps and loss must hold {FEWEST} finite evaluations or more at positive steps, got "
            f"{s.size}; evaluate more often"
        )
    if (y <= 0).any():
        raise ValueError(
            f"loss must be positive for its logarithm, the least is {y.min():.6g} at step "
            f"{s[np.argmin(y)]:.10g}"
        )
    if isinstance(strength, str) and strength == "risk":
        raise ValueError(
            'strength="risk" needs the error of each loss, which is not known here; use '
            'strength="gcv" or a number'
        )
    x = np.log(s)
    grid = np.union1d(x, np.linspace(x[0], x[-1], ONSET_POINTS))
    curve = smooth(x, np.log(y), strength=strength, at=grid)
    index = int(np.argmin(curve.value))
    spread = curve.difference_error(index)
    above = curve.value - curve.value[index]
    found = diverged or bool(above[-1] > RISE * spread[-1])
    first, last = _within(above <= BAND * spread, index)
    first, last = max(first - 1, 0), min(last + 1, grid.size - 1)
    stop = math.exp(grid[last]) if found else math.inf
    if diverged and last == grid.size - 1:
        stop = float(infinite[infinite > s[-1]][0])
    return Onset(
        found=found,
        time=math.exp(grid[index]) if found else math.nan,
        start=math.exp(grid[first]),
        stop=stop,
        loss=math.exp(curve.value[index]),
        rise=math.inf if diverged else float(above[-1]),
        rise_error=float(spread[-1]),
        strength=curve.strength,
        freedom=curve.freedom,
    )


def lag(transition: Transition, onset: Onset) -> Lag:
    """How many decades of steps a transition precedes the onset of overfitting.

    Examples
    --------
    >>> transition = Transition(100, 80, 125, -1, 0.1, 1, 0.2, 50, 200)
    >>> onset = Onset(True, 1000, 800, 1250, 0.1, 0.2, 0.01, 1.0, 5.0)
    >>> found = lag(transition, onset)
    >>> round(found.decades, 3), round(found.low, 3), round(found.high, 3)
    (1.0, 0.806, 1.194)
    """
    if not transition.time > 0:
        raise ValueError(
            f"transition.time must be positive for a lag in decades of steps, got "
            f"{transition.time:.6g}; count steps from an origin before it, or find it with "
            "local_exponent"
        )
    return Lag(
        decades=math.log10(onset.time / transition.time),
        low=math.log10(onset.start / transition.stop),
        high=math.log10(onset.stop / transition.start) if transition.start > 0 else math.inf,
    )


def _minima(value: Float) -> NDArray[np.int64]:
    """Indices of local minima, without the ends."""
    return np.flatnonzero((value[1:-1] < value[:-2]) & (value[1:-1] <= value[2:])) + 1


def _shoulders(value: Float, index: int) -> tuple[int, int]:
    """The highest points on either side before the curve falls below value[index]."""
    lower = np.flatnonzero(value < value[index])
    low = int(lower[lower < index][-1]) if (lower < index).any() else 0
    high = int(lower[lower > index][0]) if (lower > index).any() else value.size - 1
    return low + int(np.argmax(value[low : index + 1])), index + int(
        np.argmax(value[index : high + 1])
    )


def _within(inside: NDArray[np.bool_], index: int) -> tuple[int, int]:
    """First and last index of the stretch around ``index`` where ``inside`` holds."""
    outside = np.flatnonzero(~inside)
    before, after = outside[outside < index], outside[outside > index]
    first = int(before[-1]) + 1 if before.size else 0
    return first, int(after[0]) - 1 if after.size else inside.size - 1
