"""A run's histograms over time, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import analysis, measures
from .analysis import Common, Estimator, PathEstimate
from .analysis.paths import SplitEstimate, noise_floor, split_estimate
from .analysis.sampling import Sampling, judge_sampling
from .analysis.scales import LengthByScale, length_by_scale
from .groups import MODEL, Groups, group_layers
from .health import Flag, flags_of, is_flag
from .histograms import Histogram
from .records import Records
from .sources import Memory, Source
from .store import RunReader

Int = NDArray[np.int64]
Float = NDArray[np.float64]


class Trajectory:
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

    def __init__(self, source: Source, groups: Mapping[str, Sequence[str]] | None = None) -> None:
        recorded = source.config.get("monitor", {}).get("groups", {})
        self._groups = {k: tuple(v) for k, v in (recorded if groups is None else groups).items()}
        self._source = source
        self._records = Records(source, self._groups)
        self._estimates: dict[tuple[str, str, str | Estimator, int], PathEstimate] = {}
        self._splits: dict[tuple[str, str], SplitEstimate] = {}

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
        """
        return cls(Memory(steps, list(histograms), scalars, config))

    def __repr__(self) -> str:
        steps = self.steps
        span = f", steps {steps[0]:,} to {steps[-1]:,}" if len(steps) else ""
        return f"Trajectory({len(steps):,} records of {len(self.layers)} layers{span})"

    @property
    def path(self) -> Path | None:
        """The run file, or None."""
        return self._source.path

    @property
    def config(self) -> dict[str, Any]:
        """What the run was configured with."""
        return self._source.config

    @property
    def quantities(self) -> tuple[str, ...]:
        """What was recorded: ``"param"``, ``"grad"``, ``"update"``."""
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

    def shapes(self, quantity: str = "param") -> tuple[tuple[int, ...] | None, ...]:
        """Shapes of the L layers; None where they are not known, as in memory."""
        return tuple(self._source.shapes(quantity))

    def histograms(self, quantity: str = "param") -> Sequence[Histogram]:
        """The T histograms, decoded when they are asked for."""
        return self._source.histogram_series(quantity)

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
        found = self._source.running(quantity, None, [layer])
        return {name: values[:, 0] for name, values in found.items()}

    def scalars(self) -> dict[str, tuple[Int, Float]]:
        """Logged scalars by name: steps and values."""
        found = self._source.scalars()
        return {name: series for name, series in found.items() if not is_flag(name)}

    def health(self) -> list[Flag]:
        """What was flagged, by step; see :mod:`igfast.health`."""
        found = [
            (int(step), name, float(value))
            for name, series in self._source.scalars().items()
            if is_flag(name)
            for step, value in zip(*series, strict=True)
        ]
        return flags_of((name, step, value) for step, name, value in sorted(found))

    def velocity_squared(
        self,
        layer: str | None = None,
        estimator: str | Estimator = "split",
        quantity: str = "param",
        error: bool = False,
    ) -> Any:
        """Γ² between neighboring records, in 1/step², signed.

        Returns
        -------
        (T−1, L) or (T−1,) float64, or (value, standard_error) with ``error=True``
            Unbiased estimates are negative where noise outweighs motion.
        """
        return self._curve(
            layer, estimator, quantity, error, "velocity_squared", "velocity_squared_error"
        )

    def velocity(
        self,
        layer: str | None = None,
        estimator: str | Estimator = "split",
        quantity: str = "param",
        error: bool = False,
    ) -> Any:
        """Information velocity Γ between neighboring records, in 1/step.

        Parameters
        ----------
        layer : str, optional
        estimator : {"split", "hellinger", "chi2", "fisher_rao", "gaussian", "kde", "node"}
            Or a function of :mod:`igfast.analysis`, as in
            ``functools.partial(igfast.analysis.kde, bandwidth=0.01)``. See ``docs/length.md``.
        quantity : {"param", "grad", "update"}
        error : bool
            Also return the standard error.

        Returns
        -------
        (T−1, L) or (T−1,) float64
            √Γ², 0 where an unbiased Γ² is negative.
        """
        squared, spread = self.velocity_squared(layer, estimator, quantity, error=True)
        value = np.sqrt(np.maximum(squared, 0.0))
        if not error:
            return value
        # linear where Γ stands clear of its error, the root of the error where it does not
        slope = value + np.sqrt(value**2 + spread)
        return value, np.divide(spread, slope, out=np.zeros_like(slope), where=slope != 0)

    def length(
        self,
        layer: str | None = None,
        estimator: str | Estimator = "split",
        quantity: str = "param",
        error: bool = False,
    ) -> Any:
        """Information length L = ∫ Γ dt since the first record.

        Parameters
        ----------
        layer, estimator, quantity
            As for :meth:`velocity`.
        error : bool
            Also return the standard error, from the spread between splits and of what bins, arcs
            and weak modes hide (``docs/length.md``). NaN for estimators that have none (all but
            "split").

        Returns
        -------
        (T, L) or (T,) float64, or (value, standard_error) with ``error=True``
            Dimensionless; ``length[0] = 0``. L depends on the bins: compare it on equal ones.

        Examples
        --------
        >>> length, error = run.length(error=True)  # doctest: +SKIP
        """
        return self._curve(layer, estimator, quantity, error, "length", "length_error")

    def noise_floor(self, layer: str | None = None, quantity: str = "param") -> Float:
        """(T−1, L) or (T−1,) Γ that the published estimator reads from noise alone, in 1/step."""

        def one(name: str) -> Float:
            if (quantity, name) in self._splits:
                return self._splits[quantity, name].noise_floor
            found = np.full(max(len(self.steps_of(quantity)) - 1, 0), np.nan)
            for part in self._records.series(name, quantity):
                here = slice(part.first + part.counted.start, part.first + part.counted.stop)
                found[here] = noise_floor(part)[part.counted]
            return found

        return self._each(layer, quantity, one)

    def length_scales(self, layer: str, quantity: str = "param") -> LengthByScale:
        """L(τ): the length of a layer's path smoothed over τ steps, and its plateau if it has one.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> rng = np.random.default_rng(0)
        >>> x, grid = rng.normal(size=100_000), igfast.Grid.dyadic(256, exponent=-4)
        >>> shaken = [x + t / 100 + rng.normal(0, 0.01) for t in range(101)]
        >>> records = [igfast.histogram({"w": y}, grid=grid, splits=8) for y in shaken]
        >>> found = igfast.Trajectory.from_histograms(range(101), records).length_scales("w")
        >>> bool(found.lengths[0] > 1.3), bool(abs(found.lengths[-1] - 1) < 0.1)
        (True, True)
        """
        whole = self._split(layer, quantity)
        return length_by_scale(self._records.series(layer, quantity), whole)

    def sampling(self, layer: str, quantity: str = "param") -> Sampling:
        """Whether the records of a layer are close enough in time for its length."""
        second, fourth = (self._estimate(layer, quantity, "split", every) for every in (2, 4))
        return judge_sampling(self._split(layer, quantity), second, fourth)

    def thinned_length(
        self,
        every: int,
        layer: str | None = None,
        estimator: str | Estimator = "split",
        quantity: str = "param",
    ) -> Any:
        """Information length of the whole run from every second, third, ... record only.

        After the last of these records it goes on by what all records give.

        Parameters
        ----------
        every : int
            At least 1: every record.
        layer, estimator, quantity
            As for :meth:`velocity`.

        Returns
        -------
        (L,) float64, or float for one layer
            Close to ``length()[-1]`` where the records are dense enough.

        Raises
        ------
        ValueError
            If ``every`` is not a positive integer, or there is no record.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> x = np.random.default_rng(0).normal(size=100_000)
        >>> grid = igfast.Grid.dyadic(256, exponent=-4)
        >>> turning = [x + np.sin(t / 4) for t in range(26)]
        >>> records = [igfast.histogram({"w": y}, grid=grid, splits=8) for y in turning]
        >>> run = igfast.Trajectory.from_histograms(range(26), records)
        >>> bool(run.thinned_length(12, "w") < 0.8 * run.length("w")[-1])  # corners are cut
        True
        """
        if not isinstance(every, (int, np.integer)) or isinstance(every, bool) or every < 1:
            raise ValueError(f"every must be a positive integer, got {every!r}")
        records = len(self.steps_of(quantity))
        if records < 1:
            raise ValueError("a length needs at least one record; this run has none yet")
        last = every * ((records - 1) // every)

        def one(name: str) -> Any:
            whole = self._estimate(name, quantity, estimator).length
            thinned = self._estimate(name, quantity, estimator, int(every)).length
            return thinned[-1] + (whole[-1] - whole[last])

        if layer is not None:
            return float(self._each(layer, quantity, one))
        return self._each(None, quantity, lambda name: np.atleast_1d(one(name)))[0]

    def entropy(
        self,
        layer: str | None = None,
        quantity: str = "param",
        normalized: bool = True,
        correction: str | None = None,
    ) -> Float:
        """Shannon entropy H of the layer's bins, all records on one grid.

        Returns
        -------
        (T, L) or (T,) float64
            Divided by ln(bins) by default, else in nats; ``correction="miller_madow"`` adds
            (K − 1)/(2n) nats. H depends on the grid: :meth:`common` names it.
        """
        return self._each(
            layer,
            quantity,
            lambda name: measures.shannon_entropy(
                self._records.stacked(name, quantity), normalized, correction
            ),
        )

    def differential_entropy(
        self, layer: str | None = None, quantity: str = "param", correction: str | None = None
    ) -> Float:
        """Differential entropy of the values, comparable across grids.

        Every record on its own grid, given that a value lies on it; see
        :func:`igfast.differential_entropy`.

        Returns
        -------
        (T, L) or (T,) float64
            Nats, relative to the unit of the values.
        """
        return self._each(
            layer,
            quantity,
            lambda name: measures.differential_entropy(
                analysis.stack(self._records.histograms(name, quantity)), correction
            ),
        )

    def complexity(
        self, layer: str | None = None, quantity: str = "param", correction: str | None = None
    ) -> Float:
        """Jensen–Shannon statistical complexity C in [0, 1], all records on one grid.

        Returns
        -------
        (T, L) or (T,) float64
            With ``correction="miller_madow"`` less what sampling noise adds; see
            :func:`igfast.statistical_complexity`.
        """
        return self._each(
            layer,
            quantity,
            lambda name: measures.statistical_complexity(
                self._records.stacked(name, quantity), correction
            ),
        )

    def divergence(
        self,
        kind: str,
        layer: str | None = None,
        reference: str | int = "previous",
        quantity: str = "param",
        **parameters: Any,
    ) -> Float:
        """Divergence D(p‖q) along the run: p is the reference record, q each other record.

        Parameters
        ----------
        kind : str
            "kl", "reverse_kl", "js" (``weight=``), "hellinger", "fisher_rao", "chi2" (Pearson's,
            Σ(p − q)²/q), "reverse_chi2", "alpha" (``alpha=``), "renyi" (``order=``), "bregman"
            (``generator=``) or "wasserstein" (``p=1`` or 2): see :mod:`igfast.measures`.
        reference : "previous", "first" or int
            "previous": each record against the one before. Else against the first, or the one of
            that index.
        **parameters
            Of the measure.

        Returns
        -------
        (T−1, L) for "previous", else (T, L) float64; without the last axis for one ``layer``
        """
        return self._each(
            layer,
            quantity,
            lambda name: analysis.divergence_along(
                self._records.histograms(name, quantity), kind, reference, parameters
            ),
        )

    def common(self, layer: str, quantity: str = "param") -> Common:
        """All records of a layer merged to one grid, for pictures, H and C."""
        return self._records.common(layer, quantity)

    def log_derivative(
        self,
        layer: str | None = None,
        order: int = 1,
        estimator: str = "split",
        quantity: str = "param",
        **choices: Any,
    ) -> Any:
        """d ln L/d ln t, or d² ln L/d(ln t)² for order 2, with t in steps since the first record.

        ``choices`` (method, strength) go to :func:`igfast.analysis.local_exponent`. A Derivative,
        or by name for ``layer=None``, ``"model"`` included, layers of unresolved length left out.
        Of the error of a split L counts what is not a factor that all of L shares.
        """
        steps = self.steps_of(quantity)
        first = self.histograms(quantity)[:1]
        model = (MODEL,) if all(one.poolable for one in first) else ()
        names = (layer,) if layer else (*self._source.layers(quantity), *model)
        found = {name: self._estimate(name, quantity, estimator) for name in names}
        lengths = {
            name: (one.length, getattr(one, "independent_error", one.length_error))
            for name, one in found.items()
        }
        curves = analysis.local_exponents(steps - steps[:1], lengths, order=order, **choices)
        return curves[layer] if layer else curves

    def transitions(self, layer: str | None = None, threshold: float = 2.5, **choices: Any) -> Any:
        """Minima of d² ln L/d(ln t)² that are deeper than their band.

        A tuple of :class:`igfast.analysis.Transition`, or tuples by name for ``layer=None``; other
        arguments as in :meth:`log_derivative`.
        """
        found = self.log_derivative(layer, 2, **choices)
        if layer:
            return analysis.find_transitions(found, threshold=threshold)
        return {k: analysis.find_transitions(v, threshold=threshold) for k, v in found.items()}

    def report(self, path: str | Path = "report.html") -> Path:
        """Write a static HTML report; needs matplotlib (``pip install 'igfast[report]'``)."""
        from .report import write_report

        self.check_target(path)
        return write_report(self, path)

    def check_target(self, path: str | Path) -> None:
        """Refuse to write over the run file itself.

        Raises
        ------
        ValueError
        """
        if self.path is not None and Path(path).resolve() == self.path.resolve():
            raise ValueError(f"path={str(path)!r} is the run file itself; choose another name")

    def to_parquet(
        self, path: str | Path, quantity: str = "param", estimator: str = "split"
    ) -> Path:
        """Write curves and counts, a row per step and layer; needs pyarrow.

        See :func:`igfast.export.write_parquet` for the columns.

        Raises
        ------
        ModuleNotFoundError
            If pyarrow is not installed (``pip install 'igfast[parquet]'``).
        """
        from .export import write_parquet

        target = Path(path)
        self.check_target(target)
        write_parquet(self, target, quantity, estimator)
        return target

    def _curve(
        self,
        layer: str | None,
        estimator: str | Estimator,
        quantity: str,
        error: bool,
        field: str,
        error_field: str,
    ) -> Any:
        value = self._each(
            layer, quantity, lambda name: getattr(self._estimate(name, quantity, estimator), field)
        )
        if not error:
            return value
        return value, self._each(
            layer,
            quantity,
            lambda name: getattr(self._estimate(name, quantity, estimator), error_field),
        )

    def _each(self, layer: str | None, quantity: str, one: Callable[[str], Float]) -> Float:
        if layer is not None:
            if not isinstance(layer, str):
                raise TypeError(
                    f"layer must be a name, got {layer!r}; the layers are {', '.join(self.layers)}"
                )
            return one(layer)
        columns = [one(name) for name in self._source.layers(quantity)]
        return np.stack(columns, axis=1) if columns else np.empty((len(self.steps), 0))

    def _estimate(
        self, layer: str, quantity: str, estimator: str | Estimator, every: int = 1
    ) -> PathEstimate:
        """Along a layer's path, from every so many records."""
        if estimator == "split" and every == 1:
            return self._split(layer, quantity)
        key = (quantity, layer, estimator, every)
        if key not in self._estimates:
            parts = self._records.series(layer, quantity, every)
            count = len(self.steps_of(quantity)[::every])
            self._estimates[key] = analysis.estimate(parts, estimator, count)
        return self._estimates[key]

    def _split(self, layer: str, quantity: str) -> SplitEstimate:
        """What length, scales, sampling and noise floor of a layer are read from."""
        key = (quantity, layer)
        if key not in self._splits:
            parts = self._records.series(layer, quantity)
            self._splits[key] = split_estimate(parts, len(self.steps_of(quantity)))
        return self._splits[key]


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
    """
    return Trajectory(RunReader(path))
