"""Records in a run of Weights & Biases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .libraries import require
from .numbers import MEASURES, Numbers, bars_of
from .record import Record

STEP = "igfast/step"  # the x axis of everything this sink logs


class WandB:
    """Histograms and scalars, drawn over optimizer steps.

    W&B gives every ``log`` call of a run the next step, and drops, with a warning, what is logged
    to an earlier one. So that calls of your own keep their steps, records join the row that is
    open, and the next ``wandb.log`` commits both.

    Parameters
    ----------
    run : wandb Run, optional
        By default the one that ``wandb.init`` started. It is not finished by this sink.
    scalars : sequence of str
        Among ``igfast.sinks.MEASURES``; keys are ``param_velocity/layer``.
    histograms : bool
        Keys are ``param_histogram/layer``.
    most_bins : int
        Neighboring bins are merged beyond it; W&B takes 512 at most.
    advance : bool
        Whether two records may not share a row: the second one commits the first, which moves W&B's
        own step by one. Pass False if you call ``wandb.log(..., step=epoch)`` with steps that grow
        slower than records: W&B would drop these; it then has the newest record of each row.

    Raises
    ------
    ModuleNotFoundError
        Without wandb: ``pip install 'igfast[wandb]'``.

    Examples
    --------
    >>> wandb.init(project="first")  # doctest: +SKIP
    >>> sinks = [igfast.sinks.WandB()]  # doctest: +SKIP
    """

    def __init__(
        self,
        run: Any = None,
        *,
        scalars: Sequence[str] = MEASURES,
        histograms: bool = True,
        most_bins: int = 512,
        advance: bool = True,
    ) -> None:
        require("wandb", "wandb")
        if not 1 <= most_bins <= 512:
            raise ValueError(f"most_bins must be in 1 to 512, W&B's limit; got {most_bins}")
        self._run, self._numbers, self._histograms = run, Numbers(scalars), histograms
        self._most_bins, self._advance = most_bins, advance
        self._row: int | None = None
        self._defined: set[str] = set()

    def write(self, step: int, record: Record) -> None:
        import wandb

        run = self._run or wandb.run
        if run is None:
            raise RuntimeError("no W&B run is active: call wandb.init() before, or pass run=")
        self._run = run
        data: dict[str, Any] = dict(self._numbers.of(record))
        for bars in bars_of(record, self._most_bins) if self._histograms else ():
            data[bars.name] = wandb.Histogram(np_histogram=(bars.counts, bars.edges))
        self._define({key.split("/", 1)[0] for key in data})
        if self._advance and self._row is not None and run.step == self._row:
            run.log({}, commit=True)
        run.log({STEP: step, **data}, commit=False)
        self._row = run.step if self._advance else None

    def _define(self, sections: set[str]) -> None:
        if not self._defined:
            self._run.define_metric(STEP, hidden=True)
        for section in sorted(sections - self._defined):
            self._run.define_metric(f"{section}/*", step_metric=STEP)
            self._defined.add(section)

    def flush(self) -> None: ...

    def close(self) -> None: ...
