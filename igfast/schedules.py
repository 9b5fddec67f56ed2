"""When to record: a schedule is a function step -> bool.

Steps are counts of completed optimizer steps. Any callable will do; these are the usual ones.

Examples
--------
>>> from igfast.schedules import any_of, dense, every, log_spaced
>>> schedule = any_of(every(1000), log_spaced(per_decade=3), dense(around=5000, radius=2))
>>> [step for step in range(1, 3100) if schedule(step)]
[1, 2, 5, 10, 22, 46, 100, 215, 464, 1000, 2000, 2154, 3000]
>>> [step for step in range(4900, 6000) if schedule(step)]
[4998, 4999, 5000, 5001, 5002]
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Schedule = Callable[[int], bool]


@dataclass(frozen=True, repr=False)
class _Described:
    """A schedule that a run file can name: its repr is the call that made it."""

    text: str
    wants: Schedule

    def __call__(self, step: int) -> bool:
        return self.wants(step)

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, repr=False)
class _Every:
    """An interval. A call of its own, not of a :class:`_Described`: it is asked at every step."""

    interval: int

    def __call__(self, step: int) -> bool:
        return step % self.interval == 0

    def __repr__(self) -> str:
        return f"every({self.interval})"


def every(n: int) -> Schedule:
    """Steps 0, n, 2n, …

    Raises
    ------
    ValueError
        If ``n`` is below 1.
    """
    return _Every(_positive(n, "every"))


def log_spaced(per_decade: int) -> Schedule:
    """Step 0 and the steps nearest to 10^(i / per_decade), i = 0, 1, 2, …

    Early on, where these are closer than one step, every step. A rounded step is recorded once.
    """
    count = _positive(per_decade, "per_decade")

    def schedule(step: int) -> bool:
        if step <= 0:
            return step == 0
        return _nearest(_last_index(step, count), count) == step

    return _Described(f"log_spaced(per_decade={count})", schedule)


def dense(around: int, radius: int) -> Schedule:
    """Every step of [around − radius, around + radius].

    Raises
    ------
    TypeError, ValueError
        If they are no integers, or ``radius`` is negative.
    """
    center, width = _integer(around, "around"), _integer(radius, "radius")
    if width < 0:
        raise ValueError(f"radius must not be negative, got {width}")
    text = f"dense(around={center}, radius={width})"
    return _Described(text, lambda step: abs(step - center) <= width)


def any_of(*schedules: int | Schedule) -> Schedule:
    """Steps that any of the schedules wants."""
    if not schedules:
        raise ValueError("any_of needs at least one schedule, got none")
    resolved = [resolve(schedule) for schedule in schedules]
    names = ", ".join(getattr(one, "__qualname__", repr(one)) for one in resolved)
    return _Described(f"any_of({names})", lambda step: any(one(step) for one in resolved))


def resolve(value: int | Schedule) -> Schedule:
    """A schedule from the argument ``every=``: an interval or a schedule.

    Raises
    ------
    TypeError, ValueError
        If it is neither.
    """
    if callable(value):
        return value
    return every(value)


def _integer(value: Any, argument: str) -> int:
    try:
        return operator.index(value)
    except TypeError as error:
        raise TypeError(f"{argument} must be an integer number of steps, got {value!r}") from error


def _positive(value: Any, argument: str) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        alternative = " or a function step -> bool" if argument == "every" else ""
        raise TypeError(f"{argument} must be a positive integer{alternative}, got {value!r}")
    if number < 1:
        raise ValueError(f"{argument} must be at least 1, got {number}")
    return number


def _last_index(step: int, per_decade: int) -> int:
    """Largest i with _nearest(i) <= step, by bisection: _nearest never falls."""
    low, high = 0, per_decade * len(str(step)) + 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _nearest(middle, per_decade) <= step else (low, middle - 1)
    return low


def _nearest(index: int, per_decade: int) -> int:
    decades, rest = divmod(index, per_decade)
    # whole decades are exact integers, whatever the platform's pow
    return 10**decades if rest == 0 else int(10 ** (index / per_decade) + 0.5)
