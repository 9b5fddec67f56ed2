"""What people are shown: names as terminals and pictures may show them, and what is being done."""

from __future__ import annotations

from collections.abc import Callable

Tell = Callable[[str], None]  # is told what is being measured or drawn

# A terminal obeys them, and SVG has no place for them: controls; what turns the direction of
# writing, hides in it or ends a line.
_CONTROLS = dict.fromkeys(
    (
        *range(32),
        *range(0x7F, 0xA0),
        *range(0x200B, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
        *range(0xD800, 0xE000),  # of file names that are no text in the locale
    ),
    "\ufffd",
)


def printable(text: str) -> str:
    """Text with a replacement character for every control character, line ends included.

    Examples
    --------
    >>> printable("layer\\x1b[2J")
    'layer�[2J'
    """
    return text.translate(_CONTROLS)


def silent(text: str) -> None:
    """Tell nobody."""
