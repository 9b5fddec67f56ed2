"""Records in a trackio run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..grids import integer
from .libraries import require
from .numbers import MEASURES, Numbers, bars_of
from .record import Record
from .repeating import Repeats


class Trackio:
    """Histograms and scalars, at the optimizer's steps.

    trackio counts ``log`` calls that name no step onwards from the highest step it has seen: give
    calls of your own their ``step=``.

    It takes nothing back: a training that goes on in the same run from a checkpoint shows the steps
    after it twice, of which a :class:`SinkWarning` tells.

    Parameters
    ----------
    run : trackio Run, optional
        By default the one that ``trackio.init`` started. It is not finished by this sink.
    scalars : sequence of str
        Among ``igfast.sinks.MEASURES``; keys are ``param_velocity/layer``.
    histograms : bool
        Keys are ``param_histogram/layer``.
    most_bins : int
        Neighboring bins are merged beyond it.

    Raises
    ------
    ModuleNotFoundError
        Without trackio: ``pip install 'igfast[trackio]'``.

    Examples
    --------
    >>> trackio.init(project="first")  # doctest: +SKIP
    >>> sinks = [igfast.sinks.Trackio()]  # doctest: +SKIP
    """

    def __init__(
        self,
        run: Any = None,
        *,
        scalars: Sequence[str] = MEASURES,
        histograms: bool = True,
        most_bins: int = 512,
    ) -> None:
        require("trackio", "trackio")
        most_bins = integer(most_bins, "most_bins")
        if most_bins < 1:
            raise ValueError(f"most_bins must be at least 1, got {most_bins}")
        self._run = run
        self._repeats = Repeats("trackio", "go on in a run of another name, by trackio.init()")
        self._numbers, self._histograms, self._most_bins = Numbers(scalars), histograms, most_bins

    def rewind(self, step: int) -> None:
        self._repeats.rewind(step)

    def write(self, step: int, record: Record) -> None:
        import trackio

        data: dict[str, Any] = dict(self._numbers.of(record))
        for bars in bars_of(record, self._most_bins) if self._histograms else ():
            data[bars.name] = trackio.Histogram(np_histogram=(bars.counts, bars.edges))
        self.write_scalars(step, data)

    def write_scalars(self, step: int, scalars: Mapping[str, Any]) -> None:
        import trackio

        self._repeats.look(self._newest)
        log = trackio.log if self._run is None else self._run.log  # says where no run was started
        log(dict(scalars), step=step)

    def _newest(self) -> int | None:
        """The highest step that the run has seen, of which trackio has no public name."""
        from trackio import context_vars

        run = context_vars.current_run.get() if self._run is None else self._run
        following: int = getattr(run, "_next_step", 0)
        return following - 1

    def flush(self) -> None: ...

    def close(self) -> None: ...
