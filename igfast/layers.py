"""Layers by name or number."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from difflib import get_close_matches

LISTED = 8  # layers that an error names


def position(names: Sequence[str], layer: object) -> int:
    """Row of a layer, by name or number; −1 is the last one.

    Raises
    ------
    TypeError, KeyError, IndexError
        If it is neither, or that of no layer.

    Examples
    --------
    >>> position(("w", "b"), "b"), position(("w", "b"), -2)
    (1, 0)
    """
    if isinstance(layer, str):
        return named(names, layer)
    if isinstance(layer, bool) or not hasattr(layer, "__index__"):
        raise TypeError(
            f"a layer is named or numbered, got {layer!r:.80} ({type(layer).__name__}); select() "
            "takes a list of layers, which numpy.flatnonzero makes of a mask"
        )
    row = operator.index(layer)
    if not -len(names) <= row < len(names):
        raise IndexError(f"no layer {row}: there are {len(names)}")
    return row % len(names)


def named(names: Sequence[str], layer: str, others: Sequence[str] = ()) -> int:
    """Row of a layer by its name.

    Parameters
    ----------
    names : sequence of str
    layer : str
    others : sequence of str
        Names that may have been meant as well, such as those of groups.

    Raises
    ------
    KeyError
        If there is no such layer; it tells the names, of many those that are near.

    Examples
    --------
    >>> named([f"layers.{i}" for i in range(9)], "layer.3", ["head"])
    Traceback (most recent call last):
    KeyError: "no layer 'layer.3'; near names are layers.3, layers.8, layers.7"
    """
    if layer in names:
        return names.index(layer)
    near = get_close_matches(layer, [*names, *others]) if len(names) > LISTED else []
    told = f"near names are {', '.join(near)}" if near else f"the layers are {listed(names)}"
    raise KeyError(f"no layer {layer!r:.80}; {told}")


def check_name(names: Sequence[str], layer: object) -> None:
    """Refuse what can be no layer's name.

    Raises
    ------
    TypeError
        If it is no str.
    """
    if not isinstance(layer, str):
        raise TypeError(f"layer must be a name, got {layer!r:.80}; the layers are {listed(names)}")


def listed(names: Sequence[str]) -> str:
    """The first names.

    >>> listed(["a", "b"]), listed(list("abcdefghij"))
    ('a, b', 'a, b, c, d, e, f, g, h, ...')
    """
    return ", ".join(names[:LISTED]) + ", ..." * (len(names) > LISTED)
