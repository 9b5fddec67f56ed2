"""A short run into sinks, and the records they were given."""

from __future__ import annotations

import numpy as np

import igfast

STEPS = (0, 5, 10)
SHIFT = 0.1  # standard deviations per record, that is Γ = 0.02 per step


class Keeper:
    def __init__(self) -> None:
        self.records = []
        self.calls = []

    def write(self, step, record):
        self.records.append(record)

    def flush(self):
        self.calls.append("flush")

    def close(self):
        self.calls.append("close")


def arrays():
    values = np.random.default_rng(0).normal(size=100_000)
    values[7] = 40.0  # outside the automatic bins
    return {"moving": values, "one": np.ones(64, np.float32), "bad": np.full(3, np.nan)}


def record(*sinks, steps=STEPS, between=lambda step: None, **options):
    """The records of a run: one layer drifts, one is not finite from the second record on."""
    tensors, keeper = arrays(), Keeper()
    bad = tensors["bad"]
    bad[:] = 0.5, 1.0, 2.0
    with igfast.Monitor(tensors, sinks=[*sinks, keeper], **options) as monitor:
        for index, step in enumerate(steps):
            if index:
                tensors["moving"] += SHIFT
                bad[:] = np.nan, np.inf, 2.0
            monitor.record(step)
            between(step)
    return keeper.records


def repeated(make):
    """Two sinks on one run, to step 10, and from a checkpoint at step 4 again."""
    with igfast.Monitor({"w": np.ones(3)}, sinks=[make()]) as monitor:
        for step in range(0, 11, 2):
            monitor.record(step)
    with igfast.Monitor({"w": np.ones(3)}, sinks=[make()], step=4) as monitor:
        for step in (6, 8):
            monitor.record(step)
