"""Curves of many layers as one artist: thousands of single ones take longer than all else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from igfast.report.counted import Float
from igfast.report.style import lone

WIDTH = 0.8  # points


def lines(
    panel: Axes,
    curves: Sequence[tuple[Float, Float]],
    colors: Sequence[str],
    linestyle: str = "-",
    alpha: float | None = None,
) -> None:
    """Draw curves, (x, y) each, thin; the axes reach as far as all of them.

    A curve of one point is a dot.
    """
    dots = [(curve, color) for curve, color in zip(curves, colors, strict=True) if lone(curve[1])]
    if dots:
        ends(panel, [curve for curve, _ in dots], [color for _, color in dots])
    paths = [np.column_stack(curve) for curve in curves]
    drawn = LineCollection(
        paths, colors=list(colors), linewidths=WIDTH, linestyles=linestyle, alpha=alpha
    )
    panel.add_collection(drawn)
    panel.autoscale_view()


def ends(panel: Axes, curves: Sequence[tuple[Float, Float]], colors: Sequence[str]) -> None:
    """A ring at the first point of every curve, a dot at its last; those not finite are no points.

    A curve of one point has its dot.
    """
    known = [np.flatnonzero(np.isfinite(x) & np.isfinite(y)) for x, y in curves]
    chosen = [number for number, points in enumerate(known) if points.size]
    for end, filled in ((0, False), (-1, True)):
        points = [[axis[known[i][end]] for axis in curves[i]] for i in chosen]
        x, y = np.array(points, np.float64).reshape(-1, 2).T
        edges = [colors[i] for i in chosen]
        panel.scatter(x, y, s=9, c=edges if filled else "none", edgecolors=edges)
