"""Who is told how a run proceeds, and what."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from igfast.harness.data import Dataset
    from igfast.harness.settings import Settings
    from igfast.histograms import Histogram


@dataclass(frozen=True)
class Outline:
    """What a run is going to do, known before its first step."""

    settings: Settings
    dataset: Dataset
    path: Path
    parameters: int
    steps_per_epoch: int
    total_steps: int
    start_step: int
    resumed: bool = False


class Observer(Protocol):
    """Told how a run proceeds; a terminal display is one."""

    def started(self, outline: Outline) -> None:
        """Called before the first step."""

    def recorded(self, step: int, loss: float | None, histogram: Histogram) -> None:
        """Called after each record with the loss of the step's batch (None at the start)."""

    def evaluated(self, step: int, scalars: dict[str, float]) -> None:
        """Called after each evaluation."""


class Silent:
    """An observer that does nothing."""

    def started(self, outline: Outline) -> None:
        """Nothing."""

    def recorded(self, step: int, loss: float | None, histogram: Histogram) -> None:
        """Nothing."""

    def evaluated(self, step: int, scalars: dict[str, float]) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Result:
    """What a finished run took; ``parts`` says what the seconds went to.

    On a GPU, work runs on after the call that started it and counts where it is waited for.
    """

    outline: Outline
    seconds: float
    parts: dict[str, float] = field(default_factory=dict)
