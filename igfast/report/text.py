"""Names, counts and lengths as text: one form of each, in a terminal as on the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from igfast.numerals import number, upper_limit, with_error
from igfast.printing import printable

if TYPE_CHECKING:
    from igfast.report.collect import MotionCurves
    from igfast.report.counted import Layer


def markup(text: str) -> str:
    """Text as HTML: escaped, and as printable as in a terminal.

    >>> markup("a<b\\x1b\\u202e")
    'a&lt;b��'
    """
    return escape(printable(text))


def count(number: int, noun: str) -> str:
    """So many of something.

    >>> count(1, "record"), count(1200, "record")
    ('1 record', '1,200 records')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested names joined by dots, and their values.

    >>> dict(flat({"a": {"b": 1, "c": {}}, "d": 2}))
    {'a.b': 1, 'a.c': {}, 'd': 2}
    """
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def part(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What a run was configured with under a name, where it is a mapping; else nothing.

    >>> part({"data": {"name": "mnist"}, "settings": 3}, "settings")
    {}
    """
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def change(
    first: float, last: float, form: Callable[[float], str] = number, arrow: str = " → "
) -> str:
    """The first and the last value; one where both read the same.

    >>> change(0.5, 0.7), change(0.5, 0.50001)
    ('0.500 → 0.700', '0.500')
    """
    before, after = form(first), form(last)
    return before if before == after else f"{before}{arrow}{after}"


def length_text(motion: MotionCurves, layer: Layer, until: str = "until step") -> str:
    """L ± its standard error, the upper limit of an L that is not resolved, or a dash.

    Of a length that ends before the run does, also until when.
    """
    if not motion.resolved(layer):
        return upper_limit(motion.limit(layer))
    length, error = motion.final.length[layer.column], motion.final.error[layer.column]
    last = motion.last_step(layer)
    return with_error(length, error) + ("" if last is None else f" {until} {last:,}")
