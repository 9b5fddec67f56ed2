"""Flags in few lines, however many layers are in trouble, and however often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from .health import Flag
from .printing import printable

SINGLE = 4  # layers in the same trouble that have a line each
NAMED = 3  # of more layers, in the line that they share

_TROUBLES = {
    "nan": "with NaN",
    "inf": "with infinite elements",
    "exploding": "exploding, up to {value:.3g} times their size at the beginning",
    "zero": "all zero at {value:,.0f} records in a row",
    "unchanging": "unchanging at {value:,.0f} records in a row",
}


class Alerts:
    """What is logged of the flags that begin at a record.

    A flag that is raised again and again is told of the first, second, fourth, eighth time and so
    on.

    Examples
    --------
    >>> alerts = Alerts()
    >>> alerts([Flag(120, "param", f"w{i}", "nan", 3.0) for i in range(40)])
    ['step 120: param: 40 layers with NaN: w0, w1, w2 and 37 more']
    >>> for step in (130, 140, 150):
    ...     print(alerts([Flag(step, "param", "w0", "nan", 3.0)]))
    ['step 130: param w0: 3 NaN (raised 2 times, logged next at 4)']
    []
    ['step 150: param w0: 3 NaN (raised 4 times, logged next at 8)']
    """

    def __init__(self) -> None:
        self._times: Counter[str] = Counter()

    def resume(self, earlier: Iterable[Flag]) -> None:
        """Go on after flags that were told of before."""
        self._times.update(flag.name for flag in earlier)

    def __call__(self, raised: Sequence[Flag]) -> list[str]:
        """Lines for the flags of one record."""
        self._times.update(flag.name for flag in raised)
        told = [flag for flag in raised if _is_power_of_two(self._times[flag.name])]
        return [f"step {told[0].step:,}: {line}" for line in in_few_lines(told, self._again)]

    def _again(self, alike: Sequence[Flag]) -> str:
        times = max(self._times[flag.name] for flag in alike)
        return f" (raised {times} times, logged next at {2 * times})" if times > 1 else ""


def in_few_lines(
    flags: Iterable[Flag], again: Callable[[Sequence[Flag]], str] = lambda alike: ""
) -> list[str]:
    """What is the matter with which layers; more than four in the same trouble share a line.

    >>> in_few_lines([Flag(5, "grad", "w", "zero", 10.0), Flag(7, "param", "w", "inf", 1.0)])
    ['grad w: all zero at 10 records in a row', 'param w: 1 infinite']
    """
    alike: dict[tuple[str, str], list[Flag]] = {}
    for flag in flags:
        alike.setdefault((flag.quantity, flag.kind), []).append(flag)
    lines: list[str] = []
    for (quantity, kind), same in alike.items():
        if len(same) <= SINGLE:
            lines += [f"{quantity} {f.layer}: {f.condition}{again([f])}" for f in same]
            continue
        trouble = _TROUBLES[kind].format(value=max(flag.value for flag in same))
        names = ", ".join(flag.layer for flag in same[:NAMED])
        rest = len(same) - NAMED
        lines.append(
            f"{quantity}: {len(same)} layers {trouble}{again(same)}: {names} and {rest} more"
        )
    return [printable(line) for line in lines]


def _is_power_of_two(number: int) -> bool:
    return number & (number - 1) == 0
