"""A thinned run's files, read back by the programs that people read them with."""

from __future__ import annotations

import json

import numpy as np
import pytest

import igfast
from igfast.export import WRITERS, layer_names
from igfast.store import RunWriter

pytest.importorskip("pyarrow")

RECORDS, LAYERS = 60, ("a.weight", "b")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """60 records of two layers, 16 to 20 of them with histograms."""
    path = tmp_path_factory.mktemp("export") / "run.igf"
    rng = np.random.default_rng(0)
    arrays = {"a.weight": rng.normal(size=4000), "b": rng.normal(size=50)}
    plan = igfast.Plan(arrays, bins=32, splits=4, offsets=True, moments=True)
    monitor = {"groups": {"both": LAYERS}}
    with RunWriter(path, config={"lr": 0.1, "monitor": monitor}, histograms=16) as writer:
        writer.define_layers("param", LAYERS, [(4000,), (50,)], ["float64"] * 2)
        for step in range(RECORDS):
            for array in arrays.values():
                array += 0.02
            writer.write_record(10 * step, 0.0, {"param": plan()}, {"loss": 1 / (step + 1)})
    return igfast.open(path)


@pytest.fixture(scope="module")
def parquet(run):
    path = run.path.with_suffix(".parquet")
    run.to_parquet(path)
    return path


def check_curves(run, steps, layers, length, counts):
    """Rows by step and layer, as every reader gives them."""
    assert steps == np.repeat(run.steps, 2).tolist()
    assert layers == list(LAYERS) * len(run.steps)
    np.testing.assert_array_equal(np.asarray(length).reshape(-1, 2), run.length())
    wanted = np.stack([record.counts for record in run.histograms()])
    np.testing.assert_array_equal(np.stack(counts).reshape(wanted.shape), wanted)


def test_pandas(run, parquet):
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(parquet)
    check_curves(
        run, table.step.tolist(), table.layer.tolist(), table.length, table.counts.tolist()
    )
    every = pandas.read_parquet(parquet.with_suffix(".records.parquet"))
    assert len(every) == RECORDS * 2
    b = every[every.layer == "b"]
    np.testing.assert_array_equal(b["mean"], run.moments()["mean"][:, 1])
    pooled = pandas.read_parquet(parquet.with_suffix(".pooled.parquet"))
    assert pooled.layer.tolist() == ["both", "model"] * len(run.steps)
    model = pooled[pooled.layer == "model"]
    assert model.step.tolist() == run.steps.tolist()
    np.testing.assert_array_equal(model["length"], run.length("model"))
    assert (model["count"] == 4050).all()
    weights = np.array([4000, 50]) / 4050
    np.testing.assert_allclose(model["mean"], run.moments("param", run.steps)["mean"] @ weights)
    assert "counts" not in pooled
    np.testing.assert_array_equal(b.running_entropy, run.running("b")["entropy"])


def test_polars(run, parquet):
    polars = pytest.importorskip("polars")
    table = polars.read_parquet(parquet)
    assert table["counts"].dtype == polars.Array(polars.Int64, 32)
    check_curves(
        run,
        table["step"].to_list(),
        table["layer"].to_list(),
        table["length"],
        table["counts"].to_list(),
    )
    every = polars.scan_parquet(parquet.with_suffix(".records.parquet"))
    last = every.filter(polars.col("step") == 590, polars.col("layer") == "a.weight").collect()
    assert last["running_length"].item() == run.running("a.weight")["length"][-1]


def test_duckdb(run, parquet):
    duckdb = pytest.importorskip("duckdb")
    query = f"SELECT step, layer::VARCHAR, length, counts FROM '{parquet}' ORDER BY step, layer"
    check_curves(run, *map(list, zip(*duckdb.sql(query).fetchall(), strict=True)))
    records = parquet.with_suffix(".records.parquet")
    query = f"SELECT max(l2) FROM '{records}' WHERE layer = 'a.weight'"
    assert duckdb.sql(query).fetchall() == [(run.moments()["l2"][:, 0].max(),)]


def test_csv(run, tmp_path):
    pandas = pytest.importorskip("pandas")
    WRITERS["csv"](run, tmp_path / "run.csv", "param", "split")
    table = pandas.read_csv(tmp_path / "run.csv")
    assert table.layer.tolist() == [*LAYERS, "both", "model"] * len(run.steps)
    np.testing.assert_allclose(table[table.layer == "b"].entropy, run.entropy("b"), rtol=1e-12)
    every = pandas.read_csv(tmp_path / "run.records.csv")
    assert every.step.tolist() == np.repeat(np.arange(RECORDS) * 10, 2).tolist()
    floor = every[every.layer == "b"].running_noise_floor
    np.testing.assert_allclose(floor, run.running("b")["noise_floor"], rtol=1e-12)
    np.testing.assert_allclose(every["max"], run.moments()["max"].ravel(), rtol=1e-12)
    scalars = pandas.read_csv(tmp_path / "run.scalars.csv")
    assert len(scalars[scalars.name == "loss"]) == RECORDS


def test_what_is_not_finite_is_told_apart(run, tmp_path):
    """In every text file NaN is missing, and infinity is not."""
    scalars = {"loss": (np.arange(3), np.array([0.5, np.inf, np.nan]))}
    records = list(run.histograms())
    memory = igfast.Trajectory.from_histograms(run.steps, records, scalars, {"limit": -np.inf})
    WRITERS["csv"](memory, tmp_path / "run.csv", "param", "split")
    lines = (tmp_path / "run.scalars.csv").read_bytes().split(b"\n")
    assert lines == [b"step,name,value", b"0,loss,0.5", b"1,loss,inf", b"2,loss,", b""]
    WRITERS["json"](memory, tmp_path / "run.json", "param", "split")
    found = json.loads((tmp_path / "run.json").read_text())
    assert found["scalars"]["loss"]["values"] == [0.5, "inf", None]
    assert found["config"] == {"limit": "-inf"}
    assert found["curves"]["velocity"][0] == [None] * 3


def test_npz(run, tmp_path):
    WRITERS["npz"](run, tmp_path / "run.npz", "param", "split")
    with np.load(tmp_path / "run.npz") as found:
        assert found["histogram_counts"].shape == (len(run.steps), 2, 32)
        assert found["record_steps"].tolist() == list(range(0, 600, 10))
        np.testing.assert_array_equal(found["record_mean"], run.moments()["mean"])
        np.testing.assert_array_equal(found["record_running_length"], run.running()["length"])
        np.testing.assert_array_equal(found["mean"][:, :2], run.moments("param", run.steps)["mean"])


def test_npz_keeps_numbers_whose_names_are_alike(run, tmp_path):
    names = ("loss", "loss_steps", "steps_loss", "train/loss")
    scalars = {name: ([i, i + 1], [0.5, i]) for i, name in enumerate(names)}
    memory = igfast.Trajectory.from_histograms(run.steps, list(run.histograms()), scalars)
    WRITERS["npz"](memory, tmp_path / "run.npz", "param", "split")
    with np.load(tmp_path / "run.npz") as found:
        assert found["steps"].tolist() == run.steps.tolist()
        for name, (steps, values) in scalars.items():
            assert found[f"steps_{name}"].tolist() == steps
            assert found[f"scalar_{name}"].tolist() == values


def test_a_run_in_memory_has_numbers_too(run, tmp_path):
    pandas = pytest.importorskip("pandas")
    memory = igfast.Trajectory.from_histograms(run.steps, list(run.histograms()))
    memory.to_parquet(tmp_path / "memory.parquet")
    every = pandas.read_parquet(tmp_path / "memory.records.parquet")
    assert len(every) == 2 * len(run.steps)
    assert "mean" not in every
    assert np.isfinite(every.running_complexity).all()


@pytest.mark.parametrize("format", WRITERS)
def test_layers_that_cannot_be_pooled_have_no_model(format, tmp_path):
    """Every layer on a range of its own: what a run says of its layers is there all the same."""
    grid = igfast.Grid.uniform(bins=16, low=[-1, 0], high=[1, 5])
    arrays = {"a": np.linspace(-1, 1, 50), "b": np.linspace(1, 4, 30)}
    with igfast.Monitor(arrays, grid=grid, offsets=False, store=tmp_path / "run.igf") as monitor:
        for step in range(3):
            monitor.record(step)
            arrays["a"] *= 0.9
    run = igfast.open(tmp_path / "run.igf")
    assert layer_names(run, "param") == ("a", "b")
    assert run.transitions() == {}
    WRITERS[format](run, tmp_path / f"run.{format}", "param", "split")
    assert run.report(tmp_path / "report.html").is_file()
    with pytest.raises(ValueError, match="one range for all layers"):
        run.length("model")


@pytest.mark.parametrize("format", WRITERS)
def test_a_run_without_records(format, tmp_path):
    with igfast.Monitor({"w": np.ones(3)}, store=tmp_path / "run.igf"):
        pass
    run = igfast.open(tmp_path / "run.igf")
    with pytest.raises(ValueError, match="holds no record of it yet"):
        WRITERS[format](run, tmp_path / f"run.{format}", "param", "split")
    with pytest.raises(ValueError, match="this run has none yet"):
        run.divergence("kl")
    assert run.length("model").tolist() == []
