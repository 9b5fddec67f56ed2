"""Numbers as text, one form of each: on pages, in terminals, in what a run says of itself.

A value with an error has as many decimals as the error needs for two digits, a value without one
three digits, a velocity two. Needs the standard library only.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, Context, Decimal

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_PLAIN = range(-3, 6)  # powers of ten of a value or its error that are written as decimals
_UP = Context(prec=2, rounding=ROUND_CEILING)
_EXACT = 1e-6  # an error below this share of its value has a power of ten of its own


def with_error(value: float, error: float) -> str:
    """Value ± standard error: the error in two digits, the value to the same decimal.

    Large and small ones share a power of ten. A value without an error has three digits; a dash
    stands for one that is not finite.

    >>> with_error(0.4, 0.0192), with_error(2.01468, 0.391), with_error(48.998, float("nan"))
    ('0.400 ± 0.019', '2.01 ± 0.39', '49.0')
    >>> with_error(12345.6, 234.0), with_error(1.234e-5, 2.3e-7), with_error(4.2e7, 1.2e6)
    ('12,350 ± 230', '(1.234 ± 0.023)·10⁻⁵', '(4.20 ± 0.12)·10⁷')
    """
    if not math.isfinite(value):
        return "–"
    if not (math.isfinite(error) and error > 0):
        return three_digits(value) + (" ± ∞" if error == math.inf else "")
    if error < _EXACT * abs(value):
        return f"{significant(value, 7)} ± {significant(error, 2)}"
    leading = max(_exponent(value or error, 7), _exponent(error, 2))
    if leading in _PLAIN:
        return _to_two_digits(value, error)
    scaled = _to_two_digits(*(float(Decimal(x).scaleb(-leading)) for x in (value, error)))
    return f"({scaled})·{_power(leading)}"


def three_digits(value: float) -> str:
    """At most three significant digits and three decimals, of small values two digits.

    >>> [three_digits(v) for v in (0.01234, 0.9996, 48.998, 781.4, 12345.0, 6e-4, 4.2e7)]
    ['0.012', '1.00', '49.0', '781', '12,300', '6.0·10⁻⁴', '4.2·10⁷']
    """
    if value == 0:
        return "0"
    rounded, exponent = float(f"{value:.3g}"), _exponent(value, 3)
    if abs(rounded) < 0.00995:  # three decimals would be one digit
        return significant(value, 2)
    if exponent >= _PLAIN.stop:
        return plain_number(value)
    return f"{rounded:,.{min(max(0, 2 - exponent), 3)}f}"


def number(value: float) -> str:
    """Three digits, or a dash where there is no value."""
    return three_digits(float(value)) if math.isfinite(value) else "–"


def velocity_text(value: float) -> str:
    """Γ, and a noise floor of it, in two digits.

    >>> velocity_text(0.0119), velocity_text(0.004), velocity_text(1.31e-4)
    ('0.012', '4.0·10⁻³', '1.3·10⁻⁴')
    """
    return significant(float(value), 2)


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


def upper_limit(value: float) -> str:
    """An upper limit in two significant digits, rounded up.

    >>> upper_limit(0.3812), upper_limit(0.0196), upper_limit(12.1), upper_limit(float("nan"))
    ('< 0.39', '< 0.020', '< 13', '–')
    """
    if not (math.isfinite(value) and value > 0):
        return "–"
    rounded = _UP.create_decimal(value * (1 - 1e-9))  # which two digits may be already
    return f"< {significant(float(rounded), 2)}"


def scalar_text(value: float) -> str:
    """A logged loss or accuracy in at most four digits; NaN and infinity as they are.

    >>> scalar_text(0.067551), scalar_text(1601.2), scalar_text(float("nan"))
    ('0.06755', '1601', 'nan')
    """
    return plain_number(value) if math.isfinite(value) else f"{value:g}"


def plain_number(value: float) -> str:
    """Short decimal, or a power of ten in Unicode where a decimal would be long.

    >>> [plain_number(v) for v in (0.5, 1.0, 200.0, 1e-3, 2e-5)]
    ['0.5', '1', '200', '10⁻³', '2·10⁻⁵']
    """
    decimal = f"{value + 0.0:.4g}"  # zero has no sign
    if value == 0 or 1e-2 <= abs(float(decimal)) < 1e4:
        return decimal
    factor, _, power = f"{value:.2e}".partition("e")
    said = f"{float(factor):g}·{_power(int(power))}"
    return said.removeprefix("1·")


def _to_two_digits(value: float, error: float) -> str:
    """Both to the second digit of the error."""
    last = 1 - _exponent(error, 2)
    form = f",.{max(0, last)}f"
    return " ± ".join(f"{round(number, last) + 0.0:{form}}" for number in (value, error))


def _exponent(value: float, digits: int) -> int:
    """Of the power of ten of a value that is rounded to so many digits."""
    return int(f"{value:.{digits - 1}e}".partition("e")[2])


def _power(exponent: int) -> str:
    return "10" + str(exponent).translate(_SUPERSCRIPTS)
