"""igfast watch: follows a run in a terminal and where there is none."""

from __future__ import annotations

import io
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

import igfast
from igfast.cli.app import app
from igfast.cli.summary import print_summary
from igfast.health import Flag
from igfast.live import table
from igfast.live.following import PATIENCE, REPLAYED, Follower, is_held
from igfast.live.watching import watch_run
from igfast.report.comparison import compare
from igfast.store import StoreError

from .runs import Growing

PAIR = ("velocity_squared", "noise_floor")


def console(terminal=False, height=40, width=120):
    return Console(
        file=io.StringIO(),
        force_terminal=terminal,
        width=width,
        height=height,
        color_system=None,
        legacy_windows=False,
    )


def test_every_record_is_seen_once(tmp_path):
    path = tmp_path / "run.igf"
    follower = Follower(path)
    assert follower.look() == []
    run = Growing(path)
    assert follower.look() == []
    run.grow(3)
    states = follower.look()
    assert [state.step for state in states] == [0, 10, 20]
    assert [state.scalars["loss"] for state in states] == [(0, 1.0), (10, 1 / 11), (20, 1 / 21)]
    assert states[-1].layers == ("wide", "narrow", "model")
    assert states[-1].numel.tolist() == [20_000, 3_000, 23_000]
    assert not states[-1].ended
    run.grow(2)
    assert [state.step for state in follower.look()] == [30, 40]
    (last,) = follower.look()
    assert (last.step, last.records, last.ended) == (40, 5, False)
    # 0.02 standard deviations in 10 steps
    np.testing.assert_allclose(last.curves.velocity[0], 0.002, rtol=0.5)
    np.testing.assert_allclose(last.curves.length[0], 0.08, rtol=0.3)
    assert last.curves.velocity[1] == 0
    run.end()
    assert follower.look()[-1].ended


def test_a_long_past_is_sampled(tmp_path):
    run = Growing(tmp_path / "run.igf")
    run.grow(2 * REPLAYED)
    states = Follower(tmp_path / "run.igf").look()
    run.end()
    assert REPLAYED <= len(states) <= REPLAYED + 1
    assert [states[0].step, states[-2].step, states[-1].step] == [0, 1980, 1990]
    np.testing.assert_allclose(states[-1].curves.length[0], 0.02 * 199, rtol=0.15)


def test_a_resumed_run_is_followed_anew(tmp_path):
    run = Growing(tmp_path / "run.igf")
    run.grow(4)
    follower = Follower(tmp_path / "run.igf")
    assert follower.look()[-1].step == 30
    run.end()
    with igfast.Monitor(run.tensors, store=tmp_path / "run.igf", resume=True, step=10) as monitor:
        monitor.record(12)
        monitor.flush()
        assert [state.step for state in follower.look()] == [0, 10, 12]


def test_a_run_that_went_back_and_overtook_between_two_looks_is_followed_anew(tmp_path):
    path = tmp_path / "run.igf"
    run = Growing(path)
    run.grow(4)
    follower = Follower(path)
    assert follower.look()[-1].step == 30
    run.end()
    run.tensors["wide"] -= 0.06  # as it was at step 10
    with igfast.Monitor(run.tensors, store=path, resume=True, step=10) as monitor:
        for step in (20, 30, 40):
            run.tensors["wide"] += 0.2
            monitor.record(step)
        monitor.flush()
        states = follower.look()
        assert [state.step for state in states] == [0, 10, 20, 30, 40]
        np.testing.assert_allclose(states[-1].curves.length[0], 0.62, rtol=0.1)
    running = igfast.open(path).running("wide")["length"]
    assert [state.curves.length[0] for state in states] == running.tolist()


@pytest.mark.parametrize("records", [3, 4, 5])
def test_another_run_in_the_place_of_the_first_is_followed_from_its_start(tmp_path, records):
    """Whether it has come less far, as far, or further."""
    path = tmp_path / "run.igf"
    run = Growing(path)
    run.grow(4)
    run.end()
    follower = Follower(path)
    follower.look()
    path.unlink()
    run = Growing(path)
    run.tensors.pop("narrow")
    run.monitor.close()
    path.unlink()
    run.monitor = igfast.Monitor(run.tensors, store=path)
    run.grow(records)
    states = follower.look()
    assert [state.step for state in states] == [10 * i for i in range(records)]
    assert states[-1].layers == ("wide",)
    run.end()


def test_a_killed_writer_ends_a_run(tmp_path):
    """Its log is left behind, and left alone."""
    path = tmp_path / "run.igf"
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.live.runs import Growing
run = Growing({str(path)!r})
run.grow(3)
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", code], check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    log = Path(f"{path}-wal")
    assert log.exists()
    follower = Follower(path)
    end = time.monotonic() + PATIENCE + 60
    while not follower.look()[-1].ended:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert log.exists()
    assert follower.look()[-1].step == 20


def test_a_living_writer_has_not_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("igfast.live.following.PATIENCE", 0.0)
    run = Growing(tmp_path / "run.igf")
    run.grow(2)
    follower = Follower(tmp_path / "run.igf")
    for _ in range(3):
        assert not follower.look()[-1].ended
        assert is_held(tmp_path / "run.igf")
    run.end()
    assert follower.look()[-1].ended
    assert not is_held(tmp_path / "run.igf")


def test_lines_where_there_is_no_terminal(tmp_path):
    path, out = tmp_path / "run.igf", console()

    def training():
        time.sleep(0.2)
        run = Growing(path)
        run.grow(2)
        run.tensors["narrow"][0] = np.nan
        run.grow(2)
        run.end()

    thread = threading.Thread(target=training)
    thread.start()
    assert watch_run(path, out, interval=0.02)
    thread.join()
    lines = out.file.getvalue().splitlines()
    assert lines[0] == f"waiting for {path}, which does not exist yet"
    shown = [line for line in lines if line.startswith("step ")]
    assert [line.split("  ")[0] for line in shown] == ["step 0", "step 10", "step 20", "step 30"]
    assert "model: Γ –  L 0  H" in shown[0]
    assert shown[1].endswith("loss 0.09091")
    assert shown[2].endswith("! param narrow: 1 NaN")
    assert lines[-1] == f"{path} has ended at step 30"


@pytest.mark.parametrize("interval", [0, math.nan, math.inf, 1e12])
def test_intervals_that_no_clock_can_wait_for_are_refused(tmp_path, interval):
    with pytest.raises(ValueError, match="interval must be positive, and at most a day"):
        watch_run(tmp_path / "run.igf", console(), interval=interval)


@pytest.mark.parametrize("terminal", [False, True])
def test_a_run_that_ended_without_a_record_is_not_waited_for(tmp_path, terminal):
    path = tmp_path / "run.igf"
    with igfast.Monitor({"w": np.ones(3)}, store=path) as monitor:
        monitor.log(0, loss=1.0)
        monitor.flush()
        os.utime(path, (1, 1))
        assert Follower(path).look() == []
    with pytest.raises(StoreError, match="has ended without a record, and none will come"):
        watch_run(path, console(terminal), interval=0.02)
    empty = tmp_path / "empty.igf"
    empty.touch()
    assert Follower(empty).look() == []  # as one that is being created
    with pytest.raises(StoreError, match="is empty: the run was stopped before it began"):
        watch_run(empty, console(terminal), interval=0.02)


def test_a_terminal_shows_a_table_and_leaves_it(tmp_path):
    run = Growing(tmp_path / "run.igf")
    run.grow(3)
    run.end()
    out = console(terminal=True)
    watch_run(tmp_path / "run.igf", out, interval=0.02)
    text = out.file.getvalue()
    for word in ("layer", "Γ (1/step)", "wide", "narrow", "model", "20,000", "ended", "ok"):
        assert word in text
    assert "\x1b[?25h" in text  # the cursor is back


@pytest.mark.parametrize("terminal", [False, True])
def test_ctrl_c_ends_watching(tmp_path, terminal, monkeypatch):
    run = Growing(tmp_path / "run.igf")
    run.grow(2)

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    out = console(terminal)
    assert not watch_run(tmp_path / "run.igf", out)
    found = CliRunner().invoke(app, ["watch", str(tmp_path / "run.igf")])
    assert found.exit_code == 130
    assert out.file.getvalue().endswith("stopped watching; the training goes on\n")
    run.grow()  # it does
    run.end()


def test_few_rows_show_flagged_layers_first(tmp_path):
    tensors = {f"layer{i}": np.arange(float(100 - i)) for i in range(20)}
    tensors["layer19"] = np.array([1.0, np.inf])
    with igfast.Monitor(tensors, store=tmp_path / "run.igf") as monitor:
        monitor.record(0)
    state = Follower(tmp_path / "run.igf").look()[-1]
    names = [state.layers[row] for row in table.shown_layers(state, 4)]
    assert names == ["layer0", "layer1", "layer19", "model"]


def test_groups_are_shown_after_the_layers(tmp_path):
    rng = np.random.default_rng(0)
    tensors = {f"{part}.{i}": rng.normal(size=1000 + i) for part in "ab" for i in range(9)}
    with igfast.Monitor(tensors, groups=1, store=tmp_path / "run.igf") as monitor:
        for step in range(3):
            monitor.record(step)
            tensors["a.0"] += 0.5
    follower = Follower(tmp_path / "run.igf")
    state = follower.look()[-1]
    assert state.layers[-4:] == ("b.8", "a", "b", "model")
    assert state.numel[-3:].tolist() == [9036, 9036, 18072]
    run = igfast.open(tmp_path / "run.igf")
    lengths = dict(zip(state.layers, state.curves.length, strict=True))
    assert lengths["b"] == 0.0
    assert lengths["a"] == pytest.approx(float(run.length("a")[-1]), rel=0.2)
    names = [state.layers[row] for row in table.shown_layers(state, 4)]
    assert names == ["a.8", "a", "b", "model"]
    shown = console()
    shown.print(table.picture(state, tmp_path / "run.igf", shown, 9))
    lines = shown.file.getvalue().splitlines()
    assert [line.split()[:3] for line in lines if line.startswith("b ")] == [
        ["b", "9,036", "noise"]
    ]
    assert lines[-1] == (
        "noise: no motion above the noise (Γ: over these steps; L: since the first record)."
    )
    flagged = replace(state, flags=(Flag(20, "param", "b.3", "nan", 1.0),))
    assert state.layers[table.shown_layers(flagged, 2)[0]] == "b.3"  # before groups
    shown = console()
    shown.print(table.picture(flagged, tmp_path / "run.igf", shown, 10))
    health = {line.split()[0]: line for line in shown.file.getvalue().splitlines() if line}
    assert "1 flagged" in health["b"]
    assert "1 flagged" in health["model"]
    assert health["a"].rstrip().endswith("ok")
    everywhere = tuple(Flag(20, "param", f"a.{i}", "nan", 1.0) for i in range(9))
    told = table.line(replace(state, flags=everywhere)).partition("! ")[2]
    assert told == "param: 9 layers with NaN: a.0, a.1, a.2 and 6 more"


def test_a_group_that_is_one_layer_is_not_shown_twice(tmp_path):
    """In lists of layers and groups; a group that was given a name of its own is."""
    rng, path = np.random.default_rng(0), tmp_path / "run.igf"
    names = ("block.0.up", "block.0.down", "head.weight")
    tensors = {name: rng.normal(size=1000) for name in names}
    with igfast.Monitor(tensors, groups=1, store=path) as monitor:
        for step in range(3):
            monitor.record(step)
    run = igfast.open(path)
    assert list(run.pooled()) == ["block", "head", "model"]
    assert Follower(path).look()[-1].layers == (*names, "block", "model")
    named = Follower(path, {"output": "head.*"}).look()[-1]
    assert named.layers == (*names, "output", "model")
    shown = console()
    print_summary(run, shown)
    first = [line.split(" ")[0] for line in shown.file.getvalue().splitlines()]
    at = first.index("layer") + 1
    assert first[at : at + 5] == [*names, "block", "model"]
    compared = compare([run, run], ["a", "b"])
    assert compared.pooled == ("block", "model")
    motion = compared.motions[0]
    assert [row.name for row in motion.pooled] == ["block", "head", "model"]  # as in a report


def test_command_shows_a_run_once(tmp_path):
    run = Growing(tmp_path / "run.igf")
    run.grow(2)
    found = CliRunner().invoke(app, ["watch", str(tmp_path / "run.igf"), "--once"])
    run.end()
    assert found.exit_code == 0
    assert "step 10  2 records" in found.output
    missing = CliRunner().invoke(app, ["watch", str(tmp_path / "none.igf"), "--once"])
    assert missing.exit_code == 1
    with pytest.raises(StoreError, match="nothing to show: waiting for"):
        watch_run(tmp_path / "none.igf", console(), once=True)
    (tmp_path / "foreign.igf").write_bytes(b"x" * 200)
    os.utime(tmp_path / "foreign.igf", (1, 1))
    with pytest.raises(StoreError, match="not an igfast run"):
        watch_run(tmp_path / "foreign.igf", console(), once=True)


def test_velocities_within_their_error_are_noise(tmp_path):
    """Of a still layer with noise of its own half of the squared velocities are positive."""
    rng = np.random.default_rng(0)
    place, tensors = rng.normal(size=20_000), {"still": np.zeros(20_000), "moves": np.zeros(20_000)}
    said, positive = {"still": [], "moves": []}, 0
    with igfast.Monitor(tensors, store=tmp_path / "run.igf") as monitor:
        for step in range(12):
            tensors["still"][:] = place + 0.3 * rng.normal(size=20_000)
            tensors["moves"][:] = place + 0.2 * step
            monitor.record(step)
            monitor.flush()
            state = Follower(tmp_path / "run.igf").look()[-1]
            for row, name in enumerate(said):
                said[name].append(table.numbers(state, row)[0])
            positive += state.curves.velocity[0] > 0
    assert positive >= 4
    assert said["still"][1:].count("noise") >= 10
    assert "noise" not in said["moves"]


def test_dense_records_show_the_slope_of_the_length(tmp_path):
    """Between two of them motion is within the noise; over the last tenth of a decade it is not."""
    tensors = {"moves": np.random.default_rng(0).normal(size=20_000), "rests": np.arange(9.0)}
    path = tmp_path / "run.igf"
    with igfast.Monitor(tensors, store=path) as monitor:
        for step in range(1001):
            monitor.record(step)
            tensors["moves"] += 5e-4
    squared, floor = (igfast.open(path).running("moves")[name][-100:] for name in PAIR)
    assert np.median(squared) < 0.1 * np.median(floor) ** 2
    state = Follower(path).look()[-1]
    # a standard deviation in 2,000 steps
    np.testing.assert_allclose(state.velocity[:2], [5e-4, 0.0], rtol=0.2)
    assert table.numbers(state, 0)[0].endswith("·10⁻⁴")
    assert table.numbers(state, 1)[:2] == ["noise", "noise"]


def test_a_velocity_is_that_of_the_steps_since_the_record_before_where_records_are_far(tmp_path):
    tensors = {"moves": np.random.default_rng(0).normal(size=20_000), "rests": np.arange(9.0)}
    with igfast.Monitor(tensors, store=tmp_path / "run.igf") as monitor:
        for step in (0, 10, 20, 30):
            monitor.record(step)
            tensors["moves"] += 0.2 if step < 10 else 0.4
    first, second, third, last = (s.velocity for s in Follower(tmp_path / "run.igf").look())
    assert np.isnan(first).all()
    np.testing.assert_allclose(second[:2], [0.02, 0.0], rtol=0.1)
    np.testing.assert_allclose(third[:2], [0.04, 0.0], rtol=0.1)
    np.testing.assert_allclose(last[:2], [0.04, 0.0], rtol=0.1)


def test_the_model_is_not_well_where_a_layer_is_not(tmp_path):
    tensors = {"a": np.arange(9.0), "b": np.full(9, np.nan)}
    with igfast.Monitor(tensors, store=tmp_path / "run.igf") as monitor:
        monitor.record(0)
    state = Follower(tmp_path / "run.igf").look()[-1]
    shown = console()
    shown.print(table.picture(state, tmp_path / "run.igf", shown))
    lines = {line.split()[0]: line for line in shown.file.getvalue().splitlines() if line.split()}
    assert "ok" in lines["a"]
    assert "1 flagged" in lines["model"]
    assert "ok" not in lines["model"]


@pytest.mark.parametrize("width", [24, 40, 60, 80, 120])
@pytest.mark.parametrize("height", [12, 24])
def test_nothing_vanishes_without_a_word(tmp_path, width, height):
    """Names of any length, in terminals of any size."""
    tensors = {f"block.{i}.{'long_' * (i % 5)}weight": np.arange(100.0 + i) for i in range(30)}
    tensors["lost"] = np.full(9, np.nan)
    with igfast.Monitor(tensors, store=tmp_path / "run.igf") as monitor:
        monitor.record(0)
    state = Follower(tmp_path / "run.igf").look()[-1]
    out = console(width=width)
    out.print(table.picture(state, tmp_path / "run.igf", out, height))
    text = out.file.getvalue()
    lines = text.splitlines()
    assert "…" not in text
    assert len(lines) <= height or height < 20  # one layer at least
    head = next(line for line in lines if line.startswith("layer"))
    said = " ".join(" ".join(lines).split())
    note = said.partition(f"Not shown in {width} columns: ")[2]
    for title in ("elements", "Γ (1/step)", "L", "H", "C", "health"):
        assert (title in head) != (title in re.split(r", |\.$", note))
    names = "".join(line.split()[0] for line in lines if line[:1].strip())
    assert "model" in names
    left = re.search(r"and (\d+) smaller ones", said)
    whole = [name for name in (*tensors, "model") if name in names]
    assert left is None or len(whole) + int(left.group(1)) == 32


def test_the_last_of_one_layer_is_not_the_model(tmp_path):
    tensors = {"a": np.full(9, np.nan)}
    with igfast.Monitor(tensors, store=tmp_path / "run.igf") as monitor:
        monitor.record(0)
    shown = console()
    shown.print(
        table.picture(Follower(tmp_path / "run.igf").look()[-1], tmp_path / "run.igf", shown)
    )
    assert "9 NaN" in shown.file.getvalue()
