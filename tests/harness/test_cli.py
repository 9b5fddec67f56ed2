"""The command line as a whole: mistakes are told in a sentence, and so is what is missing."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from igfast.harness.catalog import CATALOG, MNIST, RemoteFile

from .commands import call, error_of


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
        (["train", "--resume", ""], "--resume='.': not the name of a file (an empty one is the"),
        (["train", "-o", "."], "--output='.': not the name of a file"),
        (["report", ""], "run='.': not the name of a file"),
        (["report", "--live", ""], "run='.': not the name of a file"),
        (["report", "nowhere.igf", "-o", "/"], "--output='/': not the name of a file"),
        (["export", ""], "run='.': not the name of a file"),
        (["export", "nowhere.igf", "-o", ""], "--output='.': not the name of a file"),
        (["info", ""], "run='.': not the name of a file"),
        (["watch", "--once", ""], "run='.': not the name of a file"),
        (["compare", "a.igf", ""], "runs='.': not the name of a file"),
        (["compare", "a.igf", "b.igf", "-o", ""], "--output='.': not the name of a file"),
        (["report", "nowhere.igf"], "nowhere.igf"),
        (["info", "nowhere.igf"], "nowhere.igf"),
        (["export", "nowhere.igf"], "nowhere.igf"),
        (["info", "--sampling"], "sampling=True: there is no run to look at"),
        (["info", "--groups", "3"], "groups=3: there is no run to look at"),
        (["report", "nowhere.igf", "--port", "9000"], "port=9000: a report in a file has none"),
        (
            ["compare", "nowhere.igf", "b.igf", "--no-page", "--output", "x.html"],
            "output='x.html': --no-page writes no file; leave --output out",
        ),
        (["data", "imagenet"], "data set 'imagenet': choose one of mnist"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in error_of(*arguments)


def test_foreign_empty_and_truncated_files(run: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.igf"
    text.write_text("hello, this is certainly not a database\n" * 10)
    assert "not an igfast run" in error_of("info", text)
    cut = tmp_path / "cut.igf"
    cut.write_bytes(run.read_bytes()[:5000])
    assert str(cut) in error_of("info", cut)


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
