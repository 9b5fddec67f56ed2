"""A run's histograms over time, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..groups import Groups, group_layers
from ..histograms import Histogram
from ..sources import Memory
from ..store import RunReader
from ..store.opening import is_database
from .distributions import Distributions
from .motion import Motion

__all__ = ["Trajectory", "open"]


class Trajectory(Motion, Distributions):
    """T records of L layers: velocity, length, entropy and complexity along a run.

    Open one with :func:`igfast.open`, or make one with :meth:`from_histograms`. Wherever a method
    takes ``layer``, ``None`` returns all layers (last axis L), a name drops that axis, and
    ``"model"`` is the pooled histogram of all layers.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=100_000)
    >>> grid = igfast.Grid.dyadic(256, exponent=-4)
    >>> steps = range(0, 101, 2)
    >>> records = [igfast.histogram({"w": x + 0.01 * t}, grid=grid, splits=8) for t in steps]
    >>> run = igfast.Trajectory.from_histograms(steps, records)
    >>> length, error = run.length(layer="w", error=True)
    >>> bool(abs(length[-1] - 1.0) < 0.03)  # moved by one standard deviation
    True
    """

    @classmethod
    def from_histograms(
        cls,
        steps: Any,
        histograms: Sequence[Histogram],
        scalars: Mapping[str, tuple[Any, Any]] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> Trajectory:
        """A trajectory without a store.

        Parameters
        ----------
        steps : (T,) array_like of int
            Strictly increasing.
        histograms : sequence of T Histogram
            Of the same layers.
        scalars : mapping of name to (steps, values), optional
        config : mapping, optional

        Raises
        ------
        TypeError, ValueError
            If steps and histograms are not of that kind, or cannot be compared with each other.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> h = igfast.histogram({"w": np.zeros(3)}, bins=2, range=(0, 1))
        >>> igfast.Trajectory.from_histograms([0, 10], [h, h])
        Trajectory(2 records of 1 layer, steps 0 to 10)
        """
        given: object = histograms
        if isinstance(given, Histogram) or not isinstance(given, Iterable):
            raise TypeError(
                "histograms must be a sequence of a Histogram for each step, got "
                f"{histograms!r:.80}; put a single one into a list"
            )
        records = list(histograms)
        for number, one in enumerate(records):
            if not isinstance(one, Histogram):
                raise TypeError(
                    f"histograms[{number}] must be a Histogram, as igfast.histogram returns it, "
                    f"got {one!r:.80}"
                )
        return cls(Memory(steps, records, scalars, config))

    def grouped(self, groups: Groups) -> Trajectory:
        """The same run with other module groups.

        Parameters
        ----------
        groups : int, mapping of str to patterns, or function name -> str
            As for :class:`igfast.Monitor`: see :func:`igfast.groups.group_layers`.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> grid = igfast.Grid.dyadic(8, exponent=-1)
        >>> tensors = {"a.w": np.ones(3), "a.b": np.zeros(2), "c.w": np.ones(4)}
        >>> h = igfast.histogram(tensors, grid=grid)
        >>> run = igfast.Trajectory.from_histograms([0], [h]).grouped(1)
        >>> run.groups
        {'a': ('a.w', 'a.b'), 'c': ('c.w',)}
        >>> run.entropy("a").shape
        (1,)
        """
        return Trajectory(self._source, group_layers(groups, self.layers))

    def measure(self, jobs: int, quantity: str = "param", estimator: str = "split") -> None:
        """Measure the path of every layer ahead, by several processes.

        What is asked for later, such as velocity and length, is then known. Paths in memory are
        measured here; see :class:`igfast.workers.Workers`.

        Parameters
        ----------
        jobs : int
            Processes. A script that asks for several keeps what it does under
            ``if __name__ == "__main__":``.
        quantity, estimator
            As for :meth:`velocity`, whose errors are raised here.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> x, grid = np.linspace(-1, 1, 1000), igfast.Grid.dyadic(64, exponent=-4)
        >>> records = [igfast.histogram({"w": x + t}, grid=grid, splits=4) for t in (0, 0.1)]
        >>> run = igfast.Trajectory.from_histograms([0, 10], records)
        >>> run.measure(jobs=2)
        >>> run.length().shape
        (2, 1)
        """
        from ..workers import Workers

        measure = partial(_measured, quantity=quantity, estimator=estimator)
        with Workers(self, jobs) as workers:
            workers.each(measure, self._source.layers(quantity), f"measuring {quantity}")

    def report(self, path: str | Path = "report.html", jobs: int = 1) -> Path:
        """Write a static HTML report; needs matplotlib (``pip install 'igfast[report]'``).

        Layers are measured by ``jobs`` processes, as by :meth:`measure`. Returns its path; see
        :func:`igfast.report.write_report` for errors and an example.
        """
        from ..report import write_report

        return write_report(self, path, jobs=jobs)

    def check_target(self, path: str | Path) -> None:
        """Refuse to write to a folder, over the run file itself, or over another run.

        Raises
        ------
        ValueError
            Where it would.
        """
        if Path(path).is_dir():
            raise ValueError(f"path={str(path)!r} is a folder; name the file to write in it")
        if self.path is not None and Path(path).resolve() == self.path.resolve():
            raise ValueError(f"path={str(path)!r} is the run file itself; choose another name")
        if is_database(Path(path)):
            raise ValueError(
                f"path={str(path)!r} holds a run, or another database; choose another name"
            )

    def to_parquet(
        self,
        path: str | Path,
        quantity: str = "param",
        estimator: str = "split",
        jobs: int = 1,
    ) -> Path:
        """Write curves and counts, a row per step and layer; needs pyarrow.

        Layers are measured by ``jobs`` processes, as by :meth:`measure`.

        An existing file is replaced, and so are ``NAME.records.parquet`` and
        ``NAME.pooled.parquet`` beside it. See :func:`igfast.export.write_parquet` for the columns.

        Raises
        ------
        ModuleNotFoundError
            If pyarrow is not installed (``pip install 'igfast[parquet]'``).

        Examples
        --------
        >>> import tempfile, numpy as np, igfast
        >>> h = igfast.histogram({"w": np.zeros(3)}, bins=2, range=(0, 1), splits=2)
        >>> run = igfast.Trajectory.from_histograms([0, 10], [h, h])
        >>> run.to_parquet(f"{tempfile.mkdtemp()}/run.parquet").name
        'run.parquet'
        """
        from ..export import write_parquet

        target = Path(path)
        self.check_target(target)
        write_parquet(self, target, quantity, estimator, jobs)
        return target


def _measured(run: Trajectory, layer: str, *, quantity: str, estimator: str) -> None:
    run.velocity_squared(layer, estimator, quantity)


def open(path: str | Path) -> Trajectory:
    """Open a run that a :class:`igfast.Monitor` or ``igfast train`` recorded.

    Parameters
    ----------
    path : str or Path
        A run file; it may still be written to.

    Raises
    ------
    igfast.store.StoreError
        If the file is missing, not a run, damaged, or from a newer version.

    Examples
    --------
    >>> import tempfile, torch, igfast
    >>> path = tempfile.mkdtemp() + "/run.igf"
    >>> model = torch.nn.Linear(4, 2)
    >>> with igfast.Monitor(model, store=path) as monitor:
    ...     monitor.record(0)
    >>> with igfast.open(path) as run:
    ...     print(run.layers)
    ('weight', 'bias')
    """
    return Trajectory(RunReader(path))
