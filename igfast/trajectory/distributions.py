"""What the distributions of a run's layers are like: entropy, complexity, divergences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import analysis, measures
from ..analysis import Common
from .recorded import Recorded

Float = NDArray[np.float64]


class Distributions(Recorded):
    """Measures of the records of every layer, one by one or against each other."""

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
            (K − 1)/(2n) nats. H depends on the grid: :meth:`common` names it. NaN where a record
            has no element in range.

        Raises
        ------
        KeyError, TypeError, ValueError
            If there is no such layer, quantity or correction.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> x = np.linspace(0, 1, 800, endpoint=False)
        >>> records = [igfast.histogram({"w": x * s}, bins=8, range=(0, 1)) for s in (1, 0.5)]
        >>> run = igfast.Trajectory.from_histograms([0, 10], records)
        >>> run.entropy("w").round(6)  # 8 of 8 bins, then 4
        array([1.      , 0.666667])
        >>> run.complexity("w").round(3)
        array([0.   , 0.289])
        >>> str(run.common("w"))
        '8 bins on [0, 1]'
        """
        return self._of_records(
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
            Nats, relative to the unit of the values. Errors are those of :meth:`entropy`.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> x = np.linspace(0, 1, 800, endpoint=False)
        >>> records = [igfast.histogram({"w": x * s}, bins=8, range=(0, 1)) for s in (1, 0.5)]
        >>> run = igfast.Trajectory.from_histograms([0, 10], records)
        >>> run.differential_entropy("w").round(4) + 0.0  # ln 1, ln ½
        array([ 0.    , -0.6931])
        """
        return self._of_records(
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
            :func:`igfast.statistical_complexity`, and :meth:`entropy` for errors and an example.
        """
        return self._of_records(
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

        Raises
        ------
        KeyError, IndexError
            If there is no such layer, quantity or reference.
        TypeError, ValueError
            If ``kind``, ``reference`` or a parameter is none of these.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> x = np.linspace(0, 1, 800, endpoint=False)
        >>> records = [igfast.histogram({"w": x * s}, bins=8, range=(0, 1)) for s in (1, 0.5)]
        >>> run = igfast.Trajectory.from_histograms([0, 10], records)
        >>> run.divergence("reverse_kl", "w").round(6)  # KL from the half to the whole: ln 2
        array([0.693147])
        """
        return self._each(
            layer,
            quantity,
            lambda name: analysis.divergence_along(
                self._records.histograms(name, quantity), kind, reference, parameters
            ),
        )

    def _of_records(self, layer: str | None, quantity: str, one: Callable[[str], Float]) -> Float:
        """As `_each`; empty where there is no record yet."""

        def nothing(name: str) -> Float:
            self._records.histograms(name, quantity)  # refuses names that are no layer's
            return np.empty(0)

        return self._each(layer, quantity, one if len(self.steps_of(quantity)) else nothing)

    def common(self, layer: str, quantity: str = "param") -> Common:
        """All records of a layer merged to one grid, for pictures, H and C; see :meth:`entropy`."""
        self._check_name(layer)
        return self._records.common(layer, quantity)
