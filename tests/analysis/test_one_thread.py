"""Analyses keep the linear algebra of NumPy on one core, and leave it as it was."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import threadpoolctl

import igfast
from igfast.analysis import derivative, one_thread, paths, scales
from igfast.analysis.one_thread import on_one_thread


def threads():
    """Of NumPy's library."""
    found = threadpoolctl.ThreadpoolController().select(internal_api="openblas").info()
    return max(one["num_threads"] for one in found if "numpy" in one["filepath"])


@pytest.fixture(autouse=True)
def _openblas():
    if not threadpoolctl.ThreadpoolController().select(internal_api="openblas").info():
        pytest.skip("NumPy computes with another library")


@pytest.fixture
def _three_threads():
    with threadpoolctl.threadpool_limits(3, user_api="blas"):
        yield


def watched(monkeypatch, module, name):
    """How many threads there are whenever this function of a module is called."""
    seen, within = [], getattr(module, name)

    def watch(*args, **kwargs):
        seen.append(threads())
        return within(*args, **kwargs)

    monkeypatch.setattr(module, name, watch)
    return seen


@pytest.mark.usefixtures("_three_threads")
def test_a_length_takes_one_core(monkeypatch):
    x, grid = np.linspace(-1, 1, 1000), igfast.Grid.dyadic(64, exponent=-4)
    records = [igfast.histogram({"w": x + t / 10}, grid=grid, splits=4) for t in range(4)]
    run = igfast.Trajectory.from_histograms(range(4), records)
    seen = watched(monkeypatch, paths, "split_length")
    assert run.length("w")[-1] > 0
    assert seen == [1]
    assert threads() == 3


@pytest.mark.usefixtures("_three_threads")
def test_lengths_by_scale_take_one_core(monkeypatch):
    x, grid = np.linspace(-1, 1, 1000), igfast.Grid.dyadic(64, exponent=-4)
    records = [igfast.histogram({"w": x + t / 10}, grid=grid, splits=4) for t in range(17)]
    run = igfast.Trajectory.from_histograms(range(17), records)
    seen = watched(monkeypatch, scales, "split_length")
    assert len(run.length_scales("w").lengths) == 3
    assert seen == [1, 1]
    assert threads() == 3


@pytest.mark.usefixtures("_three_threads")
def test_a_derivative_takes_one_core(monkeypatch):
    seen = watched(monkeypatch, derivative, "_solve")
    times = np.linspace(1, 2, 30)
    found = igfast.analysis.differentiate(times, times**2)
    np.testing.assert_allclose(found.value[10:20], 2 * times[10:20], rtol=1e-3)
    assert seen == [1]
    assert threads() == 3


@pytest.mark.usefixtures("_three_threads")
def test_an_error_takes_the_limit_back():
    @on_one_thread
    def fails():
        assert threads() == 1
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fails()
    assert threads() == 3


@pytest.mark.usefixtures("_three_threads")
def test_without_threadpoolctl_nothing_changes(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    monkeypatch.setattr(one_thread, "_libraries", one_thread._libraries.__wrapped__)
    assert on_one_thread(threads)() == 3


def in_a_thread_that_ends(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def set_threads(number):
    threadpoolctl.ThreadpoolController().select(internal_api="openblas").limit(limits=number)


def test_the_limit_does_not_stay_where_threads_come_and_go():
    """One begins while another is at it, and ends after it."""
    before = threads()
    in_a_thread_that_ends(lambda: set_threads(3))  # no living thread holds it, as at first
    first_is_out, second_is_in = threading.Event(), threading.Event()

    @on_one_thread
    def second():
        second_is_in.set()
        assert first_is_out.wait(10)

    other = threading.Thread(target=second)

    @on_one_thread
    def first():
        other.start()
        assert second_is_in.wait(10)
        return threads()

    assert first() == 1
    first_is_out.set()
    other.join()
    found = threads()
    in_a_thread_that_ends(lambda: set_threads(before))
    assert found == 3


def test_a_process_that_measures_stays_on_one_core():
    script = (
        "import igfast, threadpoolctl\n"
        "from igfast.analysis.one_thread import stay_on_one_thread\n"
        "import numpy\n"
        "stay_on_one_thread()\n"
        "found = threadpoolctl.ThreadpoolController().select(internal_api='openblas').info()\n"
        "print({one['num_threads'] for one in found if 'numpy' in one['filepath']})\n"
    )
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "3"}
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    assert found.stdout == "{1}\n"
