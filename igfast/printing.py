"""Names from a run file as terminals and pictures may show them."""

from __future__ import annotations

# A terminal obeys them, and SVG has no place for them.
_CONTROLS = dict.fromkeys((*range(32), *range(0x7F, 0xA0)), "\ufffd")


def printable(text: str) -> str:
    """Text with a replacement character for every control character, line ends included.

    Examples
    --------
    >>> printable("layer\\x1b[2J")
    'layer�[2J'
    """
    return text.translate(_CONTROLS)
