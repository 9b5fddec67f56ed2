"""What one call has counted, before anybody asks for it as objects."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._arrays import Labels
from .grids import Grid
from .histograms import Histogram
from .outputs import Outputs, Request, Sums, sections
from .summary import Moments

Int = NDArray[np.int64]

KEPT = 24  # blocks, at most: a Monitor's writer holds some records


class Counted:
    """Counts and moment sums of L layers on the host, and the bins that they were counted on.

    :attr:`histogram` and :attr:`moments` live where the input lived. They are made when they are
    asked for: making them takes longer than counting a small model.
    """

    def __init__(
        self, outputs: Outputs, labels: Labels, exponents: Int | None, origins: Int | None
    ) -> None:
        self.outputs, self._labels = outputs, labels
        self.exponents, self.origins = exponents, origins

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers."""
        return self._labels.names

    @property
    def grid(self) -> Grid:
        """As it was asked for."""
        return self.outputs.request.grid

    @property
    def numel(self) -> Int:
        """(L,) number of elements."""
        found = self.outputs.numel
        return self._labels.numel if found is None else found

    @property
    def nbytes(self) -> int:
        """Of counts and offsets, about all there is."""
        counts, offsets = self.outputs.counts, self.outputs.offsets
        return int(counts.nbytes) * (1 if offsets is None else 2)

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


class Blocks:
    """Memory of outputs that is used again once nothing refers to it.

    New memory for every record would cost page faults, and lie scattered among a training's own.
    """

    def __init__(self, request: Request, rows: int) -> None:
        self._request = request
        self._size = sum(part.stop - part.start for _, part, _ in sections(request, rows))
        self._rows = rows
        self._blocks: list[Int] = []

    def outputs(self) -> Outputs:
        """Outputs whose arrays nobody else has."""
        return Outputs.over(self._request, self._rows, self._free())

    def _free(self) -> Int:
        for block in self._blocks:
            # views of it refer to it, however often they were passed on
            if sys.getrefcount(block) == _IDLE:
                return block
        block = np.zeros(self._size, dtype=np.int64)
        if len(self._blocks) < KEPT:
            self._blocks.append(block)
        return block


def _references() -> int:
    blocks: list[Any] = [object()]
    for block in blocks:
        return sys.getrefcount(block)
    raise AssertionError


_IDLE = _references()  # to what only a list and a loop's variable refer
