"""The figures: axes, units, averages; no pixels."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.axis import Axis

import igfast
import igfast.report
from igfast import Trajectory
from igfast.report import figures, overlay, render, style, unresolved, windows
from igfast.report.collect import collect
from igfast.report.comparison import compare
from igfast.report.counted import Densities
from igfast.report.layerwise import great_circle
from igfast.report.ridges import ridge_records
from igfast.report.style import step_axis

from .runs import GRID, X, ends


def test_velocity_and_length_are_log_log_with_units(drift):
    curves = collect(drift)
    for figure, unit in ((figures.velocity(curves), "Γ (1/step)"), (figures.length(curves), "L")):
        (panel,) = figure.axes
        assert (panel.get_xscale(), panel.get_yscale()) == ("log", "log")
        assert (panel.get_xlabel(), panel.get_ylabel()) == ("optimizer step", unit)
    panel = figures.length(drift).axes[0]  # a trajectory does as well
    curve = next(line for line in panel.lines if line.get_color() == style.SERIES[0])
    np.testing.assert_array_equal(curve.get_xdata(), drift.steps[1:])
    np.testing.assert_array_equal(curve.get_ydata(), drift.length("net.weight")[1:])
    chord = great_circle(ends(drift))[0]
    assert any(np.allclose(line.get_ydata(), chord) for line in panel.lines)


def test_great_circle_is_the_fisher_rao_distance_without_noise(drift):
    # N(0, 1) and N(1, 1) are 2·arccos(exp(-1/8)) = 0.9784 apart in the limit of fine bins
    assert great_circle(ends(drift))[0] == pytest.approx(0.9784, rel=0.03)
    alone = [igfast.histogram({"w": x}, grid=GRID, splits=1) for x in (X, X + 1)]
    found = great_circle(Trajectory.from_histograms([0, 1], alone))
    np.testing.assert_allclose(found, igfast.fisher_rao_distance(*alone), rtol=1e-12)
    # motion by much less than a bin: the plain distance is all noise
    near = [igfast.histogram({"w": x}, grid=GRID, splits=8) for x in (X, X + 1e-4 * X[::-1])]
    found = great_circle(Trajectory.from_histograms([0, 1], near))
    assert found[0] < 0.5 * igfast.fisher_rao_distance(*near)[0]


def test_overview_shares_one_step_axis(drift):
    panels = figures.overview(drift).axes
    names = ["information length L", "velocity Γ (1/step)", "loss", "accuracy"]
    assert [panel.get_ylabel() for panel in panels] == names
    assert len({panel.get_xlim() for panel in panels}) == 1
    assert [panel.get_xlabel() for panel in panels] == ["", "", "", "optimizer step"]


@pytest.mark.parametrize(
    ("losses", "scale", "limits"),
    [
        ((3.0, 2.0, 1.4), "log", (1.4 / 1.4, 3.0 * 1.4)),
        ((0.0, 2.0, 2.0), "log", (2.0 / 1.4, 2.0 * 1.4)),
        ((5e-324, 5e-324, 5e-324), "log", (0.1, 1.0)),  # the smallest double
        ((0.0, 0.0, 0.0), "linear", (-0.5, 0.5)),
        ((9.0, 0.0, -1.0), "linear", (-1.5, 9.5)),
        ((-1.0, -1e308, 0.0), "linear", (-1.05, 0.05)),
    ],
)
def test_losses_are_on_a_logarithmic_axis_where_there_is_one(tmp_path, losses, scale, limits):
    with igfast.Monitor({"w": X.copy()}, store=tmp_path / "run.igf") as monitor:
        for step, loss in enumerate(losses):
            monitor.record(step)
            monitor.log(step, train_loss=loss)
    figure = figures.overview(igfast.open(tmp_path / "run.igf"))
    render.to_svg(figure, "overview")
    panel = next(axes for axes in figure.axes if axes.get_ylabel() == "loss")
    assert panel.get_yscale() == scale
    assert panel.get_ylim() == pytest.approx(limits, rel=0.02)


def test_windows_average_without_losing_length(drift):
    motion = collect(drift).main
    found = windows.average(motion)
    total = (found.slope * np.diff(found.borders)[:, None]).sum(axis=0)
    np.testing.assert_allclose(total, motion.length[-1], rtol=1e-12)
    np.testing.assert_allclose(found.slope[-5:, 0], 0.01, rtol=0.15)  # 1/step: L = 1 in 100
    last = windows.window_ends(motion.steps)[-2]
    width = np.diff(motion.steps[last:]) ** 2
    expected = (motion.velocity_squared[last:, 0] * width).sum() / width.sum()
    assert found.squared[-1, 0] == pytest.approx(expected, rel=1e-12)
    errors = motion.velocity_squared_error[last:, 0] * width
    assert found.squared_error[-1, 0] == pytest.approx(
        np.sqrt((errors**2).sum()) / width.sum(), rel=1e-12
    )


def test_densities_choose_a_round_range():
    edges = np.arange(-8, 9) / 8
    counts = np.zeros(16, np.int64)
    counts[4:13] = 100
    found = Densities(np.array([0]), (edges,), (counts,), 1200)
    assert found.bulk == (-0.625, 0.625)  # symmetric around zero
    density = found.on(edges)
    assert density[0, 5] == 100 / 1200 * 8
    assert density.sum() / 8 == pytest.approx(900 / 1200)  # 300 lie outside
    low, high = Densities(np.array([0]), (edges + 10,), (counts,), 900).bulk
    assert (low + high) / 2 == pytest.approx(10.0625)


def test_figures_scale_with_the_records(drift):
    curves = collect(drift)
    assert len(ridge_records(curves.main)) <= 12
    assert ridge_records(curves.main)[[0, -1]].tolist() == [0, 50]
    axes = style.new_figure(1.0).add_subplot()
    step_axis(axes, np.arange(0, 1000, 10))
    assert axes.get_xscale() == "linear"
    step_axis(axes, np.array([0, 1, 2, 5, 10, 20, 50, 100, 200, 500]))
    assert axes.get_xscale() == "symlog"
    assert axes.get_xticklabels()[0].get_text() == "0"
    axes = style.new_figure(1.0).add_subplot()
    step_axis(axes, np.array([-1000, -999, -500, -250, -100, -1]))  # no step to be logarithmic from
    assert axes.get_xscale() == "linear"


def test_ridges_follow_the_resolved_path_only(drift):
    motion = collect(drift).main
    # the bias, unresolved, jumps near the end; the weights move evenly and then rest
    length, error = motion.length.copy(), motion.length_error.copy()
    length[:, 0] = np.minimum(np.arange(51) / 44, 1.0)
    length[:, 1] = np.where(np.arange(51) < 46, 0.0, 1.0)
    error[:, 0], error[:, 1] = 0.01, 5.0
    chosen = ridge_records(replace(motion, length=length, length_error=error))
    assert chosen.tolist() == [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 50]


def test_ridges_follow_the_path_where_a_layer_is_lost_on_it():
    """Both move evenly; one is NaN from step 60 of 100 on, and has arrived there."""
    steps, lost = range(0, 101, 2), np.full_like(X, np.nan)
    records = [
        igfast.histogram(
            {"a": X + t / 100, "b": X + t / 100 if t < 60 else lost}, grid=GRID, splits=4
        )
        for t in steps
    ]
    motion = collect(Trajectory.from_histograms(steps, records)).main
    assert motion.final.record.tolist()[:2] == [50, 29]
    chosen = ridge_records(motion)
    assert len(chosen) == 12
    # the mean of t/100 and t/58 until step 58, then that of t/100 and 1
    place = np.arange(51) / 50
    place = (place + np.minimum(np.arange(51) / 29, 1)) / 2
    even = np.abs(place[:, None] - np.linspace(0, 1, 12)).argmin(axis=0)
    assert np.abs(chosen - even).max() <= 2


def test_unresolved_lengths_say_so_in_their_panels(drift):
    curves = collect(drift)
    length, error = curves.main.length.copy(), curves.main.length_error.copy()
    length[:, 0], error[:, 0] = 0.02, 0.185
    length[:, 1], error[:, 1] = 0.0, 0.3
    motion = replace(curves.main, length=length, length_error=error)
    assert motion.limit(motion.layers[0]) == pytest.approx(0.39)
    assert np.isnan(motion.limit(motion.layers[1]))  # ten elements
    changed = replace(curves, main=motion)
    texts = [
        text.get_text()
        for matrices in (True, False)
        for panel in figures.length(changed, matrices=matrices).axes
        for text in panel.texts
    ]
    assert texts == ["L < 0.39: not resolved", "L not resolved"]


def _not_resolved_until(curves, record):
    """The same run, whose L is within two standard errors up to that record."""
    error = curves.main.length_error.copy()
    error[:record] = 1.0
    motion = replace(curves.main, length_error=error)
    return replace(curves, main=motion)


@pytest.mark.parametrize("few", [True, False])
def test_what_is_not_resolved_is_dotted_and_in_the_legend(drift, few, monkeypatch):
    curves = replace(collect(drift), scalars={})
    assert unresolved.NAME not in _legend(figures.overview(curves))
    if not few:
        monkeypatch.setattr(style, "SERIES", ())  # of colors of their own
    found = figures.overview(_not_resolved_until(curves, 20))  # records at steps 0, 2, ... 100
    assert unresolved.NAME in _legend(found)
    window = np.sqrt(32 * 40)  # center of the first window that ends where L is resolved
    for panel, first in zip(found.axes[:2], (40, window), strict=True):
        if not few:
            sure, unsure = (one.get_paths()[0].vertices for one in panel.collections)
        else:
            sure, unsure = (line.get_xydata() for line in panel.lines)
            assert [line.get_linestyle() for line in panel.lines] == ["-", ":"]
        dotted = unsure[np.isfinite(unsure[:, 1]), 0]
        solid = sure[np.isfinite(sure[:, 1]), 0]
        assert dotted.min() <= 2
        assert solid.min() == dotted.max() == pytest.approx(first)  # they meet


def test_lengths_and_velocities_of_a_layer_are_dotted_where_not_resolved(drift):
    changed = _not_resolved_until(collect(drift), 20)
    for draw in (figures.length, figures.velocity):
        figure = draw(changed)
        looks = [line.get_linestyle() for line in _blue(figure.axes[0])]
        assert looks.count("-") == looks.count(":") == 1
        assert unresolved.NAME in _legend(figure)
        assert unresolved.NAME not in _legend(draw(drift))


def test_compared_lengths_are_dotted_where_not_resolved(drift):
    found = compare([drift, drift], ["a", "b"])
    assert unresolved.NAME not in _legend(overlay.lengths(found))
    motions = tuple(_not_resolved_until(collect(drift), 20).main for _ in found.motions)
    for draw in (overlay.lengths, overlay.velocities):
        figure = draw(replace(found, motions=motions))
        assert unresolved.NAME in _legend(figure)
        assert [line.get_linestyle() for line in figure.axes[0].lines] == ["-", ":"] * 2


def _blue(panel):
    found = [line for line in panel.lines if line.get_color() == style.SERIES[0]]
    return [line for line in found if line.get_marker() in ("", "None")]


def _legend(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_legends_fit_their_figures(drift):
    """One panel makes a narrower figure, and the legend takes more lines."""
    for draw in (figures.velocity, figures.length):
        figure = draw(drift)
        render.lay_out(figure)
        (legend,) = figure.legends
        assert legend.get_window_extent().x1 <= figure.bbox.x1
        assert len(legend.get_texts()) >= 4


def test_ticks_of_one_axis_have_as_many_decimals():
    axes = style.new_figure(2.0).add_subplot()
    axes.set_ylim(0.388, 0.412)
    style.value_ticks(axes.yaxis, 5)
    axes.figure.canvas.draw()
    shown = [tick.get_text() for tick in axes.get_yticklabels()]
    assert "0.400" in shown or "0.40" in shown
    assert len({len(text) for text in shown}) == 1


def test_large_figures_become_png(drift, monkeypatch):
    figure = figures.entropy_complexity(drift)
    assert render.figure_fragment(figure, "key", "a < b").startswith("<svg ")
    assert 'id="key-figure_1"' in render.to_svg(figure, "key")
    assert "var(--series0)" in render.to_svg(figure, "key")
    monkeypatch.setattr(render, "LARGEST_SVG", 10)
    monkeypatch.setattr(render, "to_png", lambda figure: b"\x89PNG")
    fragment = render.figure_fragment(figure, "key", "a < b")
    assert fragment.startswith('<img class="card" alt="a &lt; b" src="data:image/png;base64,')


@pytest.mark.parametrize("name", ["density_map", "ridgeline", "velocity", "growth"])
def test_figures_are_drawn_once_and_measured_twice(drift, name, monkeypatch):
    """Both rounds of the layout measure every axis; all of it again takes as long as the rest."""
    seen = Counter()

    def counting(kind, method):
        whole = getattr(kind, method)

        def counted(self, *args, **options):
            seen[method, id(self)] += 1
            return whole(self, *args, **options)

        monkeypatch.setattr(kind, method, counted)

    figure = getattr(figures, name)(drift)
    counting(Axes, "draw")
    counting(Axis, "get_tightbbox")
    render.figure_fragment(figure, "key", "what it shows")
    for panel in figure.axes:
        assert seen["draw", id(panel)] == 1
        measured = {seen["get_tightbbox", id(axis)] for axis in (panel.xaxis, panel.yaxis)}
        assert measured <= {2, 4}  # a color bar again for the panel beside it


def test_report_needs_neither_pyplot_nor_a_display():
    code = (
        "import sys, numpy as np, igfast\n"
        "from igfast.report import figures\n"
        "h = [igfast.histogram({'w': np.arange(99.) + t}, bins=32, splits=4) for t in range(3)]\n"
        "figures.overview(igfast.Trajectory.from_histograms([0, 1, 2], h))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
