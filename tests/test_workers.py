"""Processes that measure layers: the same results, and what happens when one of them, or the one
that waits for them, ends."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import igfast
from igfast import workers as processes
from igfast.export import curves
from igfast.report.collect import collect
from igfast.trajectory import Trajectory
from igfast.workers import Workers, usual_jobs

LAYERS = 5
RECORDS = 40


def record(path: Path, steps: range = range(RECORDS), layers: int = LAYERS, **choices: Any) -> Path:
    """A run of layers that drift, each at a speed of its own; two are one module."""
    rng = np.random.default_rng(0)
    start = {f"block{i // 2}.{i}.weight": rng.normal(size=(40, 50)) for i in range(layers)}
    model = {name: values.copy() for name, values in start.items()}
    with igfast.Monitor(model, store=path, groups=1, **choices) as monitor:
        for step in steps:
            for number, (name, values) in enumerate(start.items()):
                model[name][:] = values + step * number / 100
            monitor.record(step)
            monitor.log(step, test_loss=1 / (1 + step))
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("workers") / "run.igf")


@pytest.fixture(autouse=True)
def little_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LEAST", 0)


def where(run: Trajectory, layer: str) -> tuple[int, float]:
    """In which process a layer is measured, and its length."""
    return os.getpid(), float(run.length(layer)[-1])


def equal(one: Any, two: Any) -> bool:
    """Whether two results are the same to the last bit."""
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one) if field.name != "run"]
        return type(one) is type(two) and all(
            equal(getattr(one, name), getattr(two, name)) for name in names
        )
    if isinstance(one, dict):
        return list(one) == list(two) and all(equal(one[key], two[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(two) and all(map(equal, one, two))
    return np.array_equal(one, two, equal_nan=np.asarray(one).dtype.kind == "f")


@pytest.mark.parametrize("jobs", [2, 3])
def test_a_report_is_the_same_by_any_number_of_processes(path: Path, jobs: int) -> None:
    alone, together = collect(igfast.open(path)), collect(igfast.open(path), jobs=jobs)
    assert [layer.name for layer in together.main.rows][-4:] == [
        "block0",
        "block1",
        "block2",
        "model",
    ]
    assert together.main.scrutiny
    assert together.growth.curvatures
    assert equal(together, alone)
    assert not equal(together.main, dataclasses.replace(alone.main, length=alone.main.length + 1))


@pytest.mark.parametrize("estimator", ["split", "hellinger"])
def test_all_layers_are_measured_ahead(path: Path, estimator: str) -> None:
    run = igfast.open(path)
    run.measure(jobs=2, estimator=estimator)
    known = [run.known(layer)[estimator != "split"] for layer in run.layers]
    assert [len(one) for one in known] == [1] * LAYERS
    assert equal(run.length(None, estimator), igfast.open(path).length(None, estimator))
    with pytest.raises(KeyError, match="grad"):
        run.measure(2, "grad")


def test_an_export_is_the_same_by_two_processes(path: Path) -> None:
    alone, together = (curves(igfast.open(path), "param", "split", jobs) for jobs in (1, 2))
    assert list(together)[:2] == ["velocity", "velocity_error"]
    assert equal(together, alone)


def test_every_layer_is_measured_once_elsewhere_and_known_here(path: Path) -> None:
    run = igfast.open(path)
    names = [*run.layers, *run.pooled()]
    told: list[str] = []
    with Workers(run, 2) as workers:
        found = workers.each(where, names, "measuring", told.append)
    assert os.getpid() not in {process for process, _ in found}
    assert all(set(run.known(name)[0]) == {("param", name)} for name in names)
    assert [length for _, length in found] == [igfast.open(path).length(x)[-1] for x in names]
    assert told[0] == "measuring (1 of 9)"
    assert told[-1] == "measuring (9 of 9)"
    assert not multiprocessing.active_children()


def test_items_of_a_layer_find_what_was_measured_before(path: Path) -> None:
    run = igfast.open(path)
    with Workers(run, 2) as workers:
        workers.each(where, run.layers, "measuring")
        items = [(layer, number) for layer in run.layers for number in range(2)]
        found = workers.each(_is_known, items, "asking", layer_of=itemgetter(0))
    assert found == [True] * len(items)


def _is_known(run: Trajectory, item: tuple[str, int]) -> bool:
    return ("param", item[0]) in run.known(item[0])[0] and run.path is not None


@pytest.mark.parametrize("change", ["more", "again", "gone"])
def test_what_the_file_has_become_since_is_not_measured(tmp_path: Path, change: str) -> None:
    path = record(tmp_path / "run.igf")
    run, before = igfast.open(path), igfast.open(path).length()[-1].tolist()
    with Workers(run, 2) as workers:
        for layer in run.layers:
            run.records(layer)  # what is read of the file, while it is as it was
        if change == "more":
            record(path, range(RECORDS, RECORDS + 5), resume=True, step=RECORDS - 1)
        elif change == "gone":
            path.unlink()
        else:
            os.replace(record(tmp_path / "other.igf"), path)
        found = workers.each(where, run.layers, "measuring")
    assert {process for process, _ in found} == {os.getpid()}
    assert [length for _, length in found] == before


def test_the_file_is_found_from_another_folder(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    run = igfast.open(path.name)
    monkeypatch.chdir(tmp_path)
    with Workers(run, 2) as workers:
        found = workers.each(where, run.layers, "measuring")
    assert os.getpid() not in {process for process, _ in found}


def test_a_process_that_is_killed_loses_nothing(path: Path) -> None:
    run = igfast.open(path)
    dies = partial(_dies, here=os.getpid())
    with Workers(run, 2) as workers:
        with pytest.warns(UserWarning, match="a process that measured layers has ended"):
            found = workers.each(dies, run.layers, "measuring")
        again = workers.each(where, run.layers, "measuring")
    assert found == [igfast.open(path).length(layer)[-1] for layer in run.layers]
    assert {process for process, _ in again} == {os.getpid()}


def _dies(run: Trajectory, layer: str, *, here: int) -> float:
    if os.getpid() != here and layer == run.layers[2]:
        os.kill(os.getpid(), signal.SIGKILL)
    return where(run, layer)[1]


def test_an_error_is_raised_and_ends_the_processes(path: Path) -> None:
    run = igfast.open(path)
    with pytest.raises(ZeroDivisionError, match="of block1"), Workers(run, 2) as workers:
        workers.each(_fails, run.layers, "measuring")
    assert not multiprocessing.active_children()


def _fails(run: Trajectory, layer: str) -> None:
    if layer.startswith("block1"):
        raise ZeroDivisionError(f"of {layer}")


def test_what_is_measured_here(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In memory, by one process, and where it is too little for more."""
    run = igfast.open(path)
    in_memory = Trajectory.from_histograms(run.steps, list(run.histograms()))
    monkeypatch.setattr(processes, "LEAST", LAYERS * RECORDS + 1)
    for workers in (Workers(in_memory, 2), Workers(run), Workers(run, 2)):
        with workers:
            found = workers.each(where, run.layers, "measuring")
        assert {process for process, _ in found} == {os.getpid()}
    monkeypatch.setattr(processes, "LEAST", LAYERS * RECORDS)
    with Workers(run, 2) as workers:
        found = workers.each(where, run.layers, "measuring")
    assert os.getpid() not in {process for process, _ in found}


@pytest.mark.parametrize("jobs", [0, -1, True, 1.0, "2"])
def test_jobs_is_a_number_of_processes(path: Path, jobs: Any) -> None:
    with pytest.raises(ValueError, match=r"jobs must be a positive number of processes, got "):
        Workers(igfast.open(path), jobs)


def test_usual_jobs_are_those_of_the_kernels() -> None:
    before = igfast.get_num_threads()
    try:
        for threads, jobs in ((1, 1), (3, 3), (64, 8)):
            igfast.set_num_threads(threads)
            assert usual_jobs() == jobs
    finally:
        igfast.set_num_threads(before)


def of_session(session: int) -> list[int]:
    """Processes of a session that are alive."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.fixture
def measuring(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A command in a session of its own that has begun to measure by two processes."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc")
    path = record(tmp_path / "long.igf", range(1200), 12)
    command = [sys.executable, "-m", "igfast", "info", path, "--sampling", "--jobs", "2"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        end = time.monotonic() + 60
        while not any(_works(pid) for pid in of_session(process.pid) if pid != process.pid):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.01)
        yield process
        for pid in of_session(process.pid):
            os.kill(pid, signal.SIGKILL)


def _works(pid: int) -> bool:
    """Whether a process has come to what it does at a lower priority."""
    try:
        return os.getpriority(os.PRIO_PROCESS, pid) >= processes.NICE
    except OSError:
        return False


def test_ctrl_c_ends_all_at_once_and_quietly(measuring: subprocess.Popen[str]) -> None:
    os.killpg(measuring.pid, signal.SIGINT)
    output, errors = measuring.communicate(timeout=20)
    assert (measuring.returncode, errors) == (130, "stopped\n")
    assert "Γ" not in output
    _all_end(measuring.pid)


def test_processes_end_with_the_one_that_is_killed(measuring: subprocess.Popen[str]) -> None:
    measuring.kill()
    measuring.wait()
    _all_end(measuring.pid)


def _all_end(session: int) -> None:
    end = time.monotonic() + 20
    while of_session(session):
        assert time.monotonic() < end, "processes live on"
        time.sleep(0.01)
