"""igfast info, report and compare: what they say of a run."""

from __future__ import annotations

import errno
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from rich.console import Console

import igfast
from igfast.cli.errors import friendly
from igfast.cli.summary import print_layers
from igfast.numerals import three_digits, velocity_text, with_error
from igfast.report.collect import MotionCurves, collect, moved
from igfast.report.text import change, length_text
from igfast.report.windows import average
from igfast.store import RunWriter
from igfast.workers import Workers

from .commands import SMALL, call, error_of


def test_table_is_that_of_the_trajectory(run: Path) -> None:
    result = call("info", run)
    assert result.exit_code == 0
    line = next(one for one in result.stdout.splitlines() if one.startswith("linear.0.weight"))
    trajectory = igfast.open(run)
    length, error = trajectory.length("linear.0.weight", error=True)
    entropy = trajectory.entropy("linear.0.weight")
    assert length[-1] > 2 * error[-1]
    assert with_error(length[-1], error[-1]) in line
    motion = collect(trajectory).main
    column = next(one.column for one in motion.layers if one.name == "linear.0.weight")
    slope = average(motion).slope[:, column]
    assert (
        change(*(end if end > 0 else np.nan for end in slope[[0, -1]]), velocity_text, "→") in line
    )
    bias = next(one for one in result.stdout.splitlines() if one.startswith("linear.1.bias"))
    assert bias.split()[1:3] == ["–", "–"]
    assert result.stdout.count(igfast.__version__) == 1
    assert result.stdout.index("seed 0") < result.stdout.index("installed here")
    assert all(one == one.rstrip() for one in result.stdout.splitlines())
    assert change(*entropy[[0, -1]], arrow="→") in line
    page = call("report", run, "--output", run.with_suffix(".html"))
    assert page.exit_code == 0
    assert f"<td>{with_error(length[-1], error[-1])}</td>" in run.with_suffix(".html").read_text()
    assert "seed 0; mnist from" in result.stdout


def test_info_tells_the_config_of_a_run_of_ones_own(tmp_path: Path) -> None:
    x, path = np.arange(100.0), tmp_path / "own.igf"
    config = {"lr": 0.1, "data": {"name": "[text]", "long": "x" * 200}}
    with igfast.Monitor({"w": x}, store=path, config=config) as monitor:
        monitor.record(0)
    lines = call("info", path).stdout.splitlines()
    assert lines[0] == f"config: lr 0.1, data.name [text], data.long {'x' * 47}..."
    assert lines[1].startswith(f"igfast {igfast.__version__}, python ")
    many = tmp_path / "many.igf"
    with igfast.Monitor({"w": x}, store=many, config={f"c{i}": i for i in range(15)}) as monitor:
        monitor.record(0)
    first = call("info", many).stdout.splitlines()[0]
    assert first.startswith("config: c0 0, c1 1,")
    assert first.endswith("c11 11, 3 more in the report")


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


def test_a_run_is_shown_by_module(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    by_module = igfast.open(run).grouped(2)
    length, error = by_module.length("linear.0", error=True)
    result = call("info", run, "--groups", 2)
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    assert with_error(length[-1], error[-1]) in lines["linear.0"]
    assert "linear.0" not in call("info", run).stdout.replace("linear.0.", "")
    assert call("report", run, "--groups", 2, "-o", tmp_path / "page.html").exit_code == 0
    assert "Module by module" in (tmp_path / "page.html").read_text()
    assert call("export", run, "--groups", 2, "-o", tmp_path / "run.csv").exit_code == 0
    assert ",linear.0," in (tmp_path / "run.csv").read_text()
    compared = call("compare", run, run, "--groups", 2, "--no-page")
    assert [line.split()[0] for line in compared.stdout.splitlines()].count("linear.0") == 1
    assert "linear.0 " in call("watch", run, "--once", "--groups", 2).stdout
    assert call("info", run, "--groups", 0).exit_code == 2


def test_groups_that_would_show_nothing_are_refused(tmp_path: Path) -> None:
    arrays = {"a.w": np.linspace(-1, 1, 50), "b.w": np.linspace(1, 4, 30)}
    apart = igfast.Grid.uniform(bins=16, low=[-1, 0], high=[1, 5])
    for name, layers, grid in (
        ("range.igf", arrays, apart),
        ("flat.igf", {"a": arrays["a.w"], "b": arrays["b.w"]}, igfast.Grid.dyadic(16)),
    ):
        with igfast.Monitor(layers, grid=grid, offsets=False, store=tmp_path / name) as monitor:
            monitor.record(0)
    for command in (["info"], ["watch", "--once"], ["report", "--live"], ["export"]):
        said = error_of(*command, tmp_path / "range.igf", "--groups", 1)
        assert "a range of its own" in said
        assert "no layer's name has a module" in error_of(
            *command, tmp_path / "flat.igf", "--groups", 1
        )


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
    assert "holds a run" in error_of("compare", run, other, "--output", other)
    assert "is the run file itself" in error_of("compare", run, other, "--output", run)
    assert (
        "differ by more than two standard errors" in call("compare", run, run, "--no-page").stdout
    )
    table = call("compare", run, other, "--no-page")
    assert table.stdout.splitlines()[: len(lines) - 1] == lines[:-1]


def rows_of(motion: MotionCurves) -> dict[str, list[str]]:
    """Cells of the table by layer, as they are printed."""
    console = Console(file=io.StringIO(), width=120)
    print_layers(motion, console)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    rows = [re.split(r"  +", line) for line in lines[2:] if "  " in line]
    return {name: cells for name, *cells in rows}


@pytest.mark.parametrize(
    ("length", "error", "numel", "text"),
    [
        (0.7, 0.01, 1000, "0.700 ± 0.010"),
        (0.01, 0.19, 1000, "< 0.39"),
        (0.1, 0.01, 10, "0.100 ± 0.010"),
        (0.1, 0.1, 10, "–"),
        (0.0, 0.0, 1000, "–"),
        (np.nan, np.nan, 1000, "–"),
        (0.5, np.nan, 10, "0.500"),
    ],
)
def test_unresolved_lengths(length: float, error: float, numel: int, text: str) -> None:
    x = np.linspace(-1, 1, numel)
    records = [igfast.histogram({"w": x + t / 9}, bins=32, splits=4) for t in range(3)]
    motion = moved(Workers(igfast.Trajectory.from_histograms(range(3), records)), "param")
    ended = {"length": length, "length_error": error}
    grown = np.linspace(0, 1, 3)[:, None]
    changed = {name: value * grown for name, value in ended.items()}
    shown = rows_of(replace(motion, **changed))["w"]
    assert shown[1] == text
    assert (shown[0] == "–") == (text == "–" or "<" in text)


def test_info_and_report_tell_the_same_of_a_layer(tmp_path: Path) -> None:
    """Ten elements, one split: the published estimate, which has no error, is shown as it is."""
    x = np.linspace(-1, 1, 10)
    records = [igfast.histogram({"few": x * (1 + t)}, bins=32, splits=1) for t in range(12)]
    run = igfast.Trajectory.from_histograms(range(12), records)
    motion = moved(Workers(run), "param")
    length = run.length("few", "hellinger")[-1]
    assert length > 1
    assert three_digits(length) == length_text(motion, motion.layers[0])
    slopes = run.velocity("few", "hellinger")[[0, -1]]
    assert rows_of(motion)["few"][:2] == [
        change(*slopes, velocity_text, "→"),
        three_digits(length),
    ]


def test_notes_below_the_table_say_what_stands_in_it(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "run.igf"
    tensors = {"moves": rng.normal(size=5000)}
    with igfast.Monitor(tensors, store=path) as monitor:
        monitor.record(0)
        monitor.flush()
        assert "Γ, L: from the second record on; H, C: normalized\n" in call("info", path).stdout
        for step in range(1, 12):
            tensors["moves"] += 0.1
            monitor.record(step)
    said = call("info", path).stdout
    assert "; L: split estimator; H, C: normalized\n" in said
    assert "not resolved" not in said
    tensors = {"rests": rng.normal(size=5000), "few": np.arange(9.0)}
    with igfast.Monitor(tensors, store=tmp_path / "still.igf") as monitor:
        for step in range(12):
            tensors["rests"][:] = rng.permutation(tensors["rests"])
            monitor.record(step)
    said = call("info", tmp_path / "still.igf").stdout
    assert "L <: not resolved; the limit is two standard errors above it, and Γ a dash\n" in said
    assert "L –: not resolved, with too few elements or no error for a limit\n" in said
    assert "L to:" not in said


def test_info_shows_parameters_where_there_are_any(tmp_path: Path) -> None:
    x, path = np.random.default_rng(0).normal(size=5000), tmp_path / "both.igf"
    with RunWriter(path, config={}) as writer:
        for quantity in ("grad", "param"):
            writer.define_layers(quantity, ["w"], [(50, 100)], ["float64"])
        for step in range(12):
            grad, param = (igfast.histogram({"w": x + s}, splits=4) for s in (0.0, step / 10))
            writer.write_record(step, 0.0, {"grad": (grad, None), "param": (param, None)})
    length, error = igfast.open(path).length("w", error=True)
    assert length[-1] > 1
    assert with_error(length[-1], error[-1]) in call("info", path).stdout


def test_run_without_records(tmp_path: Path) -> None:
    path = tmp_path / "empty.igf"
    with RunWriter(path, config={}) as writer:
        writer.define_layers("param", ["w"], [(100,)], ["float64"])
    result = call("info", path)
    assert result.exit_code == 0, result.output
    assert "the run holds no record yet" in result.stdout
    assert "the run holds no record yet" in error_of("export", path)


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


def test_errors_of_the_system_say_what_to_do(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "file").write_text("")
    said = error_of("report", run, "--output", tmp_path / "file" / "page.html")
    assert said.rstrip().endswith("; choose another place")
    assert str(tmp_path / "file") in said


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EACCES, "choose another place, or change its permissions"),
        (errno.EROFS, "choose another place"),
        (errno.ENOENT, "check its name, and that its folder exists"),
        (errno.ENOSPC, "free some space, or choose another place"),
    ],
)
def test_advice_fits_the_error(
    number: int, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @friendly
    def write() -> None:
        raise OSError(number, os.strerror(number), "page.html")

    with pytest.raises(typer.Exit):
        write()
    said = capsys.readouterr().err
    assert said == f"Error: page.html: {os.strerror(number).lower()}; {advice}\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_disk_that_is_full_while_a_file_is_written(run: Path) -> None:
    said = error_of("export", run, "--format", "json", "--output", "/dev/full", "--overwrite")
    assert said == (
        "Error: /dev/full: no space left on device; free some space, or choose another place\n"
    )


def test_runs_are_not_written_over(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    other = tmp_path / "other.igf"
    other.write_bytes(run.read_bytes())
    for command in (
        ["report", run],
        ["compare", run, run],
        ["export", run, "--csv", "--overwrite"],
    ):
        assert "holds a run" in error_of(*command, "--output", other)
    assert other.read_bytes() == run.read_bytes()


@pytest.mark.parametrize("port", ["-1", "99999"])
def test_ports_are_checked(run: Path, port: str) -> None:
    result = call("report", run, "--live", "--port", port)
    assert result.exit_code == 2
    assert "--port" in result.output


def test_threads_that_are_no_number_are_told(run: Path) -> None:
    environment = os.environ | {"IGFAST_NUM_THREADS": "x"}
    command = [sys.executable, "-m", "igfast", "info"]
    found = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert found.returncode == 1
    assert "IGFAST_NUM_THREADS must be a number" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("command", ["info", "report", "export", "compare"])
def test_commands_measure_by_as_many_processes_as_are_asked_for(
    run: Path, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    real = Workers.__init__
    monkeypatch.setattr(
        Workers, "__init__", lambda self, run, jobs=1: asked.append(jobs) or real(self, run, 1)
    )
    files = [run, run] if command == "compare" else [run]
    output = [] if command == "info" else ["--output", tmp_path / "out.csv"]
    assert call(command, *files, *output, "--jobs", 3).exit_code == 0
    assert asked == [3] * len(files)
    refused = call(command, *files, "-j", 0)
    assert (refused.exit_code, "'--jobs' / '-j'" in refused.output) == (2, True)


def test_jobs_without_measuring_are_refused(run: Path) -> None:
    assert "jobs=2: there is no run to look at" in error_of("info", "--jobs", 2)
    assert "leave it out" in error_of("report", run, "--live", "--jobs", 2)
