"""Figures of a run as a whole: all layers on common axes over losses, and its modules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from igfast.report import bundles, style, unresolved
from igfast.report.collect import MotionCurves, RunCurves, collect
from igfast.report.counted import Float, Int, Layer
from igfast.report.motion import LARGEST, band, clear, limits, loss_axis, positive, step_limits
from igfast.report.windows import average

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from igfast.trajectory import Trajectory

SCALARS = ("loss", "accuracy")  # parts of the names of logged values that are drawn


def overview(run: Trajectory | RunCurves) -> Figure:
    """L and Γ of the weight matrices over losses and accuracies, on one logarithmic step axis.

    Γ is the slope of L, averaged over tenths of a decade. All layers are drawn: in colors of their
    own up to eight, else colored by depth.
    """
    curves = collect(run)
    motion = curves.main
    layers = motion.group(True) or motion.layers
    moving = len(motion.steps) > 1
    losses, accuracies = (_named(curves, kind) for kind in SCALARS)
    heights = [2.6, 2.3] * moving + [1.5] * bool(losses) + [1.3] * bool(accuracies)
    figure = style.new_figure(sum(heights) + 0.6)
    grid = figure.add_gridspec(max(len(heights), 1), 1, height_ratios=heights or None)
    axes = [figure.add_subplot(grid[row, 0]) for row in range(len(heights))]
    if moving:
        _lengths_and_slopes(figure, axes[:2], motion, layers)
    if losses:
        panel = axes[2 * moving]
        _scalars(panel, losses, "loss")
        loss_axis(panel, *(values for _, _, values in losses))
    if accuracies:
        _scalars(axes[-1], accuracies, "accuracy")
    _on_steps(figure, axes, curves)
    return figure


def modules(run: Trajectory | RunCurves, *, quantity: str = "") -> Figure:
    """L and Γ of the module groups and of the whole model, as in `overview`."""
    curves = collect(run)
    motion = curves.motion(quantity)
    figure = style.new_figure(5.4)
    axes = list(figure.subplots(2, 1))
    if len(motion.steps) > 1:
        _lengths_and_slopes(figure, axes, motion, motion.pooled)
    _on_steps(figure, axes, curves)
    return figure


def _on_steps(figure: Figure, axes: Sequence[Axes], curves: RunCurves) -> None:
    """One logarithmic step axis for panels above each other."""
    for panel in axes:
        style.dress(panel)
        style.log_step_axis(panel, *step_limits(curves), most=9)
        panel.tick_params(labelbottom=panel is axes[-1])
        panel.set_xlabel("optimizer step" if panel is axes[-1] else "")
    figure.align_ylabels(axes)


def _lengths_and_slopes(
    figure: Figure, axes: list[Axes], motion: MotionCurves, layers: Sequence[Layer]
) -> None:
    few = len(layers) <= len(style.SERIES)
    colors = style.series_colors(len(layers))
    windows = average(motion)
    columns = [layer.column for layer in layers]
    curves = (
        (axes[0], motion.steps, motion.length, motion.clear),
        (axes[1], windows.center, windows.slope, windows.clear),
    )
    dotted: list[Float] = []
    if few:
        for color, at in zip(colors, columns, strict=True):
            band(axes[0], motion.steps, motion.length[:, at], motion.length_error[:, at], color)
    for panel, x, values, clear_there in curves:
        pairs = [unresolved.parts(values[:, at], clear_there[:, at]) for at in columns]
        dotted += [unsure for _, unsure in pairs]
        sure = [positive(x, y) for y, _ in pairs]
        unsure = [positive(x, y) for _, y in pairs]
        if few:
            _lines(panel, sure, unsure, colors)
        else:
            bundles.lines(panel, sure, colors)
            if any(np.isfinite(y).any() for _, y in unsure):
                bundles.lines(panel, unsure, colors, **unresolved.LOOK)
    shown = clear(motion, layers)
    if 2 * len(shown) < len(columns):  # the others would run out of the panels
        shown = columns
    style.log_value_axis(axes[0], *limits(motion.length[:, shown], lowest=0.0, decades=4))
    style.log_value_axis(axes[1], *limits(windows.slope[:, shown]))
    axes[0].set_ylabel("information length L")
    axes[1].set_ylabel("velocity Γ (1/step)")
    if not (motion.length[:, columns] > 0).any():
        style.message(axes[0], "no motion above the noise")
        style.message(axes[1], "no motion above the noise")
    elif few:
        names = [style.literal(style.shorten(layer.name)) for layer in layers]
        lines = [
            Line2D([], [], color=color, linestyle=dash)
            for color, dash in zip(colors, style.DASHES, strict=False)
        ]
        style.figure_legend(figure, *unresolved.add_legend_entry(lines, names, dotted))
    else:
        entry = unresolved.add_legend_entry([], [], dotted)
        if entry[1]:
            style.figure_legend(figure, *entry)
        pooled = layers[-1] in motion.pooled
        style.depth_bar(figure, axes, colors, "module (the model last)" if pooled else "layer")


def _lines(
    panel: Axes,
    sure: Sequence[tuple[Float, Float]],
    unsure: Sequence[tuple[Float, Float]],
    colors: Sequence[str],
) -> None:
    for number, color in enumerate(colors):
        look: dict[str, Any] = {"color": color, "linewidth": 1.6}
        for (x, y), dash in (
            (sure[number], {"linestyle": style.DASHES[number]}),
            (unsure[number], unresolved.LOOK),
        ):
            if np.isfinite(y).any():
                panel.plot(x, y, **look, **dash, **style.lone(y))


def drawn_scalars(curves: RunCurves) -> set[str]:
    """Names of the logged values that `overview` draws."""
    return {name for kind in SCALARS for name, *_ in _named(curves, kind)}


def _named(curves: RunCurves, kind: str) -> list[tuple[str, Int, Float]]:
    found = [(name, *pair) for name, pair in curves.scalars.items() if kind in name.lower()]
    return [(name, s, v) for name, s, v in found if np.isfinite(v).any() and (s > 0).any()]


def _scalars(panel: Axes, curves: list[tuple[str, Int, Float]], label: str) -> None:
    """Curves of one kind; those of single batches stay behind the others, thin and gray."""
    panel.set_ylabel(label)
    colors = iter((*style.SERIES[3:7], *style.SERIES[:3]) * len(curves))
    lines, names = [], []
    for name, steps, values in sorted(curves, key=lambda curve: _rank(curve[0])):
        single = "batch" in name
        keep, shown = steps > 0, np.where(np.abs(values) < LARGEST, values, np.nan)
        (line,) = panel.plot(
            steps[keep], shown[keep], color=style.SERIES[7] if single else next(colors),
            linewidth=0.6 if single else 1.4, alpha=0.7 if single else 1.0,
            zorder=1 if single else 3, marker="o" if keep.sum() < 60 else "", markersize=2.2,
        )  # fmt: skip
        lines.append(line)
        names.append(style.literal(name.replace("_", " ")))
    style.legend(panel, lines, names)


def _rank(name: str) -> tuple[int, str]:
    """Test first and batch last, so that one kind has one color in every panel."""
    order = [part in name for part in ("test", "val", "train", "batch")]
    return (order.index(True) if any(order) else 2, name)
