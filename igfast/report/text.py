"""Numbers as text, in a terminal as on the page. Needs the standard library only."""

from __future__ import annotations

import math

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def plain_number(value: float) -> str:
    """Short decimal, or a power of ten in Unicode where a decimal would be long.

    >>> [plain_number(v) for v in (0.5, 1.0, 200.0, 1e-3, 2e-5)]
    ['0.5', '1', '200', '10⁻³', '2·10⁻⁵']
    """
    if value == 0 or 1e-2 <= abs(value) < 1e4:
        return f"{value:.4g}"
    exponent = math.floor(math.log10(abs(value)) + 1e-12)
    factor = f"{value / 10.0**exponent:.3g}"
    power = "10" + str(exponent).translate(_SUPERSCRIPTS)
    return power if factor == "1" else f"{factor}·{power}"


def upper_limit(value: float) -> str:
    """An upper limit in two significant digits, rounded up.

    >>> upper_limit(0.3812), upper_limit(0.39), upper_limit(12.1), upper_limit(float("nan"))
    ('< 0.39', '< 0.39', '< 13', '–')
    """
    if not (math.isfinite(value) and value > 0):
        return "–"
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return f"< {plain_number(float(f'{math.ceil(value / unit - 1e-9) * unit:.2g}'))}"
