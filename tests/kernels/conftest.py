"""Calls igfast._core directly: the tensor table from NumPy arrays, fresh outputs, one result.

Every test that takes the `isa` fixture runs on each instruction set of the CPU, on the CUDA kernels
in the block simulator (``sim``), and, where there is a device, on ``cuda``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import ml_dtypes
import numpy as np
import pytest

from igfast import _core, reference

from .device import Device, cuda_device

FLOATS = {
    "float64": np.dtype(np.float64),
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float8_e4m3fn": np.dtype(ml_dtypes.float8_e4m3fn),
    "float8_e5m2": np.dtype(ml_dtypes.float8_e5m2),
}
assert set(FLOATS) == set(_core.DTYPES)


@dataclass(frozen=True)
class Uniform:
    edges: np.ndarray  # (B + 1,) or (L, B + 1)

    def arguments(self, rows: int) -> dict[str, object]:
        edges = np.ascontiguousarray(np.atleast_2d(self.edges))
        return {
            "grid": _core.GRID_UNIFORM,
            "bins": edges.shape[1] - 1,
            "edges": edges,
            "exponents": None,
            "origins": None,
            "log": None,
        }

    def reference(self, x, splits=1, start=0):
        return reference.uniform_histogram(x, self.edges, splits, start)


@dataclass(frozen=True)
class Dyadic:
    bins: int
    exponent: int
    origin: int

    def arguments(self, rows: int) -> dict[str, object]:
        return {
            "grid": _core.GRID_DYADIC,
            "bins": self.bins,
            "edges": None,
            "exponents": np.full(rows, self.exponent, np.int64),
            "origins": np.full(rows, self.origin, np.int64),
            "log": None,
        }

    def reference(self, x, splits=1, start=0):
        return reference.dyadic_histogram(x, self.bins, self.exponent, self.origin, splits, start)


@dataclass(frozen=True)
class Log:
    mantissa_bits: int
    min_exponent: int
    max_exponent: int

    def arguments(self, rows: int) -> dict[str, object]:
        return {
            "grid": _core.GRID_LOG,
            "bins": 2 * ((self.max_exponent - self.min_exponent) << self.mantissa_bits) + 1,
            "edges": None,
            "exponents": None,
            "origins": None,
            "log": (self.mantissa_bits, self.min_exponent, self.max_exponent),
        }

    def reference(self, x, splits=1, start=0):
        return reference.log_histogram(
            x, self.mantissa_bits, self.min_exponent, self.max_exponent, splits, start
        )


@dataclass(frozen=True)
class Result:
    split_counts: np.ndarray
    split_outside: np.ndarray
    nan: np.ndarray
    offsets: np.ndarray | None
    integers: np.ndarray | None
    floats: np.ndarray | None
    isa: str
    threads: int

    def total(self) -> int:
        return int(self.split_counts.sum() + self.split_outside.sum() + self.nan.sum())

    def arrays(self) -> list[np.ndarray]:
        everything = [self.split_counts, self.split_outside, self.nan]
        return everything + [a for a in (self.offsets, self.integers, self.floats) if a is not None]


class Kernel:
    """The kernels under test; outputs start poisoned, so that nothing is left unwritten."""

    Uniform, Dyadic, Log = Uniform, Dyadic, Log
    floats = FLOATS

    def __init__(self) -> None:
        self.device: Device | None = None  # instead of the host's kernels

    @property
    def core(self):
        return self.device or _core

    @property
    def simulated(self) -> bool:
        """Whether a simulator runs them: as such, or in place of the CUDA device."""
        return self.core.isa() == "sim" or (self.device is not None and self.device.rehearses)

    @contextmanager
    def on(self, isa: str, simulator=None) -> Iterator[None]:
        """Runs on `isa`: one of the CPU's, "sim" or "cuda"."""
        if isa == "sim":
            simulator.reset()
            _core.use_host_library(simulator.library)
        elif isa == "cuda":
            self.device = cuda_device()
        else:
            _core.set_isa(isa)
        try:
            assert self.core.isa() == isa
            yield
        finally:
            self.device = None
            _core.use_host_library(None)
            _core.set_isa("auto")

    @staticmethod
    def table(arrays: Sequence[np.ndarray], starts=None, rows=None) -> np.ndarray:
        starts = starts if starts is not None else [0] * len(arrays)
        rows = rows if rows is not None else range(len(arrays))
        return np.array(
            [
                [a.ctypes.data, a.size, start, _core.DTYPES[a.dtype.name], row]
                for a, start, row in zip(arrays, starts, rows, strict=True)
            ],
            dtype=np.int64,
        ).reshape(-1, 5)

    def histogram(
        self,
        arrays,
        grid,
        *,
        splits=1,
        offsets=False,
        moments=False,
        starts=None,
        rows=None,
        row_count=None,
        threads=1,
    ) -> Result:
        row_count = len(arrays) if row_count is None else row_count
        arguments = grid.arguments(row_count)
        bins = arguments["bins"]
        poison = -(2**40)
        counts = np.full((row_count, splits, bins), poison, np.int64)
        outside = np.full((row_count, splits, 2), poison, np.int64)
        nan = np.full(row_count, poison, np.int64)
        sums = np.full((row_count, splits, bins), poison, np.int64) if offsets else None
        integers = np.full((row_count, 4), poison, np.int64) if moments else None
        floats = np.full((row_count, 8), np.nan) if moments else None
        isa, used = self.core.histogram(
            tensors=self.table(arrays, starts, rows),
            **arguments,
            splits=splits,
            split_counts=counts,
            split_outside=outside,
            nan=nan,
            offsets=sums,
            moments=(integers, floats) if moments else None,
            threads=threads,
        )
        return Result(counts, outside, nan, sums, integers, floats, isa, used)

    def moments(self, arrays, *, rows=None, row_count=None, starts=None, threads=1):
        row_count = len(arrays) if row_count is None else row_count
        integers = np.full((row_count, 4), -(2**40), np.int64)
        floats = np.full((row_count, 8), np.nan)
        isa, used = self.core.moments(self.table(arrays, starts, rows), integers, floats, threads)
        return integers, floats, isa, used

    def check(self, array: np.ndarray, grid, *, splits=1, start=0, threads=1) -> Result:
        """Counts, outside, NaN and offsets of one tensor equal the reference, bin for bin."""
        offsets = not isinstance(grid, Uniform)
        result = self.histogram(
            [array], grid, splits=splits, offsets=offsets, starts=[start], threads=threads
        )
        assert result.isa == self.core.isa()
        with np.errstate(invalid="ignore"):  # widening a signaling NaN
            expected = grid.reference(array.astype(np.float64), splits, start)
        np.testing.assert_array_equal(result.split_counts[0], expected.split_counts)
        np.testing.assert_array_equal(result.split_outside[0], expected.split_outside)
        assert result.nan[0] == expected.nan
        if offsets:
            np.testing.assert_array_equal(result.offsets[0], expected.offsets)
        assert result.total() == array.size
        return result


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


ISAS = [*_core.available_isas(), "sim", *(["cuda"] if cuda_device() else [])]


@pytest.fixture(params=ISAS)
def isa(request: pytest.FixtureRequest, kernel: Kernel) -> Iterator[str]:
    name = request.param
    simulator = request.getfixturevalue("built_simulator") if name == "sim" else None
    with kernel.on(name, simulator):
        yield name


@pytest.fixture(params=sorted(FLOATS))
def dtype(request: pytest.FixtureRequest) -> np.dtype:
    return FLOATS[request.param]


def all_patterns(dtype: np.dtype) -> np.ndarray:
    unsigned = np.uint16 if dtype.itemsize == 2 else np.uint8
    return np.arange(1 << (8 * dtype.itemsize), dtype=np.uint32).astype(unsigned).view(dtype)


def neighbors(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Every value that `dtype` can tell apart near `values`: rounded, one below, one above."""
    if dtype.itemsize <= 2:
        return all_patterns(dtype)
    with np.errstate(over="ignore", under="ignore"):
        rounded = np.asarray(values, np.float64).astype(dtype)
        infinity = dtype.type(np.inf)
        return np.concatenate(
            [rounded, np.nextafter(rounded, -infinity), np.nextafter(rounded, infinity)]
        )


SPECIAL = np.array(
    [
        0.0,
        -0.0,
        np.nan,
        -np.nan,
        np.inf,
        -np.inf,
        5e-324,
        -5e-324,
        1e-45,
        -1e-45,
        2.0**-126,
        1.7e308,
        -1.7e308,
        3.4e38,
        -3.4e38,
        1.0,
        -1.0,
    ],
)


@pytest.fixture
def edge_values():
    """Function (edges, dtype) -> every edge, its two neighbors, and the special values."""

    def make(edges: np.ndarray, dtype: np.dtype) -> np.ndarray:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            special = SPECIAL.astype(dtype)
        return np.concatenate([neighbors(edges, dtype), special])

    return make


@pytest.fixture
def patterns():
    return all_patterns
