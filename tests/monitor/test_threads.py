"""A Monitor that threads share."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest

import igfast


class Steps:
    def __init__(self):
        self.seen = []

    def write(self, step, record):
        h = record.histograms["param"]
        self.seen.append((step, int((h.counts.sum(1) + h.underflow + h.overflow).sum())))

    def flush(self): ...
    def close(self): ...


@pytest.fixture
def impatient():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_records_of_several_threads_are_made_one_after_the_other(tmp_path, impatient):
    arrays = {"w": np.random.default_rng(0).normal(size=50_000), "b": np.ones(100)}
    sink, refused = Steps(), []
    with igfast.Monitor(arrays, store=tmp_path / "run.igf", sinks=[sink]) as monitor:

        def record():
            for step in range(100):
                try:
                    monitor.record(step)
                except ValueError as error:  # another thread is ahead
                    refused.append(str(error))

        threads = [threading.Thread(target=record) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all("step must not go back" in text for text in refused)
    steps = [step for step, _ in sink.seen]
    assert steps == sorted(steps)
    assert {total for _, total in sink.seen} == {50_100}
    assert igfast.open(tmp_path / "run.igf").recorded_steps().tolist() == list(range(100))
