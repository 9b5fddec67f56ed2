"""Arrays in and out: with ``_views`` and ``_devices`` all that knows torch, CuPy and DLPack.

Everything below sees pointers, sizes and a dtype tag; everything above sees arrays of the
framework that the user brought. No framework but NumPy is ever imported from here: a torch tensor
can only reach us if torch is already loaded.

A *home* says where an array lives: ``"numpy"``, ``"torch"`` (on the CPU), ``"torch cuda:0"`` or
``"cupy cuda:0"``.
"""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core, _devices
from ._devices import home_of, is_torch, plain_torch_types
from ._views import view, view_plain

MAX_START = 2**56  # of the kernels
_DTYPE_NAMES = {tag: name for name, tag in _core.DTYPES.items()}

__all__ = ["Batch", "Labels", "Signature", "batch", "home_of", "like", "named", "to_numpy"]


@dataclass(frozen=True)
class Labels:
    """What results are called, and where they belong.

    Attributes
    ----------
    names : tuple of str
    host : str
        Home of results that are on the host.
    numel : (N,) int64
        Number of elements; read-only.
    """

    names: tuple[str, ...]
    host: str
    numel: NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """A set of arrays, ready for the kernels.

    ``table`` is (N, 5) int64: pointer, number of elements, flat index of the first element, dtype
    tag, row. ``keep`` holds what the pointers point to.
    """

    names: tuple[str, ...]
    home: str
    table: NDArray[np.int64]
    dtypes: tuple[str, ...]
    copied: bool
    keep: tuple[Any, ...]
    labels: Labels = field(init=False)  # of results

    def __post_init__(self) -> None:
        host = self.home if self.device is None else self.device.host
        numel = self.table[:, 1].copy()
        numel.setflags(write=False)
        object.__setattr__(self, "labels", Labels(self.names, host, numel))

    @cached_property
    def device(self) -> _devices.Device | None:
        """Where the arrays are; None for the host."""
        return _devices.device_of(self.home)

    @property
    def numel(self) -> NDArray[np.int64]:
        """(N,) number of elements."""
        return self.table[:, 1].copy()


def named(tensors: Any, operation: str) -> dict[str, Any]:
    """Name every array: one array, a sequence or a mapping becomes a mapping."""
    if _is_array(tensors):
        return {"0": tensors}
    if type(tensors) is dict and {*map(type, tensors)} == {str}:
        return tensors.copy()
    if isinstance(tensors, Mapping):
        found = {str(name): tensor for name, tensor in tensors.items()}
        if len(found) != len(tensors):
            raise ValueError(
                f"{operation}: tensors has keys that are equal as text, got {list(tensors)!r}; "
                "give every tensor a name of its own"
            )
        return found
    if isinstance(tensors, Sequence) and not isinstance(tensors, (str, bytes)):
        return {str(index): tensor for index, tensor in enumerate(tensors)}
    raise TypeError(
        f"{operation}: tensors must be an array, a sequence of arrays or a mapping of names to "
        f"arrays, got {type(tensors).__name__}; pass dict(model.named_parameters()) for a model, "
        "list() of a generator, and numpy.asarray of plain numbers"
    )


def batch(
    tensors: Mapping[str, Any], operation: str, *, ordered: bool = True, starts: Any = None
) -> Batch:
    """Check the arrays and lay out the kernels' table.

    ``ordered`` says that the flat index of an element matters (splits); without it any dense
    memory layout is read in place. ``starts`` (N,) is the flat index of each array's first
    element in the parameter it is a shard of.
    """
    found = _plain_batch(tensors)
    if found is None:
        found = _any_batch(tensors, operation, ordered)
    if starts is not None:
        found.table[:, 2] = _starts(starts, len(tensors), operation)
    return found


def _plain_batch(tensors: Mapping[str, Any]) -> Batch | None:
    """Of ordinary tensors of torch on the host, at a fifth of the cost."""
    reader = _reader()
    if reader is None or not tensors or not isinstance(tensors, dict):
        return None
    plain, keep = plain_torch_types(), tuple(tensors.values())
    table = reader.table(tensors, plain)  # says nothing of negative views
    if table is None or True in map(plain[0].is_neg, keep):  # type: ignore[attr-defined]
        return None
    dtypes = tuple([_DTYPE_NAMES[tag] for tag in table[:, 3].tolist()])
    return Batch(tuple(tensors), "torch", table, dtypes, False, keep)


def _any_batch(tensors: Mapping[str, Any], operation: str, ordered: bool) -> Batch:
    lines: list[tuple[int, int, int, int, int]] = []
    keep: list[Any] = []
    homes: dict[str, str] = {}
    dtypes: list[str] = []
    copied, last = False, "numpy"
    plain = plain_torch_types()
    for row, (name, tensor) in enumerate(tensors.items()):
        seen = view_plain(tensor) if type(tensor) in plain else None
        home, source, pointer, numel, dtype = seen or view(tensor, name, operation, ordered)
        if numel:  # an empty tensor may be anywhere
            homes.setdefault(home, name)
        last = home
        copied |= source is not tensor
        keep.append(source)
        dtypes.append(dtype)
        lines.append((pointer, numel, 0, _core.DTYPES[dtype], row))
    if len(homes) > 1:
        listed = ", ".join(f"{name!r} is a {home} array" for home, name in homes.items())
        raise ValueError(
            f"{operation}: tensors must share one framework and device, but {listed}; "
            "convert them or make one call for each"
        )
    table = np.array(lines, dtype=np.int64).reshape(len(tensors), 5)
    home = next(iter(homes), last)
    return Batch(tuple(tensors), home, table, tuple(dtypes), copied, tuple(keep))


class Signature:
    """What a table laid out for arrays depends on: where they lie, in which layout and dtype."""

    def __init__(self, tensors: dict[str, Any]) -> None:
        self._plain, self._reader = plain_torch_types(), _reader()
        self._words: bytes | None = None
        self._attributes: list[tuple[Any, ...]] | None = None
        if self._reader is not None:
            self._words = self._reader.signature(tensors, self._plain)
        if self._words is None:
            self._attributes = _attributes(tensors)

    @property
    def is_read(self) -> bool:
        """Whether it is read by the frameworks' own C functions."""
        return self._words is not None

    def holds(self, tensors: dict[str, Any]) -> bool:
        """Whether these arrays lie there; never where only a copy of one can be read."""
        if self._reader is not None and self._words is not None:
            return self._reader.unchanged(tensors, self._plain, self._words)
        return self._attributes is not None and _attributes(tensors) == self._attributes


def _attributes(tensors: dict[str, Any]) -> list[tuple[Any, ...]] | None:
    """As attributes say it; None where only a copy can be read."""
    found: list[tuple[Any, ...]] = []
    for tensor in tensors.values():
        if is_torch(tensor):
            found.append((tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype))
        elif _devices.is_cupy(tensor):
            found.append((tensor.data.ptr, tensor.shape, tensor.strides, tensor.dtype))
        elif isinstance(tensor, np.ndarray):
            found.append((tensor.ctypes.data, tensor.shape, tensor.strides, tensor.dtype))
        else:
            return None
    return found


def _reader() -> _core.LayoutReader | None:
    plain = plain_torch_types()
    return _devices.layout_reader(plain[0]) if plain else None


def like(home: str, array: NDArray[Any]) -> Any:
    """Hand a NumPy result to where the input came from: without a copy on the host."""
    if home == "torch":
        return sys.modules["torch"].from_numpy(array)
    device = _devices.device_of(home)
    return array if device is None else device.put(array)


def to_numpy(array: Any) -> NDArray[Any]:
    """A NumPy view of a result array; a copy of one on a device, which waits for it."""
    if is_torch(array):
        return array.numpy(force=True)  # type: ignore[no-any-return]
    return array.get() if _devices.is_cupy(array) else np.asarray(array)


def _is_array(value: Any) -> bool:
    return (
        isinstance(value, np.ndarray)
        or is_torch(value)
        or hasattr(value, "__cuda_array_interface__")
        or hasattr(value, "__dlpack__")
    )


def _starts(starts: Any, count: int, operation: str) -> NDArray[np.int64]:
    try:
        given = np.asarray(starts)
    except ValueError:  # lists of different lengths
        given = np.empty(0)
    right = given.shape == (count,) and np.issubdtype(given.dtype, np.integer)
    if not right or (given < 0).any() or (given > MAX_START).any():
        raise ValueError(
            f"{operation}: starts must be {count} integers from 0 to 2^56, one flat index for each "
            f"tensor, got {reprlib.repr(starts)}"
        )
    return given.astype(np.int64)
