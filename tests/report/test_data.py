"""The files beside the page: numbers equal to the trajectory's."""

import csv
import io
import json

import numpy as np
import pytest

import igfast
import igfast.report.figures
from igfast import Trajectory
from igfast.report.collect import collect, moved
from igfast.report.curves import write_curves
from igfast.report.layerwise import great_circle
from igfast.workers import Workers

from .runs import Page, X, column, ends, read_csv


@pytest.mark.parametrize("layer", ["net.weight", "net.bias"])
def test_data_files_equal_the_trajectory(drift, drift_report, layer):
    folder = drift_report.parent / "report_data"
    document = json.loads((folder / "curves.json").read_text(encoding="utf-8"))
    length, error = drift.length(layer, error=True)
    squared, squared_error = drift.velocity_squared(layer, error=True)
    expected = {
        ("length", "length"): length,
        ("length", "length_error"): error,
        ("length", "length_published"): drift.length(layer, estimator="hellinger"),
        ("length", "step"): drift.steps,
        ("velocity", "step_from"): drift.steps[:-1],
        ("velocity", "step_to"): drift.steps[1:],
        ("velocity", "velocity"): drift.velocity(layer),
        ("velocity", "velocity_squared"): squared,
        ("velocity", "velocity_squared_error"): squared_error,
        ("velocity", "noise_floor"): drift.noise_floor(layer),
        ("velocity", "velocity_published"): drift.velocity(layer, estimator="hellinger"),
        ("entropy", "entropy"): drift.entropy(layer),
        ("entropy", "complexity"): drift.complexity(layer),
    }
    for (name, field), values in expected.items():
        np.testing.assert_array_equal(column(read_csv(folder, name), layer, field), values)
        table = document["tables"][name]
        found = [v for v, of in zip(table[field], table["layer"], strict=True) if of == layer]
        np.testing.assert_array_equal(np.array(found, float), values)
    row = next(row for row in read_csv(folder, "layers") if row["layer"] == layer)
    assert row["shape"] == {"net.weight": "100x60", "net.bias": "10"}[layer]
    assert float(row["length"]) == length[-1]
    assert float(row["great_circle"]) == great_circle(ends(drift))[drift.layers.index(layer)]
    sparse = Trajectory.from_histograms(drift.steps[::4], drift.histograms()[::4])
    rest = length[-1] - length[48]  # the last two of 51 records are beyond every fourth
    checked = {"net.weight": str(sparse.length(layer)[-1] + rest), "net.bias": ""}  # ten elements
    assert row["length_every_4th"] == checked[layer]


def test_modules_and_the_model_stand_beside_the_layers(drift, tmp_path):
    """Rows that pool layers, in the files, in the table and as curves of their own."""
    run = drift.grouped({"net": "net.*", "bias": "*.bias"})
    page = Page(igfast.report.write_report(run, tmp_path / "report.html").read_text())
    assert "modules" in page.ids
    assert "What two layers of a module do in opposite directions" in page.text
    folder = tmp_path / "report_data"
    names = ["net.weight", "net.bias", "net", "bias", "model"]
    found = {row["layer"]: row for row in read_csv(folder, "layers")}
    assert list(found) == names
    assert [found[name]["elements"] for name in names] == ["6000", "10", "6010", "10", "6010"]
    for name in names[2:]:
        length, error = run.length(name, error=True)
        np.testing.assert_array_equal(column(read_csv(folder, "length"), name, "length"), length)
        np.testing.assert_array_equal(
            column(read_csv(folder, "length"), name, "length_error"), error
        )
        velocity = column(read_csv(folder, "velocity"), name, "velocity")
        np.testing.assert_array_equal(velocity, run.velocity(name))
        entropy = column(read_csv(folder, "entropy"), name, "entropy")
        np.testing.assert_array_equal(entropy, run.entropy(name))
    assert found["net"]["great_circle"] == found["model"]["great_circle"]
    assert float(found["net"]["great_circle"]) == pytest.approx(
        float(found["net.weight"]["great_circle"]), rel=0.02
    )
    figure = igfast.report.figures.modules(run)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == names[2:]


def test_what_pools_layers_has_lost_what_they_have(tmp_path):
    tensors = {"a": np.array([0.0, np.nan, 9.0]), "b": np.array([0.0, np.nan]), "c": np.zeros(5)}
    histogram = igfast.histogram(tensors, grid=igfast.Grid.dyadic(4, exponent=0, origin=-2))
    run = Trajectory.from_histograms([0], [histogram]).grouped({"both": ["a", "b"]})
    motion = collect(run).main
    assert motion.nan.tolist() == [[1, 1, 0, 2, 2]]
    assert motion.outside.tolist() == [[1 / 3, 0.0, 0.0, 1 / 5, 1 / 10]]


def test_every_column_is_described(drift, drift_report):
    folder = drift_report.parent / "report_data"
    with (folder / "columns.csv").open(newline="", encoding="utf-8") as file:
        described = [(row["file"], row["column"]) for row in csv.DictReader(file)]
    found = []
    for name in (
        "velocity", "length", "entropy", "scalars", "layers", "scales", "growth", "transitions",
        "densities",
    ):  # fmt: skip
        header = (folder / f"{name}.csv").read_text(encoding="utf-8").splitlines()[0]
        found += [(f"{name}.csv", field) for field in header.split(",")]
    assert described == found
    document = json.loads((folder / "curves.json").read_text(encoding="utf-8"))
    assert document["columns"]["velocity"]["velocity"]["unit"] == "1/step"
    assert document["estimator"] == {"param": "split"}
    scalars = [row for row in read_csv(folder, "scalars") if row["name"] == "test_accuracy"]
    assert [float(row["value"]) for row in scalars[:2]] == [0.0, 0.01]


def test_ridgeline_densities_integrate_to_one(drift_report):
    rows = read_csv(drift_report.parent / "report_data", "densities")
    for step in ("0", "100"):
        mass = sum(
            float(row["density"]) * (float(row["high"]) - float(row["low"]))
            for row in rows
            if row["layer"] == "net.weight" and row["step"] == step
        )
        assert mass == pytest.approx(1.0, abs=0.002)  # the range drawn holds 99.9 %


def test_nan_and_infinity_have_one_spelling(drift, tmp_path):
    curves = collect(Trajectory.from_histograms([3], [igfast.histogram({"w": X}, bins=32)]))
    curves.scalars["odd"] = (np.array([3, 4]), np.array([np.nan, np.inf]))
    write_curves(curves, tmp_path)
    document = json.loads((tmp_path / "curves.json").read_text(encoding="utf-8"))
    assert document["tables"]["scalars"]["value"] == [None, "inf"]
    assert [row["value"] for row in read_csv(tmp_path, "scalars")] == ["", "inf"]


def test_the_files_are_as_the_writers_of_csv_and_json_make_them(drift, tmp_path):
    """Text that needs quoting, numbers in full precision, and tables without a row."""
    odd = 'a, "b"\nσ'
    tensors = {odd: X, "": X[0]}
    run = Trajectory.from_histograms([0, 7], [igfast.histogram(tensors, splits=4)] * 2)
    for name, curves in (("odd", collect(run)), ("drift", collect(drift))):
        folder = tmp_path / name
        curves.scalars["odd, too"] = (np.array([3, 4]), np.array([-np.inf, 1e-320]))
        write_curves(curves, folder)
        text = (folder / "curves.json").read_text(encoding="utf-8")
        document = json.loads(text)
        assert json.dumps(document) == text
        for table, columns in document["tables"].items():
            made = io.StringIO()
            writer = csv.writer(made, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
            assert (folder / f"{table}.csv").read_bytes().decode() == made.getvalue()
    found = json.loads((tmp_path / "odd" / "curves.json").read_text())["tables"]
    assert found["layers"]["layer"] == [odd, "", "model"]
    assert found["growth"]["value"] == []
    assert found["scalars"]["value"] == ["-inf", 1e-320]


def test_a_report_of_what_was_measured_before_is_the_same(drift, drift_report, tmp_path):
    run = igfast.open(drift.path)
    with Workers(run, 1) as workers:
        main = moved(workers, "param")
    curves = collect(run, main=main)
    assert curves.main.layers is main.layers  # not measured again
    page = igfast.report.write_report(curves, tmp_path / drift_report.name)
    assert page.read_bytes() == drift_report.read_bytes()
    with pytest.raises(ValueError, match=r"drift\.igf.*"):
        igfast.report.write_report(curves, drift.path)
