"""What is logged of flags: few lines, however many layers are in trouble, and however often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ..health import Flag
from ..printing import printable

SINGLE = 4  # layers in the same trouble at one record that have a line each
NAMED = 3  # of more layers, in the line that they share

_TROUBLES = {
    "nan": "with NaN",
    "inf": "with infinite elements",
    "exploding": "exploding, up to {value:.3g} times their size at the beginning",
    "zero": "all zero at {value:,.0f} records in a row",
    "unchanging": "unchanging at {value:,.0f} records in a row",
}


class Alerts:
    """Words the flags that begin at a record.

    A flag that is raised again and again is told of the first, second, fourth, eighth time and so
    on; more than four layers in the same trouble share a line.

    Examples
    --------
    >>> alerts = Alerts()
    >>> alerts(Flag(120, "param", f"w{i}", "nan", 3.0) for i in range(40))
    ['step 120: param: 40 layers with NaN: w0, w1, w2 and 37 more']
    >>> for step in (130, 140, 150):
    ...     print(alerts([Flag(step, "param", "w0", "nan", 3.0)]))
    ['step 130: param w0: 3 NaN (time 2; told of next at time 4)']
    []
    ['step 150: param w0: 3 NaN (time 4; told of next at time 8)']
    """

    def __init__(self) -> None:
        self._times: Counter[str] = Counter()

    def resume(self, earlier: Iterable[Flag]) -> None:
        """Go on after flags that were told of before."""
        self._times.update(flag.name for flag in earlier)

    def __call__(self, raised: Iterable[Flag]) -> list[str]:
        """Lines for these flags, in their order."""
        alike: dict[tuple[str, str], list[Flag]] = {}
        for flag in raised:
            self._times[flag.name] += 1
            times = self._times[flag.name]
            if times & (times - 1) == 0:
                alike.setdefault((flag.quantity, flag.kind), []).append(flag)
        lines: list[str] = []
        for flags in alike.values():
            lines += [_together(flags)] if len(flags) > SINGLE else map(self._alone, flags)
        return lines

    def _alone(self, flag: Flag) -> str:
        times = self._times[flag.name]
        again = f" (time {times}; told of next at time {2 * times})" if times > 1 else ""
        return printable(f"{flag}{again}")


def _together(flags: Sequence[Flag]) -> str:
    first = flags[0]
    trouble = _TROUBLES[first.kind].format(value=max(flag.value for flag in flags))
    names = ", ".join(flag.layer for flag in flags[:NAMED])
    return printable(
        f"step {first.step:,}: {first.quantity}: {len(flags)} layers {trouble}: "
        f"{names} and {len(flags) - NAMED} more"
    )
