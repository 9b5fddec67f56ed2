"""One look for every figure: colors with a light and a dark value, axes, ticks, layer names.

Figures are drawn in the light colors. On the page each of these colors is a CSS variable, so the
same SVG follows the reader's light or dark scheme; see `igfast.report.render`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
    ScalarFormatter,
)

from igfast.numerals import plain_number
from igfast.printing import printable

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.colorbar import Colorbar

# name -> (light, dark). Series: blue, vermilion, green, purple, ochre, sky, brown, gray; the order
# keeps neighbors apart for all common color-vision deficiencies and on both backgrounds.
COLORS: dict[str, tuple[str, str]] = {
    "ink": ("#1f2329", "#e4e8ee"),
    "muted": ("#5c6470", "#9aa4b1"),
    "rule": ("#d5d9df", "#363d47"),
    "series0": ("#0068a8", "#5db7f0"),
    "series1": ("#d1550a", "#ff9455"),
    "series2": ("#00855f", "#3fcf9f"),
    "series3": ("#a33f8c", "#e48fd0"),
    "series4": ("#a87400", "#f0be50"),
    "series5": ("#3f8fd6", "#9ccbff"),
    "series6": ("#7a4f30", "#cfa383"),
    "series7": ("#6b727c", "#b3bcc8"),
}
INK, MUTED, RULE = (COLORS[name][0] for name in ("ink", "muted", "rule"))
SERIES = tuple(light for name, (light, _) in COLORS.items() if name.startswith("series"))
DASHES: tuple[Literal["-", "--"], ...] = ("-", "-", "-", "-", "--", "--", "--", "--")
BASE_SIZE = 9.6  # points, on a figure 11 inches wide: 13 px in a page 1100 px wide
WIDTH = 11.0
COLUMNS = 3


def literal(text: str) -> str:
    """Text that matplotlib must not read as mathematics: layer names may hold a dollar sign."""
    return printable(text).replace("$", r"\$")


def shorten(name: str, limit: int = 30) -> str:
    """Layer name in about `limit` characters: leading words shrink to a letter, numbers stay.

    >>> shorten("transformer.layers.11.attention.c_attn.weight")
    't.l.11.attention.c_attn.weight'
    >>> shorten("no_dots_in_this_very_long_name_of_a_tensor")
    'no_dots_in_thi…name_of_a_tensor'
    """
    words = name.split(".")
    for place, word in enumerate(words[:-2]):
        if len(".".join(words)) <= limit:
            break
        words[place] = word if word.isdigit() else word[:1]
    short = ".".join(words)
    if len(short) <= limit + 4:
        return short
    return f"{short[: limit // 2 - 1]}…{short[-limit // 2 - 1 :]}"


def compact_step(step: float) -> str:
    """Step number in few characters.

    >>> [compact_step(s) for s in (0, 1, 50, 1000, 5600, 1_200_000)]
    ['0', '1', '50', '1k', '5.6k', '1.2M']
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(step) >= size:
            return f"{step / size:.3g}{letter}"
    return f"{step:.4g}"


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values between two positive limits, at most about `most` of them, for a log axis.

    >>> log_ticks(0.8, 1200.0)
    [1.0, 10.0, 100.0, 1000.0]
    >>> log_ticks(0.5, 4.0)
    [0.5, 1.0, 2.0]
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))

    def within(candidates: list[float]) -> list[float]:
        return [value for value in candidates if low <= value <= high]

    decades = within([10.0**e for e in range(first, last + 1)])
    if len(decades) >= 3:
        return decades[:: math.ceil(len(decades) / most)]
    halves = within([m * 10.0**e for e in range(first, last + 1) for m in (1.0, 2.0, 5.0)])
    if len(halves) >= 3:
        return halves
    step = 10.0 ** math.floor(math.log10(high - low))
    for fraction in (1.0, 0.5, 0.2, 0.1):
        width = step * fraction
        linear = within([i * width for i in range(int(low / width), int(high / width) + 2)])
        if len(linear) >= 3:
            return [float(f"{value:.6g}") for value in linear][:: math.ceil(len(linear) / most)]
    return halves


def set_ticks(axis: Axis, values: Sequence[float], labels: Sequence[str]) -> None:
    """Exactly these ticks with exactly these labels, and no minor ones."""
    axis.set_major_locator(FixedLocator(list(values)))
    axis.set_major_formatter(FixedFormatter(list(labels)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def log_value_axis(axes: Axes, low: float, high: float) -> None:
    """Logarithmic y axis from `low` to `high` with round, readable ticks."""
    axes.set_ylim(low, high)  # before the scale, which would look for limits in all values
    axes.set_yscale("log")
    ticks = log_ticks(low, high)
    set_ticks(axes.yaxis, ticks, [plain_number(t) for t in ticks])


def log_step_axis(axes: Axes, low: float, high: float, most: int = 6) -> None:
    """Logarithmic step axis from `low` to `high`."""
    if high <= low:
        low, high = low / 1.5, high * 1.5
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks = log_ticks(low, high, most)
    set_ticks(axes.xaxis, ticks, [compact_step(t) for t in ticks])


def evenly_spaced(steps: np.ndarray) -> bool:
    """Whether the recorded steps are spaced evenly enough for a linear axis."""
    gaps = np.diff(steps)
    return gaps.size < 3 or bool(2 * np.percentile(gaps, 5) >= np.median(gaps))


def step_axis(axes: Axes, steps: np.ndarray) -> None:
    """Step axis that gives every record room: linear if evenly recorded, else zero-and-logarithmic.

    On the second kind the interval from 0 to the first positive step is linear; without such a step
    all of it is.
    """
    low, high = float(steps[0]), float(steps[-1])
    if high <= low:
        axes.set_xlim(low - 0.5, high + 0.5)
        set_ticks(axes.xaxis, [low], [compact_step(low)])
        return
    if high <= 0 or evenly_spaced(steps):
        axes.set_xlim(low, high)
        axes.xaxis.set_major_formatter(lambda value, _: compact_step(value))
        axes.locator_params(axis="x", nbins=6)
        return
    positive = float(steps[steps > 0][0])
    axes.set_xscale("symlog", linthresh=positive, linscale=0.4)
    axes.set_xlim(low, high)
    ticks = [t for t in log_ticks(positive, high, 6) if low <= t <= high]
    if low <= 0:
        ticks = [0.0, *ticks]
    set_ticks(axes.xaxis, ticks, [compact_step(t) for t in ticks])


def dress(axes: Axes, *, grid: bool = True) -> None:
    """Apply the common look: two spines, quiet grid, small ticks."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)
        axes.spines[side].set_linewidth(0.8)
    axes.set_facecolor("none")
    axes.tick_params(colors=MUTED, labelcolor=INK, labelsize=BASE_SIZE - 1, width=0.7, length=3)
    axes.xaxis.label.set(color=INK, fontsize=BASE_SIZE)
    axes.yaxis.label.set(color=INK, fontsize=BASE_SIZE)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(color=RULE, linewidth=0.6)


def title(axes: Axes, name: str, note: str = "") -> None:
    """Bold panel title from a layer's name, and a quiet note at the right where there is room."""
    text = shorten(name)
    place: dict[str, Any] = {"y": 1.0}  # else all ticks are measured, again and again, to find it
    axes.set_title(
        literal(text), loc="left", color=INK, fontsize=BASE_SIZE - 0.6, fontweight="bold", **place
    )
    if len(text) + len(note) <= 33:
        axes.set_title(literal(note), loc="right", color=MUTED, fontsize=BASE_SIZE - 1.5, **place)


def message(axes: Axes, text: str) -> None:
    """Say in the middle of an otherwise empty panel why it is empty."""
    axes.set_axis_off()
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=MUTED,
        fontsize=BASE_SIZE, wrap=True,
    )  # fmt: skip


def size_text(shape: tuple[int, ...] | None, numel: int) -> str:
    """Shape as text, or the number of elements where no shape is known.

    >>> size_text((512, 784), 401408), size_text(None, 5120)
    ('512×784', '5,120')
    """
    return "×".join(str(size) for size in shape) if shape else f"{numel:,}"


def outer_labels(axes: Sequence[Axes], x: str, y: str) -> None:
    """Axis names at the left column and under the lowest panel of each column only."""
    for number, panel in enumerate(axes):
        if number % COLUMNS == 0:
            panel.set_ylabel(y)
        if number + COLUMNS >= len(axes):
            panel.set_xlabel(x)


def legend(axes: Axes, handles: Sequence[Artist], names: Sequence[str]) -> None:
    """Legend inside the axes where it covers least."""
    axes.legend(
        list(handles), list(names), loc="best", frameon=False, fontsize=BASE_SIZE - 1,
        labelcolor=INK,
    )  # fmt: skip


def figure_legend(figure: Figure, handles: Sequence[Artist], names: Sequence[str]) -> None:
    """One legend for all panels, in rows above them."""
    # characters that fit beside each other, handles included
    room = 170 * figure.get_figwidth() / WIDTH
    columns = len(names)
    while columns > 1 and columns * (max(map(len, names)) + 8) > room:
        columns -= 1
    if sum(len(name) + 8 for name in names) <= room:
        columns = len(names)
    figure.legend(
        list(handles), list(names), loc="outside upper left", frameon=False, labelcolor=INK,
        fontsize=BASE_SIZE - 0.5, ncols=columns,
    )  # fmt: skip


def dress_colorbar(bar: Colorbar, label: str) -> None:
    """The common look for a color bar."""
    bar.set_label(label, color=INK, fontsize=BASE_SIZE - 0.5)
    bar.ax.tick_params(colors=MUTED, labelcolor=INK, labelsize=BASE_SIZE - 1, length=2)
    bar.outline.set_visible(False)


def depth_bar(figure: Figure, axes: Sequence[Axes], colors: Sequence[str], what: str) -> None:
    """Color bar that says which color is which layer, counted from the input."""
    last = len(colors) - 1
    shades = ScalarMappable(Normalize(0, last), ListedColormap(list(colors)))
    bar = figure.colorbar(shades, ax=list(axes), aspect=30, pad=0.01)
    dress_colorbar(bar, f"{what}, from input to output")
    set_ticks(bar.ax.yaxis, [0, last], ["1", str(last + 1)])


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """Figure of this size in inches, transparent, laid out without overlaps."""
    engine = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06, wspace=0.03, hspace=0.03)
    return Figure(figsize=(width, height), layout=engine, facecolor="none")


def rows(count: int) -> int:
    """Rows of a figure of `count` panels."""
    return max(1, math.ceil(count / COLUMNS))


def panels(count: int, height: float) -> tuple[Figure, list[Axes]]:
    """Figure with `count` panels in rows of `COLUMNS`, each `height` inches high."""
    columns = min(COLUMNS, max(count, 1))
    width = WIDTH if columns > 1 else 0.6 * WIDTH
    figure = new_figure(rows(count) * height + 0.3, width)
    grid = figure.add_gridspec(rows(count), columns)
    axes = [figure.add_subplot(grid[i // columns, i % columns]) for i in range(count)]
    return figure, axes


def lone(values: np.ndarray) -> dict[str, Any]:
    """Look of a curve of one point, which as a line would not be seen."""
    return {"marker": "o", "markersize": 3.5} if np.isfinite(values).sum() == 1 else {}


def value_ticks(axis: Axis, most: int) -> None:
    """Plain decimal ticks, without an offset that the reader would have to add."""
    axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10], min_n_ticks=2))
    form = ScalarFormatter(useOffset=False)
    form.set_scientific(False)
    axis.set_major_formatter(form)


def series_colors(count: int) -> list[str]:
    """Color of each of `count` layers: distinct up to eight, else a gradient over depth."""
    if count <= len(SERIES):
        return list(SERIES[:count])
    gradient = colormaps["viridis"]
    return [to_hex(gradient(x)) for x in np.linspace(0.2, 0.88, count)]
