"""Where a trajectory's records come from."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .analysis.online import RUNNING_FIELDS, Online
from .analysis.stacks import alike
from .histograms import Histogram

Int = NDArray[np.int64]
Float = NDArray[np.float64]


class Source(Protocol):
    """Where a trajectory's records come from: a run store, or memory."""

    config: dict[str, Any]
    resumes: list[dict[str, Any]]
    quantities: tuple[str, ...]
    steps: Int

    @property
    def path(self) -> Path | None: ...
    @property
    def file(self) -> Path | None: ...
    def layers(self, quantity: str) -> tuple[str, ...]: ...
    def shapes(self, quantity: str) -> Sequence[tuple[int, ...] | None]: ...
    def steps_of(self, quantity: str) -> Int: ...
    def recorded_steps(self, quantity: str) -> Int: ...
    def memberships_of(self, quantity: str) -> Int: ...
    def histogram_series(
        self, quantity: str, layers: Sequence[str | int] | None = None
    ) -> Sequence[Histogram]: ...
    def moments(
        self,
        quantity: str,
        steps: Int | None = None,
        layers: Sequence[str | int] | None = None,
    ) -> dict[str, NDArray[Any]]: ...
    def moment_steps(self, quantity: str) -> Int: ...
    def running(
        self,
        quantity: str,
        steps: Int | None = None,
        layers: Sequence[str | int] | None = None,
    ) -> dict[str, Float]: ...
    def scalars(self) -> dict[str, tuple[Int, Float]]: ...
    def seen(self) -> int: ...
    def held(self) -> AbstractContextManager[bool]: ...
    def close(self) -> None: ...


class Memory:
    """Records held in memory."""

    def __init__(
        self,
        steps: Any,
        histograms: Sequence[Histogram],
        scalars: Mapping[str, tuple[Any, Any]] | None,
        config: Mapping[str, Any] | None,
    ) -> None:
        self.path: Path | None = None
        self.file: Path | None = None
        self.config = dict(config or {})
        self.resumes: list[dict[str, Any]] = []
        self.quantities: tuple[str, ...] = ("param",)
        given = np.asarray(steps)
        if given.size and not np.issubdtype(given.dtype, np.integer):
            raise TypeError(f"steps must be integers, got {given.dtype}; count optimizer steps")
        self.steps = given.astype(np.int64)
        self._records = [histogram.to_numpy() for histogram in histograms]
        self._scalars = {name: _curve(name, given) for name, given in (scalars or {}).items()}
        if self.steps.ndim != 1 or len(self.steps) != len(self._records) or not len(self.steps):
            raise ValueError(
                f"steps must hold one step for each of the {len(self._records)} histograms, at "
                f"least one, got shape {self.steps.shape}"
            )
        if (np.diff(self.steps) <= 0).any():
            raise ValueError("steps must increase from record to record")
        for step, record in zip(self.steps, self._records, strict=True):
            self._check(step, record)

    def _check(self, step: Any, record: Histogram) -> None:
        """Refuse a record that the first one cannot be compared with."""
        first = self._records[0]
        if record.names != first.names:
            raise ValueError(
                f"the histogram of step {step} has layers {record.names}, expected {first.names}"
            )
        kinds = record.grid.kind, first.grid.kind
        if kinds[0] != kinds[1]:
            raise ValueError(
                f"the histogram of step {step} lies on a {kinds[0]} grid, that of step "
                f"{self.steps[0]} on a {kinds[1]} one; record all of a run on grids of one kind"
            )
        if record.grid.kind == "dyadic" and record.bins != first.bins:
            raise ValueError(
                f"the histogram of step {step} has {record.bins} bins, that of step "
                f"{self.steps[0]} {first.bins}; record all of a run with as many"
            )
        covered = [None if h.covered is None else h.covered.tolist() for h in (record, first)]
        if covered[0] != covered[1]:
            raise ValueError(
                f"the histogram of step {step} covers {covered[0] or 'all'} of its layers' bins, "
                f"that of step {self.steps[0]} {covered[1] or 'all'}; sum shards on one grid"
            )

    def _known(self, quantity: str) -> None:
        if quantity not in self.quantities:
            raise KeyError(f"these histograms are of 'param', there is no quantity {quantity!r}")

    def layers(self, quantity: str) -> tuple[str, ...]:
        self._known(quantity)
        return self._records[0].names

    def shapes(self, quantity: str) -> Sequence[tuple[int, ...] | None]:
        return [None] * len(self.layers(quantity))

    def steps_of(self, quantity: str) -> Int:
        self._known(quantity)
        return self.steps

    def recorded_steps(self, quantity: str) -> Int:
        return self.steps_of(quantity)

    def memberships_of(self, quantity: str) -> Int:
        return np.zeros_like(self.steps_of(quantity))

    def histogram_series(
        self, quantity: str, layers: Sequence[str | int] | None = None
    ) -> Sequence[Histogram]:
        self._known(quantity)
        if layers is None:
            return self._records
        return [record.select(layers) for record in self._records]

    def moments(
        self,
        quantity: str,
        steps: Int | None = None,
        layers: Sequence[str | int] | None = None,
    ) -> dict[str, NDArray[Any]]:
        self._known(quantity)
        return {}

    def moment_steps(self, quantity: str) -> Int:
        return self.steps_of(quantity)[:0]

    def running(
        self,
        quantity: str,
        steps: Int | None = None,
        layers: Sequence[str | int] | None = None,
    ) -> dict[str, Float]:
        online = Online()
        records = alike(self.histogram_series(quantity, layers))
        found = [online(*pair) for pair in zip(self.steps.tolist(), records, strict=True)]
        wanted = slice(None) if steps is None else np.isin(self.steps, steps)
        return {
            name: np.stack([getattr(one, name) for one in found])[wanted] for name in RUNNING_FIELDS
        }

    def scalars(self) -> dict[str, tuple[Int, Float]]:
        return dict(self._scalars)

    def seen(self) -> int:
        """Nothing else is ever seen."""
        return 0

    def held(self) -> AbstractContextManager[bool]:
        """Nothing changes."""
        return nullcontext(False)

    def close(self) -> None:
        """Nothing is open."""


def _curve(name: str, given: Any) -> tuple[Int, Float]:
    try:
        steps, values = given
        curve = np.asarray(steps, dtype=np.int64), np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        curve = np.empty(0, np.int64), np.empty(1)
    if curve[0].ndim != 1 or curve[0].shape != curve[1].shape:
        raise ValueError(
            f"scalars[{name!r}] must be a pair (steps, values), of one length, got "
            f"{reprlib.repr(given)}"
        )
    return curve
