"""igfast export, in every format."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import igfast
from igfast.analysis import ESTIMATORS

from .commands import call, error_of


def test_estimators_are_named_where_one_is_chosen() -> None:
    shown = " ".join(call("export", "--help").stdout.replace("│", " ").split())
    for name in ESTIMATORS:
        assert name in shown


def test_export_csv(run: Path) -> None:
    found = call("export", run)
    assert found.exit_code == 0
    written = [run.with_suffix(f"{part}.csv") for part in ("", ".records", ".scalars")]
    assert found.stdout.splitlines() == [f"csv: {path}" for path in written]
    assert all(path.exists() for path in written)
    with run.with_suffix(".csv").open() as stream:
        rows = list(csv.DictReader(stream))
    trajectory = igfast.open(run)
    assert len(rows) == len(trajectory.steps) * 7  # six layers and the model
    mine = [row for row in rows if row["layer"] == "linear.1.weight"]
    assert [int(row["step"]) for row in mine] == trajectory.steps.tolist()
    assert mine[0]["velocity"] == ""
    velocity = trajectory.velocity("linear.1.weight")
    assert [float(row["velocity"]) for row in mine[1:]] == velocity.tolist()
    length, error = trajectory.length("linear.1.weight", error=True)
    assert [float(row["length"]) for row in mine] == length.tolist()
    assert [float(row["length_error"]) for row in mine] == error.tolist()
    assert [float(row["mean"]) for row in mine] == trajectory.moments()["mean"][:, 2].tolist()
    with run.with_suffix(".scalars.csv").open() as stream:
        scalars = list(csv.DictReader(stream))
    last = [row for row in scalars if row["name"] == "test_loss"][-1]
    assert float(last["value"]) == trajectory.scalars()["test_loss"][1][-1]


def test_export_never_replaces_the_run(run: Path, tmp_path: Path) -> None:
    before = run.read_bytes()
    for name in ("csv", "json", "npz", "parquet"):
        assert "is the run file itself" in error_of("export", run, "-f", name, "-o", run)
    assert run.read_bytes() == before
    assert "not the name of a file" in error_of("export", ".")
    assert call("export", run, "-o", tmp_path / "new" / "x.json").exit_code == 0


def test_export_replaces_files_only_if_asked_to(run: Path, tmp_path: Path) -> None:
    target, beside = tmp_path / "mine.csv", tmp_path / "mine.scalars.csv"
    for file in (target, beside):
        file.write_text("not yours")
        said = error_of("export", run, "-o", target)
        assert f"{file} exists: replace it with --overwrite" in said
        assert file.read_text() == "not yours"
        file.unlink()
    beside.write_text("not yours")
    assert call("export", run, "-o", target, "--overwrite").exit_code == 0
    assert call("export", run, "-o", target, "--overwrite").exit_code == 0
    assert beside.read_text().startswith("step,name,value")


def test_export_json(run: Path, tmp_path: Path) -> None:
    assert call("export", run, "-o", tmp_path / "x.json", "--estimator", "node").exit_code == 0
    found = json.loads((tmp_path / "x.json").read_text())
    trajectory = igfast.open(run)
    assert found["estimator"] == "node"
    assert found["layers"] == [*trajectory.layers, "model"]
    entropy = np.array(found["curves"]["entropy"])
    np.testing.assert_array_equal(entropy[:, :6], trajectory.entropy())
    np.testing.assert_array_equal(entropy[:, 6], trajectory.entropy("model"))
    assert found["curves"]["velocity"][0] == [None] * 7
    assert found["config"]["settings"]["widths"] == [16, 8]


def test_export_npz(run: Path) -> None:
    assert call("export", run, "--npz").exit_code == 0
    assert "csv and npz: choose one format" in error_of("export", run, "--npz", "--csv")
    trajectory = igfast.open(run)
    with np.load(run.with_suffix(".npz")) as found:
        assert found["histogram_counts"].shape == (len(trajectory.steps), 6, 256)
        last = trajectory.histograms("param")[-1]
        np.testing.assert_array_equal(found["histogram_counts"][-1], last.counts)
        np.testing.assert_array_equal(found["histogram_exponents"][-1], last.exponents)
        lost = found["histogram_underflow"] + found["histogram_overflow"] + found["histogram_nan"]
        total = found["histogram_counts"].sum(axis=2) + lost
        assert total[-1].tolist() == last.numel.tolist()
        np.testing.assert_array_equal(found["length"][:, :6], trajectory.length())
        assert found["steps_test_loss"].tolist() == trajectory.scalars()["test_loss"][0].tolist()


def test_export_parquet(run: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert call("export", run, "-f", "parquet").exit_code == 0
    table = parquet.read_table(run.with_suffix(".parquet"))
    trajectory = igfast.open(run)
    assert table.num_rows == len(trajectory.steps) * 6
    assert str(table.schema.field("counts").type) == "fixed_size_list<element: int64>[256]"
    row = table.slice(table.num_rows - 6, 1).to_pylist()[0]
    last = trajectory.histograms("param")[-1]
    assert (row["step"], row["layer"]) == (20, "linear.0.weight")
    assert row["counts"] == last.counts[0].tolist()
    assert row["exponent"] == int(np.asarray(last.exponents)[0])
    assert row["outside_underflow"] == int(last.underflow[0])
    same = parquet.read_table(trajectory.to_parquet(run.with_name("same.parquet")))
    assert same.schema == table.schema
    assert same["counts"].equals(table["counts"])
    assert same["length"].to_pylist() == table["length"].to_pylist()
    config = json.loads(table.schema.metadata[b"config"])
    assert config["settings"]["seed"] == 0
