from typing import Any

import numpy as np
import numpy.typing as npt

_Int64 = npt.NDArray[np.int64]
_Float64 = npt.NDArray[np.float64]

DTYPES: dict[str, int]
DIVERGENCES: dict[str, int]
ENTROPIES: dict[str, int]
GRID_UNIFORM: int
GRID_DYADIC: int
GRID_LOG: int

def histogram(
    tensors: _Int64,
    grid: int,
    bins: int,
    splits: int,
    edges: _Float64 | None,
    exponents: _Int64 | None,
    origins: _Int64 | None,
    log: tuple[int, int, int] | None,
    split_counts: _Int64,
    split_outside: _Int64,
    nan: _Int64,
    offsets: _Int64 | None,
    moments: tuple[_Int64, _Float64] | None,
    threads: int,
    extents: tuple[_Int64, _Float64] | None = None,
) -> tuple[str, int]: ...

class Block:
    def arrays(self) -> tuple[_Int64, _Int64, _Int64, _Int64 | None, _Int64, _Float64]: ...
    def moments(self) -> tuple[_Int64, _Float64]: ...

class HostCounter:
    def __init__(
        self,
        layers: int,
        grid: int,
        bins: int,
        splits: int,
        offsets: bool,
        edges: _Float64 | None,
        log: tuple[int, int, int] | None,
    ) -> None: ...
    def count(
        self,
        tensors: _Int64,
        exponents: _Int64 | None,
        origins: _Int64 | None,
        precision: _Int64 | None,
        threads: int,
    ) -> tuple[Block, _Int64 | None]: ...

def moments(
    tensors: _Int64, integers: _Int64, floats: _Float64, threads: int
) -> tuple[str, int]: ...
def divergence(
    kind: str,
    parameter: float,
    p: _Int64,
    p_outside: _Int64,
    q: _Int64,
    q_outside: _Int64,
    out: _Float64,
) -> None: ...
def entropy(kind: str, counts: _Int64, out: _Float64) -> None: ...
def pack_histograms(
    counts: _Int64,
    outside: _Int64,
    nan: _Int64,
    numel: _Int64,
    offsets: _Int64 | None,
    exponents: _Int64 | None,
    origins: _Int64 | None,
    difference_from: int,
    start: int,
) -> tuple[bytes, bytes]: ...
def pack_numbers(
    running: npt.NDArray[np.float32],
    integers: _Int64 | None,
    floats: _Float64 | None,
    bins: _Int64 | None,
    start: int,
) -> tuple[bytes, bytes]: ...
def unpack_histograms(
    directory: bytes,
    segments: bytes,
    chosen: _Int64,
    start: int,
    with_offsets: bool,
    splits: int,
    bins: int,
) -> tuple[_Int64, _Int64, _Int64 | None] | str: ...
def shares(counts: _Int64, outside: _Int64) -> tuple[_Float64, _Float64, npt.NDArray[np.bool_]]: ...
def motion(
    before: _Float64, pooled_before: _Float64, now: _Float64, pooled_now: _Float64
) -> tuple[_Float64, _Int64]: ...
def judge(
    products: _Float64, occupied: _Int64, independent: float
) -> tuple[_Float64, _Float64]: ...

class Online:
    def __init__(
        self,
        layers: int,
        splits: int,
        bins: int,
        clear: float,
        likely: float,
        independent: float,
    ) -> None: ...
    def begin(self, counts: _Int64, outside: _Int64, lengths: _Float64 | None) -> _Float64: ...
    def follow(
        self,
        counts: _Int64,
        outside: _Int64,
        interval: float,
        same: npt.NDArray[np.bool_] | None,
        aligned: _Float64 | None,
    ) -> _Float64: ...
    def undo(self) -> None: ...
    def rows(
        self,
        records: list[tuple[Any, Any, Any]],  # see csrc/rows_bindings.cpp
    ) -> list[tuple[bytes, bytes, tuple[bytes, bytes] | None]]: ...

class Bell:
    def __init__(self) -> None: ...
    def ring(self, urgent: bool) -> None: ...
    def wait(self, seconds: float) -> None: ...

class Health:
    def __init__(
        self,
        free: npt.NDArray[np.bool_],
        patience: int,
        growth: float,
        window: int,
        parameters: bool,
    ) -> None: ...
    def examine(
        self, integers: _Int64, floats: _Float64
    ) -> list[tuple[int, int, float]] | None: ...
    def examine_block(self, block: Block) -> list[tuple[int, int, float]] | None: ...

def start_bins(low: _Float64, high: _Float64, bins: int, precision: _Int64) -> _Int64: ...
def follow_bins(
    exponents: _Int64,
    origins: _Int64,
    counts: _Int64,
    outside: _Int64,
    zeros: _Int64,
    low: _Float64,
    high: _Float64,
    precision: _Int64,
    first: bool,
) -> _Int64 | None: ...
def moment_floats(integers: _Int64, sums: _Float64) -> _Float64: ...
def moved(before: _Float64, now: _Float64, most: float) -> float: ...
def units(offsets: _Float64) -> _Int64: ...
def to_positions(units: _Int64) -> None: ...
def set_isa(name: str) -> None: ...
def isa() -> str: ...
def available_isas() -> list[str]: ...
def build_info() -> dict[str, str]: ...
def slots_hold(slots: list[tuple[dict[str, Any], str, Any]]) -> bool: ...

class LayoutReader:
    def __init__(self, table: Any) -> None: ...
    def signature(self, tensors: dict[str, Any], types: tuple[type, ...]) -> bytes | None: ...
    def unchanged(
        self, tensors: dict[str, Any], types: tuple[type, ...], before: bytes
    ) -> bool: ...
    def table(self, tensors: dict[str, Any], types: tuple[type, ...]) -> _Int64 | None: ...

class DevicePlan:
    def run(
        self,
        tensors_hash: int,
        stream: int = 0,
        exponents: _Int64 | None = None,
        origins: _Int64 | None = None,
        split_counts: int = 0,
        split_outside: int = 0,
        nan: int = 0,
        offsets: int = 0,
        moment_integers: int = 0,
        moment_floats: int = 0,
        zeros: int = 0,
        extremes: int = 0,
        previous_counts: int = 0,
        previous_outside: int = 0,
        measures: int = 0,
    ) -> None: ...
    def info(self) -> dict[str, str | int]: ...

class DeviceLibrary:
    def __init__(self, path: str) -> None: ...
    def describe(self) -> tuple[bool, str]: ...
    def architectures(self) -> str: ...
    def capturing(self, device: int, stream: int) -> bool: ...
    def hash(self, tensors: _Int64) -> int: ...
    def divergence(
        self,
        *,
        kind: int,
        parameter: float,
        p: int,
        p_outside: int,
        q: int,
        q_outside: int,
        rows: int,
        bins: int,
        out: int,
        device: int,
        stream: int,
    ) -> None: ...
    def entropy(
        self, *, kind: int, counts: int, rows: int, bins: int, out: int, device: int, stream: int
    ) -> None: ...
    def plan(
        self,
        *,
        tensors: _Int64,
        rows: int,
        grid: int = 0,
        bins: int = 0,
        splits: int = 1,
        edges: _Float64 | None = None,
        log: tuple[int, int, int] | None = None,
        exponents: _Int64 | None = None,
        origins: _Int64 | None = None,
        offsets: bool = False,
        moments: bool = False,
        counters: int = 0,
        device: int = 0,
        stream: int = 0,
    ) -> DevicePlan: ...

def use_host_library(library: DeviceLibrary | None) -> None: ...
def backend() -> str: ...
