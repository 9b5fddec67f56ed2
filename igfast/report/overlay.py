"""Figures of several runs on common axes: a panel per layer, a color per run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from igfast.report import style, unresolved
from igfast.report.comparison import Comparison
from igfast.report.counted import Float, Int, Layer, spread
from igfast.report.motion import LARGEST, band, loss_axis
from igfast.report.windows import average

SPAN = 1e4  # highest over lowest value on a logarithmic axis
Drawn = tuple[Float | Int, Float, NDArray[np.bool_] | None, Float | None]
"""x, y, where y is resolved if that is asked of it, and its standard error if it has one."""


def lengths(found: Comparison) -> Figure:
    """L of every run, ± 2 standard errors."""

    def curve(run: int, layer: str, column: int) -> Drawn:
        motion = found.motions[run]
        length, error = motion.length[:, column], motion.length_error[:, column]
        return motion.steps, length, motion.clear[:, column], error

    return _panels(found, curve, "L", logarithmic=True)


def velocities(found: Comparison) -> Figure:
    """Γ of every run: the slope of L over tenths of a decade of steps."""
    windows = [average(motion) if len(motion.steps) > 1 else None for motion in found.motions]

    def curve(run: int, layer: str, column: int) -> Drawn:
        one = windows[run]
        if one is None:
            return np.zeros(0), np.zeros(0), None, None
        return one.center, one.slope[:, column], one.clear[:, column], None

    return _panels(found, curve, "Γ (1/step)", logarithmic=True)


def entropies(found: Comparison) -> Figure:
    """H of every run, all on one grid where the grids can be merged."""
    return _panels(
        found, lambda run, layer, _: (_steps(found, run), found.entropy[run, layer], None, None),
        "H / ln B", logarithmic=False,
    )  # fmt: skip


def complexities(found: Comparison) -> Figure:
    """C of every run, all on one grid where the grids can be merged."""
    return _panels(
        found, lambda run, layer, _: (_steps(found, run), found.complexity[run, layer], None, None),
        "C", logarithmic=False,
    )  # fmt: skip


def losses(found: Comparison) -> Figure | None:
    """Every logged loss and accuracy that two runs or more have; None if there is none."""
    kinds = [
        name
        for name in dict.fromkeys(name for one in found.scalars for name in one)
        if any(part in name.lower() for part in ("loss", "accuracy")) and "batch" not in name
    ]
    shared = [name for name in kinds if sum(name in one for one in found.scalars) > 1]
    if not shared:
        return None
    figure, axes = style.panels(len(shared), 2.3)
    for panel, name in zip(axes, shared, strict=True):
        style.title(panel, name.replace("_", " "))
        highest = 1.0
        for run, one in enumerate(found.scalars):
            if name in one:
                steps, values = one[name]
                keep = (steps > 0) & (np.abs(values) < LARGEST)
                look = _look(found, run) | style.lone(values[keep])
                panel.plot(steps[keep], values[keep], **look)
                highest = max(highest, float(steps[-1]))
        style.dress(panel)
        if "loss" in name:
            loss_axis(panel, *(np.asarray(line.get_ydata(), np.float64) for line in panel.lines))
        style.log_step_axis(panel, 0.8, highest)
    style.outer_labels(axes, "optimizer step", "")
    _legend(figure, found)
    return figure


def shown_layers(found: Comparison) -> tuple[str, ...]:
    """Weight matrices, or all layers if there are none, then modules: as many as a figure holds."""
    first: dict[str, Layer] = {}
    for motion in found.motions:
        for layer in motion.layers:
            first.setdefault(layer.name, layer)
    matrices = [layer for layer in first.values() if layer.matrix] or list(first.values())
    several = found.pooled if len(found.pooled) > 1 else ()  # groups, and not "model" alone
    return (*(layer.name for layer in spread(matrices)), *spread(several))


def _panels(
    found: Comparison, curve: Callable[[int, str, int], Drawn], label: str, *, logarithmic: bool
) -> Figure:
    layers = shown_layers(found)
    figure, axes = style.panels(len(layers), 2.4)
    dotted: list[Float] = []
    last = max(float(motion.steps[-1]) for motion in found.motions)
    for panel, layer in zip(axes, layers, strict=True):
        style.title(panel, layer)
        style.dress(panel)
        drawn = []
        for run, motion, column in found.having(layer):
            x, y, clear, error = curve(run, layer, column)
            keep = (x > 0) & np.isfinite(y) & ((y > 0) | (not logarithmic))
            look = _look(found, run)
            sure, unsure = (y, None) if clear is None else unresolved.parts(y, clear)
            panel.plot(x[keep], sure[keep], **look, **style.lone(sure[keep]))
            if unsure is not None and np.isfinite(unsure).any():
                dotted.append(unsure)
                look |= unresolved.LOOK
                panel.plot(x[keep], unsure[keep], **look, **style.lone(unsure[keep]))
            drawn.append(y[keep])
            if error is not None and motion.estimator == "split":
                color = look["color"]
                band(panel, x[keep], y[keep], error[keep], color, alpha=0.16)  # several overlap
        values = np.concatenate([*drawn, np.zeros(0)])
        if not values.size:
            style.message(panel, "nothing to draw")
            continue
        if logarithmic:
            high = float(values.max())
            style.log_value_axis(panel, max(float(values.min()), high / SPAN) / 1.4, 1.4 * high)
        style.log_step_axis(panel, 0.8, max(last, 2.0))
    style.outer_labels(axes, "optimizer step", label)
    _legend(figure, found, dotted)
    return figure


def _look(found: Comparison, run: int) -> dict[str, Any]:
    few = len(found.names) <= len(style.SERIES)
    return {
        "color": style.series_colors(len(found.names))[run],
        "linestyle": style.DASHES[run] if few else "-",
        "linewidth": 1.4,
    }


def _legend(figure: Figure, found: Comparison, dotted: Sequence[Float] = ()) -> None:
    handles = [Line2D([], [], **_look(found, run)) for run in range(len(found.names))]
    names = [style.literal(name) for name in found.names]
    style.figure_legend(figure, *unresolved.add_legend_entry(handles, names, dotted))


def _steps(found: Comparison, run: int) -> Int:
    return found.motions[run].steps
