"""Figure of a finite-size scaling fit: curves as measured, and on top of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from igfast.analysis import Collapse
from igfast.numerals import with_error
from igfast.report import style

if TYPE_CHECKING:
    from matplotlib.artist import Artist


def collapse_figure(fit: Collapse, *, x: str = "step", y: str = "L", size: str = "N") -> Figure:
    """Curves of all runs, colored by size: on the left as given, on the right rescaled.

    Parameters
    ----------
    fit
        From `igfast.analysis.collapse`.
    x, y, size
        What the axes and sizes are called.
    """
    figure, (raw, scaled) = style.panels(2, 3.4)
    sizes = np.unique(fit.sizes)
    colors = dict(zip(sizes, style.series_colors(sizes.size), strict=True))
    named: dict[float, Artist] = {}
    for run, value in enumerate(fit.sizes):
        look = {"color": colors[value], "linewidth": 1.3, "alpha": 0.85}
        (line,) = raw.plot(fit.x[run], fit.y[run], **look)
        scaled.plot(*fit.scaled(run), **look)
        named.setdefault(float(value), line)
    for panel in (raw, scaled):
        style.dress(panel)
        panel.set_xscale("log")
        panel.set_yscale("log")
    style.title(raw, "as measured")
    kind = "S" if fit.with_errors else "rms distance"
    style.title(scaled, "collapsed", f"{kind} = {fit.quality:.2g}")
    raw.set_xlabel(x)
    raw.set_ylabel(y)
    scaled.set_xlabel(f"{x} · {size}^({with_error(fit.b, fit.b_error)})")
    scaled.set_ylabel(f"{y} / {size}^({with_error(fit.a, fit.a_error)})")
    style.legend(raw, list(named.values()), [f"{size} = {value:g}" for value in named])
    return figure
