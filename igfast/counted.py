"""What one call has counted, before anybody asks for it as objects."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._arrays import Labels
from .grids import Grid
from .histograms import Histogram
from .outputs import Outputs, Request, Sums
from .summary import Moments

Int = NDArray[np.int64]


class Counted:
    """Counts and moment sums of L layers on the host, and the bins that they were counted on.

    :attr:`next_bins` are those that an automatic grid has chosen for the next record.
    :attr:`histogram` and :attr:`moments` live where the input lived. All else than the bins is made
    when it is asked for: making it takes longer than counting a small model.
    """

    def __init__(
        self,
        request: Request,
        labels: Labels,
        exponents: Int | None,
        origins: Int | None,
        next_bins: tuple[Int, Int] | None,
        found: Outputs | _core.Block,
    ) -> None:
        self._request, self._labels, self._found = request, labels, found
        self.exponents, self.origins, self.next_bins = exponents, origins, next_bins

    @cached_property
    def outputs(self) -> Outputs:
        """What was counted, as arrays."""
        found = self._found
        return found if isinstance(found, Outputs) else Outputs.within(self._request, found)

    def examined_by(self, state: _core.Health) -> list[tuple[int, int, float]] | None:
        """What is wrong with the layers: see :mod:`igfast.health`."""
        if isinstance(self._found, Outputs):
            return state.examine(self.sums.integers, self.sums.floats)
        return state.examine_block(self._found)

    def moment_arrays(self) -> tuple[Int, NDArray[np.float64]]:
        """(4, L) integers and (9, L) floats of the moments."""
        if isinstance(self._found, Outputs):
            integers, floats = self.sums.integers, self.sums.floats
            return np.ascontiguousarray(integers.T), _core.moment_floats(integers, floats)
        return self._found.moments()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers."""
        return self._labels.names

    @property
    def grid(self) -> Grid:
        """As it was asked for."""
        return self._request.grid

    @property
    def numel(self) -> Int:
        """(L,) number of elements."""
        found = self._found.numel if isinstance(self._found, Outputs) else None
        return self._labels.numel if found is None else found

    @property
    def shape(self) -> tuple[int, int, int]:
        """L, G, B."""
        return len(self.names), self._request.splits, self._request.grid.bins

    @property
    def cells(self) -> _core.Block | tuple[Int, Int]:
        """Counts and counts outside, or the block that has them, as compiled code takes them."""
        found = self._found
        return (found.counts, found.outside) if isinstance(found, Outputs) else found

    @property
    def nbytes(self) -> int:
        """Of counts and offsets, about all there is."""
        request = self._request
        cells = len(self._labels.names) * request.splits * request.grid.bins
        return 8 * cells * (2 if request.offsets else 1)

    @property
    def sums(self) -> Sums:
        """What the moments are made of."""
        assert self.outputs.sums is not None
        return self.outputs.sums

    @cached_property
    def histogram(self) -> Histogram:
        """The counts as an object."""
        return self.outputs.histogram(self._labels, self.exponents, self.origins)

    def on_host(self) -> Histogram:
        """:attr:`histogram` with NumPy arrays."""
        return self.histogram.to_numpy()

    @cached_property
    def moments(self) -> Moments:
        """The moments as an object."""
        return self.outputs.summary(self._labels)
