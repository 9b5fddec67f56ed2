"""How far and how fast the layers of a run have moved."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import analysis
from ..analysis import Estimator
from ..analysis.paths import noise_floor
from ..analysis.resolution import Resolution, judge_resolution
from ..analysis.sampling import Sampling, judge_sampling
from ..analysis.scales import LengthByScale, length_by_scale
from ..groups import MODEL
from .measured import Measured

Float = NDArray[np.float64]


class Motion(Measured):
    """Velocity and length of every layer, and what follows from their course."""

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
            Unbiased estimates are negative where noise outweighs motion: average these, not Γ.
            For parameters, errors and an example see :meth:`velocity`.
        """
        return self._curve(layer, estimator, quantity, error, "velocity_squared")

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
        quantity : {"param", "grad", "update", "second_moment"}
        error : bool
            Also return the standard error.

        Returns
        -------
        (T−1, L) or (T−1,) float64, or (value, standard_error) with ``error=True``
            √Γ², 0 where an unbiased Γ² is negative; NaN where one of the two records is empty.

        Raises
        ------
        KeyError
            If there is no such layer or quantity.
        TypeError, ValueError
            If ``layer`` is no name, or the estimator unknown or in want of offsets or splits.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> x = np.random.default_rng(0).normal(size=100_000)
        >>> grid = igfast.Grid.dyadic(256, exponent=-4)
        >>> records = [igfast.histogram({"w": x + t / 10}, grid=grid, splits=8) for t in range(4)]
        >>> run = igfast.Trajectory.from_histograms(range(0, 40, 10), records)
        >>> run.velocity("w").round(2)  # a tenth of the deviation in ten steps
        array([0.01, 0.01, 0.01])
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
        >>> import numpy as np, igfast
        >>> x = np.random.default_rng(0).normal(size=100_000)
        >>> grid = igfast.Grid.dyadic(256, exponent=-4)
        >>> records = [igfast.histogram({"w": x + t / 10}, grid=grid, splits=8) for t in range(11)]
        >>> run = igfast.Trajectory.from_histograms(range(11), records)
        >>> length, error = run.length("w", error=True)
        >>> length.shape, bool(abs(length[-1] - 1) < 0.03), bool(error[-1] < 0.03)
        ((11,), True, True)
        """
        return self._curve(layer, estimator, quantity, error, "length")

    def noise_floor(self, layer: str | None = None, quantity: str = "param") -> Float:
        """(T−1, L) or (T−1,) Γ that the published estimator reads from noise alone, in 1/step."""

        def one(name: str) -> Float:
            if (quantity, name) in self._splits:
                return self._splits[quantity, name].noise_floor
            found = np.full(max(len(self.steps_of(quantity)) - 1, 0), np.nan)
            for part in self._records.series(name, quantity):
                found[part.place] = noise_floor(part)[part.counted]
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
        self._check_name(layer)
        whole = self._split(layer, quantity)
        return length_by_scale(self._records.series(layer, quantity), whole)

    def sampling(self, layer: str, quantity: str = "param") -> Sampling:
        """Whether the records of a layer are close enough in time for its length.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> x = np.random.default_rng(0).normal(size=10_000)
        >>> grid = igfast.Grid.dyadic(256, exponent=-4)
        >>> records = [igfast.histogram({"w": x + t / 10}, grid=grid, splits=8) for t in range(21)]
        >>> igfast.Trajectory.from_histograms(range(21), records).sampling("w").coarse
        False
        """
        self._check_name(layer)
        second, fourth = (self._estimate(layer, quantity, "split", every) for every in (2, 4))
        return judge_sampling(self._split(layer, quantity), second, fourth)

    def resolution(self, layer: str, quantity: str = "param") -> Resolution:
        """Whether the bins of a layer are narrow enough for its length.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> x = np.random.default_rng(0).normal(size=10_000)
        >>> grid = igfast.Grid.dyadic(256, exponent=-4)
        >>> records = [igfast.histogram({"w": x + t / 10}, grid=grid, splits=8) for t in range(21)]
        >>> igfast.Trajectory.from_histograms(range(21), records).resolution("w").coarse
        False
        """
        self._check_name(layer)
        return judge_resolution(self._split(layer, quantity))

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

    def log_derivative(
        self,
        layer: str | None = None,
        estimator: str | Estimator = "split",
        quantity: str = "param",
        order: int = 1,
        **choices: Any,
    ) -> Any:
        """d ln L/d ln t, or d² ln L/d(ln t)² for order 2, with t in steps since the first record.

        ``layer``, ``estimator`` and ``quantity`` as for :meth:`velocity`; ``choices`` (method,
        strength) go to :func:`igfast.analysis.local_exponent`. A Derivative, or by name for
        ``layer=None``, ``"model"`` included, layers of unresolved length left out. Of the error of
        a split L counts what is not a factor that all of L shares.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> x = np.random.default_rng(0).normal(size=10_000)
        >>> grid = igfast.Grid.dyadic(256, exponent=-4)
        >>> records = [igfast.histogram({"w": x + t / 10}, grid=grid, splits=8) for t in range(21)]
        >>> run = igfast.Trajectory.from_histograms(range(21), records)
        >>> exponent = run.log_derivative("w")
        >>> bool(abs(exponent.value[-10:] - 1).max() < 0.1)  # L ∝ t
        True
        >>> run.transitions("w")
        ()
        """
        steps = self.steps_of(quantity)
        if layer is not None:
            self._check_name(layer)
            names: tuple[str, ...] = (layer,)
        else:
            poolable = all(one.poolable for one in self.histograms(quantity)[:1])
            names = (*self._source.layers(quantity), *((MODEL,) if poolable else ()))
        found = {name: self._estimate(name, quantity, estimator) for name in names}
        lengths = {
            name: (one.length, getattr(one, "independent_error", one.length_error))
            for name, one in found.items()
        }
        curves = analysis.local_exponents(steps - steps[:1], lengths, order=order, **choices)
        return curves if layer is None else curves[layer]

    def transitions(
        self,
        layer: str | None = None,
        estimator: str | Estimator = "split",
        quantity: str = "param",
        threshold: float = 2.5,
        **choices: Any,
    ) -> Any:
        """Minima of d² ln L/d(ln t)² that are deeper than their band.

        A tuple of :class:`igfast.analysis.Transition`, or tuples by name for ``layer=None``; other
        arguments and an example as in :meth:`log_derivative`.
        """
        found = self.log_derivative(layer, estimator, quantity, order=2, **choices)
        if layer is not None:
            return analysis.find_transitions(found, threshold=threshold)
        return {k: analysis.find_transitions(v, threshold=threshold) for k, v in found.items()}

    def _curve(
        self,
        layer: str | None,
        estimator: str | Estimator,
        quantity: str,
        error: bool,
        field: str,
    ) -> Any:
        """A field of the layers' estimates, and that of its error."""

        def of(wanted: str) -> Float:
            return self._each(
                layer,
                quantity,
                lambda name: getattr(self._estimate(name, quantity, estimator), wanted),
            )

        return (of(field), of(f"{field}_error")) if error else of(field)
