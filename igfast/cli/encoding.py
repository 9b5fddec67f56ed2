"""Output where the encoding lacks letters, as ASCII lacks Γ: they are spelled out."""

from __future__ import annotations

import codecs
import io
from typing import TextIO

HANDLER = "igfast.spelled"

_SPELLED = {
    "Γ": "Gamma",
    "λ": "lambda",
    "τ": "tau",
    "±": "+-",
    "→": "->",
    "×": "x",
    "·": "*",
    "≈": "~",
    "–": "-",
    "−": "-",
    "…": "...",
    "ö": "oe",
    "\ufffd": "?",
}
_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"


def spelled(error: UnicodeError) -> tuple[str, int]:
    """Replacement for what cannot be encoded, as an error handler of codecs.

    Examples
    --------
    >>> codecs.register_error(HANDLER, spelled)
    >>> "2.4·10⁻⁵ → Γ² 重".encode("ascii", HANDLER)
    b'2.4*10^-5 -> Gamma^2 \\\\u91cd'
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text, before = "", ""
    for letter in error.object[error.start : error.end]:
        if letter in _SUPERSCRIPTS or letter == "⁻":
            digit = "-" if letter == "⁻" else str(_SUPERSCRIPTS.index(letter))
            text += digit if before else "^" + digit
            before = letter
            continue
        before = ""
        found = letter.encode("ascii", "backslashreplace").decode("ascii")
        text += _SPELLED.get(letter, found)
    return text, error.end


def spell_out(*streams: TextIO) -> None:
    """Let streams spell out what their encoding lacks; else it would be an error."""
    codecs.register_error(HANDLER, spelled)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):  # none, or another's, where a program runs main()
            stream.reconfigure(errors=HANDLER)
