"""Small runs, and when two of them are the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from igfast.harness import checkpoint
from igfast.harness.observing import Outline
from igfast.harness.settings import Settings
from igfast.histograms import Histogram
from igfast.store import RunReader

SMALL = Settings(
    widths=(16, 8),
    epochs=6,
    batch_size=32,
    records=30,
    evaluations=6,
    checkpoint_every=7,
    threads=1,
)


class Listener:
    """Keeps what it is told; stops the run at a step by an exception."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.stop_at = stop_at
        self.outline: Outline | None = None
        self.steps: list[int] = []
        self.losses: list[float | None] = []
        self.evaluations: dict[int, dict[str, float]] = {}

    def started(self, outline: Outline) -> None:
        self.outline = outline

    def recorded(self, step: int, loss: float | None, histogram: Histogram) -> None:
        self.steps.append(step)
        self.losses.append(loss)
        if self.stop_at is not None and step >= self.stop_at:
            raise InterruptedError

    def evaluated(self, step: int, scalars: dict[str, float]) -> None:
        self.evaluations[step] = scalars


def weights(run: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = checkpoint.load(run)["model"]
    return found


def assert_same_run(one: Path, other: Path) -> None:
    """Equal bits: final weights, every stored histogram and moment, every scalar."""
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
    a, b = RunReader(one), RunReader(other)
    try:
        assert a.steps.tolist() == b.steps.tolist()
        assert a.quantities == b.quantities
        for quantity in a.quantities:
            pairs = zip(a.histogram_series(quantity), b.histogram_series(quantity), strict=True)
            for left, right in pairs:
                for field in ("split_counts", "split_outside", "nan", "exponents", "origins"):
                    np.testing.assert_array_equal(getattr(left, field), getattr(right, field))
                np.testing.assert_array_equal(left.offsets, right.offsets)
            for name, values in a.moments(quantity).items():
                np.testing.assert_array_equal(values, b.moments(quantity)[name])
        scalars, others = a.scalars(), b.scalars()
        assert scalars.keys() == others.keys()
        for name in scalars:
            for left, right in zip(scalars[name], others[name], strict=True):
                np.testing.assert_array_equal(left, right)
    finally:
        a.close()
        b.close()
