"""Reading a run, also while it is being written, from a read-only place, or after a crash."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.online import RUNNING_FIELDS
from ..histograms import Histogram
from ..layers import position
from ..summary import FIELDS, Moments
from . import codec, columns
from .columns import Columns
from .encoding import FLOAT_FIELDS, INTEGER_FIELDS
from .run_file import RunFile
from .series import HistogramSeries

Int = NDArray[np.int64]
BATCH = 64  # records read by one query, at most
MOST_BYTES = 4 << 20  # of their rows, or one row


class RunReader(RunFile):
    """A run file, read lazily: histograms are decoded when asked for.

    What the file held when it was opened is what is seen, until :meth:`refresh`.

    Parameters
    ----------
    path : str or Path

    Attributes
    ----------
    path : Path
    config : dict
    info : dict
        igfast version, creation time.
    resumes : list of dict
        For every continuation of the run: wall_time, igfast, config.
    steps : (T,) int64
        Steps of all records, with histograms or without.
    wall_times : (T,) float64
        Seconds since the epoch.
    memberships : (T,) int64
    quantities : tuple of str

    Raises
    ------
    StoreError
        If the file is missing, foreign, damaged or of a newer version; any later call raises it
        too where it meets damage.
    """

    def histogram(
        self, quantity: str, index: int, layers: Sequence[str | int] | None = None
    ) -> Histogram:
        """One record of a quantity.

        Parameters
        ----------
        quantity : str
        index : int
            Into ``steps_of(quantity)``; negative counts from the end.
        layers : sequence of str or int, optional
            Decode only these.

        Returns
        -------
        Histogram
            NumPy arrays, exactly what was written.
        """
        return next(self.histograms(quantity, [index], layers))

    def histograms(
        self, quantity: str, indices: Sequence[int], layers: Sequence[str | int] | None = None
    ) -> Iterator[Histogram]:
        """Records of a quantity in turn, as :meth:`histogram` gives each."""
        names, kept = self.layers(quantity), self.steps_of(quantity)
        for index in indices:
            if not -len(kept) <= index < len(kept):
                raise IndexError(
                    f"record {index} of {quantity!r} is out of range: the run, as it was opened "
                    f"or refreshed last, has {len(kept)} with histograms"
                )
        steps = [int(kept[index]) for index in indices]
        id, rows = self._ids[quantity], self._rows(quantity, layers)
        chosen = tuple(names[row] for row in rows)
        fields = ("grid", "splits", "codec", "directory", "segments")
        for step, grid, splits, coding, directory, segments in self._fetched(
            "histograms", id, steps, fields
        ):
            with self._decoding(quantity, step):
                if coding != codec.HISTOGRAM_CODEC:
                    raise codec.DamagedRecord(f"unknown codec {coding}")
                text, known = self._grids[grid]
                cells = codec.decode(
                    directory,
                    segments,
                    step,
                    self._identity(quantity, text),
                    splits=splits,
                    bins=known.bins,
                    layers=rows,
                )
            edges = known.edges() if known.kind == "uniform" else None
            yield Histogram(
                split_counts=cells.counts,
                split_outside=cells.outside,
                nan=cells.nan,
                numel=cells.numel,
                grid=known,
                names=chosen,
                offsets=None if cells.offsets is None else cells.offsets / 256.0,
                exponents=cells.exponents,
                origins=cells.origins,
                uniform_edges=edges[rows] if edges is not None and edges.ndim == 2 else edges,
            )

    def histogram_series(
        self, quantity: str = "param", layers: Sequence[str | int] | None = None
    ) -> HistogramSeries:
        """All records of a quantity, as a sequence that decodes on access."""
        return HistogramSeries(self, quantity, layers)

    def moments(
        self,
        quantity: str = "param",
        steps: Int | None = None,
        layers: Sequence[str | int] | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Moments at :meth:`moment_steps`, or at some of them.

        Parameters
        ----------
        quantity : str
        steps : (T',) int64, optional
            Increasing.
        layers : sequence of str or int, optional

        Returns
        -------
        dict
            (T', L) arrays by the names of the fields of ``Moments``.
        """
        wanted = self.moment_steps(quantity) if steps is None else self._among(quantity, steps)
        rows = self._rows(quantity, layers)
        whole = np.empty((len(wanted), len(INTEGER_FIELDS), len(rows)), np.int64)
        real = np.empty((len(wanted), len(FLOAT_FIELDS), len(rows)))
        for index, found in enumerate(self._columns(quantity, wanted)):
            if found.integers is None or found.floats is None:
                raise ValueError(f"{quantity!r} was recorded without moments")
            whole[index], real[index] = found.integers[:, rows], found.floats[:, rows]
        fields: dict[str, NDArray[Any]] = {n: whole[:, i] for i, n in enumerate(INTEGER_FIELDS)}
        return fields | {name: real[:, i] for i, name in enumerate(FLOAT_FIELDS)}

    def moment_steps(self, quantity: str = "param") -> Int:
        """Steps at which a quantity has moments: all that it was recorded at, or none."""
        steps = self.recorded_steps(quantity)
        has = len(steps) and next(self._columns(quantity, steps[:1])).integers is not None
        return steps if has else steps[:0]

    def moments_at(self, quantity: str, step: int) -> Moments:
        """Moments of all layers at one of the :meth:`moment_steps`."""
        found = self.moments(quantity, np.array([step], np.int64))
        values = {name: found[name][0] for name in FIELDS}
        return Moments(**values, names=self.layers(quantity))

    def running(
        self,
        quantity: str = "param",
        steps: Int | None = None,
        layers: Sequence[str | int] | None = None,
    ) -> dict[str, NDArray[np.float64]]:
        """Measures that the writer took of every record, at :meth:`recorded_steps` or some of them.

        Parameters
        ----------
        quantity, steps, layers
            As for :meth:`moments`.

        Returns
        -------
        dict
            (T', L) arrays by the names of the fields of :class:`igfast.analysis.online.Running`,
            with the precision of float32.
        """
        wanted = self.recorded_steps(quantity) if steps is None else self._among(quantity, steps)
        rows = self._rows(quantity, layers)
        values = np.empty((len(wanted), len(RUNNING_FIELDS), len(rows)))
        identity = self._identity(self._known(quantity))
        for index, (step, data) in enumerate(self._numbers(quantity, wanted, ("running",))):
            with self._decoding(quantity, step):
                values[index] = columns.decode_running(data, step, identity)[:, rows]
        return {name: values[:, i] for i, name in enumerate(RUNNING_FIELDS)}

    def running_length(self, quantity: str = "param") -> NDArray[np.float64]:
        """(L,) running lengths as far as they are known; NaN of layers that never had elements."""
        steps = self.recorded_steps(quantity)
        found = np.full(len(self.layers(quantity)), np.nan)
        stop, size = len(steps), 1
        while stop > 0 and (unknown := np.flatnonzero(np.isnan(found))).size:
            start = max(stop - size, 0)
            part = self.running(quantity, steps[start:stop], unknown.tolist())["length"]
            for column, values in zip(unknown, part.T, strict=True):
                known = values[np.isfinite(values)]
                found[column] = known[-1] if known.size else np.nan
            stop, size = start, min(4 * size, 1024)
        return found

    def next_bins(self, quantity: str) -> tuple[Int, Int] | None:
        """Automatic bins of the record after the last one: exponents and origins, (L,) each."""
        steps = self.recorded_steps(quantity)
        bins = next(self._columns(quantity, steps[-1:])).bins if len(steps) else None
        return None if bins is None else (bins[0], bins[1])

    def _columns(self, quantity: str, steps: Int) -> Iterator[Columns]:
        """The numbers of every layer at these steps, in turn."""
        identity = self._identity(self._known(quantity))
        for step, running, data in self._numbers(quantity, steps, ("running", "data")):
            with self._decoding(quantity, step):
                found = columns.decode(running, data, step, identity)
            yield found

    def _numbers(
        self, quantity: str, steps: Int, fields: Sequence[str]
    ) -> Iterator[tuple[Any, ...]]:
        """Steps, in turn, with fields of their columns as bytes."""
        id = self._ids[self._known(quantity)]
        for step, coding, *data in self._fetched("columns", id, steps.tolist(), ("codec", *fields)):
            with self._decoding(quantity, step):
                if coding != columns.COLUMNS_CODEC:
                    raise codec.DamagedRecord(f"unknown codec {coding}")
            yield step, *data

    def _fetched(
        self, table: str, id: int, steps: list[int], fields: Sequence[str]
    ) -> Iterator[tuple[Any, ...]]:
        """Steps, in turn, with fields of a table's rows: as many by one query as memory is for.

        Of the records that were seen when the file was opened: a step that has been recorded again
        since has another wall time, and is refused as one that is gone.
        """
        columns = ", ".join(f"t.{field}" for field in fields)
        place, size = 0, 1
        while place < len(steps):
            batch = steps[place : place + size]
            query = (
                f"SELECT r.wall_time, t.step, {columns} FROM {table} t JOIN records r ON"
                f" r.step = t.step WHERE t.quantity=? AND t.step IN "
                f"({', '.join('?' * len(batch))})"
            )
            with self._reading():
                found = {row[1]: row for row in self._db.execute(query, (id, *batch))}
                opened = self.wall_times[np.searchsorted(self.steps, batch)]
                for step, wall_time in zip(batch, opened.tolist(), strict=True):
                    if step not in found or found[step][0] != wall_time:
                        raise self._rewound(step)
            largest = max(
                sum(len(x) for x in row if isinstance(x, bytes)) for row in found.values()
            )
            place, size = place + len(batch), min(BATCH, max(1, MOST_BYTES // max(largest, 1)))
            for step in batch:
                yield found.pop(step)[1:]

    def _among(self, quantity: str, steps: Int) -> Int:
        """Steps as asked for, all of them among those that were recorded."""
        wanted = np.asarray(steps)
        missing = wanted[~np.isin(wanted, self.recorded_steps(quantity))]
        if len(missing):
            raise ValueError(
                f"steps: {quantity!r} was not recorded at {missing[0]}; take some of "
                f"recorded_steps({quantity!r})"
            )
        return wanted

    def _rows(self, quantity: str, layers: Sequence[str | int] | None) -> list[int]:
        names = self.layers(quantity)
        if layers is None:
            return list(range(len(names)))
        return [position(names, layer) for layer in layers]
