"""Figures of how each layer moves: information velocity and information length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from igfast.numerals import plain_number, upper_limit, with_error
from igfast.report import style, unresolved
from igfast.report.collect import MotionCurves, RunCurves, collect
from igfast.report.counted import Float, Int, Layer
from igfast.report.windows import Windows, average

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from igfast.trajectory import Trajectory

SPLIT, FLOOR, PUBLISHED, CHORD = style.SERIES[0], style.SERIES[7], style.SERIES[1], style.SERIES[2]
NOTE_WIDTH, NOTE_HEIGHT = 0.5, 0.17  # of a panel, that the text of L takes
MOST_POINTS = 1500  # of one curve; more could not be told apart
LARGEST = 1e300  # value that axes can show, with a margin around it


def velocity(run: Trajectory | RunCurves, *, quantity: str = "", matrices: bool = True) -> Figure:
    """Γ per layer on log-log axes, everything averaged over tenths of a decade of steps.

    The line is the slope of L. Dots with bars of ± 2 standard errors are the unbiased estimates
    from single intervals; where they are not above zero by as much, an arrow hangs from their
    upper limit. Beside them the noise floor and the published estimate.
    """
    curves = collect(run)
    motion = curves.motion(quantity)
    layers = motion.shown(matrices)
    figure, axes = style.panels(len(layers), 2.5)
    if len(motion.steps) < 2:
        for panel, layer in zip(axes, layers, strict=True):
            _prepare(panel, layer)
            style.message(panel, "one record: nothing to compare it with")
        return figure
    windows = average(motion)
    x, columns = windows.center, [layer.column for layer in layers]
    resolved = clear(motion, layers)
    low, high = limits(windows.slope[:, resolved], windows.slope_published[:, columns])
    dotted: list[Float] = []
    for panel, layer in zip(axes, layers, strict=True):
        at = layer.column
        _prepare(panel, layer)
        if _says_rest(panel, motion, layer):
            continue
        _curve(panel, x, windows.slope_published[:, at], _PUBLISHED_LOOK)
        if motion.estimator == "split":
            _curve(panel, x, windows.floor[:, at], _FLOOR_LOOK)
            _single_intervals(panel, windows, at, low)
            dotted.append(_in_parts(panel, x, windows.slope[:, at], windows.clear[:, at]))
        style.log_value_axis(panel, low, high)
        style.log_step_axis(panel, *step_limits(curves))
    style.outer_labels(axes, "optimizer step", "Γ (1/step)")
    handles: list[Artist] = [Line2D([], [], **_PUBLISHED_LOOK)]
    names = ["published estimate (depends on sampling)"]
    if motion.estimator == "split":
        dots = Line2D([], [], color=SPLIT, marker="o", markersize=3, linewidth=0.8, alpha=0.6)
        line = Line2D([], [], **_SPLIT_LOOK)
        limit = Line2D([], [], color=SPLIT, marker="v", markersize=3, linewidth=0, alpha=0.6)
        handles = [line, dots, limit, Line2D([], [], **_FLOOR_LOOK), *handles]
        names = ["slope of L", "intervals ± 2 se", "upper limits", "noise floor", *names]
    style.figure_legend(figure, *unresolved.add_legend_entry(handles, names, dotted))
    return figure


def _single_intervals(panel: Axes, windows: Windows, at: int, low: float) -> None:
    squared, error = windows.squared[:, at], windows.squared_error[:, at]
    stands = squared > 2 * error
    center, upper = windows.center, np.sqrt(np.maximum(squared, 0) + 2 * error)
    value = np.sqrt(np.where(stands, squared, np.nan))
    lower = np.sqrt(np.where(stands, squared - 2 * error, np.nan))
    bars = np.array([value - lower, np.where(stands, upper - value, np.nan)])
    look: dict[str, Any] = {"color": SPLIT, "alpha": 0.55, "elinewidth": 0.9}
    panel.errorbar(center, value, bars, fmt="o", markersize=2.6, **look)
    hanging = ~stands & (upper > low)
    panel.plot(center[hanging], upper[hanging], "v", color=SPLIT, alpha=0.4, markersize=2.6)


def length(run: Trajectory | RunCurves, *, quantity: str = "", matrices: bool = True) -> Figure:
    """L per layer on log-log axes: estimate ± 2 standard errors, published estimate, chord.

    The chord is the Fisher-Rao distance from the first to the last record, which no path
    undercuts; it is drawn where L stands clear of its error.
    """
    curves = collect(run)
    motion = curves.motion(quantity)
    layers = motion.shown(matrices)
    figure, axes = style.panels(len(layers), 2.5)
    columns = [layer.column for layer in layers]
    drawn = (motion.length[1:, clear(motion, layers)], motion.length_published[1:, columns])
    low, high = limits(*drawn, lowest=0.0, decades=4)
    dotted: list[Float] = []
    for panel, layer in zip(axes, layers, strict=True):
        at = layer.column
        _prepare(panel, layer)
        if len(motion.steps) < 2:
            style.message(panel, "one record: no path yet")
            continue
        if _says_rest(panel, motion, layer):
            continue
        _curve(panel, motion.steps, motion.length_published[:, at], _PUBLISHED_LOOK)
        if motion.estimator == "split":
            band(panel, motion.steps, motion.length[:, at], motion.length_error[:, at], SPLIT)
            curve = motion.length[:, at], motion.clear[:, at]
            dotted.append(_in_parts(panel, motion.steps, *curve))
            if motion.resolved(layer):
                panel.axhline(motion.great_circle[at], **_CHORD_LOOK)
        style.log_value_axis(panel, low, high)
        style.log_step_axis(panel, *step_limits(curves))
        if motion.estimator == "split":
            x, y = _free_corner(panel)
            panel.text(
                x, y, _length_note(motion, layer), transform=panel.transAxes, color=SPLIT,
                ha="left" if x < 0.5 else "right", va="bottom" if y < 0.5 else "top",
                fontsize=style.BASE_SIZE - 0.5,
            )  # fmt: skip
    style.outer_labels(axes, "optimizer step", "L")
    handles: list[Artist] = [Line2D([], [], **_PUBLISHED_LOOK)]
    names = ["published estimate (depends on sampling)"]
    if motion.estimator == "split":
        shade = Patch(color=SPLIT, alpha=0.25, linewidth=0)
        line = Line2D([], [], **_SPLIT_LOOK)
        handles = [line, shade, *handles, Line2D([], [], **_CHORD_LOOK)]
        names = ["split estimate", "± 2 standard errors", *names, "great circle, first to last"]
    style.figure_legend(figure, *unresolved.add_legend_entry(handles, names, dotted))
    return figure


def depth_map(run: Trajectory | RunCurves, *, quantity: str = "", matrices: bool = True) -> Figure:
    """Γ of every layer of a group (rows, from the input) over steps: slope of L by windows.

    Blank where no motion stands clear of the noise, and for layers whose L does not.
    """
    curves = collect(run)
    motion = curves.motion(quantity)
    layers = motion.group(matrices)
    rows = len(layers)
    figure = style.new_figure(float(np.clip(0.13 * rows + 1.0, 2.2, 9.0)))
    panel = figure.add_subplot()
    style.dress(panel, grid=False)
    if len(motion.steps) > 1:
        windows = average(motion)
        values = windows.slope[:, [layer.column for layer in layers]]
        values[:, [not motion.resolved(layer) for layer in layers]] = np.nan
        shade = np.ma.masked_less_equal(np.nan_to_num(values), 0).T
        if shade.count():
            low, high = np.percentile(shade.compressed(), [2, 100])
            mesh = panel.pcolormesh(
                np.maximum(windows.borders, 0.5), np.arange(rows + 1) - 0.5, shade,
                norm=LogNorm(low, max(high, 1.5 * low)), cmap="viridis", rasterized=True,
            )  # fmt: skip
            bar = figure.colorbar(mesh, ax=panel, aspect=25, pad=0.01)
            style.dress_colorbar(bar, "Γ (1/step)")
            ticks = style.log_ticks(low, max(high, 1.5 * low))
            style.set_ticks(bar.ax.yaxis, ticks, [plain_number(t) for t in ticks])
    style.log_step_axis(panel, *step_limits(curves), most=9)
    shown = np.unique(np.linspace(0, rows - 1, min(rows, 40)).round().astype(int))
    names = [style.literal(style.shorten(layers[i].name, 36)) for i in shown]
    style.set_ticks(panel.yaxis, shown.tolist(), names)
    panel.tick_params(axis="y", labelsize=style.BASE_SIZE - 2)
    panel.set_ylim(rows - 0.5, -0.5)
    panel.set_xlabel("optimizer step")
    return figure


_SPLIT_LOOK: dict[str, Any] = {"color": SPLIT, "linewidth": 1.7}
_PUBLISHED_LOOK: dict[str, Any] = {"color": PUBLISHED, "linewidth": 1.0, "linestyle": (0, (4, 2))}
_FLOOR_LOOK: dict[str, Any] = {"color": FLOOR, "linewidth": 1.2, "linestyle": ":"}
_CHORD_LOOK: dict[str, Any] = {"color": CHORD, "linewidth": 1.2, "linestyle": "-."}


def _curve(panel: Axes, x: Float | Int, y: Float, look: dict[str, Any]) -> None:
    x, y = positive(x, y)
    panel.plot(x, y, **look, **style.lone(y))


def _in_parts(panel: Axes, x: Float | Int, y: Float, clear: NDArray[np.bool_]) -> Float:
    """The curve of the split estimate; returns what is drawn as not resolved."""
    sure, unsure = unresolved.parts(y, clear)
    _curve(panel, x, sure, _SPLIT_LOOK)
    if np.isfinite(unsure).any():
        _curve(panel, x, unsure, _SPLIT_LOOK | unresolved.LOOK)
    return unsure


def _prepare(panel: Axes, layer: Layer) -> None:
    style.title(panel, layer.name, style.size_text(layer.shape, layer.numel))
    style.dress(panel)


def clear(motion: MotionCurves, layers: Sequence[Layer]) -> list[int]:
    """Columns of the layers whose length stands clear of its error: axes are made for these."""
    return [layer.column for layer in layers if motion.resolved(layer)]


def _says_rest(panel: Axes, motion: MotionCurves, layer: Layer) -> bool:
    """Whether logarithmic axes have nothing to show, and then say why."""
    published = motion.final.published[layer.column]
    if motion.final.record[layer.column] == 0:
        published = np.nan
    if published > 0:
        return False
    text = "at rest: no element left its bin" if published == 0 else "no finite element to follow"
    style.message(panel, text)
    return True


def _length_note(motion: MotionCurves, layer: Layer) -> str:
    if motion.resolved(layer):
        final = motion.final
        text = with_error(final.length[layer.column], final.error[layer.column])
        return f"L = {text}{motion.until(layer)}"
    limit = motion.limit(layer)
    return f"L {upper_limit(limit)}: not resolved" if limit > 0 else "L not resolved"


def _free_corner(panel: Axes) -> tuple[float, float]:
    """Where a note of one line hides the fewest points of the curves, in fractions of the axes."""
    corners = ((0.98, 0.05), (0.02, 0.95), (0.98, 0.95))  # curves begin in the other one
    to_axes = panel.transData + panel.transAxes.inverted()
    hidden = [0] * len(corners)
    for line in panel.lines:
        points = np.asarray(line.get_xydata(), np.float64)
        if line.get_linestyle() == _CHORD_LOOK["linestyle"]:  # across the whole panel
            across = np.geomspace(*panel.get_xlim(), 50)
            points = np.stack([across, np.full(50, points[0, 1])], axis=1)
        inside = to_axes.transform(points[np.isfinite(points).all(axis=1)])
        for number, (x, y) in enumerate(corners):
            near = (abs(inside[:, 0] - x) < NOTE_WIDTH) & (abs(inside[:, 1] - y) < NOTE_HEIGHT)
            hidden[number] += int(near.sum())
    return corners[int(np.argmin(hidden))]


def band(
    panel: Axes, x: Float | Int, value: Float, error: Float, color: str, alpha: float = 0.22
) -> None:
    """± 2 standard errors on logarithmic axes."""
    keep = (x > 0) & np.isfinite(value) & np.isfinite(error)
    x, value, error = x[keep], value[keep], error[keep]
    # a log axis cannot show zero: a band that reaches it is cut far below every curve
    lower = np.maximum(value - 2 * error, 1e-3 * value.max(initial=1e-12))
    panel.fill_between(x, lower, value + 2 * error, color=color, alpha=alpha, linewidth=0)


def positive(x: Float | Int, y: Float) -> tuple[Float, Float]:
    """Points for log-log axes: y ≤ 0 leaves a gap, x ≤ 0 is dropped, long curves are thinned."""
    keep = x > 0
    x, y = np.asarray(x[keep], np.float64), np.where(y[keep] > 0, y[keep], np.nan)
    stride = max(1, -(-x.size // MOST_POINTS))
    return x[::stride], y[::stride]


def limits(*curves: Float, lowest: float = 1.0, decades: float = 7.0) -> tuple[float, float]:
    """Limits of a log axis around positive values.

    They span at most `decades`; `lowest` percent of the values may fall out below, and so do those
    that are within a margin of the ends of float64.
    """
    values = np.concatenate([np.ravel(curve) for curve in curves])
    values = values[(values > 1 / LARGEST) & (values < LARGEST)]
    if not values.size:
        return 0.1, 1.0
    low, high = float(np.percentile(values, lowest)), float(values.max())
    return max(low / 1.4, high * 10.0**-decades), high * 1.4


def loss_axis(panel: Axes, *curves: Float) -> None:
    """Logarithmic, but for losses that may be negative, as log-likelihoods are."""
    values = np.concatenate([np.ravel(curve) for curve in curves])
    values = values[np.abs(values) < LARGEST]
    if (values > 0).any() and not (values < 0).any():
        style.log_value_axis(panel, *limits(values))
        return
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    margin = 0.05 * (high - low) or 0.5
    panel.set_ylim(low - margin, high + margin)


def step_limits(curves: RunCurves) -> tuple[float, float]:
    """Ends of a logarithmic step axis for all records after step 0."""
    steps = curves.main.steps
    first = [float(steps[steps > 0][0])] if (steps > 0).any() else [1.0]
    if steps.size > 1:
        first.append(float(curves.main.midpoints[0]))
    low, high = max(min(first), 0.4), max(float(steps[-1]), 1.0)
    return (low / 1.3, high * 1.1) if steps.size == 2 else (low, high)  # single points need room
