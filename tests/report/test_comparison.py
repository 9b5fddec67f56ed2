"""Several runs side by side: one grid, equal numbers, honest notes."""

import csv
import io

import numpy as np
import pytest

import igfast
from igfast import Grid, Trajectory
from igfast.export import plain
from igfast.numerals import with_error
from igfast.report import overlay, style
from igfast.report.comparing import rows, sentence, write_comparison
from igfast.report.comparison import COLUMNS, compare, unique_names, write_comparison_csv

from .runs import GRID, Page, X, read_csv


def moving(by, grid=GRID, splits=4, config=None, layers=("net.weight",), records=21):
    """X moved by `by` standard deviations in 100 steps."""
    steps = np.linspace(0, 100, records).astype(int)
    found = [
        igfast.histogram(dict.fromkeys(layers, X + by * t / 100), grid=grid, splits=splits)
        for t in steps
    ]
    losses = {"test_loss": (steps, np.exp(-by * steps / 100) + 0.1)}
    return Trajectory.from_histograms(steps, found, losses, config)


@pytest.fixture(scope="module")
def pair():
    runs = [moving(by, config={"settings": {"lr": by, "momentum": 0.9}}) for by in (0.5, 1.0)]
    return compare(runs, ["slow", "fast"])


def test_numbers_are_those_of_the_runs(pair, tmp_path):
    path = write_comparison(pair, tmp_path / "both.html")
    found = read_csv(path.parent / "both_data", "comparison")
    for name, run in zip(pair.names, pair.runs, strict=True):
        length = [float(row["length"]) for row in found if row["run"] == name]
        assert length == run.length("net.weight").tolist()
    slow, fast = (float(row["length"]) for row in found if row["step"] == "100")
    assert (slow, fast) == (pytest.approx(0.5, rel=0.05), pytest.approx(1.0, rel=0.05))
    page = Page(path.read_text(encoding="utf-8"))
    assert {"runs", "lengths", "velocities", "complexity", "losses"} <= set(page.ids)
    assert "lr" in page.text
    assert "momentum" not in page.text  # the same in both
    assert page.links.count("both_data/comparison.csv") == 1
    expected = with_error(*(one[-1] for one in pair.runs[1].length("net.weight", error=True)))
    assert rows(pair)[1][:3] == ["net.weight", "fast", expected]
    slow, fast = (
        with_error(*(one[-1] for one in run.length("net.weight", error=True))) for run in pair.runs
    )
    assert f"differ most in net.weight: {fast} in fast and {slow} in slow." in sentence(pair)


def test_the_file_is_that_of_a_csv_writer(tmp_path):
    """Names that need quotes, a run whose last record is empty, and a layer that one run lacks."""
    odd = 'a "b", c'
    nothing = igfast.histogram({odd: X[:0], "w": X}, grid=GRID, splits=4)
    one, other = moving(0.5, layers=(odd, "w")), moving(1.0, layers=("w",))
    one = Trajectory.from_histograms([*one.steps, 200], [*one.histograms(), nothing])
    found = compare([one, other], ["x,y", "z"])
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([name for name, _ in COLUMNS])
    for layer in (odd, "w", *found.pooled):
        for run, motion, column in found.having(layer):
            curves = [motion.length, motion.length_error, motion.length_published]
            values = [curve[:, column] for curve in curves]
            values += [found.entropy[run, layer], found.complexity[run, layer]]
            for row in zip(motion.steps.tolist(), *(v.tolist() for v in values), strict=True):
                writer.writerow(map(plain, (found.names[run], layer, *row)))
    written = write_comparison_csv(found, tmp_path / "comparison.csv").read_text(encoding="utf-8")
    assert written == stream.getvalue()
    assert ",," in written


def test_records_are_read_where_they_are(monkeypatch):
    """A copy of every record of every layer takes as long as all that is asked of them."""
    runs = [moving(by, layers=("v", "w")) for by in (0.5, 1.0)]
    copied = runs[0].records("w")[0]
    assert copied.split_counts is not runs[0].records("w")[0].split_counts
    assert runs[0].shared_records("w")[0] is runs[0].shared_records("w")[0]

    def refused(*_):
        raise AssertionError("records were copied")

    monkeypatch.setattr(Trajectory, "records", refused)
    assert compare(runs, ["slow", "fast"]).grids


def test_lengths_within_their_errors_are_not_said_to_differ():
    """0.5 and 0.501, of 0.4 % each."""
    found = compare([moving(0.5), moving(0.501)], ["one", "other"])
    lengths = [run.length("net.weight")[-1] for run in found.runs]
    assert lengths[0] != lengths[1]
    assert sentence(found) == (
        "Runs one, other: 1 layer. No layer's lengths differ by more than two standard errors."
    )


def test_a_color_per_run_on_common_axes(pair):
    (panel,) = overlay.lengths(pair).axes
    assert panel.get_ylabel() == "L"
    slow, fast = panel.lines
    assert (slow.get_color(), fast.get_color()) == style.SERIES[:2]
    np.testing.assert_array_equal(fast.get_ydata(), pair.runs[1].length("net.weight")[1:])
    (panel,) = overlay.losses(pair).axes
    assert len(panel.lines) == 2


def test_losses_that_no_axis_can_show_are_left_out():
    steps, losses = np.array([1, 10, 100]), np.array([-1.0, 1e308, -2.0])
    records = [igfast.histogram({"w": X}, grid=GRID)] * 3
    runs = [Trajectory.from_histograms(steps, records, {"loss": (steps, losses)})] * 2
    figure = overlay.losses(compare(runs, ["one", "other"]))
    drawn = [line.get_ydata().tolist() for line in figure.axes[0].lines]
    assert drawn == [[-1.0, -2.0]] * 2
    assert figure.axes[0].get_ylim() == pytest.approx((-2.05, -0.95))


def test_entropies_are_on_one_grid():
    """The same values on bins of 1/8 and 1/4 have equal H and C once they are merged."""
    fine, coarse = moving(0.5), moving(0.5, grid=Grid.dyadic(32, exponent=-2))
    assert abs(fine.entropy("net.weight")[0] - coarse.entropy("net.weight")[0]) > 0.01
    found = compare([fine, coarse], ["fine", "coarse"])
    for curves in (found.entropy, found.complexity):
        np.testing.assert_allclose(curves[0, "net.weight"], curves[1, "net.weight"], rtol=1e-12)
    assert "2^-2" in found.grids["net.weight"]
    assert any("recorded on different grids" in note for note in found.notes)


def test_what_cannot_be_compared_is_said():
    uniform = Grid.uniform(32, low=-4, high=5)
    runs = [
        moving(0.5),
        moving(0.5, grid=uniform, splits=1),
        moving(0.5, layers=("net.weight", "other")),
    ]
    found = compare(runs, ["dyadic", "uniform", "more"])
    text = " ".join(found.notes)
    assert "L of uniform are the published estimates" in text
    assert "H and C of net.weight are on each run's own grid" in text
    assert "Not all runs have other." in text
    expected = runs[1].entropy("net.weight")
    np.testing.assert_array_equal(found.entropy[1, "net.weight"], expected)
    assert [row[:2] for row in rows(found)][-2:] == [["other", "more"], ["model", "more"]]


def test_modules_are_compared_too(tmp_path):
    """Groups after layers and "model" after both, all records of both runs on one grid."""
    names = ("a.weight", "a.bias", "b.weight", "b.bias", "c.weight")
    runs = [moving(speed, layers=names) for speed in (0.5, 1.0)]
    found = compare([runs[0], runs[1].grouped(1)], ["slow", "fast"])
    assert found.layers == names
    assert found.pooled == ("a", "b", "model")
    assert [number for number, *_ in found.having("a")] == [1]
    (_, motion, column) = found.having("model")[0]
    length, error = runs[0].length("model", error=True)
    np.testing.assert_array_equal(motion.length[:, column], length)
    np.testing.assert_array_equal(motion.length_error[:, column], error)
    np.testing.assert_array_equal(found.entropy[0, "model"], runs[0].entropy("model"))
    assert "Not all runs have a, b." in " ".join(found.notes)
    write_comparison(found, tmp_path / "page.html")
    lines = (tmp_path / "page_data" / "comparison.csv").read_text().splitlines()[1:]
    assert {tuple(line.split(",")[:2]) for line in lines if ",b," in line} == {("fast", "b")}


def test_a_loss_without_values_is_not_drawn():
    runs = [moving(0.5, records=5), moving(1.0, records=5)]
    empty = {"test_loss": (np.zeros(0, np.int64), np.zeros(0)), "val_loss": ([100], [0.5])}
    runs.append(Trajectory.from_histograms(runs[0].steps, list(runs[0].histograms()), empty))
    found = compare(runs, ["a", "b", "c"])
    assert [sorted(one) for one in found.scalars] == [["test_loss"], ["test_loss"], ["val_loss"]]
    (panel,) = overlay.losses(found).axes
    assert len(panel.lines) == 2


def test_a_run_is_not_written_over(pair, tmp_path):
    with igfast.Monitor({"w": np.ones(3)}, store=tmp_path / "run.igf") as monitor:
        monitor.record(0)
    before = (tmp_path / "run.igf").read_bytes()
    with pytest.raises(ValueError, match="holds a run, or another database"):
        write_comparison(pair, tmp_path / "run.igf")
    assert (tmp_path / "run.igf").read_bytes() == before
    assert not (tmp_path / "run_data").exists()


def test_nested_settings_are_compared_one_by_one():
    nested = [{"monitor": {"every": every, "grid": {"bins": 64}}} for every in (1, 2)]
    found = compare([moving(0.5, config=one, records=5) for one in nested], ["a", "b"])
    assert found.differing == (("monitor.every", (1, 2)),)
    assert sentence(found).startswith("Runs a, b: 1 layer.")


def test_names_are_unique_and_mistakes_are_told(tmp_path):
    paths = [tmp_path / "a" / "run.igf", tmp_path / "b" / "run.igf"]
    assert unique_names(paths) == ["a/run", "b/run"]
    assert unique_names([paths[0], paths[0]]) == ["1: run", "2: run"]
    one = moving(0.5, records=5)
    with pytest.raises(ValueError, match="needs two runs or more, got 1"):
        compare([one], ["alone"])
    with pytest.raises(
        ValueError, match="run 'b' holds no record of quantity='grad'; it has param"
    ):
        compare([one, one], ["b", "c"], quantity="grad")
    with igfast.Monitor({"w": np.ones(3)}, store=tmp_path / "run.igf"):
        pass
    with pytest.raises(ValueError, match="run 'c' holds no record yet; compare runs"):
        compare([one, igfast.open(tmp_path / "run.igf")], ["b", "c"])
