"""Histograms of L tensors over B bins, and what can be done with their counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from . import _arrays, archives, merging
from .grids import Grid, dyadic_edges, integer
from .layers import position
from .merging import align, cells
from .quantiles import quantiles

__all__ = ["Histogram", "align", "cells"]

Int = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of L tensors in B bins, dealt into G splits.

    ``counts.sum() + underflow + overflow + nan == numel`` holds for every tensor, always. Arrays
    of counts live where the input lived (torch, NumPy, CuPy); what describes the grid is NumPy.

    Attributes
    ----------
    split_counts : (L, G, B) int64
        Elements in each bin by split.
    split_outside : (L, G, 2) int64
        Under- and overflow by split; −inf and +inf are counted here.
    nan : (L,) int64
    numel : (L,) int64
    grid : Grid
    names : tuple of str
    offsets : (L, G, B) float64 or None
        Sum over a bin's elements of floor(256·position)/256, position in [0, 1) within the bin.
    exponents, origins : (L,) int64 or None
        Of a dyadic grid: bin b covers [(origin+b)·2^exponent, (origin+b+1)·2^exponent).
    covered : (L,) int64 or None
        Bins that each layer was counted on, where merging left some layers with fewer than others.
        The bins behind them are empty padding; what lies there is overflow. None where all have B.
    """

    split_counts: Any
    split_outside: Any
    nan: Any
    numel: Int
    grid: Grid
    names: tuple[str, ...]
    offsets: Any = None
    exponents: Int | None = None
    origins: Int | None = None
    uniform_edges: NDArray[np.float64] | None = None
    covered: Int | None = None
    _block: Any = field(default=None, repr=False)  # device memory that the arrays are views of

    def __repr__(self) -> str:
        layers = "1 layer" if len(self) == 1 else f"{len(self)} layers"
        return f"Histogram({layers}, splits={self.splits}, grid={self.grid})"

    def __len__(self) -> int:
        return len(self.names)

    @property
    def bins(self) -> int:
        """B."""
        return int(self.split_counts.shape[2])

    @property
    def splits(self) -> int:
        """G."""
        return int(self.split_counts.shape[1])

    @cached_property
    def counts(self) -> Any:
        """(L, B) int64 elements in each bin, summed over splits."""
        return self.split_counts.sum(1)

    @cached_property
    def underflow(self) -> Any:
        """(L,) int64 elements below the grid, −inf included."""
        return self.split_outside[:, :, 0].sum(1)

    @cached_property
    def overflow(self) -> Any:
        """(L,) int64 elements above the grid, +inf included."""
        return self.split_outside[:, :, 1].sum(1)

    @cached_property
    def edges(self) -> NDArray[np.float64]:
        """Bin edges: (B+1,), or (L, B+1) where layers have their own."""
        if self.uniform_edges is not None:
            return self.uniform_edges
        if self.exponents is not None and self.origins is not None:
            return dyadic_edges(self.exponents, self.origins, self.bins)
        return self.grid.edges()

    def dyadic_bins(self) -> tuple[Int, Int]:
        """Exponents and origins, (L,) each, of a histogram on a dyadic grid."""
        if self.exponents is None or self.origins is None:
            raise ValueError(f"a {self.grid.kind} grid has no exponents and origins")
        return self.exponents, self.origins

    def index(self, layer: str | int) -> int:
        """Row of a layer, by name or number; −1 is the last one."""
        return position(self.names, layer)

    def __getitem__(self, layer: str | int) -> Histogram:
        """The histogram of one layer, still with a leading axis of 1."""
        return self.select([layer])

    def __contains__(self, name: object) -> bool:
        return name in self.names

    __array_ufunc__ = None  # of NumPy, which would otherwise take the layers apart

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError(
            "a Histogram is no array; its counts are, h.counts (L, B) or h.split_counts (L, G, B)"
        )

    def select(self, layers: Iterable[str | int]) -> Histogram:
        """The histogram of some layers, by name or row, in this order.

        Raises
        ------
        TypeError, KeyError, IndexError
            If ``layers`` is no list, or names or numbers none of the layers.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> h = igfast.histogram({"a": np.zeros(2), "b": np.ones(3)}, bins=2, range=(0, 2))
        >>> h.select(["b", 0]).counts
        array([[0, 3],
               [2, 0]])
        """
        if isinstance(layers, str) or not isinstance(layers, Iterable):
            raise TypeError(f"select takes a list of layers, got {layers!r}; h[{layers!r}] is one")
        rows = [self.index(layer) for layer in layers]
        edges = self.uniform_edges
        chosen = replace(
            self,
            split_counts=self.split_counts[rows],
            split_outside=self.split_outside[rows],
            nan=self.nan[rows],
            numel=self.numel[rows],
            names=tuple(self.names[row] for row in rows),
            offsets=None if self.offsets is None else self.offsets[rows],
            exponents=None if self.exponents is None else self.exponents[rows],
            origins=None if self.origins is None else self.origins[rows],
            uniform_edges=edges[rows] if edges is not None and edges.ndim == 2 else edges,
            covered=None if self.covered is None else self.covered[rows],
            _block=None,
        )
        return merging.unpadded(chosen)

    def __add__(self, other: object) -> Histogram:
        return self.merge(other) if isinstance(other, Histogram) else NotImplemented

    def __radd__(self, other: object) -> Histogram:
        """What ``sum`` starts with: 0."""
        return self if type(other) is int and other == 0 else NotImplemented

    def merge(self, *others: Histogram) -> Histogram:
        """Add the counts of other shards of the same layers.

        Dyadic and log grids are merged to the common coarser one first, each layer's to all bins
        that its own have in common (see ``covered``); elements beyond them become under- or
        overflow. The sum lives where this histogram does; ``+`` and ``sum`` do the same.

        Raises
        ------
        TypeError
            If one of them is not a Histogram.
        ValueError
            If the layers' names, the splits or the edges of uniform grids differ, or a layer's
            grids have no bin in common.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> x = np.linspace(-1, 1, 1000)
        >>> whole = igfast.histogram({"w": x}, bins=8, range=(-1, 1))
        >>> left, right = (
        ...     igfast.histogram({"w": part}, bins=8, range=(-1, 1)) for part in (x[:300], x[300:])
        ... )
        >>> bool(((left + right).counts == whole.counts).all())
        True
        """
        total = self
        for other in others:
            if not isinstance(other, Histogram):
                raise TypeError(
                    f"merge takes Histograms, got {other!r} ({type(other).__name__}); "
                    "igfast.histogram makes one of tensors"
                )
            if other.names != total.names:
                raise ValueError(
                    f"merge needs the same layers, got {total.names} and {other.names}; "
                    "select() the common ones first"
                )
            total = merging.plus(total, other)
        return total

    def rebin(self, factor: int) -> Histogram:
        """Merge every ``factor`` neighboring bins.

        Uniform grids need ``factor`` to divide B, the others a power of two. Dyadic bins that only
        partly fill a coarser one, at the ends, join under- and overflow, in each layer on its own.

        Raises
        ------
        TypeError, ValueError
            If ``factor`` is no such integer, or leaves a layer without a whole bin.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> h = igfast.histogram(np.arange(8.0), bins=8, range=(0, 8))
        >>> h.rebin(4).counts
        array([[4, 4]])
        """
        return merging.rebin(self, integer(factor, "factor"))

    def quantile(self, q: Any) -> NDArray[np.float64]:
        """Quantiles, linear within a bin.

        Parameters
        ----------
        q : float or (Q,) array_like
            In [0, 1], over all elements but NaN.

        Returns
        -------
        (L,) for one q, (Q, L) for several, NumPy float64
            −inf or +inf where the quantile lies outside the grid, NaN for an empty layer. From
            the lower edge of the first occupied bin (q = 0) to the upper edge of the last.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> igfast.histogram(np.arange(100.0), bins=10, range=(0, 100)).quantile(0.25)
        array([25.])
        """
        try:
            wanted = np.asarray(q, dtype=np.float64)
        except (TypeError, ValueError):
            wanted = np.full((), np.nan)
        if wanted.ndim > 1 or not ((wanted >= 0) & (wanted <= 1)).all():
            raise ValueError(f"q must be a number or a list of numbers in [0, 1], got {q!r}")
        arrays = [_arrays.to_numpy(part) for part in (self.counts, self.underflow, self.overflow)]
        edges = np.broadcast_to(self.edges, (len(self), self.bins + 1))
        found = np.empty((wanted.size, len(self)))
        for row, (counts, below, above) in enumerate(zip(*arrays, strict=True)):
            found[:, row] = quantiles(counts, below, above, edges[row], wanted.ravel())
        return found.reshape((*wanted.shape, len(self)))

    @property
    def poolable(self) -> bool:
        """Whether :meth:`pooled` works: not where every layer has a uniform range of its own."""
        return self.uniform_edges is None or self.uniform_edges.ndim == 1

    def pooled(self, name: str = "model") -> Histogram:
        """All layers in one, on the finest dyadic grid that spans every layer's.

        What lies outside a layer's own grid stays outside the pooled one. A span of more than
        8,192 bins is given coarser ones. Layers on a uniform grid need one range in common.

        Raises
        ------
        ValueError
            If there is no layer, or layers have uniform ranges of their own.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> h = igfast.histogram({"a": np.zeros(2), "b": np.ones(3)}, bins=2, range=(0, 2))
        >>> h.pooled().counts
        array([[2, 3]])
        """
        if not len(self):
            raise ValueError("pooled needs at least one layer, this histogram has none")
        if not self.poolable:
            raise ValueError(
                "pooled needs one range for all layers of a uniform grid; pass scalar low and high"
            )
        return merging.pooled(self, name)

    def to_numpy(self) -> Histogram:
        """The same with NumPy arrays."""
        if type(self.split_counts) is np.ndarray:  # and so are the others
            return self
        return replace(
            self,
            split_counts=_arrays.to_numpy(self.split_counts),
            split_outside=_arrays.to_numpy(self.split_outside),
            nan=_arrays.to_numpy(self.nan),
            offsets=None if self.offsets is None else _arrays.to_numpy(self.offsets),
            _block=None,
        )

    def save(self, path: str | Path) -> None:
        """Write to a NumPy ``.npz`` archive of this very path; :meth:`load` reads it back.

        Examples
        --------
        >>> import tempfile, numpy as np, igfast
        >>> h = igfast.histogram({"w": np.arange(8.0)}, bins=2, range=(0, 8))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     h.save(f"{folder}/h.npz")
        ...     igfast.Histogram.load(f"{folder}/h.npz").counts
        array([[4, 4]])
        """
        plain = self.to_numpy()
        arrays = {name: getattr(plain, name) for name in archives.FIELDS}
        archives.write(path, self.grid, self.names, arrays)

    @classmethod
    def load(cls, path: str | Path) -> Histogram:
        """Read what :meth:`save` wrote; its arrays are NumPy's.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it holds no histogram.
        """
        return cls(**archives.read(path))
