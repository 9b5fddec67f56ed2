import numpy as np
import numpy.typing as npt

_Int64 = npt.NDArray[np.int64]
_Float64 = npt.NDArray[np.float64]

DTYPES: dict[str, int]
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
) -> tuple[str, int]: ...
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
def set_isa(name: str) -> None: ...
def isa() -> str: ...
def available_isas() -> list[str]: ...
def build_info() -> dict[str, str]: ...
