"""igfast train: what it prints, resumes, replaces and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

import igfast
from igfast.cli.train import parse_widths

from .commands import SMALL, call, error_of


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


def test_resume_continues_and_takes_no_other_options(run: Path) -> None:
    result = call("train", "--resume", run, "--no-report")
    assert result.exit_code == 0, result.output
    assert "continued after step 20" in result.stdout
    message = error_of("train", "--resume", run, "--seed", 4, "--lr", 0.1)
    assert "leave out --learning-rate, --seed" in message


def test_a_report_never_takes_the_place_of_its_run(tmp_path: Path) -> None:
    target = tmp_path / "run.html"
    message = error_of("train", *[one for one in SMALL if one != "--no-report"], "-o", target)
    assert f"output='{target}' is where the report goes" in message
    assert "--no-report" in message
    assert not target.exists()


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


def test_device_and_model_mistakes(small_mnist: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.igf"
    assert "--device='gpu'" in error_of("train", *SMALL, "--device", "gpu", "-o", path)
    assert "works on text" in error_of(
        "train", "--model", "gpt", "--width", "32", "--no-download", "-o", path
    )
    assert not path.exists()


def test_widths() -> None:
    assert parse_widths("64", None) == (64, 64)
    assert parse_widths("64", 1) == (64,)
    with pytest.raises(ValueError, match="--width then one number"):
        parse_widths("64,32", 2)
