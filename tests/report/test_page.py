"""The page: valid, self-contained, honest about runs with little to show."""

from dataclasses import replace
from urllib.parse import urlsplit

import numpy as np
import pytest

import igfast
import igfast.report
from igfast import Grid, Trajectory
from igfast.numerals import with_error
from igfast.report import figures
from igfast.report.collect import collect
from igfast.report.document import document
from igfast.report.headline import half_way, notes, summary
from igfast.report.page import render_page
from igfast.report.tables import layer_table
from igfast.store import RunWriter

from .runs import GRID, ODD, Page, X, cells, column, read_csv, store_run


def test_page_is_self_contained(drift_report, drift_page):
    assert "script" not in drift_page.tags
    assert "link" not in drift_page.tags
    assert all(source.startswith("data:") for source in drift_page.sources)
    text = drift_report.read_text(encoding="utf-8")
    assert "@import" not in text
    assert "url(http" not in text
    assert len(set(drift_page.ids)) == len(drift_page.ids)
    for link in drift_page.links:
        if link.startswith("#"):
            assert link[1:] in drift_page.ids
        elif urlsplit(link).scheme:
            assert link.startswith("data:image/png") or link == "https://arxiv.org/abs/2406.05295"
        else:
            assert (drift_report.parent / link).is_file()


def test_page_has_its_sections_and_figures(drift_page):
    sections = ["overview", "layers", "densities", "motion", "scales", "growth"]
    sections += ["complexity", "methods"]
    assert [key for key in drift_page.ids if key in sections] == sections
    for group in ("matrices", "vectors"):
        for kind in ("density", "ridges", "velocity", "length", "complexity"):
            assert f"figure-{kind}-param-{group}" in drift_page.ids
    assert "figure-overview" in drift_page.ids
    assert "Bands are ± 2 standard errors." in drift_page.text
    assert drift_page.tags.count("svg") == 13
    assert "1 other layer" in drift_page.text  # biases are folded away
    assert "dyadic bins of 2^-3" in drift_page.text  # H and C name their grid
    assert "prefers-color-scheme: dark" in drift_page.text


def test_page_escapes_what_the_run_holds(drift_report, drift_page):
    assert ODD in drift_page.text
    assert "<script>" not in drift_report.read_text(encoding="utf-8")


def test_headline_says_what_happened(drift):
    training, moved, results = summary(collect(drift))
    assert training == "Model mlp trained on mnist: 51 records from step 0 to step 100."
    length, error = drift.length("net.weight", error=True)
    value = with_error(length[-1], error[-1]).replace(" ", "\N{NO-BREAK SPACE}")
    assert f"an information length L of {value} (net.weight)." in moved
    half = drift.steps[np.argmax(length >= length[-1] / 2)]
    assert abs(half - 50) <= 4
    assert f"Half of the way was behind it by step {half} of 100." in moved
    assert results == (
        "The test loss was lowest at step 60: 1 and 1601 at the end. "
        "The test accuracy ended at 50.00%."
    )
    assert half_way(np.array([0, 5, 9]), np.array([0.0, 0.4, 0.8])) == 5
    assert half_way(np.array([0, 5]), np.array([0.0, 0.0])) is None


def test_unresolved_lengths_are_upper_limits(drift):
    curves = collect(drift)
    length, error = curves.main.length.copy(), curves.main.length_error.copy()
    length[:, 0], error[:, 0] = 0.02, 0.185
    length[:, 1], error[:, 1] = 0.0, 0.3
    motion = replace(curves.main, length=length, length_error=error)
    moved = summary(replace(curves, main=motion))[1]
    limit = "< 0.39".replace(" ", "\N{NO-BREAK SPACE}")
    assert moved == f"Its weight matrix moved an information length L of {limit} (net.weight)."
    weight, bias = (cells(layer_table(motion, [layer])) for layer in motion.layers)
    assert (weight["L ± se"], weight["Γ, 1/step"]) == ("< 0.39", "–")
    assert (bias["L ± se"], bias["Γ, 1/step"], bias["great circle"]) == ("–", "–", "–")
    length[:] = np.nan
    weight = cells(layer_table(replace(motion, length=length), motion.layers[:1]))
    assert (weight["L ± se"], weight["Γ, 1/step"]) == ("–", "–")
    moved = summary(replace(curves, main=replace(motion, length=length)))[1]
    assert moved == "L is not resolved for net.weight."


def test_caveats_say_what_the_error_leaves_out(drift_page):
    text = " ".join(drift_page.text.split())
    assert "L depends on the bins. A layer that starts uniform" in text
    assert "finer bins usually make L more certain. Compare L on equal bins." in text
    assert "combines the spread between groups with the uncertainty of what bins, arcs" in text
    assert "which stands under Grids" in text


def test_many_layers_stay_readable_and_nothing_is_left_out_silently(tmp_path):
    def layers_at(t):
        weights = {f"block.{i}.weight": X[:20] * (1 + 0.02 * t) for i in range(14)}
        return weights | {f"block.{i}.bias": X[i] for i in range(13)}

    steps = range(0, 30, 5)
    run = store_run(tmp_path / "many.igf", ["param"], steps, layers_at)
    page = Page(run.report(tmp_path / "many.html").read_text(encoding="utf-8"))
    assert "figure-depth-param-matrices" in page.ids
    note = "Shown are 12 of 14 layers: the first, the last and evenly spaced between; 2 are left"
    assert page.text.count(note) == 4
    assert page.text.count("Shown are 12 of 13 layers") == 4
    assert "drawn without bands" in page.text
    assert "Bands are" not in page.text
    for i in range(14):  # the table holds them all
        assert f"block.{i}.weight" in page.text
    curves = collect(run)
    shown = [layer.name for layer in curves.main.shown(True)]
    assert (shown[0], shown[-1], len(shown)) == ("block.0.weight", "block.13.weight", 12)
    assert len(figures.overview(curves).axes[0].collections[0].get_segments()) == 14
    plane = figures.entropy_complexity(curves).axes[2]
    paths, first, last = plane.collections
    assert len(paths.get_segments()) == 14
    h, c = run.entropy("block.13.weight"), run.complexity("block.13.weight")
    np.testing.assert_array_equal(paths.get_segments()[13], np.stack([h, c], axis=1))
    np.testing.assert_array_equal(first.get_offsets()[13], [h[0], c[0]])
    np.testing.assert_array_equal(last.get_offsets()[13], [h[-1], c[-1]])
    assert plane.get_ylim()[0] < c.min() < c.max() < plane.get_ylim()[1]


def test_a_run_of_one_record(tmp_path):
    record = igfast.histogram({"w": X}, bins=64, splits=4)
    run = Trajectory.from_histograms([7], [record])
    path = run.report(tmp_path / "one")
    page = Page(path.read_text(encoding="utf-8"))
    assert path == tmp_path / "one"
    assert (tmp_path / "one_data" / "curves.json").is_file()
    assert "1 record at step 7" in page.text
    assert "one record, so there is no motion" in page.text
    assert "motion" not in page.ids
    assert "figure-density-param-matrices" in page.ids


def test_layers_with_nothing_to_show(tmp_path):
    layers = {
        f"_orig_mod.{ODD}": X[:30],
        "constant": np.full((4, 4), 0.5),
        "empty": np.zeros((0, 3)),
        "重み": X[:30] + 1,  # letters that matplotlib's font lacks
        "nan": np.full((5, 5), np.nan),
    }
    steps = range(0, 40, 10)
    run = store_run(
        tmp_path / "odd.igf", ["param"], steps, lambda t: {k: v + t / 99 for k, v in layers.items()}
    )
    page = Page(run.report(tmp_path / "odd.html").read_text(encoding="utf-8"))
    assert "no finite element inside the grid" in page.text
    assert "no finite element to follow" in page.text
    assert "1 layer ended with NaN among the elements: nan." in page.text
    assert f"_orig_mod.{ODD}" in page.text  # as a name in the table; never as markup
    assert "script" not in page.tags
    still = Trajectory.from_histograms([0, 1, 2], [run.histograms()[0]] * 3)
    texts = [text.get_text() for axes in figures.velocity(still).axes for text in axes.texts]
    assert "at rest: no element left its bin" in texts
    assert "no finite element to follow" in texts


def test_gradients_alone_and_beside_parameters(tmp_path):
    def layers_at(t):
        return {"w": X * (1 + t / 50)}

    alone = store_run(tmp_path / "grad.igf", ["grad"], range(1, 8), layers_at)
    page = Page(alone.report(tmp_path / "grad.html").read_text(encoding="utf-8"))
    assert "Where the gradients are" in page.text
    assert "figure-length-grad-matrices" in page.ids
    both = store_run(tmp_path / "both.igf", ["grad", "param"], range(1, 8), layers_at)
    page = Page(both.report(tmp_path / "both.html").read_text(encoding="utf-8"))
    assert "figure-length-param-matrices" in page.ids
    assert "figure-density-grad-matrices" in page.ids
    rows = read_csv(tmp_path / "both_data", "length")
    assert {row["quantity"] for row in rows} == {"param", "grad"}
    with pytest.raises(ValueError, match="quantity='update' was not recorded; there is param"):
        figures.length(both, quantity="update")


@pytest.mark.parametrize(
    "options",
    [
        {"grid": Grid.uniform(32, low=-3, high=4), "splits": 4},
        {"grid": Grid.log(2, -8, 3), "splits": 4},
        {"grid": GRID, "splits": 1},
    ],
    ids=["uniform", "log", "one split"],
)
def test_other_grids_and_one_split(tmp_path, options):
    steps = range(6)
    records = [igfast.histogram({"w": X + t / 10}, **options) for t in steps]
    run = Trajectory.from_histograms(steps, records)
    curves = collect(run)
    page = Page(run.report(tmp_path / "r.html").read_text(encoding="utf-8"))
    assert str(options["grid"]) in page.text
    published = options["splits"] == 1
    assert any("only the published" in note for note in notes(curves)) is published
    expected = run.length("w", estimator="hellinger" if published else "split")
    np.testing.assert_array_equal(
        column(read_csv(tmp_path / "r_data", "length"), "w", "length"), expected
    )


def test_notes_keep_their_lines():
    told = document("t", "s", [], ["no file:\n  <https://a>\n  b\x1b"], [])
    assert (
        '<p class="note">no file:<br>  &lt;https://a&gt;<br>  b\N{REPLACEMENT CHARACTER}</p>'
        in told
    )


def test_missing_matplotlib_names_the_extra(drift, tmp_path, monkeypatch):
    monkeypatch.setattr(igfast.report, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'igfast\[report\]'"):
        drift.report(tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_those_who_wait_are_told_of_every_layer(drift, tmp_path):
    told = []
    igfast.report.write_report(drift, tmp_path / "report.html", told.append)
    names = [*drift.layers, *drift.pooled()]
    measured = [
        f"measuring param, {name} ({number} of {len(names)})"
        for number, name in enumerate(names, 1)
    ]
    assert told[: len(names)] == measured
    scrutinized = [line for line in told if line.startswith("sampling and L(τ), ")]
    assert scrutinized[0].endswith(f"(1 of {len(scrutinized)})")
    assert told[-2:] == ["looking for transitions, model (3 of 3)", "drawing"]


def test_who_stops_a_report_keeps_the_last_one(drift, tmp_path, monkeypatch):
    """Page and data files belong together: nothing is written before all is drawn."""
    target = tmp_path / "report.html"
    drift.report(target)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def stopped(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("igfast.report.page.render_page", stopped)
    other = igfast.Trajectory.from_histograms(drift.steps[:3], drift.histograms()[:3])
    with pytest.raises(KeyboardInterrupt):
        other.report(target)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


def test_bad_targets_and_empty_runs(drift, tmp_path):
    with pytest.raises(ValueError, match="is a folder; name the file to write"):
        drift.report(tmp_path)
    run = tmp_path / "run.html"
    RunWriter(run, config={}).close()
    with pytest.raises(ValueError, match="holds a run, or another database"):
        igfast.report.write_report(drift, run)
    assert igfast.open(run).layers == ()
    RunWriter(tmp_path / "empty.igf", config={}).close()
    with pytest.raises(ValueError, match="the run holds no record"):
        igfast.open(tmp_path / "empty.igf").report(tmp_path / "empty.html")
    assert not (tmp_path / "empty.html").exists()


def test_flags_of_health_are_a_note_at_the_top(tmp_path):
    names = [f"block.{i}.weight" for i in range(6)]
    arrays = {name: np.random.default_rng(i).normal(size=(40, 50)) for i, name in enumerate(names)}
    with igfast.Monitor(arrays, store=tmp_path / "run.igf", quantities=("param",)) as monitor:
        for step in range(4):
            monitor.record(step)
            for array in arrays.values():
                array += 0.1
            if step == 1:
                arrays["block.2.weight"][0, 0] = np.inf
            if step == 2:
                for array in arrays.values():
                    array[:] = np.nan
    curves = collect(igfast.open(tmp_path / "run.igf"))
    assert (
        "Flagged while training went on: infinite elements from step 2 on in 1 layer: "
        "block.2.weight; NaN from step 3 on in 6 layers." in notes(curves)
    )
    (moved,) = [one for one in summary(curves) if one.startswith("Its weight matrices, 6 in all")]
    assert moved.count("until step 2".replace(" ", "\N{NO-BREAK SPACE}")) == 2
    lost = [igfast.histogram({n: np.full(9, np.nan) for n in names}, grid=GRID, splits=4)] * 3
    curves = collect(Trajectory.from_histograms(range(3), lost))
    assert "L of its weight matrices, 6 in all, is undefined." in summary(curves)


def test_one_record_whose_loss_has_no_place_on_a_logarithmic_axis():
    record = igfast.histogram({"w": X}, bins=64, splits=4)
    run = Trajectory.from_histograms([0], [record], {"train_loss": ([0], [1.0])})
    assert "nothing to draw over steps" in render_page(collect(run), [])


def test_a_run_that_ends_in_nan_is_told_until_then(tmp_path):
    """L of the last record with elements, where it was, and the curves up to it."""
    steps = range(0, 80, 10)
    lost = np.full_like(X, np.nan)
    histograms = [
        igfast.histogram(
            {"w": X + 0.005 * t if t < 60 else lost, "v": X + 0.005 * t}, grid=GRID, splits=4
        )
        for t in steps
    ]
    run = Trajectory.from_histograms(steps, histograms)
    motion = collect(run).main
    until = igfast.Trajectory.from_histograms(steps[:6], histograms[:6])
    length, error = until.length("w", error=True)
    assert motion.final.record.tolist() == [5, 7, 7]  # w, v and the model
    assert motion.final.length[0] == length[-1]
    assert motion.final.error[0] == error[-1]
    assert motion.resolved(motion.layers[0])
    assert motion.until(motion.layers[0]) == " until step 50"
    assert motion.until(motion.layers[1]) == ""
    circle = collect(until).main.great_circle[0]
    assert motion.great_circle[0] == pytest.approx(circle, rel=1e-12)
    text = Page(igfast.report.write_report(run, tmp_path / "report.html").read_text()).text
    assert "until step 50 (w)" in text.replace("\N{NO-BREAK SPACE}", " ")
    assert "no finite element to follow" not in text


@pytest.mark.parametrize("splits", [1, 2])
def test_lengths_without_errors_have_a_report(tmp_path, splits):
    steps = range(14)
    records = [igfast.histogram({"w": X + 0.01 * t}, grid=GRID, splits=splits) for t in steps]
    run = Trajectory.from_histograms(steps, records)
    page = Page(igfast.report.write_report(run, tmp_path / "report.html").read_text())
    assert "published estimate" in page.text


def test_losses_that_are_no_losses_do_not_stop_a_report(tmp_path):
    steps = range(14)
    records = [igfast.histogram({"w": X + 0.01 * t}, grid=GRID, splits=4) for t in steps]
    loss = 1 / (1.0 + np.arange(14))
    for odd, value in ((0, 0.0), (5, -np.inf), (5, np.inf), (13, np.inf)):
        logged = loss.copy()
        logged[odd] = value
        run = Trajectory.from_histograms(steps, records, {"test_loss": (steps, logged)})
        text = Page(igfast.report.write_report(run, tmp_path / "report.html").read_text()).text
        assert ("in the end it is infinite" in text) == (odd == 13)
