"""Names with control characters: shown, and never obeyed."""

from __future__ import annotations

import io
import logging

import numpy as np
import pytest
from rich.console import Console

import igfast
from igfast.cli.summary import print_summary
from igfast.live.watching import watch_run
from igfast.printing import printable

NAME = "a\x1b[2J\0b\n[/c]<d>\x9b"
SHOWN = "a\ufffd[2J\ufffdb\ufffd[/c]<d>\ufffd"


@pytest.fixture
def path(tmp_path, caplog):
    weights = {NAME: np.linspace(0, 1, 50), "other": np.linspace(0, 1, 9)}
    with igfast.Monitor(weights, store=tmp_path / "run.igf") as monitor:
        for step in range(3):
            monitor.record(step)
            monitor.log(step, **{f"loss{NAME}": 1.0})
            weights[NAME][step] = np.nan
    (said,) = [record.getMessage() for record in caplog.records if record.levelno > logging.INFO]
    assert said == f"igfast: step 1: param {SHOWN}: 1 NaN"
    return tmp_path / "run.igf"


def test_nothing_else_is_replaced():
    assert printable(NAME) == SHOWN
    assert printable("é → ü ~\xa0") == "é → ü ~\xa0"


def test_what_turns_or_hides_text_is_replaced():
    for hidden in "\u200b\u200f\u2028\u202a\u202e\u2066\u2069":
        assert printable(f"a{hidden}b") == "a\ufffdb"


@pytest.mark.parametrize("terminal", [True, False])
def test_terminals(path, terminal):
    console = Console(
        file=io.StringIO(),
        width=150,
        force_terminal=terminal,
        color_system=None,
        legacy_windows=False,
    )
    print_summary(igfast.open(path), console)
    watch_run(path, console, once=True)
    text = console.file.getvalue()
    assert text.count(SHOWN) == 4  # layer and loss, in both
    assert not {"\x1b", "\0", "\x9b"} & set(text)


def test_report(path, tmp_path):
    run = igfast.open(path)
    text = run.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "a\ufffd[2J\ufffdb\ufffd[/c]" in text  # in figures
