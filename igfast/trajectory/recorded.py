"""What was recorded of a run: steps, layers, histograms, moments, logged numbers, flags."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..groups import MODEL, recorded_groups
from ..health import Flag, flags_of, is_flag
from ..histograms import Histogram
from ..layers import check_name
from ..records import Records
from ..sources import Source

Int = NDArray[np.int64]
Float = NDArray[np.float64]
Self = TypeVar("Self", bound="Recorded")


class Recorded:
    """T records of L layers, read from a store or held in memory."""

    def __init__(self, source: Source, groups: Mapping[str, Sequence[str]] | None = None) -> None:
        self._source, self._chosen = source, groups
        self._read_groups()

    def _read_groups(self) -> None:
        groups, source = self._chosen, self._source
        if groups is None:
            groups = recorded_groups(source.config, source.resumes)
        self._groups = {name: tuple(layers) for name, layers in groups.items()}
        self._records = Records(source, self._groups)

    def __repr__(self) -> str:
        steps = self.steps
        span = f", steps {steps[0]:,} to {steps[-1]:,}" if len(steps) else ""
        counts = [(len(steps), "record"), (len(self.layers), "layer")]
        records, layers = (f"{n:,} {noun}{'s' * (n != 1)}" for n, noun in counts)
        return f"Trajectory({records} of {layers}{span})"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Measure one state of a run that is being written: the newest, as long as this lasts.

        A writer that thins its histograms meanwhile takes none of those that are read::

            with run.held():
                length, velocity = run.length(), run.velocity()
        """
        with self._source.held() as newer:
            if newer:
                self._forget()
            yield

    def _forget(self) -> None:
        """What was read of an earlier state."""
        self._read_groups()

    def seen(self) -> int:
        """A number for the records that this trajectory sees; 0 in memory."""
        return self._source.seen()

    def expect(self, layers: Collection[str]) -> None:
        """Only these layers are asked for from now on: no others are decoded beside them."""
        self._records.expect(layers)

    def close(self) -> None:
        """Close the run file, as the end of a ``with`` block does; nothing to do in memory.

        Also of what was made of this trajectory by :meth:`grouped`.
        """
        self._source.close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def path(self) -> Path | None:
        """The run file, or None."""
        return self._source.path

    @property
    def file(self) -> Path | None:
        """The file that is read: that of the run, or a copy; None in memory."""
        return self._source.file

    @property
    def config(self) -> dict[str, Any]:
        """What the run was configured with."""
        return self._source.config

    @property
    def quantities(self) -> tuple[str, ...]:
        """What was recorded: ``"param"``, ``"grad"``, ``"update"``, ``"second_moment"``."""
        return self._source.quantities

    @property
    def steps(self) -> Int:
        """(T,) steps of the recorded parameters; optimizer steps done before each record."""
        return self.steps_of(self.quantities[0]) if self.quantities else self._source.steps

    def steps_of(self, quantity: str = "param") -> Int:
        """(T,) steps of the records of one quantity, as far as their histograms are kept."""
        return self._source.steps_of(quantity)

    def recorded_steps(self, quantity: str = "param") -> Int:
        """(T',) steps of all records of one quantity: those of :meth:`moments`, :meth:`running`."""
        return self._source.recorded_steps(quantity)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the L layers."""
        return self._source.layers(self.quantities[0]) if self.quantities else ()

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Layers of each module group; a group's name may stand wherever a layer's does."""
        return dict(self._groups)

    def pooled(self, quantity: str = "param") -> dict[str, tuple[str, ...]]:
        """What has curves beside the layers of a quantity, and which of them it pools.

        The module groups that have layers there, then ``"model"`` if there are several layers.
        Nothing where every layer has a range of its own.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> tensors = {"a.w": np.ones(3), "a.b": np.zeros(2), "c.w": np.ones(4)}
        >>> h = igfast.histogram(tensors, grid=igfast.Grid.dyadic(8, exponent=-1))
        >>> igfast.Trajectory.from_histograms([0], [h]).grouped({"a": "a.*"}).pooled()
        {'a': ('a.w', 'a.b'), 'model': ('a.w', 'a.b', 'c.w')}
        """
        known = self._source.layers(quantity)
        if not all(first.poolable for first in self.histograms(quantity)[:1]):
            return {}
        found = {name: tuple(x for x in known if x in own) for name, own in self._groups.items()}
        if len(known) > 1 and MODEL not in known:
            found[MODEL] = tuple(known)
        return {name: members for name, members in found.items() if members}

    def shapes(self, quantity: str = "param") -> tuple[tuple[int, ...] | None, ...]:
        """Shapes of the L layers; None where they are not known, as in memory."""
        return tuple(self._source.shapes(quantity))

    def histograms(self, quantity: str = "param") -> Sequence[Histogram]:
        """The T histograms, decoded when they are asked for.

        Raises
        ------
        KeyError
            If there is no such quantity.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> h = igfast.histogram({"a": np.zeros(3), "b": np.ones(2)}, bins=2, range=(0, 2))
        >>> loss = [0, 10], [2.0, 1.0]
        >>> run = igfast.Trajectory.from_histograms([0, 10], [h, h], {"loss": loss})
        >>> run.histograms()[-1].counts
        array([[3, 0],
               [0, 2]])
        >>> run.records("model")[-1].counts
        array([[3, 2]])
        >>> run.layers, run.steps, run.scalars()["loss"][1]
        (('a', 'b'), array([ 0, 10]), array([2., 1.]))
        """
        return self._source.histogram_series(quantity)

    def records(self, layer: str, quantity: str = "param") -> Sequence[Histogram]:
        """The T histograms of one layer, group or ``"model"``, of one row each.

        Raises
        ------
        TypeError, KeyError
            If ``layer`` is no name, or there is no such layer, group or quantity.
        """
        return [one.select([0]) for one in self.shared_records(layer, quantity)]

    def shared_records(self, layer: str, quantity: str = "param") -> Sequence[Histogram]:
        """As :meth:`records`, not copied: what later measures read, so not to be written to."""
        self._check_name(layer)
        return self._records.histograms(layer, quantity)

    def moments(self, quantity: str = "param", steps: Int | None = None) -> dict[str, NDArray[Any]]:
        """(T', L) arrays by the names of the fields of :class:`igfast.Moments`.

        At :meth:`recorded_steps`, or at some of them; empty where none were recorded.
        """
        return self._source.moments(quantity, steps) if self.has_moments(quantity) else {}

    def has_moments(self, quantity: str = "param") -> bool:
        """Whether moments were recorded."""
        return bool(len(self._source.moment_steps(quantity)))

    def running(self, layer: str | None = None, quantity: str = "param") -> dict[str, Float]:
        """What was measured of every record when it was taken, whether its histograms were kept.

        Returns
        -------
        dict
            (T', L) or (T',) arrays at :meth:`recorded_steps`, by the names of the fields of
            :class:`igfast.analysis.online.Running`: signed Γ² since the record before, its noise
            floor, a running length, entropy and complexity on the record's own bins.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> rng = np.random.default_rng(0)
        >>> x, grid = rng.normal(size=100_000), igfast.Grid.dyadic(256, exponent=-4)
        >>> records = [igfast.histogram({"w": x + t / 10}, grid=grid, splits=4) for t in range(11)]
        >>> run = igfast.Trajectory.from_histograms(range(11), records)
        >>> bool(abs(run.running("w")["length"][-1] - 1) < 0.1)
        True
        """
        if layer is None:
            return self._source.running(quantity)
        self._check_name(layer)
        if self._records.pools(layer, quantity):
            raise ValueError(
                f"layer={layer!r} pools others: running measures are kept of single layers; take "
                "velocity() and length()"
            )
        found = self._source.running(quantity, None, [layer])
        return {name: values[:, 0] for name, values in found.items()}

    def scalars(self) -> dict[str, tuple[Int, Float]]:
        """Logged scalars by name: (N,) steps and (N,) values; see :meth:`histograms`."""
        found = self._source.scalars()
        return {name: series for name, series in found.items() if not is_flag(name)}

    def health(self) -> list[Flag]:
        """What was flagged, by step; see :mod:`igfast.health`."""
        return flags_of(self._source.scalars())

    def _each(self, layer: str | None, quantity: str, one: Callable[[str], Float]) -> Float:
        if layer is not None:
            self._check_name(layer)
            return one(layer)
        columns = [one(name) for name in self._source.layers(quantity)]
        return np.stack(columns, axis=1) if columns else np.empty((len(self.steps), 0))

    def _check_name(self, layer: object) -> None:
        check_name(self.layers, layer)
