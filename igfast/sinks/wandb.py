"""Records in a run of Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..grids import integer
from .libraries import require
from .numbers import MEASURES, Numbers, bars_of
from .record import Record
from .repeating import Repeats

STEP = "igfast/step"  # the x axis of everything this sink logs


class WandB:
    """Histograms and scalars, drawn over optimizer steps.

    W&B gives every ``log`` call of a run the next step, and drops, with a warning, what is logged
    to an earlier one. So that calls of your own keep their steps, records join the row that is
    open, and the next ``wandb.log`` commits both. Numbers of ``monitor.log`` do the same.

    W&B takes nothing back: a training that goes on in the same run from a checkpoint shows the
    steps after it twice, of which a :class:`SinkWarning` tells. Of an offline run that another
    process began, W&B itself does not know.

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
        Whether two steps may not share a row: the second one commits the first, which moves W&B's
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
        most_bins = integer(most_bins, "most_bins")
        if not 1 <= most_bins <= 512:
            raise ValueError(f"most_bins must be in 1 to 512, W&B's limit; got {most_bins}")
        self._run, self._numbers, self._histograms = run, Numbers(scalars), histograms
        self._most_bins, self._advance = most_bins, advance
        self._row: tuple[int, int] | None = None  # of W&B, and the optimizer's step in it
        self._defined: set[str] = set()
        self._repeats = Repeats("W&B", "go on in a run of its own, by wandb.init() without this id")

    def rewind(self, step: int) -> None:
        self._repeats.rewind(step)

    def write(self, step: int, record: Record) -> None:
        import wandb

        data: dict[str, Any] = dict(self._numbers.of(record))
        for bars in bars_of(record, self._most_bins) if self._histograms else ():
            data[bars.name] = wandb.Histogram(np_histogram=(bars.counts, bars.edges))
        self._log(step, data, {f"{key.split('/', 1)[0]}/*" for key in data})

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        # by their whole names: charts of others in their sections keep their axes
        self._log(step, scalars, set(scalars))

    def _log(self, step: int, data: Mapping[str, Any], charts: set[str]) -> None:
        import wandb

        run = self._run or wandb.run
        if run is None:
            raise RuntimeError("no W&B run is active: call wandb.init() before, or pass run=")
        self._run = run
        self._repeats.look(lambda: self._newest(run))
        if not self._defined:
            run.define_metric(STEP, hidden=True)
        for chart in sorted(charts - self._defined):
            run.define_metric(chart, step_metric=STEP)
            self._defined.add(chart)
        row, at = (None, None) if self._row is None else self._row
        if self._advance and run.step == row and step != at:
            run.log({}, commit=True)
        run.log({STEP: step, **data}, commit=False)
        self._row = run.step, step

    def _newest(self, run: Any) -> int | None:
        """The last step that is known to be in the run, or in the row that is open."""
        known = [run.summary.get(STEP), None if self._row is None else self._row[1]]
        return max((int(step) for step in known if step is not None), default=None)

    def flush(self) -> None: ...

    def close(self) -> None: ...
