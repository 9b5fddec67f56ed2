"""Figures of where the weights are: density over steps, and densities at chosen steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from igfast.numerals import plain_number
from igfast.report import style
from igfast.report.collect import RunCurves, collect
from igfast.report.counted import Float, Int
from igfast.report.ridges import ridge_densities, ridge_records

if TYPE_CHECKING:
    from igfast.trajectory import Trajectory

NOTHING = "no finite element inside the grid"
BEYOND = "values near the end of float64 are not drawn"
DECADES = 4  # of density in a heat map, downward from the highest


def density_map(
    run: Trajectory | RunCurves, *, quantity: str = "", matrices: bool = True, image_rows: int = 180
) -> Figure:
    """Heat map per layer of the density of its values (vertical) over steps (horizontal).

    Parameters
    ----------
    run
        Trajectory, or what `collect` made of it.
    quantity
        Name, by default the main one ("param" where there is one).
    matrices
        Weight matrices, or all other layers.
    image_rows
        Most bins drawn per layer.
    """
    curves = collect(run)
    motion = curves.motion(quantity)
    layers = motion.shown(matrices)
    figure, axes = style.panels(len(layers), 2.35)
    norm = LogNorm(10.0**-DECADES, 1.0)
    colors = colormaps["viridis"]
    mesh = None
    for panel, layer in zip(axes, layers, strict=True):
        densities = motion.densities[layer.column]
        style.title(panel, layer.name, style.size_text(layer.shape, layer.numel))
        style.dress(panel, grid=False)
        if not densities.drawable:
            style.message(panel, BEYOND)
            continue
        edges = densities.display_edges(image_rows)
        density = densities.on(edges)
        steps = motion.steps[densities.records]
        if not density.any():
            style.message(panel, NOTHING)
            continue
        panel.set_facecolor(colors(0))
        shade = np.ma.masked_equal(density / density.max(), 0)
        mesh = panel.pcolormesh(
            _borders(steps), edges, shade.T, norm=norm, cmap=colors, rasterized=True
        )
        style.step_axis(panel, steps)
        panel.set_ylim(edges[0], edges[-1])
        style.value_ticks(panel.yaxis, 5)
    style.outer_labels(axes, "optimizer step", "value")
    if mesh is not None:
        bar = figure.colorbar(mesh, ax=axes, aspect=11 * style.rows(len(axes)), pad=0.01)
        style.dress_colorbar(bar, "density relative to the highest")
        ticks = [10.0**-e for e in range(DECADES, -1, -1)]
        style.set_ticks(bar.ax.yaxis, ticks, [plain_number(t) for t in ticks])
    return figure


def ridgeline(run: Trajectory | RunCurves, *, quantity: str = "", matrices: bool = True) -> Figure:
    """Densities of each layer at up to twelve steps, the first at the top, each to one height.

    The steps are those of `ridge_records`, the same for all layers.
    """
    curves = collect(run)
    motion = curves.motion(quantity)
    layers = motion.shown(matrices)
    chosen = ridge_records(motion)
    figure, axes = style.panels(len(layers), 3.3)
    colors = colormaps["viridis"](np.linspace(0.05, 0.85, max(len(chosen), 2)))
    labels = [style.compact_step(float(step)) for step in motion.steps[chosen]]
    for panel, layer in zip(axes, layers, strict=True):
        style.title(panel, layer.name, style.size_text(layer.shape, layer.numel))
        style.dress(panel, grid=False)
        densities = motion.densities[layer.column]
        if not densities.drawable:
            style.message(panel, BEYOND)
            continue
        edges, density = ridge_densities(densities, chosen)
        if not density.any():
            style.message(panel, NOTHING)
            continue
        top = density.max()
        x = np.repeat(edges, 2)
        for row, values in enumerate(density):
            base = -float(row)
            y = base + 2.2 * np.concatenate([[0.0], np.repeat(values, 2), [0.0]]) / top
            shape = Polygon(
                np.column_stack([x, y]), facecolor=(*colors[row][:3], 0.8), edgecolor=style.INK,
                linewidth=0.5, zorder=row + 2,
            )  # fmt: skip
            panel.add_artist(shape)  # add_patch would look for limits, which are set below
        panel.set_xlim(edges[0], edges[-1])
        panel.set_ylim(-len(chosen) + 0.8, 2.4)
        style.value_ticks(panel.xaxis, 4)
        style.set_ticks(panel.yaxis, [-float(row) for row in range(len(chosen))], labels)
        panel.tick_params(axis="y", length=0)
        panel.spines["left"].set_visible(False)
    style.outer_labels(axes, "value", "optimizer step")
    return figure


def _borders(steps: Int) -> Float:
    """Column borders: halfway between records, half a gap beyond the first and the last."""
    if steps.size < 2:
        return np.array([steps[0] - 0.5, steps[0] + 0.5])
    middle = (steps[1:] + steps[:-1]) / 2.0
    return np.concatenate([[steps[0]], middle, [steps[-1]]])
