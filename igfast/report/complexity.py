"""Figures of Shannon entropy H and statistical complexity C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from igfast.report import bundles, style
from igfast.report.collect import RunCurves, collect
from igfast.report.counted import Float, Int

if TYPE_CHECKING:
    from igfast.trajectory import Trajectory


def entropy_complexity(
    run: Trajectory | RunCurves, *, quantity: str = "", matrices: bool = True
) -> Figure:
    """H and C over steps, and the path in the H-C plane, of all layers of a group.

    Layers have colors of their own up to eight, else they are colored by depth. In the plane a
    ring marks the first record, a dot the last.
    """
    curves = collect(run)
    motion = curves.motion(quantity)
    layers = motion.group(matrices)
    figure = style.new_figure(3.5)
    grid = figure.add_gridspec(1, 3, width_ratios=[1, 1, 1.15])
    entropy_panel, complexity_panel, plane = (figure.add_subplot(grid[0, i]) for i in range(3))
    colors = style.series_colors(len(layers))
    few = len(layers) <= len(style.SERIES)
    columns = [layer.column for layer in layers]
    entropy, complexity = motion.entropy[:, columns].T, motion.complexity[:, columns].T
    courses = ((entropy_panel, entropy), (complexity_panel, complexity))
    if few:
        _draw(courses, plane, motion.steps, colors)
    else:
        steps = np.asarray(motion.steps, np.float64)
        draw = bundles.lines if len(steps) > 1 else bundles.ends
        for panel, values in courses:
            draw(panel, [(steps, one) for one in values], colors)
        paths = list(zip(entropy, complexity, strict=True))
        bundles.lines(plane, paths, colors)
        bundles.ends(plane, paths, colors)
    for panel, label in ((entropy_panel, "entropy H / ln B"), (complexity_panel, "complexity C")):
        style.step_axis(panel, motion.steps)
        panel.set_xlabel("optimizer step")
        panel.set_ylabel(label)
    plane.set_xlabel("entropy H / ln B")
    plane.set_ylabel("complexity C")
    for panel in (entropy_panel, complexity_panel, plane):
        style.dress(panel)
        panel.margins(y=0.08)
        style.value_ticks(panel.yaxis, 7)
    style.value_ticks(plane.xaxis, 4)
    if few:
        handles = [
            Line2D([], [], color=colors[i], linestyle=style.DASHES[i]) for i in range(len(layers))
        ]
        names = [style.literal(style.shorten(layer.name)) for layer in layers]
        style.figure_legend(figure, handles, names)
    else:
        style.depth_bar(figure, [plane], colors, "layer")
    return figure


def _draw(
    courses: tuple[tuple[Axes, Float], tuple[Axes, Float]],
    plane: Axes,
    steps: Int,
    colors: list[str],
) -> None:
    """A few layers, each with a dash of its own."""
    alone: dict[str, Any] = {"marker": "o", "markersize": 3} if len(steps) == 1 else {}
    (_, entropies), (_, complexities) = courses
    for number, (entropy, complexity) in enumerate(zip(entropies, complexities, strict=True)):
        look: dict[str, Any] = {
            "color": colors[number],
            "linewidth": 1.4,
            "linestyle": style.DASHES[number],
        }
        for panel, values in courses:
            panel.plot(steps, values[number], **look, **alone)
        plane.plot(entropy, complexity, **look)
        known = np.flatnonzero(np.isfinite(entropy) & np.isfinite(complexity))
        if known.size:
            for end, fill in ((known[0], "none"), (known[-1], colors[number])):
                plane.plot(
                    entropy[end], complexity[end], "o", markersize=5,
                    markerfacecolor=fill, markeredgecolor=colors[number],
                )  # fmt: skip
