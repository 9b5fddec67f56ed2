"""The benchmark fixture: checks the answer, times it beside its peers, records the ratios."""

from __future__ import annotations

import pytest
import torch

import igfast

from .timing import machine, side_by_side


@pytest.fixture(autouse=True)
def one_thread():
    """Every case starts on one thread, which the processor's clock can tell apart from others."""
    igfast.set_num_threads(1)
    torch.set_num_threads(1)
    yield
    igfast.set_num_threads(1)


@pytest.fixture
def compare(benchmark):
    """Function (ours, peers, elements=, bytes=) -> Times.

    `ours` and the peers, a mapping of names to callables, run interleaved; pytest-benchmark then
    times `ours` alone. Gelem/s, GB/s and the ratio to every peer go into the JSON.
    """

    def run(ours, peers=None, *, elements: int, size: int = 0, rounds: int = 5, cpu: bool = True):
        least = 0.0 if elements >= 1 << 22 else 0.005
        times = side_by_side({"ours": ours, **(peers or {})}, rounds=rounds, least=least, cpu=cpu)
        median = times.median("ours")
        benchmark.extra_info["Gelem/s"] = elements / median / 1e9
        if size:
            benchmark.extra_info["GB/s"] = size / median / 1e9
        benchmark.extra_info["ratios"] = {name: times.ratio(name, "ours") for name in peers or {}}
        benchmark.pedantic(ours, rounds=3, warmup_rounds=0)
        return times

    return run


def pytest_benchmark_update_machine_info(config, machine_info):
    """Only what says how fast the machine is."""
    machine_info.clear()
    machine_info.update(machine())


def pytest_benchmark_update_commit_info(config, commit_info):
    commit_info.clear()


def pytest_collection_modifyitems(config, items):
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore"))  # of the peers, and of fine bins
    if "huge" not in (config.getoption("-m") or ""):
        skip = pytest.mark.skip(reason="needs gigabytes and minutes: -m huge")
        for item in items:
            if item.get_closest_marker("huge"):
                item.add_marker(skip)
