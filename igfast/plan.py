"""A histogram of fixed tensors, laid out once and run at every step."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from . import _arrays, _core, automatic, config
from .grids import Grid, check_dyadic, check_splits
from .histograms import Histogram
from .outputs import Outputs, Request, Sums
from .summary import Moments

Int = NDArray[np.int64]

DEFAULT_BINS = 256


class FirstBins(Protocol):
    """What other ranks, which hold other parts of the same layers, know of a first record."""

    def extremes(
        self, low: NDArray[np.float64], high: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
    def observed(self, seen: automatic.Observed) -> automatic.Observed: ...


class ResolutionWarning(UserWarning):
    """Bins are narrower than the spacing of the dtype's numbers: counts will show a comb."""


class Plan:
    """A histogram of fixed tensors, laid out once and run at every step.

    Reads the tensors in place at each call; a tensor whose storage moved is found again. With an
    automatic grid, each call chooses the next call's bins from what it counted, so that only the
    first one reads the data more than once.

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
        self._operation = "histogram"
        self._tensors = _arrays.named(tensors, self._operation)
        self.grid = _choose_grid(bins, range, grid)
        self.splits = check_splits(splits)
        self.offsets = bool(offsets)
        self.moments = bool(moments)
        if self.offsets and self.grid.kind == "uniform":
            raise ValueError(
                "offsets=True needs a dyadic or log grid: a uniform grid has no exact positions "
                "within its bins; use Grid.dyadic()"
            )
        self._starts = starts
        self._batch = self._lay_out()
        self._signature = _arrays.signature(self._tensors)
        self._precision = automatic.precisions(self._batch.dtypes)
        self._request = Request(
            self.grid, self.splits, self.offsets, self.moments, self._uniform_edges()
        )
        self._exponents, self._origins = self._fixed_bins()
        self._warn_about_combs()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers."""
        return self._batch.names

    def __call__(self, out: Histogram | None = None) -> Any:
        """Count now.

        Parameters
        ----------
        out : Histogram, optional
            An earlier result of this plan whose arrays are reused (and overwritten).

        Returns
        -------
        Histogram, or (Histogram, Moments) with ``moments=True``
        """
        return self.finish(self.count(out))

    def count(self, out: Histogram | None = None, first: FirstBins | None = None) -> Outputs:
        """Count now, for :meth:`finish`; ``first`` asks other ranks about a first record's bins."""
        if len(self._tensors) != len(self.names):
            raise RuntimeError("this plan has released its tensors; rebind() it first")
        self._refresh()
        return self._count_in_place(out, first)

    def run_once(self) -> Any:
        """The first call of a plan that was made just now: no tensor has moved since."""
        return self.finish(self._count_in_place(None, None))

    def _count_in_place(self, out: Histogram | None, first: FirstBins | None) -> Outputs:
        found = Outputs(self._request, len(self.names), out)
        if self.unsettled:
            self._first_bins(found, first)
        else:
            found.count(self._batch.table, self._exponents, self._origins)
        return found

    def finish(self, found: Outputs) -> Any:
        """The result of a count, to which other ranks' may have been added; moves the bins on."""
        histogram = found.histogram(self._batch, self._exponents, self._origins)
        if self.grid.automatic:
            self._exponents, self._origins = self._next_bins(found)
        if not self.moments:
            return histogram
        return histogram, found.summary(self._batch)

    @property
    def unsettled(self) -> bool:
        """Whether the next count has to choose its bins first."""
        return self.grid.automatic and self._exponents is None

    @property
    def bins(self) -> tuple[Int, Int] | None:
        """Exponents and origins, (L,) each, of the next count; None where it has none yet."""
        if self._exponents is None or self._origins is None:
            return None
        return self._exponents, self._origins

    def resume(self, histogram: Histogram, moments: Moments) -> None:
        """Continue with the automatic bins that follow from an earlier record."""
        if not self.grid.automatic:
            return
        h, m = histogram.to_numpy(), moments.to_numpy()
        if h.names != self.names or h.exponents is None or h.origins is None:
            raise ValueError("resume needs a record of the same layers on a dyadic grid")
        seen = automatic.Observed(
            h.counts,
            h.underflow,
            h.overflow,
            m.zeros,
            np.where(m.count > 0, m.min, np.inf),
            np.where(m.count > 0, m.max, -np.inf),
        )
        self._exponents, self._origins = automatic.follow(
            h.exponents, h.origins, seen, self._precision
        )

    def rebind(self, tensors: Any) -> None:
        """Count these tensors from now on; automatic bins go on.

        For gradients, which are other tensors at every step.

        Raises
        ------
        ValueError
            If names differ from the plan's.
        """
        given = _arrays.named(tensors, self._operation)
        if tuple(given) != self.names:
            raise ValueError(
                f"rebind needs tensors of the same names in the same order, {self.names}, got "
                f"{tuple(given)}; make a new Plan"
            )
        self._tensors = given

    def release(self) -> None:
        """Keep no tensor alive until the next :meth:`rebind`."""
        self._tensors = {}
        self._signature = None
        self._batch = replace(self._batch, keep=())

    def _lay_out(self) -> _arrays.Batch:
        return _arrays.batch(
            self._tensors, self._operation, ordered=self.splits > 1, starts=self._starts
        )

    def _refresh(self) -> None:
        """Find tensors whose storage moved, and copy again those that cannot be read in place."""
        now = _arrays.signature(self._tensors)
        if self._batch.copied or now is None or now != self._signature:
            self._batch = self._lay_out()
            self._signature = now
            self._precision = automatic.precisions(self._batch.dtypes)

    def _uniform_edges(self) -> NDArray[np.float64] | None:
        if self.grid.kind != "uniform":
            return None
        edges = self.grid.edges()
        if edges.ndim == 2 and len(edges) != len(self.names):
            raise ValueError(
                f"range has {len(edges)} rows for {len(self.names)} tensors; give one for each"
            )
        return edges

    def _fixed_bins(self) -> tuple[Int | None, Int | None]:
        if self.grid.exponent is None:
            return None, None
        rows = len(self.names)
        pair = []
        for argument in ("exponent", "origin"):
            value = np.asarray(getattr(self.grid, argument), dtype=np.int64)
            if value.ndim == 1 and len(value) != rows:
                raise ValueError(
                    f"{argument} has {len(value)} values for {rows} tensors; give one for each"
                )
            pair.append(np.broadcast_to(value, rows).copy())
        check_dyadic(pair[0], pair[1], self.grid.bins)
        return pair[0], pair[1]

    def _first_bins(self, found: Outputs, first: FirstBins | None) -> None:
        """Count repeatedly until every layer's bins fit it; only misfits are counted again."""
        sums = Sums(len(self.names))
        _core.moments(self._batch.table, sums.integers, sums.floats, config.get_num_threads())
        low, high = sums.floats[:, 0], sums.floats[:, 1]
        if first is not None:
            low, high = first.extremes(low, high)
        exponents, origins = automatic.start(low, high, self.grid.bins, self._precision)
        rows = np.arange(len(self.names))
        for _ in range(automatic.MAX_PASSES):
            part = Outputs(self._request, len(rows))
            table = self._batch.table[rows]
            table[:, 4] = np.arange(len(rows))
            part.count(table, exponents[rows], origins[rows])
            found.take(rows, part)
            seen = part.observed() if first is None else first.observed(part.observed())
            new = automatic.follow(
                exponents[rows], origins[rows], seen, self._precision[rows], first=True
            )
            moved = (new[0] != exponents[rows]) | (new[1] != origins[rows])
            rows = rows[moved]
            if not len(rows):
                break
            exponents[rows], origins[rows] = new[0][moved], new[1][moved]
        self._exponents, self._origins = exponents, origins

    def _next_bins(self, found: Outputs) -> tuple[Int, Int]:
        assert self._exponents is not None
        assert self._origins is not None
        return automatic.follow(self._exponents, self._origins, found.observed(), self._precision)

    def _warn_about_combs(self) -> None:
        grid = self.grid
        if grid.automatic or not len(self.names):
            return
        narrow = self._precision <= _lacking_precision(grid)
        if narrow.any():
            row = int(np.argmax(narrow))
            warnings.warn(
                f"histogram: bins of {grid} are narrower than the spacing of "
                f"{self._batch.dtypes[row]} numbers at its far end (tensor "
                f"{self.names[row]!r}); counts will show a comb, use fewer bins or a log grid",
                ResolutionWarning,
                stacklevel=4,
            )


@lru_cache(maxsize=64)
def _lacking_precision(grid: Grid) -> Int | int:
    """The most significand bits with which numbers at the grid's far end are a bin or more apart.

    One number, or (L,) for a grid whose layers differ.
    """
    if grid.kind == "log":
        return grid.mantissa_bits
    edges = np.atleast_2d(grid.edges())
    far = np.abs(edges[:, [0, -1]]).max(axis=1)
    exponent = np.frexp(np.where(far > 0, far, 1.0))[1] - 1
    width = (edges[:, -1] - edges[:, 0]) / grid.bins
    # width · 2^(precision − 1 − exponent) < 1, solved for the precision
    bits: Int = exponent - np.frexp(width)[1] + 1
    return int(bits[0]) if len(bits) == 1 else bits


def _choose_grid(bins: int | None, range: Any, grid: Grid | None) -> Grid:
    if grid is not None:
        if not isinstance(grid, Grid):
            raise TypeError(
                f"grid must be an igfast.Grid, got {grid!r}; make one with Grid.uniform, "
                "Grid.dyadic or Grid.log"
            )
        if range is not None or (bins is not None and bins != grid.bins):
            raise ValueError(
                f"grid={grid} already says bins and range; leave bins={bins} and range={range} out"
            )
        return grid
    count = DEFAULT_BINS if bins is None else bins
    if range is None:
        return Grid.dyadic(count)
    try:
        low, high = range
    except (TypeError, ValueError):
        raise ValueError(f"range must be a pair (low, high), got {range!r}") from None
    return Grid.uniform(count, low=low, high=high)
