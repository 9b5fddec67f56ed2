"""Runs that grow while a test looks at them."""

from __future__ import annotations

import numpy as np

import igfast
from igfast.monitor import Monitor


class Growing:
    """A run of two layers that drift, recorded when a test says so."""

    def __init__(self, path) -> None:
        rng = np.random.default_rng(0)
        self.tensors = {"wide": rng.normal(size=20_000), "narrow": rng.normal(size=3_000)}
        self.monitor: Monitor = igfast.Monitor(self.tensors, store=path)
        self.step = 0

    def grow(self, records: int = 1) -> None:
        for _ in range(records):
            self.monitor.record(self.step)
            self.monitor.log(self.step, loss=1 / (1 + self.step))
            self.tensors["wide"] += 0.02
            self.step += 10
        self.monitor.flush()

    def end(self) -> None:
        self.monitor.close()
