"""Curves that are resolved in part: what is within the noise is drawn dotted and pale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from igfast.report import style
from igfast.report.counted import Float

LOOK: dict[str, Any] = {"linestyle": ":", "alpha": 0.75}
NAME = "not resolved: L within 2 standard errors of zero"


def parts(y: Float, clear: NDArray[np.bool_]) -> tuple[Float, Float]:
    """What is resolved of a curve on a logarithmic axis, and what is not; NaN elsewhere.

    The second reaches into the first by a point, so that nothing is missing between them.

    >>> parts(np.array([0.0, 1.0, 2.0, 3.0]), np.array([False, False, True, True]))
    (array([nan, nan,  2.,  3.]), array([nan,  1.,  2., nan]))
    """
    drawn = np.nan_to_num(y) > 0
    faint = drawn & ~clear
    near = faint.copy()
    near[1:] |= faint[:-1]
    near[:-1] |= faint[1:]
    return np.where(drawn & clear, y, np.nan), np.where(drawn & near, y, np.nan)


def add_legend_entry(
    handles: Sequence[Artist], names: Sequence[str], drawn: Iterable[Float]
) -> tuple[list[Artist], list[str]]:
    """The legend of a figure, and what dots mean where some of these curves have them."""
    if not any(np.isfinite(curve).any() for curve in drawn):
        return list(handles), list(names)
    return [*handles, Line2D([], [], color=style.MUTED, linewidth=1.4, **LOOK)], [*names, NAME]
