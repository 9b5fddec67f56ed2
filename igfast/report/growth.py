"""Figures of what a length depends on, and of where its growth slows down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from igfast.groups import MODEL
from igfast.report import style
from igfast.report.collect import RunCurves, collect
from igfast.report.counted import Float, spread

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from igfast.analysis import Derivative
    from igfast.trajectory import Trajectory

CURVE, FOUND, ONSET = style.SERIES[0], style.SERIES[1], style.SERIES[3]
BESIDE = 3  # layers drawn beside the model
BAND_ROOM = 2.0  # heights of the curve that its band may take of an axis
_INTERVAL: dict[str, Any] = {"alpha": 0.18, "linewidth": 0}
_POINT: dict[str, Any] = {"linewidth": 1.2}


def length_scales(run: Trajectory | RunCurves) -> Figure:
    """L of the path smoothed over τ steps, ± 2 standard errors; a bar marks the plateau."""
    curves = collect(run)
    motion = curves.main
    chosen = [layer for layer in motion.layers if layer.column in motion.scrutiny]
    figure, axes = style.panels(len(chosen), 2.3)
    for panel, layer in zip(axes, chosen, strict=True):
        found = motion.scrutiny[layer.column].scales
        style.title(panel, layer.name, style.size_text(layer.shape, layer.numel))
        style.dress(panel)
        low, high = found.lengths - 2 * found.errors, found.lengths + 2 * found.errors
        if found.plateau is not None:
            first, last = found.plateau
            value = float(np.median(found.lengths[first : last + 1]))
            ends = found.scales[[first, last]]
            panel.plot(ends, [value, value], color=FOUND, linewidth=5, alpha=0.45)
        panel.fill_between(found.scales, low, high, color=CURVE, **_INTERVAL)
        panel.plot(found.scales, found.lengths, "o-", color=CURVE, linewidth=1.5, markersize=3.5)
        panel.set_ylim(0, 1.15 * max(float(np.nanmax(high)), 1e-9))
        style.value_ticks(panel.yaxis, 5)
        style.log_step_axis(panel, found.scales[0] / 1.3, found.scales[-1] * 1.3)
    style.outer_labels(axes, "τ (steps)", "L(τ)")
    handles: list[Artist] = [
        Line2D([], [], color=CURVE, marker="o", markersize=3.5),
        Patch(color=CURVE, **_INTERVAL),
        Line2D([], [], color=FOUND, linewidth=5, alpha=0.45),
    ]
    style.figure_legend(figure, handles, ["L(τ)", "± 2 standard errors", "plateau"])
    return figure


def growth(run: Trajectory | RunCurves) -> Figure:
    """d ln L/d ln t over d² ln L/d(ln t)² over the test loss, of the model and some layers.

    Bands are ± 2 standard errors. Transitions are lines with their intervals, and so is the onset
    of overfitting.
    """
    curves = collect(run)
    found = curves.growth
    names = growth_shown(curves)
    rows = 3 if found.loss else 2
    figure = style.new_figure(1.7 * rows + 0.9)
    grid = figure.add_gridspec(rows, max(len(names), 1))
    axes = [
        [figure.add_subplot(grid[row, column]) for row in range(rows)]
        for column in range(len(names))
    ]
    limits = _times(curves)
    for panels, name in zip(axes, names, strict=True):
        style.title(panels[0], "model, all layers pooled" if name == MODEL else name)
        for panel, curve in zip(panels, (found.exponents, found.curvatures), strict=False):
            _curve(panel, curve[name], found.origin)
        if found.loss:
            _loss(panels[2], curves)
        for panel in panels:
            style.dress(panel)
            _marks(panel, curves, name)
            style.log_step_axis(panel, *limits)
            panel.tick_params(labelbottom=panel is panels[-1])
        panels[-1].set_xlabel("optimizer step")
    labels = ("d ln L / d ln t", "d² ln L / d(ln t)²", style.literal(found.loss.replace("_", " ")))
    for panel, label in zip(axes[0] if axes else [], labels, strict=False):
        panel.set_ylabel(label)
    _legend(figure, curves)
    return figure


def growth_shown(curves: RunCurves) -> list[str]:
    """The model and up to `BESIDE` weight matrices, of those whose curves are known.

    Of other layers where no matrix's are.
    """
    known = curves.growth.curvatures
    layers = [layer for layer in curves.main.layers if layer.name in known]
    some = spread([layer for layer in layers if layer.matrix] or layers, BESIDE)
    return [MODEL] * (MODEL in known) + [layer.name for layer in some]


def _curve(panel: Axes, curve: Derivative, origin: int) -> None:
    x, low, high = curve.times + origin, *_band(curve)
    panel.axhline(0.0, color=style.MUTED, linewidth=0.7)
    panel.fill_between(x, low, high, color=CURVE, **_INTERVAL)
    panel.plot(x, curve.value, color=CURVE, linewidth=1.5)
    bottom, top = min(float(curve.value.min()), 0.0), max(float(curve.value.max()), 0.0)
    room = BAND_ROOM * max(top - bottom, 0.1)
    panel.set_ylim(
        max(float(low.min()), bottom - room) - 0.05 * room,
        min(float(high.max()), top + room) + 0.05 * room,
    )
    style.value_ticks(panel.yaxis, 4)


def _band(curve: Derivative) -> tuple[Float, Float]:
    return curve.value - 2 * curve.error, curve.value + 2 * curve.error


def _loss(panel: Axes, curves: RunCurves) -> None:
    steps, values = curves.scalars[curves.growth.loss]
    keep = (steps > curves.growth.origin) & np.isfinite(values)
    panel.plot(steps[keep], values[keep], color=ONSET, linewidth=1.3, marker="o", markersize=2.2)
    style.log_value_axis(panel, float(values[keep].min()) / 1.1, float(values[keep].max()) * 1.1)


def _marks(panel: Axes, curves: RunCurves, name: str) -> None:
    found = curves.growth
    for one in found.transitions[name]:
        time, start, stop = found.when(one)
        panel.axvspan(start, stop, color=FOUND, **_INTERVAL)
        panel.axvline(time, color=FOUND, **_POINT)
    if found.onset is not None and found.onset.found:
        time, start, stop = found.when(found.onset)
        panel.axvspan(start, stop, color=ONSET, **_INTERVAL)
        panel.axvline(time, color=ONSET, linestyle="--", **_POINT)


def _times(curves: RunCurves) -> tuple[float, float]:
    """From the first time at which a derivative is known, or the loss, to the last record."""
    found = curves.growth
    first = [curve.times[0] + found.origin for curve in found.curvatures.values()]
    last = float(curves.main.steps[-1])
    return max(0.8 * min(first, default=1.0), 0.4), last * 1.1


def _legend(figure: Figure, curves: RunCurves) -> None:
    found = curves.growth
    handles: list[Artist] = [
        Line2D([], [], color=CURVE, linewidth=1.5),
        Patch(color=CURVE, **_INTERVAL),
    ]
    names = ["derivative of ln L", "± 2 standard errors"]
    if any(found.transitions[name] for name in growth_shown(curves)):
        handles.append(Line2D([], [], color=FOUND, **_POINT))
        names.append("transition and its interval")
    if found.onset is not None and found.onset.found:
        handles.append(Line2D([], [], color=ONSET, linestyle="--", **_POINT))
        names.append("onset of overfitting and its interval")
    style.figure_legend(figure, handles, names)
