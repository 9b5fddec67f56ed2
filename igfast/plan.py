"""A histogram of fixed tensors, laid out once and run at every step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arrays, _core, automatic, choices, config, device_counting
from ._devices import Copy
from .automatic import FirstBins
from .bound import BoundTensors, refuse_copy
from .counted import Counted
from .device_counting import DeviceCounter, DeviceOutputs
from .first_bins import first_bins
from .grids import Grid, check_splits
from .histograms import Histogram
from .outputs import Outputs, Request

Int = NDArray[np.int64]


class Plan:
    """A histogram of fixed tensors, laid out once and run at every step.

    Reads the tensors in place at each call; a tensor whose storage moved is found again. With an
    automatic grid, each call chooses the next call's bins from what it counted, so that only the
    first one reads the data more than once. For one thread at a time; it cannot be copied.

    Parameters
    ----------
    tensors, bins, range, grid, splits, offsets, moments, starts
        As for :func:`histogram`.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> weights = np.zeros(1000, dtype=np.float32)
    >>> plan = igfast.Plan({"w": weights}, bins=4, range=(-1, 1))
    >>> plan().counts
    array([[   0,    0, 1000,    0]])
    >>> weights -= 0.75
    >>> plan().counts
    array([[1000,    0,    0,    0]])
    """

    __reduce_ex__ = refuse_copy

    def __init__(
        self,
        tensors: Any,
        bins: int | None = None,
        range: Any = None,
        *,
        grid: Grid | None = None,
        splits: int = 1,
        offsets: bool = False,
        moments: bool = False,
        starts: Any = None,
    ) -> None:
        self.grid = choices.choose_grid(bins, range, grid)
        self.splits = check_splits(splits)
        self.offsets = choices.check_offsets(offsets, self.grid)
        self.moments = bool(moments)
        self._bound = BoundTensors(tensors, "histogram", self.splits > 1, starts)
        rows = len(self.names)
        edges = choices.uniform_edges(self.grid, rows)
        self._request = Request(self.grid, self.splits, self.offsets, self.moments, edges)
        self._use(choices.fixed_bins(self.grid, rows))
        self._records: _core.HostCounter | None = None
        self._counter: DeviceCounter | None = None
        self._seen: Copy | None = None  # of the last count, from which the next bins follow
        choices.warn_about_combs(self.grid, self.names, self._batch.dtypes, self._bound.precision)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers."""
        return self._bound.names

    @property
    def _batch(self) -> _arrays.Batch:
        return self._bound.batch

    def __call__(self, out: Histogram | None = None) -> Any:
        """Count now.

        Parameters
        ----------
        out : Histogram, optional
            An earlier result of this plan: its arrays are filled again, and it is returned itself.
            On a device offsets and moments are new arrays.

        Returns
        -------
        Histogram, or (Histogram, Moments) with ``moments=True``
            Moments are new in either case.

        Raises
        ------
        TypeError, ValueError
            If ``out`` is no result of this plan.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> x = np.zeros(10)
        >>> plan = igfast.Plan(x, bins=2, range=(0, 2))
        >>> h = plan()
        >>> x += 1
        >>> plan(out=h) is h, h.counts
        (True, array([[ 0, 10]]))
        """
        if self.on_device:
            return self._results(self._enqueue(out))
        self._refresh()
        return self.finish(self._count_in_place(out, None))

    def count(self, first: FirstBins | None = None) -> Outputs:
        """Count now, for :meth:`finish`; ``first`` asks other ranks about a first record's bins.

        Counts are on the host, whatever device the tensors are on.
        """
        if self.on_device:
            return self.begin(first)()
        self._refresh()
        return self._count_in_place(None, first)

    def begin(self, first: FirstBins | None = None) -> Callable[[], Outputs]:
        """Begin to count; call what is returned, once, for the counts.

        On a device that waits for their copy to the host, and not for work enqueued since.
        """
        if self._batch.device is None:
            counted = self.count(first)
            return lambda: counted
        found = self._enqueue(first=first)
        assert self._counter is not None
        self._seen, seen = None, self._seen or self._counter.copy(found)
        return partial(self._counter.fetched, seen)

    @property
    def on_device(self) -> bool:
        """Whether the tensors are on a device."""
        return self._bound.batch.device is not None

    def run_once(self) -> Any:
        """The first call of a plan that was made just now: no tensor has moved since."""
        return self() if self.on_device else self.finish(self._count_in_place(None, None))

    def reuse(self, resized: Callable[[], None] | None = None) -> None:
        """Count from now on into memory that is used again once no result refers to it.

        For plans with moments. ``resized`` is called where tensors have more or fewer elements.
        """
        self._bound.resized = resized
        self._records = self._request.host_counter(len(self.names))

    def take(self) -> Counted:
        """Count now, for a Monitor, which may want nothing of it as objects; moves the bins on.

        Of tensors on the host, after :meth:`reuse`, in one compiled call.
        """
        self._refresh()
        records, automatic = self._records, self.grid.automatic
        bins = self._exponents, self._origins
        if records is None or (automatic and bins[0] is None):
            return self.settle(self._count_in_place(None, None))
        bound, threads = self._bound, config.get_num_threads()
        batch, precision = bound.batch, bound.precision if automatic else None
        block, moved = records.count(batch.table, *bins, precision, threads)
        if moved is not None:
            self._use((moved[0], moved[1]))
        return Counted(self._request, batch.labels, *bins, self._following(), block)

    def _following(self) -> tuple[Int, Int] | None:
        """Automatic bins of the next count."""
        if not self.grid.automatic or self._exponents is None or self._origins is None:
            return None
        return self._exponents, self._origins

    def _count_in_place(self, out: Histogram | None, first: FirstBins | None) -> Outputs:
        if self._records is not None and out is None and not self.unsettled:
            bins, threads = (self._exponents, self._origins), config.get_num_threads()
            block, _ = self._records.count(self._batch.table, *bins, None, threads)
            return Outputs.within(self._request, block)
        outputs = Outputs(self._request, len(self.names), out)
        if self.unsettled:
            self._settle_bins(outputs, first)
        else:
            outputs.count(self._batch.table, self._exponents, self._origins)
        return outputs

    def count_against(self, previous: Histogram) -> tuple[Histogram, Any]:
        """Count now; on a device, compare with an earlier histogram in the same launch.

        Returns
        -------
        Histogram, (L, 4) float64 or None
            Σ(√p − √q)², Shannon entropy, complexity and Jensen–Shannon divergence of each layer;
            None where the two are not on the same device and the same bins.
        """
        enqueued = self._enqueue(previous=previous) if self.on_device else None
        found = self() if enqueued is None else self._results(enqueued)
        histogram = found[0] if self.moments else found
        return histogram, None if enqueued is None else enqueued.comparison()

    def finish(self, found: Outputs) -> Any:
        """The result of a count, to which other ranks' may have been added; moves the bins on."""
        bins = self._exponents, self._origins
        histogram = found.histogram(self._batch.labels, *bins, last=True)
        self._move_on(found)
        if not self.moments:
            return histogram
        return histogram, found.summary(self._batch.labels)

    def settle(self, found: Outputs) -> Counted:
        """As :meth:`finish`, of what a device or several ranks have counted, for a Monitor."""
        labels = self._batch.labels
        bins = self._exponents, self._origins
        self._move_on(found)
        return Counted(self._request, labels, *bins, self._following(), found)

    @property
    def unsettled(self) -> bool:
        """Whether the next count has to choose its bins first."""
        return self.grid.automatic and self._exponents is None

    @property
    def bins(self) -> tuple[Int, Int] | None:
        """Exponents and origins, (L,) each, of the next count; None where it has none yet."""
        self._follow()
        if self._exponents is None or self._origins is None:
            return None
        return self._exponents, self._origins

    def resume(self, exponents: Int, origins: Int) -> None:
        """Continue with the automatic bins of an interrupted plan, which :attr:`bins` told.

        Raises
        ------
        ValueError
            If they are not (L,) each, or the grid is not automatic.
        """
        if not self.grid.automatic:
            raise ValueError(f"resume needs an automatic grid, this plan's is {self.grid}")
        rows = (len(self.names),)
        if np.shape(exponents) != rows or np.shape(origins) != rows:
            raise ValueError(
                f"resume needs exponents and origins of shape {rows}, got {np.shape(exponents)} "
                f"and {np.shape(origins)}"
            )
        self._seen = None
        self._use((np.array(exponents, dtype=np.int64), np.array(origins, dtype=np.int64)))

    def rebind(self, tensors: Any) -> None:
        """Count these tensors from now on; automatic bins go on.

        For gradients, which are other tensors at every step.

        Raises
        ------
        ValueError
            If names differ from the plan's.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> plan = igfast.Plan({"w": np.zeros(3)}, bins=2, range=(0, 2))
        >>> plan.rebind({"w": np.ones(5)})
        >>> plan().counts
        array([[0, 5]])
        """
        self._bound.rebind(tensors)

    def release(self) -> None:
        """Keep no tensor alive until the next :meth:`rebind`."""
        self._bound.release()

    def _refresh(self) -> None:
        bound = self._bound
        if not bound.in_place and bound.refresh():
            self._follow()  # by what the counter that goes has seen
            self._counter = None

    def _enqueue(
        self,
        out: Histogram | None = None,
        first: FirstBins | None = None,
        previous: Histogram | None = None,
    ) -> DeviceOutputs:
        """One launch on the device's current stream."""
        device = self._batch.device
        assert device is not None
        capturing = device_counting.capturing(device)
        if capturing:
            self._bound.check_capture(laid_out=self._counter is not None)
        else:
            self._refresh()
            self._follow()
            if self.unsettled:
                self._settle_bins(None, first)
            if self._counter is None:
                table, rows = self._batch.table, len(self.names)
                laid_on = self._exponents, self._origins
                self._counter = DeviceCounter(device, table, rows, self._request, *laid_on)
        assert self._counter is not None
        if previous is not None and not self._comparable(previous):
            previous = None
        bins = (None, None) if capturing else (self._exponents, self._origins)
        found = self._counter.run(*bins, out, previous)
        if self.grid.automatic and not capturing:
            self._seen = self._counter.copy(found)
        return found

    def _comparable(self, previous: Histogram) -> bool:
        bins = self.grid, self._exponents, self._origins, self._request.edges
        same = (previous.names, previous.splits) == (self.names, self.splits)
        home = _arrays.home_of(previous.split_counts)
        return same and home == self._batch.home and device_counting.on_bins(previous, *bins)

    def _results(self, found: DeviceOutputs) -> Any:
        histogram = found.histogram(self._batch, self._exponents, self._origins)
        return (histogram, found.summary(self._batch)) if self.moments else histogram

    def _follow(self) -> None:
        """Move automatic bins on by what a device counted last, one step late."""
        if self._seen is not None and self._counter is not None:
            seen, self._seen = self._seen, None
            self._move_on(self._counter.fetched(seen))

    def _use(self, bins: tuple[Int | None, Int | None]) -> None:
        """Count on these bins from now on; histograms share the arrays."""
        for array in bins:
            if array is not None:
                array.setflags(write=False)
        self._exponents, self._origins = bins

    def _settle_bins(self, found: Outputs | None, first: FirstBins | None) -> None:
        """Count until every layer's bins fit it."""
        of = self._batch.table, self._batch.device, self._request, self._bound.precision
        self._use(first_bins(*of, found, first))

    def _move_on(self, found: Outputs) -> None:
        """Choose automatic bins of the next count."""
        if self.grid.automatic and self._exponents is not None and self._origins is not None:
            bins = self._exponents, self._origins
            self._use(automatic.follow(*bins, found.observed(), self._bound.precision))
