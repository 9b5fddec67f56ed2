"""A run's histograms as a sequence that does not hold them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

from ..histograms import Histogram

if TYPE_CHECKING:
    from .reader import RunReader


class HistogramSeries(Sequence[Histogram]):
    """The histograms of a run, decoded one at a time."""

    def __init__(
        self, reader: RunReader, quantity: str, layers: Sequence[str | int] | None
    ) -> None:
        self._reader, self._quantity, self._layers = reader, quantity, layers
        self._count = len(reader.steps_of(quantity))

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Histogram: ...
    @overload
    def __getitem__(self, index: slice) -> list[Histogram]: ...
    def __getitem__(self, index: int | slice) -> Histogram | list[Histogram]:
        if isinstance(index, slice):
            return list(self._at(range(self._count)[index]))
        if not -self._count <= index < self._count:
            raise IndexError(
                f"record {index} of {self._quantity!r} is out of range: there are {self._count} "
                "with histograms"
            )
        return next(self._at([range(self._count)[index]]))

    def __iter__(self) -> Iterator[Histogram]:
        return self._at(range(self._count))

    def _at(self, indices: Sequence[int]) -> Iterator[Histogram]:
        return self._reader.histograms(self._quantity, indices, self._layers)
