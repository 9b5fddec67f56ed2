"""The paths of a run's layers, each measured once, whatever is asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .. import analysis
from ..analysis import Estimator, PathEstimate
from ..analysis.paths import SplitEstimate, chosen, split_estimate
from ..sources import Source
from .recorded import Recorded

# by quantity and layer, and of others than "split" also estimator and stride
Splits = dict[tuple[str, str], SplitEstimate]
Estimates = dict[tuple[str, str, "str | Estimator", int], PathEstimate]
Known = tuple[Splits, Estimates]


class Measured(Recorded):
    """Keeps what was measured, and passes it on between processes."""

    def __init__(self, source: Source, groups: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(source, groups)
        self._estimates: Estimates = {}
        self._splits: Splits = {}

    def _forget(self) -> None:
        super()._forget()
        self._estimates.clear()
        self._splits.clear()

    def known(self, layer: str) -> Known:
        """What was measured of a layer's paths, for :meth:`learn`."""
        splits = {key: one for key, one in self._splits.items() if key[1] == layer}
        estimates = {
            key: one
            for key, one in self._estimates.items()
            if key[1] == layer and isinstance(key[2], str)  # a function may not pass
        }
        return splits, estimates

    def learn(self, known: Known) -> None:
        """Take over what was measured of the same records elsewhere."""
        splits, estimates = known
        self._splits.update(splits)
        self._estimates.update(estimates)

    def _estimate(
        self, layer: str, quantity: str, estimator: str | Estimator, every: int = 1
    ) -> PathEstimate:
        """Along a layer's path, from every so many records."""
        if estimator == "split" and every == 1:
            return self._split(layer, quantity)
        one = chosen(estimator)
        key = (quantity, layer, estimator, every)
        if key not in self._estimates:
            parts = self._records.series(layer, quantity, every)
            count = len(self.steps_of(quantity)[::every])
            self._estimates[key] = analysis.estimate(parts, one, count)
        return self._estimates[key]

    def _split(self, layer: str, quantity: str) -> SplitEstimate:
        """What length, scales, sampling and noise floor of a layer are read from."""
        key = (quantity, layer)
        if key not in self._splits:
            parts = self._records.series(layer, quantity)
            self._splits[key] = split_estimate(parts, len(self.steps_of(quantity)))
        return self._splits[key]
