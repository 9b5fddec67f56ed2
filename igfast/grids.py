"""Grids: which numbers share a bin.

Three kinds, all exact. *Uniform* bins follow NumPy's rule on ``numpy.linspace`` edges. *Dyadic*
bins have a width of a power of two and start at a multiple of it, so that scaling, flooring and
merging are exact and any two records of a run can be compared. *Log* bins split every octave by
the leading mantissa bits and need no range at all.
"""

from __future__ import annotations

import math
import operator
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

MAX_BINS = 65_536
SPLITS = (1, 2, 4, 8)
MIN_EXPONENT = -1074  # width of the narrowest dyadic bin: the smallest subnormal float64
MAX_ORIGIN = 2**44  # bin indices stay exact in 256ths of a bin, in int64 and in float64

Kind = Literal["uniform", "dyadic", "log"]


@dataclass(frozen=True)
class Grid:
    """Bins shared by all layers, or chosen per layer.

    Make one with :meth:`Grid.uniform`, :meth:`Grid.dyadic` or :meth:`Grid.log`.

    Attributes
    ----------
    kind : {"uniform", "dyadic", "log"}
    bins : int
        Number of bins B, from 1 to 65,536.
    low, high : float, tuple of float or None
        Range of a uniform grid; a tuple holds one value for each layer.
    exponent, origin : int, tuple of int or None
        Dyadic grid: bin b covers [(origin+b)·2^exponent, (origin+b+1)·2^exponent). ``None``
        chooses both for each layer from its values.
    mantissa_bits, min_exponent, max_exponent : int
        Log grid.
    parts : int
        Uniform grid: bins that were merged to one, whose edges may differ in the last bit from
        those of as many bins counted at once.
    """

    kind: Kind
    bins: int
    low: float | tuple[float, ...] | None = None
    high: float | tuple[float, ...] | None = None
    exponent: int | tuple[int, ...] | None = None
    origin: int | tuple[int, ...] | None = None
    mantissa_bits: int = 0
    min_exponent: int = 0
    max_exponent: int = 0
    parts: int = 1

    def __post_init__(self) -> None:
        for name, value in _checked(self).items():
            object.__setattr__(self, name, value)
        if self.kind == "uniform":
            self.edges()  # refuses what linspace cannot resolve

    @classmethod
    def uniform(cls, bins: int = 256, *, low: Any, high: Any) -> Grid:
        """Equal bins on [low, high]: ``numpy.linspace(low, high, bins + 1)``, last bin closed.

        Parameters
        ----------
        bins : int
        low, high : float or (L,) array_like
            Finite, ``low < high``; arrays give each of L layers its own range.

        Raises
        ------
        ValueError
            If the edges are not finite and strictly increasing.

        Examples
        --------
        >>> import igfast
        >>> igfast.Grid.uniform(bins=4, low=-1, high=1).edges()
        array([-1. , -0.5,  0. ,  0.5,  1. ])
        """
        if type(bins) is int and {type(low), type(high)} <= {int, float}:
            return _uniform(bins, low, high)  # at every step the same
        return cls("uniform", bins, low=low, high=high)

    @classmethod
    def dyadic(cls, bins: int = 256, *, exponent: Any = None, origin: Any = None) -> Grid:
        """Bins of width 2^exponent that start at origin·2^exponent, half-open everywhere.

        Parameters
        ----------
        bins : int
        exponent : int, (L,) array_like of int, or None
            ``None`` chooses exponent and origin of each layer from its values (see
            ``docs/grids.md``).
        origin : int, (L,) array_like of int, or None
            Index of the first bin; by default the grid is centered on zero, ``-(bins // 2)``.

        Examples
        --------
        >>> import igfast
        >>> igfast.Grid.dyadic(bins=4, exponent=-1).edges()
        array([[-1. , -0.5,  0. ,  0.5,  1. ]])
        """
        if type(bins) is int and exponent is None is origin:
            return _automatic(bins)
        return cls("dyadic", _bins(bins), exponent=exponent, origin=origin)

    @classmethod
    def log(cls, mantissa_bits: int = 3, min_exponent: int = -20, max_exponent: int = 4) -> Grid:
        """2^mantissa_bits bins per octave and sign, from 2^min_exponent to 2^max_exponent.

        Magnitudes below 2^min_exponent share the central bin, those from 2^max_exponent on are
        under- or overflow. Bins for negative numbers mirror the positive ones.
        B = 2·(max_exponent − min_exponent)·2^mantissa_bits + 1.

        Examples
        --------
        >>> import igfast
        >>> igfast.Grid.log(mantissa_bits=1, min_exponent=0, max_exponent=1).edges()
        array([-2. , -1.5, -1. ,  1. ,  1.5,  2. ])
        """
        own = mantissa_bits, min_exponent, max_exponent
        return cls("log", _log_bins(*own), None, None, None, None, *own)

    @cached_property
    def automatic(self) -> bool:
        """Whether each layer's bins are chosen from its values."""
        return self.kind == "dyadic" and self.exponent is None

    def edges(self) -> NDArray[np.float64]:
        """Bin edges, float64: (B+1,), or (L, B+1) where layers differ and for dyadic grids."""
        if self.kind == "log":
            return _log_edges(self.mantissa_bits, self.min_exponent, self.max_exponent)
        if self.kind == "dyadic":
            if self.exponent is None or self.origin is None:
                raise ValueError(
                    "an automatic dyadic grid has no edges before it saw data; "
                    "read them from the histogram"
                )
            return dyadic_edges(np.atleast_1d(self.exponent), np.atleast_1d(self.origin), self.bins)
        if isinstance(self.low, float) and isinstance(self.high, float):
            return _linspace(self.low, self.high, self.bins, self.parts)
        low, high = np.asarray(self.low, np.float64), np.asarray(self.high, np.float64)
        if low.ndim and high.ndim and low.shape != high.shape:
            raise ValueError(
                f"low and high must have one value for each layer, got {low.size} and {high.size}"
            )
        low, high = np.broadcast_arrays(low, high)
        rows = [
            _linspace(float(a), float(b), self.bins, self.parts)
            for a, b in zip(low.flat, high.flat, strict=True)
        ]
        return rows[0] if low.ndim == 0 else np.reshape(rows, (low.size, self.bins + 1))

    def __str__(self) -> str:
        if self.kind == "uniform":
            merged = f" of {self.parts} merged" if self.parts > 1 else ""
            return f"uniform, {self.bins} bins{merged} on [{self.low}, {self.high}]"
        if self.kind == "log":
            return (
                f"log, {2**self.mantissa_bits} bins per octave on "
                f"±[2^{self.min_exponent}, 2^{self.max_exponent})"
            )
        if self.automatic:
            return f"dyadic, {self.bins} bins, automatic"
        return f"dyadic, {self.bins} bins of 2^{self.exponent} from {self.origin}"


def dyadic_edges(exponents: NDArray[Any], origins: NDArray[Any], bins: int) -> NDArray[np.float64]:
    """(L, B+1) edges (origin + b)·2^exponent, exact; infinite beyond the largest float64."""
    k, o = np.broadcast_arrays(exponents, origins)
    index = o[:, None].astype(np.float64) + np.arange(bins + 1)
    with np.errstate(over="ignore"):
        return np.ldexp(index, k[:, None].astype(np.intc))


def check_dyadic(exponents: NDArray[Any], origins: NDArray[Any], bins: int) -> None:
    """Refuse dyadic bins that float64 cannot represent."""
    sizes = np.size(exponents), np.size(origins)
    if sizes[0] != sizes[1] and 1 not in sizes:
        raise ValueError(
            f"exponent and origin must have one value for each layer, got {sizes[0]} and {sizes[1]}"
        )
    pairs = np.stack(np.broadcast_arrays(exponents, origins), axis=-1).reshape(-1, 2)
    for k, o in pairs.tolist():
        if not MIN_EXPONENT <= k <= 1023:
            raise ValueError(f"exponent must be from {MIN_EXPONENT} to 1023, got {k}")
        if abs(o) + bins > MAX_ORIGIN:
            raise ValueError(
                f"origin must keep |origin| + bins within 2^44, got origin={o}; "
                "use a larger exponent"
            )
        if math.log2(max(abs(o), abs(o + bins), 1)) + k >= 1024:
            raise ValueError(f"exponent={k} with origin={o} puts bin edges beyond float64")


@lru_cache(maxsize=64)
def _automatic(bins: int) -> Grid:
    return Grid("dyadic", _bins(bins))


@lru_cache(maxsize=64)
def _uniform(bins: int, low: float, high: float) -> Grid:
    return Grid("uniform", bins, low=low, high=high)


@lru_cache(maxsize=64)
def _linspace(low: float, high: float, bins: int, parts: int) -> NDArray[np.float64]:
    remedy = "choose a finite range with low < high that float64 can divide into that many bins"
    if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(high - low)):
        raise ValueError(f"range must be finite, got low={low}, high={high}; {remedy}")
    if low >= high:
        raise ValueError(f"range must have low < high, got low={low}, high={high}; {remedy}")
    edges = np.linspace(low, high, bins * parts + 1)[::parts].copy()
    if not (np.diff(edges) > 0).all():
        raise ValueError(
            f"range [{low}, {high}] has too few float64 numbers for {bins} bins; {remedy}"
        )
    edges.flags.writeable = False  # shared by all calls with this range
    return edges


def _log_edges(bits: int, low: int, high: int) -> NDArray[np.float64]:
    octaves = np.repeat(np.arange(low, high), 2**bits)
    mantissas = np.tile(1.0 + np.arange(2**bits) / 2**bits, high - low)
    positive = np.append(np.ldexp(mantissas, octaves.astype(np.intc)), math.ldexp(1.0, high))
    return np.concatenate([-positive[::-1], positive])


_LOG = ("mantissa_bits", "min_exponent", "max_exponent")
_FIELDS = {"uniform": ("low", "high", "parts"), "dyadic": ("exponent", "origin"), "log": _LOG}
_FOREIGN = {
    kind: [(f.name, f.default) for f in fields(Grid)[2:] if f.name not in own]
    for kind, own in _FIELDS.items()
}


def _checked(grid: Grid) -> dict[str, Any]:
    """The fields of its kind, by their types; refuses what is no grid."""
    if not (isinstance(grid.kind, str) and grid.kind in _FIELDS):
        raise ValueError(f"kind must be uniform, dyadic or log, got {grid.kind!r}")
    for name, default in _FOREIGN[grid.kind]:
        if (value := getattr(grid, name)) is not default:
            raise ValueError(f"{name}={value!r} is not for a {grid.kind} grid; leave it out")
    exponent, origin = grid.exponent, grid.origin
    merged = grid.kind == "dyadic" and exponent is None  # histograms may have no bin in common
    bins = _bins(grid.bins, 0 if merged else 1)
    if grid.kind == "uniform":
        parts = integer(grid.parts, "parts")
        if parts < 1:
            raise ValueError(f"parts must be at least 1, got {parts}")
        low, high = _reals(grid.low, "low"), _reals(grid.high, "high")
        return {"bins": bins, "low": low, "high": high, "parts": parts}
    if grid.kind == "log":
        own = {name: integer(getattr(grid, name), name) for name in _LOG}
        wanted = _log_bins(*own.values())
        if bins != wanted:
            raise ValueError(f"bins must be {wanted} of {own}, got {bins}; use Grid.log")
        return {"bins": bins, **own}
    if exponent is None:
        if origin is not None:
            raise ValueError(
                f"origin={origin!r} needs an exponent: pass both, or neither for automatic bins"
            )
        return {"bins": bins}
    origin = -(bins // 2) if origin is None else origin
    k, o = _integers(exponent, "exponent"), _integers(origin, "origin")
    check_dyadic(np.atleast_1d(k), np.atleast_1d(o), bins)
    return {"bins": bins, "exponent": k, "origin": o}


def _log_bins(mantissa_bits: Any, min_exponent: Any, max_exponent: Any) -> int:
    """B of a log grid."""
    bits = integer(mantissa_bits, "mantissa_bits")
    low, high = integer(min_exponent, "min_exponent"), integer(max_exponent, "max_exponent")
    if not 0 <= bits <= 15:
        raise ValueError(f"mantissa_bits must be from 0 to 15, got {bits}")
    if not -1022 <= low < high <= 1023:
        raise ValueError(
            "min_exponent must be below max_exponent, both from -1022 to 1023, got "
            f"min_exponent={low}, max_exponent={high}"
        )
    return _bins(2 * (high - low) * 2**bits + 1)


def _bins(bins: Any, least: int = 1) -> int:
    count = integer(bins, "bins")
    if not least <= count <= MAX_BINS:
        raise ValueError(f"bins must be from 1 to {MAX_BINS:,}, got {count}")
    return count


def integer(value: Any, argument: str) -> int:
    """As an int; refuses what is none."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(
            f"{argument} must be an integer, got {value!r} ({type(value).__name__})"
        ) from None


def _integers(value: Any, argument: str) -> int | tuple[int, ...]:
    if not isinstance(value, int) and hasattr(value, "tolist"):  # an array of any framework
        value = value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return tuple(integer(item, argument) for item in value)
    return integer(value, argument)


def _beyond_float64(value: Any, argument: str) -> ValueError:
    return ValueError(
        f"{argument} must be finite and within float64, ±1.8e308, got {reprlib.repr(value)}"
    )


def _reals(value: Any, argument: str) -> float | tuple[float, ...]:
    try:
        if value is None:  # NumPy takes it for NaN
            raise TypeError
        array = np.asarray(value, dtype=np.float64)
    except OverflowError:
        raise _beyond_float64(value, argument) from None
    except (TypeError, ValueError):
        raise TypeError(
            f"{argument} must be a number or one number for each layer, got {value!r}"
        ) from None
    if array.ndim > 1:
        raise ValueError(
            f"{argument} must be a number or one number for each layer, got shape {array.shape}"
        )
    return float(array) if array.ndim == 0 else tuple(array.tolist())


def check_splits(splits: Any) -> int:
    """G, one of 1, 2, 4, 8."""
    count = integer(splits, "splits")
    if count not in SPLITS:
        raise ValueError(f"splits must be 1, 2, 4 or 8, got {count}")
    return count
