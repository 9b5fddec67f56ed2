"""What a sink is given, and what makes a sink."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ..health import Flag
from ..histograms import Histogram
from ..summary import Moments
from .curves import Curves


@dataclass(frozen=True)
class Table:
    """Rows of one quantity: its layers, or a module group as one row.

    Attributes
    ----------
    quantity : str
    histogram, moments, curves : Histogram, Moments, Curves
        The same rows in each; ``histogram.names`` are theirs.
    pooled : bool
        Whether the row is a group's, or ``"model"``, which sums rows of another table.
    """

    quantity: str
    histogram: Histogram
    moments: Moments
    curves: Curves
    pooled: bool = False


@dataclass(frozen=True)
class Record:
    """What was measured at one step.

    Attributes
    ----------
    step : int
        Completed optimizer steps.
    wall_time : float
        Seconds since the epoch.
    histograms, moments : mapping of str to Histogram, Moments
        By quantity.
    scalars : mapping of str to float
        ``"health/flags"``, the number of flags that hold, and one for each that begins (its
        value) or has ended (0): see :mod:`igfast.health`.
    health : tuple of Flag
        All that hold at this record.
    curves : mapping of str to Curves
        By quantity: velocity, length, entropy and complexity of every layer at this step.
    groups : tuple of Table
        The whole model, ``"model"``, where there are several layers, and the Monitor's ``groups``:
        a table of one row for each, of every quantity.
    """

    step: int
    wall_time: float
    histograms: Mapping[str, Histogram]
    moments: Mapping[str, Moments]
    scalars: Mapping[str, float] = field(default_factory=dict)
    health: tuple[Flag, ...] = ()
    curves: Mapping[str, Curves] = field(default_factory=dict)
    groups: tuple[Table, ...] = ()

    def tables(self) -> Iterator[Table]:
        """Layers by quantity, then groups."""
        for name, histogram in self.histograms.items():
            yield Table(name, histogram, self.moments[name], self.curves[name])
        yield from self.groups


@runtime_checkable
class Sink(Protocol):
    """Anything with these three methods.

    A sink that also has ``write_scalars(step, scalars)`` gets the numbers of ``monitor.log``, at
    once. One that has ``rewind(step)`` is told, before anything is written, that training goes on
    from a checkpoint: what it got of this step and later ones is about to be made again. Of the
    step before, the checkpoint's, the record may come again, in place of the one that it got.

    Examples
    --------
    >>> class Printer:
    ...     def write(self, step, record):
    ...         print(step, record.moments["param"].l2)
    ...     def flush(self): ...
    ...     def close(self): ...
    >>> isinstance(Printer(), Sink)
    True
    """

    def write(self, step: int, record: Record) -> None:
        """Take one record."""

    def flush(self) -> None:
        """Bring out what was held back."""

    def close(self) -> None:
        """Finish; nothing is written afterwards."""
