"""The command line in terminals and pipes as people have them."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

import igfast
from igfast.cli.encoding import HANDLER, spell_out
from igfast.cli.terminal import print_columns
from igfast.live.fitting import Column, fitted

from .commands import call, error_of

PROGRAM = [sys.executable, "-m", "igfast"]


def test_columns_are_left_out_by_rank_and_named() -> None:
    columns = [
        Column("layer", ["a.long.name"], least=6, left=True),
        Column("L", ["0.730 ± 0.046"]),
        Column("H", ["0.814"], rank=2),
        Column("C", ["0.342"], rank=1),
    ]
    assert fitted(columns, 80).left_out == ()
    assert fitted(columns, 35).widths == (6, 13, 5, 5)
    assert fitted(columns, 34).left_out == ("H",)
    assert fitted(columns, 20).left_out == ("H", "C")
    out = io.StringIO()
    print_columns(columns, Console(file=out, width=34), ["a note"])
    assert out.getvalue().splitlines()[-2:] == ["a note", "Not shown in 34 columns: H."]
    assert "0.730 ± 0.046" in out.getvalue()


@pytest.mark.parametrize("width", ["40", "60", "80"])
def test_narrow_terminals_keep_names_and_lengths(
    run: Path, width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = call("info", run).stdout
    monkeypatch.setenv("COLUMNS", width)
    shown = call("info", run).stdout
    head = next(line for line in shown.splitlines() if line.startswith("layer"))
    for title in ("Γ", "L", "H", "C"):
        left_out = title in shown.partition(f"Not shown in {width} columns: ")[2].split("\n")[0]
        assert (f" {title} " in f"{head} ") != left_out
    assert "linear.0.weight" in shown
    assert "Not shown" not in wide
    assert "…" not in shown


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_letters_that_an_encoding_lacks_are_spelled_out(run: Path, encoding: str) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding, "LC_ALL": "C"}
    for arguments in (["--help"], ["info", str(run)], ["watch", str(run)], ["info", "\udcff.igf"]):
        found = subprocess.run([*PROGRAM, *arguments], env=environment, capture_output=True)
        assert b"Traceback" not in found.stderr
        assert b"codec" not in found.stderr
        assert found.returncode == ("\udcff.igf" in arguments)
        if "info" in arguments and found.returncode == 0:
            assert b"Gamma" in found.stdout
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    spell_out(stream)
    assert stream.errors == HANDLER


def test_a_reader_that_has_gone_is_no_error(run: Path) -> None:
    with subprocess.Popen(
        [*PROGRAM, "info", str(run)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # as `| true`
        assert process.stderr.read() == b""


def test_ctrl_c_ends_watching_with_its_status(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*PROGRAM, "watch", str(tmp_path / "never.igf")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("waiting for")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out.endswith("stopped watching; the training goes on\n")
    assert err == ""


INTERRUPTED = """
import signal, sys

class Interrupting:  # with no imports of its own: what they import would come too early
    def find_spec(self, name, path, target=None):
        if name == {name!r}:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
"""


def interrupted(folder: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A Python program that gets Ctrl-C as it begins to import this module."""
    (folder / "sitecustomize.py").write_text(INTERRUPTED.format(name=name))
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.mark.parametrize(
    "name", ["pathlib", "igfast.binning", "numpy", "igfast.cli", "typer", "rich.table"]
)
@pytest.mark.parametrize("script", [True, False])
def test_ctrl_c_while_the_command_imports_ends_it_quietly(
    tmp_path: Path, name: str, script: bool
) -> None:
    command = tmp_path / "igfast"
    command.write_text("import re\nfrom igfast.cli import main\nmain()\n")
    found = interrupted(tmp_path, name, *([str(command)] if script else ["-m", "igfast"]), "info")
    assert (found.returncode, found.stdout, found.stderr) == (130, "", "")


def test_ctrl_c_while_the_command_line_is_read_ends_it_quietly(tmp_path: Path) -> None:
    """It takes a part of a second too, and imports more."""
    command = tmp_path / "igfast"
    command.write_text(
        "import signal\n"
        "from igfast.cli import main\n"
        "import typer.main\n"
        "typer.main.get_command = lambda app: signal.raise_signal(signal.SIGINT)\n"
        "main()\n"
    )
    found = interrupted(tmp_path, "no module", str(command), "info")
    assert (found.returncode, found.stdout, found.stderr) == (130, "", "")


def test_a_thread_of_a_program_named_as_the_command_imports_igfast(tmp_path: Path) -> None:
    program = tmp_path / "igfast"
    program.write_text(
        "import threading\n"
        "def work():\n"
        "    import igfast\n"
        "    print('imported')\n"
        "threading.Thread(target=work).start()\n"
    )
    found = interrupted(tmp_path, "no module", str(program))
    assert (found.returncode, found.stdout, found.stderr) == (0, "imported\n", "")


def test_ctrl_c_while_another_program_imports_igfast_is_its_own(tmp_path: Path) -> None:
    program = tmp_path / "train.py"
    program.write_text("try:\n    import igfast\nexcept KeyboardInterrupt:\n    print('caught')\n")
    found = interrupted(tmp_path, "igfast.binning", str(program))
    assert (found.returncode, found.stdout, found.stderr) == (0, "caught\n", "")


def test_version_is_told() -> None:
    found = call("--version")
    assert (found.exit_code, found.stdout) == (0, f"igfast {igfast.__version__}\n")


def test_errors_show_no_controls(tmp_path: Path) -> None:
    said = error_of("train", "--no-download", "--dataset", "a\x1b[2J", "-o", tmp_path / "x.igf")
    assert "\x1b" not in said
