"""The terminal display: plain lines in a pipe, a table in a terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import igfast
from igfast.harness import data
from igfast.harness.display import DownloadDisplay, TrainingDisplay
from igfast.harness.observing import Outline
from igfast.harness.settings import Settings
from igfast.histograms import Histogram


@pytest.fixture
def outline(small_mnist: Path) -> Outline:
    dataset = data.load("mnist", download=False)
    settings = Settings(widths=(16, 8), threads=1).resolved()
    return Outline(settings, dataset, Path("run.igf"), 1234, 10, 60, 0)


def record(shift: float, layers: int = 1, size: int = 20_000) -> Histogram:
    x = np.random.default_rng(0).normal(size=size)
    grid = igfast.Grid.dyadic(256, exponent=-4)
    found: Histogram = igfast.histogram(
        {f"layer{index}": x + shift for index in range(layers)}, grid=grid, splits=4
    )
    return found


def told(text: str) -> float:
    """The number that is written as in 0.012 or 4.0·10⁻³."""
    return float(text.replace("·10", "e").translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))


def test_plain_lines_hold_loss_velocity_and_length(outline: Outline) -> None:
    stream = io.StringIO()
    with TrainingDisplay(Console(file=stream, width=200)) as display:
        display.started(outline)
        for step in range(0, 61, 10):
            display.recorded(step, 0.5 if step else None, record(0.1 * step))
            display.evaluated(step, {"test_loss": 0.25, "test_accuracy": 0.5})
    lines = stream.getvalue().splitlines()
    assert "not the canonical mnist data" in lines[0]
    assert "1,234 parameters" in lines[1]
    assert "learning rate 0.045, batch 64, 60 steps (6 epochs), seed 0, cpu, 1 thread" in lines[2]
    assert lines[3] == "step  0/60"
    last = lines[-1]
    assert last.startswith("step 60/60  loss 0.5000  test loss 0.2500  test accuracy 50.00%")
    # a normal distribution that moves by 0.1 of its width per step, in chords of length 1
    velocity, floor, length = (
        told(last.split(mark)[1].split()[0].rstrip(")")) for mark in ("Γ ", "(floor ", "L ≈ ")
    )
    assert 0 < floor < 0.3 * velocity
    assert velocity == pytest.approx(0.1, rel=0.12)
    assert length == pytest.approx(6.0, rel=0.12)
    assert "\x1b[" not in stream.getvalue()


def test_length_is_a_sum_of_clear_chords(outline: Outline) -> None:
    stream = io.StringIO()
    with TrainingDisplay(Console(file=stream, width=200)) as display:
        display.started(outline)
        for step in range(61):  # each a shift by 0.01, some of which it takes to stand clear
            display.recorded(step, 0.5, record(0.01 * step))
    line = stream.getvalue().splitlines()[-1]
    assert float(line.split("L ≈ ")[1].split()[0]) == pytest.approx(0.6, rel=0.2)
    assert told(line.split("Γ ")[1].split()[0]) == pytest.approx(0.01, rel=0.2)


def test_what_rests_is_told_as_noise(outline: Outline) -> None:
    stream = io.StringIO()
    with TrainingDisplay(Console(file=stream, width=200)) as display:
        display.started(outline)
        for step in range(0, 61, 10):
            display.recorded(step, 0.5, record(0.0))
    assert stream.getvalue().splitlines()[-1].split("  ")[2:][:1] == [
        "layer0: Γ noise (floor 0) L ≈ noise"
    ]


def test_terminal_shows_the_largest_layers(outline: Outline) -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100)
    with TrainingDisplay(console) as display:
        display.started(outline)
        display.recorded(0, None, record(0.0, layers=15))
        display.recorded(60, 0.5, record(0.1, layers=15))
    shown = stream.getvalue()
    assert "Γ now (1/step)" in shown
    assert "noise floor" in shown
    assert "layer11" in shown
    assert "layer12" not in shown
    assert "and 3 smaller ones" in shown
    assert "≈ L" in shown
    assert "rough estimates" in shown
    assert "60/60" in shown


def test_small_layers_are_left_out_of_the_live_table(outline: Outline) -> None:
    stream = io.StringIO()
    with TrainingDisplay(Console(file=stream, force_terminal=True, width=100)) as display:
        display.started(outline)
        display.recorded(0, None, record(0.0, layers=5, size=4_999))
        display.recorded(60, 0.5, record(0.1, layers=5, size=4_999))
    shown = stream.getvalue()
    assert "layer2" in shown
    assert "layer3" not in shown  # none is large: three of them
    assert "and 2 smaller ones" in shown


def test_resumed_run_says_where_it_goes_on_and_since_when_length_counts(outline: Outline) -> None:
    stream = io.StringIO()
    with TrainingDisplay(Console(file=stream, width=200)) as display:
        display.started(replace(outline, resumed=True))
        display.recorded(10, 0.5, record(0.0))
        display.recorded(60, 0.5, record(0.1))
    assert "continued after step 0" in stream.getvalue()
    assert stream.getvalue().splitlines()[-1].split("  ")[2].endswith(" since resume")


@pytest.mark.parametrize(("splits", "said"), [(1, 1), (2, 1), (4, 0), (8, 0)])
def test_too_few_splits_are_told_at_the_start(outline: Outline, splits: int, said: int) -> None:
    stream = io.StringIO()
    settings = replace(outline.settings, splits=splits)
    with TrainingDisplay(Console(file=stream, width=200)) as display:
        display.started(replace(outline, settings=settings))
    assert stream.getvalue().count("take --splits 4 or 8") == said


def test_download_bar_appears_with_the_first_byte() -> None:
    stream = io.StringIO()
    with DownloadDisplay(Console(file=stream, force_terminal=True, width=100)):
        pass
    assert stream.getvalue() == ""
    with DownloadDisplay(Console(file=stream, force_terminal=True, width=100)) as progress:
        progress("mnist/a.gz", 500, 1000)
        progress("mnist/a.gz", 1000, 1000)
    assert "mnist/a.gz" in stream.getvalue()
    assert "1.0/1.0 kB" in stream.getvalue()
