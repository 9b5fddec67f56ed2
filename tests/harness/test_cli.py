"""The command line: what it writes, and that mistakes are told in a sentence."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import igfast
from igfast.analysis import ESTIMATORS
from igfast.cli.app import app
from igfast.cli.summary import length_text
from igfast.cli.train import parse_widths
from igfast.harness.catalog import CATALOG, MNIST, RemoteFile
from igfast.report.collect import collect
from igfast.report.windows import average
from igfast.store import RunWriter

SMALL = ["--width", "16,8", "--epochs", "2", "--batch-size", "32", "--records", "15"]
SMALL += ["--threads", "1", "--no-download", "--no-report"]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def error_of(*arguments: object) -> str:
    """The one-sentence error of a command that must fail."""
    result = call(*arguments)
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    assert result.stderr.startswith("Error: ")
    return result.stderr


@pytest.fixture
def run(small_mnist: Path, tmp_path: Path) -> Path:
    path = tmp_path / "run.igf"
    result = call("train", *SMALL, "--output", path)
    assert result.exit_code == 0, result.output
    return path


def test_train_prints_progress_table_and_next_steps(small_mnist: Path, tmp_path: Path) -> None:
    path = tmp_path / "runs" / "first.igf"
    result = call("train", *SMALL, "--output", path)
    assert result.exit_code == 0, result.output
    out = result.stdout
    assert "mlp 16-8, 12,786 parameters, leaky_relu" in out
    assert "step 20/20" in out
    assert "trained 20 steps in" in out
    for activity in ("training", "recording", "evaluation"):
        assert f"{activity} " in out.partition("; ms/step: ")[2].splitlines()[0]
    for name in ("linear.0.weight", "linear.2.bias", "model"):
        assert name in out
    assert f"run file: {path}" in out
    assert f"igfast export {path} --format csv" in out
    assert igfast.open(path).steps[-1] == 20


def test_table_is_that_of_the_trajectory(run: Path) -> None:
    result = call("info", run)
    assert result.exit_code == 0
    line = next(one for one in result.stdout.splitlines() if one.startswith("linear.0.weight"))
    trajectory = igfast.open(run)
    length, error = trajectory.length("linear.0.weight", error=True)
    entropy = trajectory.entropy("linear.0.weight")
    assert length[-1] > 2 * error[-1]
    assert f"{length[-1]:.3f}±{error[-1]:.3f}" in line
    motion = collect(trajectory).main
    column = next(one.column for one in motion.layers if one.name == "linear.0.weight")
    slope = average(motion).slope[:, column]
    assert "→".join(f"{end:.1e}" if end > 0 else "–" for end in (slope[0], slope[-1])) in line
    bias = next(one for one in result.stdout.splitlines() if one.startswith("linear.1.bias"))
    assert bias.split()[1:3] == ["–", "–"]
    assert result.stdout.count(igfast.__version__) == 1
    assert result.stdout.index("seed 0") < result.stdout.index("installed here")
    assert all(one == one.rstrip() for one in result.stdout.splitlines())
    assert f"{entropy[0]:.3f}→{entropy[-1]:.3f}" in line
    assert "seed 0; mnist from" in result.stdout


def test_info_tells_transitions_onset_and_sampling(tmp_path: Path) -> None:
    x, grid = np.random.default_rng(0).normal(size=(100, 60)), igfast.Grid.dyadic(64, exponent=-3)
    path = tmp_path / "drift.igf"
    weight = x.copy()
    with igfast.Monitor({"net.weight": weight}, store=path, grid=grid, splits=8) as monitor:
        for step in range(0, 101, 2):
            weight[:] = x + step / 100
            monitor.record(step)
            monitor.log(step, test_loss=1 + (step - 60) ** 2 / 1e3)
    result = call("info", path, "--sampling")
    assert result.exit_code == 0, result.output
    opened = igfast.open(path)
    assert "no transition: no minimum" in result.stdout
    assert "Overfitting begins at step" in result.stdout
    assert f"net.weight: {opened.length_scales('net.weight').statement}" in result.stdout
    assert f"net.weight: {opened.sampling('net.weight').statement}" in result.stdout
    assert opened.sampling("net.weight").statement not in call("info", path).stdout


def test_info_without_a_run_shows_the_installation() -> None:
    result = call("info")
    assert result.exit_code == 0
    assert igfast.__version__ in result.stdout
    assert "isa" in result.stdout


def test_report_page_and_its_default_name(run: Path) -> None:
    pytest.importorskip("matplotlib")
    result = call("report", run)
    assert result.exit_code == 0, result.output
    page = run.with_suffix(".html")
    assert f"report: {page}" in result.stdout
    assert "linear.0.weight" in page.read_text()


def test_compare_prints_a_table_and_writes_a_page(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    other, page = tmp_path / "other.igf", tmp_path / "both.html"
    assert call("train", *SMALL, "--seed", "1", "--output", other).exit_code == 0
    result = call("compare", run, other, "--output", page)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("linear.0.weight"))
    assert lines[first].split()[1] == "run"
    assert lines[first + 1].split()[0] == "other"
    assert f"page: {page}" in result.stdout
    assert "seed" in page.read_text()
    assert "needs two runs or more, got 1" in error_of("compare", run)
    assert "is the run file itself" in error_of("compare", run, other, "--output", other)
    assert "the same to three digits" in call("compare", run, run, "--no-page").stdout
    table = call("compare", run, other, "--no-page")
    assert table.stdout.splitlines()[: len(lines) - 1] == lines[:-1]


def test_estimators_are_named_where_one_is_chosen() -> None:
    shown = " ".join(call("export", "--help").stdout.replace("│", " ").split())
    for name in ESTIMATORS:
        assert name in shown


def test_stand_in_is_announced_in_terminal_and_run(tmp_path: Path) -> None:
    path = tmp_path / "run.igf"
    options = ["--width", "8", "--depth", "1", "--epochs", "0.2", "--records", "10"]
    result = call("train", *options, "--no-download", "--no-report", "--output", path)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("NOT MNIST: this is the 5,000 MNIST digits") == 2  # begin and end
    config = igfast.open(path).config
    assert config["data"]["name"] == "digits"
    assert config["data"]["notes"][0].startswith("NOT MNIST")
    assert config["settings"]["dataset"] == "mnist"


@pytest.mark.parametrize(
    ("length", "error", "numel", "text"),
    [
        (0.7, 0.01, 1000, "0.700±0.010"),
        (0.01, 0.19, 1000, "< 0.39"),
        (0.1, 0.01, 10, "0.100±0.010"),
        (0.1, 0.1, 10, "–"),
        (0.0, 0.0, 1000, "–"),
        (0.5, np.nan, 199, "–"),
        (0.5, np.nan, 200, "0.500"),
    ],
)
def test_unresolved_lengths(length: float, error: float, numel: int, text: str) -> None:
    assert length_text(length, error, numel) == text


def test_run_without_records(tmp_path: Path) -> None:
    path = tmp_path / "empty.igf"
    with RunWriter(path, config={}) as writer:
        writer.define_layers("param", ["w"], [(100,)], ["float64"])
    result = call("info", path)
    assert result.exit_code == 0, result.output
    assert "the run holds no record yet" in result.stdout
    assert "the run holds no record yet" in error_of("export", path)


def test_interruption_before_anything_was_saved(
    small_mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("igfast.harness.training.evaluate_both", interrupt)
    path = tmp_path / "run.igf"
    result = call("train", *SMALL, "--output", path)
    assert result.exit_code == 130
    assert "stopped before the first record; nothing was saved" in result.stdout
    assert result.stderr == ""
    assert not path.exists()


def test_export_csv(run: Path) -> None:
    assert call("export", run).exit_code == 0
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
    assert "it is not a file" in error_of("export", ".")
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
        assert found["scalar_test_loss_steps"].tolist() == (
            trajectory.scalars()["test_loss"][0].tolist()
        )


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


def test_data_lists_where_each_set_lies(small_mnist: Path) -> None:
    result = call("data")
    assert result.exit_code == 0
    assert str(small_mnist / "mnist")[:20] in result.stdout
    assert "igfast data cifar10" in result.stdout
    assert "$IGFAST_DATA" in result.stdout
    found = call("data", "mnist")
    assert f"mnist: {small_mnist / 'mnist'}" in found.stdout


def test_failed_download_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    file = RemoteFile("mnist/a.gz", {"a": "0" * 64}, ("http://127.0.0.1:9/mnist/a.gz",))
    monkeypatch.setitem(CATALOG, "mnist", dataclasses.replace(MNIST, files=(file,)))
    message = error_of("data", "mnist")
    assert "http://127.0.0.1:9/mnist/a.gz: unreachable" in message
    assert "Put mnist/a.gz into a folder and point $IGFAST_DATA at that folder." in message


def test_resume_continues_and_takes_no_other_options(run: Path) -> None:
    result = call("train", "--resume", run, "--no-report")
    assert result.exit_code == 0, result.output
    assert "continued after step 20" in result.stdout
    message = error_of("train", "--resume", run, "--seed", 4, "--lr", 0.1)
    assert "leave out --learning-rate, --seed" in message


def test_overwrite_replaces_a_run_and_nothing_else(run: Path, tmp_path: Path) -> None:
    message = error_of("train", *SMALL, "--output", run)
    assert f"--resume {run}" in message
    assert "--overwrite" in message
    assert call("train", *SMALL, "--seed", 9, "--output", run, "--overwrite").exit_code == 0
    assert igfast.open(run).config["settings"]["seed"] == 9
    precious = tmp_path / "precious.txt"
    precious.write_text("not a run")
    assert "not an igfast run" in error_of("train", *SMALL, "--output", precious, "--overwrite")
    refusal = error_of("train", *SMALL, "--output", precious, "--overwrite")
    assert refusal.rstrip().endswith("; not replaced")
    assert precious.read_text() == "not a run"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--dataset", "minst"], "--dataset='minst': choose one of mnist, fashion-mnist"),
        (["train", "--model", "vgg"], "--model='vgg': choose one of mlp, convnet, gpt"),
        (["train", "--optimizer", "sdg"], "--optimizer='sdg': choose one of sgd, momentum"),
        (["train", "--activation", "x"], "--activation='x': choose one of relu, leaky_relu"),
        (["train", "--lr", "-1"], "--lr=-1.0: must be a positive number"),
        (["train", "--width", "a,b"], "--width='a,b': a number, or numbers as 512,256"),
        (["train", "--depth", "2"], "--depth=2: say also how wide"),
        (["train", "--resume", "nowhere.igf"], "nowhere.igf does not exist"),
        (["report", "nowhere.igf"], "nowhere.igf"),
        (["info", "nowhere.igf"], "nowhere.igf"),
        (["export", "nowhere.igf"], "nowhere.igf"),
        (["data", "imagenet"], "data set 'imagenet': choose one of mnist"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in error_of(*arguments)


def test_device_and_model_mistakes(small_mnist: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.igf"
    assert "--device='gpu'" in error_of("train", *SMALL, "--device", "gpu", "-o", path)
    assert "works on text" in error_of(
        "train", "--model", "gpt", "--width", "32", "--no-download", "-o", path
    )
    assert not path.exists()


def test_foreign_empty_and_truncated_files(run: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.igf"
    text.write_text("hello, this is certainly not a database\n" * 10)
    assert "not an igfast run" in error_of("info", text)
    cut = tmp_path / "cut.igf"
    cut.write_bytes(run.read_bytes()[:5000])
    assert str(cut) in error_of("info", cut)


def test_run_of_another_program_has_no_settings(tmp_path: Path) -> None:
    path = tmp_path / "own.igf"
    with RunWriter(path, config={"anything": 1}) as writer:
        writer.define_layers("param", ["w"], [(100,)], ["float64"])
        for step in (0, 1):
            histogram = igfast.histogram({"w": np.linspace(-1, 1, 100) + step})
            writer.write_record(step, 0.0, {"param": (histogram, None)})
    result = call("info", path)
    assert result.exit_code == 0, result.output
    assert "hellinger estimator" in result.stdout  # one split: no split estimate
    assert call("export", path, "--estimator", "hellinger").exit_code == 0
    assert "quantity='grad': this run recorded param" in error_of(
        "export", path, "--quantity", "grad", "--overwrite"
    )
    assert "add --format csv|json|npz|parquet" in error_of("export", path, "-o", "curves.xls")


@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [
        ("matplotlib", ["report", "RUN"], "report"),
        ("pyarrow", ["export", "RUN", "-f", "parquet"], "parquet"),
    ],
)
def test_missing_package_names_the_pip_command(
    module: str, arguments: list[str], extra: str, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    message = error_of(*(str(run) if one == "RUN" else one for one in arguments))
    assert f"pip install 'igfast[{extra}]'" in message


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGFAST_DEBUG", "1")
    result = call("info", "nowhere.igf")
    assert result.exit_code == 1
    assert isinstance(result.exception, ValueError)


def test_widths() -> None:
    assert parse_widths("64", None) == (64, 64)
    assert parse_widths("64", 1) == (64,)
    with pytest.raises(ValueError, match="--width then one number"):
        parse_widths("64,32", 2)


def process(code: str | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = ["-m", "igfast"] if code is None else ["-c", code]
    return subprocess.run(
        [sys.executable, *program, *arguments],
        env=os.environ | {"COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_module_runs_as_a_program() -> None:
    found = process(None, "--help")
    assert found.returncode == 0, found.stderr
    for command in ("train", "report", "export", "data", "info"):
        assert command in found.stdout
    assert process(None, "info", "nowhere.igf").returncode == 1


def test_missing_typer_and_rich_are_named() -> None:
    code = "import sys; sys.modules['typer'] = sys.modules['rich'] = None\n"
    found = process(code + "from igfast.cli import main; main()")
    assert found.returncode == 1
    assert found.stderr == (
        "igfast: the command line needs typer and rich, which are not installed. "
        "Install with: pip install 'igfast[cli]'\n"
    )


def test_help_and_info_need_no_torch() -> None:
    code = "import sys; sys.modules['torch'] = None; from igfast.cli import main; main()"
    for arguments in (["info"], ["train", "--help"], ["data"]):
        found = process(code, *arguments)
        assert found.returncode == 0, found.stderr
    found = process(code, "train", "--no-download", "-o", "never.igf")
    assert "pip install 'igfast[harness]'" in found.stderr
    assert not Path("never.igf").exists()
