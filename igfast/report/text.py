"""Numbers and names as text: one form of each, in a terminal as on the page.

Needs the standard library and what makes names printable only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from igfast.printing import printable

if TYPE_CHECKING:
    from igfast.report.collect import MotionCurves
    from igfast.report.counted import Layer

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


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


def plain_number(value: float) -> str:
    """Short decimal, or a power of ten in Unicode where a decimal would be long.

    >>> [plain_number(v) for v in (0.5, 1.0, 200.0, 1e-3, 2e-5)]
    ['0.5', '1', '200', '10⁻³', '2·10⁻⁵']
    """
    if value == 0 or 1e-2 <= abs(value) < 1e4:
        return f"{value:.4g}"
    exponent = math.floor(math.log10(abs(value)) + 1e-12)
    factor = f"{value / 10.0**exponent:.3g}"
    return _power(exponent) if factor == "1" else f"{factor}·{_power(exponent)}"


def significant(value: float, digits: int) -> str:
    """So many significant digits, zeros at the end among them; a dash for what is not finite.

    >>> [significant(v, 2) for v in (0.1, 0.0123, 0.996, 120.0, 2e-5, float("nan"))]
    ['0.10', '0.012', '1.0', '120', '2.0·10⁻⁵', '–']
    """
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    factor, _, power = f"{value:.{digits - 1}e}".partition("e")
    exponent = int(power)
    if -2 <= exponent < 4:
        return f"{float(f'{factor}e{power}'):,.{max(0, digits - 1 - exponent)}f}"
    return f"{factor}·{_power(exponent)}"


def three_digits(value: float) -> str:
    """At most three significant digits and three decimals.

    >>> [three_digits(v) for v in (0.01234, 0.9996, 48.998, 781.4, 12345.0, 2e-4)]
    ['0.012', '1.00', '49.0', '781', '12,300', '2·10⁻⁴']
    """
    rounded = float(f"{value:.3g}")
    if rounded == 0:
        return "0"
    if abs(rounded) < 0.0005:  # would read as nothing
        return plain_number(float(f"{value:.1g}"))
    digits = min(max(0, 2 - math.floor(math.log10(abs(rounded)))), 3)
    return f"{rounded:,.{digits}f}"


def number(value: float) -> str:
    """Three digits, or a dash where there is no value."""
    return three_digits(float(value)) if math.isfinite(value) else "–"


def with_error(value: float, error: float) -> str:
    """Value ± standard error, both to the second digit of the error.

    >>> with_error(0.70155, 0.00564), with_error(2.01468, 0.391), with_error(48.998, float("nan"))
    ('0.7016 ± 0.0056', '2.01 ± 0.39', '49.0')
    """
    if not math.isfinite(value):
        return "–"
    if not (math.isfinite(error) and error > 0):
        return three_digits(value) + (" ± ∞" if error == math.inf else "")
    digits = min(max(0, 1 - math.floor(math.log10(error))), 6)
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def scalar_text(value: float) -> str:
    """A logged loss or accuracy in at most four digits; NaN and infinity as they are.

    >>> scalar_text(0.067551), scalar_text(1601.2), scalar_text(float("nan"))
    ('0.06755', '1601', 'nan')
    """
    return plain_number(value) if math.isfinite(value) else f"{value:g}"


def upper_limit(value: float) -> str:
    """An upper limit in two significant digits, rounded up.

    >>> upper_limit(0.3812), upper_limit(0.39), upper_limit(12.1), upper_limit(float("nan"))
    ('< 0.39', '< 0.39', '< 13', '–')
    """
    if not (math.isfinite(value) and value > 0):
        return "–"
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return f"< {plain_number(float(f'{math.ceil(value / unit - 1e-9) * unit:.2g}'))}"


def change(
    first: float, last: float, form: Callable[[float], str] = number, arrow: str = " → "
) -> str:
    """The first and the last value; one where both read the same.

    >>> change(0.5, 0.7), change(0.5, 0.50001)
    ('0.500 → 0.700', '0.500')
    """
    before, after = form(first), form(last)
    return before if before == after else f"{before}{arrow}{after}"


def velocity_text(value: float) -> str:
    """Γ, in two digits."""
    return significant(float(value), 2)


def length_text(motion: MotionCurves, layer: Layer, until: str = "until step") -> str:
    """L ± its standard error, the upper limit of an L that is not resolved, or a dash.

    Of a length that ends before the run does, also until when.
    """
    if not motion.resolved(layer):
        return upper_limit(motion.limit(layer))
    length, error = motion.final.length[layer.column], motion.final.error[layer.column]
    last = motion.last_step(layer)
    return with_error(length, error) + ("" if last is None else f" {until} {last:,}")


def _power(exponent: int) -> str:
    return "10" + str(exponent).translate(_SUPERSCRIPTS)
