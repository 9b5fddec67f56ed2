"""Counting on a device: plans of its library, outputs in one allocation, and how they come back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arrays, cuda_library
from ._devices import Copy, Device
from .grids import Grid
from .histograms import Histogram
from .outputs import KINDS, Outputs, Request, Sums, refilled, require_result, sections
from .summary import Moments

Int = NDArray[np.int64]

MEASURES = 4  # of a comparison: squared Hellinger sum, entropy, complexity, Jensen-Shannon


# Outputs in the order in which a run takes them.
ARGUMENTS = ("counts", "outside", "nan", "offsets", "integers", "floats", "zeros", "extremes")


class Places:
    """Where the outputs of a request lie in their allocation; the same for every run."""

    def __init__(self, request: Request, rows: int) -> None:
        found = list(sections(request, rows))
        places = {name: 8 * part.start for name, part, _ in found}
        self.request, self.rows, self.size = request, rows, found[-1][1].stop
        self.names = [name for name, _, _ in found]
        self.shapes = tuple(shape for _, _, shape in found)
        self.more = request.offsets or request.moments  # than a histogram holds as it is
        self.bytes = [places.get(name) for name in ARGUMENTS]


class DeviceOutputs:
    """What one run fills, in one allocation of the inputs' framework.

    Parameters
    ----------
    out : Histogram, optional
        An earlier result whose memory is used again, and which then says what that holds.
    """

    def __init__(self, device: Device, places: Places, out: Histogram | None = None) -> None:
        self._device, self._places, self._reused = device, places, out
        if out is None:
            self.words = device.empty(places.size)
        else:
            require_result(out)
            home, self.words = _arrays.home_of(out.split_counts), out._block
            shaped = out.split_counts.shape == places.shapes[0] and home == device.home
            if self.words is None or len(self.words) != places.size or not shaped:
                raise ValueError(
                    f"out must be an earlier result of this plan, on {device.home}, got {out!r} "
                    f"on {home}"
                )
        self.measures: Any = None
        self._parts: dict[str, Any] | None = None
        if out is not None and not places.more:
            self._parts = {
                "counts": out.split_counts,
                "outside": out.split_outside,
                "nan": out.nan,
            }

    def pointers(self) -> list[int]:
        """As a run takes them; 0 for what is not wanted."""
        start = self._device.pointer(self.words)
        return [0 if place is None else start + place for place in self._places.bytes]

    def _part(self, name: str) -> Any:
        if self._parts is None:
            parts = self._device.parts(self.words, self._places.shapes)
            self._parts = dict(zip(self._places.names, parts, strict=True))
        return self._parts[name]

    def histogram(
        self, batch: _arrays.Batch, exponents: Int | None, origins: Int | None
    ) -> Histogram:
        """The histogram, on the device."""
        request = self._places.request
        found = Histogram(
            split_counts=self._part("counts"),
            split_outside=self._part("outside"),
            nan=self._part("nan"),
            numel=batch.numel,
            grid=request.grid,
            names=batch.names,
            offsets=self._device.from_256ths(self._part("offsets")) if request.offsets else None,
            exponents=exponents,
            origins=origins,
            uniform_edges=request.edges,
            _block=self.words,
        )
        return refilled(found, self._reused)

    def summary(self, batch: _arrays.Batch) -> Moments:
        """The moments, on the device."""
        floats = self._device.floats(self._part("floats"))
        return Moments.from_device_sums(self._part("integers"), floats, batch.names)

    def comparison(self) -> Any:
        """(L, 4) measures against the earlier histogram; None without one."""
        if self.measures is None:
            return None
        return self.measures.reshape((self._places.rows, MEASURES))

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
        self._bins = exponents, origins  # on the device
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
        same = exponents is self._bins[0] and origins is self._bins[1]
        self._bins = (exponents, origins) if exponents is not None else self._bins
        pointers = found.pointers()
        if previous is not None:
            words = self._device.empty(self._places.rows * MEASURES)
            found.measures = self._device.floats(words)
            arrays = previous.split_counts, previous.split_outside, words
            pointers += [self._device.pointer(array) for array in arrays]
        self._plan.run(
            self._hash,
            self._device.stream(),
            None if same else exponents,
            None if same else origins,
            *pointers,
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
    same = all(there is here or np.array_equal(there, here) for there, here in pairs)
    return same and h.grid == grid


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
