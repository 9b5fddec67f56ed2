"""Layers by name or number."""

from __future__ import annotations

import operator
from collections.abc import Sequence


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
        if layer not in names:
            raise KeyError(f"no layer {layer!r}; the layers are {', '.join(names)}")
        return names.index(layer)
    if isinstance(layer, bool) or not hasattr(layer, "__index__"):
        raise TypeError(
            f"a layer is named or numbered, got {layer!r} ({type(layer).__name__}); select() "
            "takes a list of layers, which numpy.flatnonzero makes of a mask"
        )
    row = operator.index(layer)
    if not -len(names) <= row < len(names):
        raise IndexError(f"no layer {row}: there are {len(names)}")
    return row % len(names)
