"""Counting on a device: plans of its library, outputs in one allocation, and how they come back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arrays, cuda_library
from ._devices import Copy, Device
from .grids import Grid
from .histograms import Histogram
from .outputs import KINDS, Outputs, Request, Sums, sections
from .summary import Moments

Int = NDArray[np.int64]

MEASURES = 4  # of a comparison: squared Hellinger sum, entropy, complexity, Jensen-Shannon


class Places:
    """Where the outputs of a request lie in their allocation; the same for every run."""

    def __init__(self, request: Request, rows: int) -> None:
        names = {"counts": "split_counts", "outside": "split_outside"}
        names |= {"integers": "moment_integers", "floats": "moment_floats"}
        self.request, self.rows = request, rows
        self.arguments: list[tuple[str, int]] = []  # of a run, and their bytes
        self.parts: dict[str, tuple[int, tuple[int, ...]]] = {}  # first word and shape
        self.size = 0
        for name, part, shape in sections(request, rows):
            self.arguments.append((names.get(name, name), 8 * part.start))
            self.parts[name] = part.start, shape
            self.size = part.stop


class DeviceOutputs:
    """What one run fills, in one allocation of the inputs' framework.

    Parameters
    ----------
    out : Histogram, optional
        An earlier result whose memory is used again.
    """

    def __init__(self, device: Device, places: Places, out: Histogram | None = None) -> None:
        self._device, self._places = device, places
        if out is None:
            self.words = device.empty(places.size)
        else:
            self.words = out._block
            if self.words is None or len(self.words) != places.size or len(out) != places.rows:
                raise ValueError(f"out must be an earlier result of this plan, got {out!r}")
        self.measures: Any = None

    def arguments(self) -> dict[str, int]:
        """Pointers by the names that a run gives them."""
        start = self._device.pointer(self.words)
        found = {name: start + place for name, place in self._places.arguments}
        if self.measures is not None:
            found["measures"] = self._device.pointer(self.measures)
        return found

    def _part(self, name: str) -> Any:
        return self._device.part(self.words, *self._places.parts[name])

    def histogram(
        self, batch: _arrays.Batch, exponents: Int | None, origins: Int | None
    ) -> Histogram:
        """The histogram, on the device."""
        request = self._places.request
        return Histogram(
            split_counts=self._part("counts"),
            split_outside=self._part("outside"),
            nan=self._part("nan"),
            numel=batch.numel,
            grid=request.grid,
            names=batch.names,
            offsets=self._device.from_256ths(self._part("offsets")) if request.offsets else None,
            exponents=None if exponents is None else exponents.copy(),
            origins=None if origins is None else origins.copy(),
            uniform_edges=request.edges,
            _block=self.words,
        )

    def summary(self, batch: _arrays.Batch) -> Moments:
        """The moments, on the device."""
        floats = self._device.floats(self._part("floats"))
        return Moments.from_device_sums(self._part("integers"), floats, batch.names)

    def comparison(self) -> Any:
        """(L, 4) measures against the earlier histogram; None without one."""
        return None if self.measures is None else self.measures.reshape((self._places.rows, MEASURES))

    def copy(self, pinned: Any) -> Copy:
        """Begin to copy everything to the host."""
        return self._device.copy(self.words, pinned)


class DeviceCounter:
    """A request on fixed tensors, laid out in device memory: one launch for every run."""

    def __init__(
        self,
        device: Device,
        table: Int,
        rows: int,
        request: Request,
        exponents: Int | None = None,
        origins: Int | None = None,
    ) -> None:
        self._device, self._places = device, Places(request, rows)
        self._plan = cuda_library.library().plan(
            tensors=table,
            rows=rows,
            grid=KINDS[request.grid.kind],
            bins=request.grid.bins,
            splits=request.splits,
            edges=request.edge_rows,
            log=request.log,
            exponents=exponents,
            origins=origins,
            offsets=request.offsets,
            moments=request.moments or request.extents,
            device=device.index,
            stream=device.stream(),
        )
        self._hash = int(self._plan.info()["tensors_hash"])
        self._ring: list[Any] = []
        self._turn = 0

    def run(
        self,
        exponents: Int | None = None,
        origins: Int | None = None,
        out: Histogram | None = None,
        previous: Histogram | None = None,
    ) -> DeviceOutputs:
        """Enqueue one launch on the current stream; nothing waits.

        ``previous``, on the same bins, is compared with in the same launch.
        """
        found = DeviceOutputs(self._device, self._places, out)
        compared = {}
        if previous is not None:
            words = self._device.empty(self._places.rows * MEASURES)
            found.measures = self._device.floats(words)
            compared = {
                "previous_counts": self._device.pointer(previous.split_counts),
                "previous_outside": self._device.pointer(previous.split_outside),
            }
        self._plan.run(
            tensors_hash=self._hash,
            exponents=exponents,
            origins=origins,
            stream=self._device.stream(),
            **found.arguments(),
            **compared,
        )
        return found

    def copy(self, found: DeviceOutputs) -> Copy:
        """Begin to copy a run's outputs to pinned memory, which two copies in turn use."""
        if len(self._ring) < 2:
            self._ring.append(self._device.pinned(len(found.words)))
        self._turn = (self._turn + 1) % len(self._ring)
        return found.copy(self._ring[self._turn])

    def fetched(self, copy: Copy) -> Outputs:
        """A run's outputs on the host, once they are there."""
        return Outputs.over(self._places.request, self._places.rows, copy.wait().copy())


def capturing(device: Device) -> bool:
    """Whether the device's current stream is being captured in a graph."""
    return cuda_library.library().capturing(device.index, device.stream())


def on_bins(
    h: Histogram,
    grid: Grid,
    exponents: Int | None,
    origins: Int | None,
    edges: NDArray[np.float64] | None,
) -> bool:
    """Whether a histogram is on these very bins."""
    pairs: tuple[tuple[Any, Any], ...] = (
        (h.exponents, exponents),
        (h.origins, origins),
        (h.uniform_edges, edges),
    )
    return h.grid == grid and all(np.array_equal(there, here) for there, here in pairs)


def count(device: Device, table: Int, request: Request, exponents: Int, origins: Int) -> Outputs:
    """Count once, and wait for it."""
    counter = DeviceCounter(device, table, len(exponents), request, exponents, origins)
    return counter.fetched(counter.copy(counter.run()))


def moments(device: Device, table: Int, rows: int) -> tuple[Any, Any]:
    """(L, 4) and (L, 8) sums, on the device."""
    words = device.empty(rows * 12)
    integers, floats = words[: rows * 4], device.floats(words[rows * 4 :])
    plan = cuda_library.library().plan(
        tensors=table, rows=rows, moments=True, device=device.index, stream=device.stream()
    )
    plan.run(
        tensors_hash=int(plan.info()["tensors_hash"]),
        moment_integers=device.pointer(integers),
        moment_floats=device.pointer(floats),
        stream=device.stream(),
    )
    return integers.reshape((rows, 4)), floats.reshape((rows, 8))


def sums(device: Device, table: Int, rows: int) -> Sums:
    """The same on the host; waits for them."""
    integers, floats = moments(device, table, rows)
    return Sums(_arrays.to_numpy(integers), _arrays.to_numpy(floats))
