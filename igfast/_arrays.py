"""Arrays in and out: beside ``_devices`` the only module that knows torch, CuPy, NumPy and DLPack.

Everything below sees pointers, sizes and a dtype tag; everything above sees arrays of the
framework that the user brought. No framework but NumPy is ever imported from here: a torch tensor
can only reach us if torch is already loaded.

A *home* says where an array lives: ``"numpy"``, ``"torch"`` (on the CPU), ``"torch cuda:0"`` or
``"cupy cuda:0"``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core, _devices, cuda_library

_DLPACK_CPU_DEVICES = (1, 3)  # kDLCPU and kDLCUDAHost (pinned host memory)
_DLPACK_CUDA = 2


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

    @property
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
    lines: list[tuple[int, int, int, int, int]] = []
    keep: list[Any] = []
    homes: dict[str, str] = {}
    dtypes: list[str] = []
    copied, last = False, "numpy"
    plain = _plain_torch_types()
    for row, (name, tensor) in enumerate(tensors.items()):
        view = _view_plain(tensor) if type(tensor) in plain else None
        home, source, pointer, numel, dtype = view or _view(tensor, name, operation, ordered)
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
    if starts is not None:
        table[:, 2] = _starts(starts, len(tensors), operation)
    home = next(iter(homes), last)
    return Batch(tuple(tensors), home, table, tuple(dtypes), copied, tuple(keep))


def signature(tensors: Mapping[str, Any]) -> list[tuple[Any, ...]] | None:
    """What a table laid out for these arrays depends on; None where only a copy can be read."""
    found: list[tuple[Any, ...]] = []
    plain = _plain_torch_types()
    for tensor in tensors.values():
        if type(tensor) in plain or _is_torch(tensor):
            found.append((tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype))
        elif _devices.is_cupy(tensor):
            found.append((tensor.data.ptr, tensor.shape, tensor.strides, tensor.dtype))
        elif isinstance(tensor, np.ndarray):
            found.append((tensor.ctypes.data, tensor.shape, tensor.strides, tensor.dtype))
        else:
            return None
    return found


def like(home: str, array: NDArray[Any]) -> Any:
    """Hand a NumPy result to where the input came from: without a copy on the host."""
    device = _devices.device_of(home)
    if device is not None:
        return device.put(array)
    if home == "torch":
        return sys.modules["torch"].from_numpy(array)
    return array


def home_of(array: Any) -> str:
    """Home of a result array."""
    if _is_torch(array):
        return "torch" if array.device.type == "cpu" else f"torch {array.device}"
    return f"cupy cuda:{array.device.id}" if _devices.is_cupy(array) else "numpy"


def to_numpy(array: Any) -> NDArray[Any]:
    """A NumPy view of a result array; a copy of one on a device, which waits for it."""
    if _is_torch(array):
        return array.detach().cpu().numpy()  # type: ignore[no-any-return]
    return array.get() if _devices.is_cupy(array) else np.asarray(array)


def _is_torch(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, getattr(torch, "Tensor", ()))


def _plain_torch_types() -> tuple[type, ...]:
    """Tensor and Parameter themselves, whose kin may be distributed, fake or anything else."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "nn"):  # torch is being imported
        return ()
    return torch.Tensor, torch.nn.Parameter


def _view_plain(tensor: Any) -> tuple[str, Any, int, int, str] | None:
    """What :func:`_view_torch` finds, in the usual case and at a third of its cost."""
    if not (
        tensor.is_cpu
        and tensor.layout is sys.modules["torch"].strided
        and tensor.is_contiguous()
        and not tensor.is_neg()
    ):
        return None
    dtype = _dtype_name(tensor.dtype)
    pointer = tensor.data_ptr()
    if dtype not in _core.DTYPES or not pointer:
        return None
    return "torch", tensor, pointer, tensor.numel(), dtype


@lru_cache(maxsize=64)
def _dtype_name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def _is_array(value: Any) -> bool:
    return (
        isinstance(value, np.ndarray)
        or _is_torch(value)
        or hasattr(value, "__cuda_array_interface__")
        or hasattr(value, "__dlpack__")
    )


def _view(tensor: Any, name: str, operation: str, ordered: bool) -> tuple[str, Any, int, int, str]:
    """Home, owner, pointer, number of elements and dtype name of one array."""
    if _is_torch(tensor):
        return _view_torch(tensor, name, operation, ordered)
    if _devices.is_cupy(tensor):
        _require_cuda(operation, name, f"cuda:{tensor.device.id}")
        return _view_strided(tensor, name, operation, ordered)
    if isinstance(tensor, np.ndarray):
        return _view_numpy(tensor, name, operation, ordered)
    where = _cuda_device_of(tensor)
    if where is not None:
        _require_cuda(operation, name, where)
        try:
            return _view(_devices.adopted(tensor), name, operation, ordered)
        except ImportError:
            raise RuntimeError(
                f"{operation}: tensor {name!r} is a {type(tensor).__name__} on {where}; results "
                "live in torch or CuPy arrays: install cupy-cuda13x, or a CUDA build of torch"
            ) from None
    if hasattr(tensor, "__dlpack__"):
        kind, index = tensor.__dlpack_device__()
        if kind not in _DLPACK_CPU_DEVICES:
            raise ValueError(
                f"{operation}: tensor {name!r} is on DLPack device ({int(kind)}, {index}); "
                "igfast reads CPU and CUDA memory, copy it to the host first"
            )
        return _view_numpy(_from_dlpack(tensor, name, operation), name, operation, ordered)
    raise TypeError(
        f"{operation}: tensor {name!r} is a {type(tensor).__name__}; allowed are torch tensors, "
        "NumPy and CuPy arrays and objects with __dlpack__ or __cuda_array_interface__ "
        "(wrap plain numbers with numpy.asarray)"
    )


def _cuda_device_of(tensor: Any) -> str | None:
    if hasattr(tensor, "__dlpack_device__"):
        kind, index = tensor.__dlpack_device__()
        if kind == _DLPACK_CUDA:
            return f"cuda:{index}"
    return "a CUDA device" if hasattr(tensor, "__cuda_array_interface__") else None


def _from_dlpack(tensor: Any, name: str, operation: str) -> NDArray[Any]:
    try:
        return np.from_dlpack(tensor)
    except (BufferError, RuntimeError, TypeError) as error:
        # NumPy has no DLPack code for bfloat16 and float8; ml_dtypes arrays carry them.
        if hasattr(tensor, "__array__"):
            return np.asarray(tensor)
        raise TypeError(
            f"{operation}: tensor {name!r} ({type(tensor).__name__}) cannot be read over "
            f"DLPack: {error}"
        ) from error


def _view_torch(
    tensor: Any, name: str, operation: str, ordered: bool
) -> tuple[str, Any, int, int, str]:
    torch = sys.modules["torch"]
    if hasattr(tensor, "placements") and hasattr(tensor, "to_local"):
        raise TypeError(
            f"{operation}: tensor {name!r} is a DTensor; pass tensor.to_local() for this rank's "
            "shard and add the ranks' counts"
        )
    dtype = _dtype_name(tensor.dtype)
    if dtype not in _core.DTYPES:
        raise _unsupported_dtype(operation, name, dtype)
    if tensor.layout is not torch.strided:
        raise TypeError(
            f"{operation}: tensor {name!r} has layout {tensor.layout}; pass tensor.to_dense() "
            "or its values()"
        )
    if tensor.device.type == "meta" or _is_fake(tensor):
        raise ValueError(
            f"{operation}: tensor {name!r} is a meta or fake tensor and holds no data; "
            "materialize it first (module.to_empty, then load the weights)"
        )
    if tensor.device.type == "cuda":
        _require_cuda(operation, name, str(tensor.device))
    elif tensor.device.type != "cpu":
        raise ValueError(
            f"{operation}: tensor {name!r} is on {tensor.device}; igfast reads CPU and CUDA "
            "tensors, pass tensor.cpu()"
        )
    source = tensor
    if tensor.is_neg():
        source = tensor.detach().resolve_neg()
    if not _readable_in_place(source.shape, source.stride(), ordered):
        source = source.detach().contiguous()
    numel = source.numel()
    pointer = source.data_ptr()
    if numel and not pointer:
        raise ValueError(
            f"{operation}: tensor {name!r} has {numel} elements but no storage (a meta or fake "
            "tensor, or freed memory); materialize it first"
        )
    return home_of(tensor), source, pointer, numel, dtype


def _is_fake(tensor: Any) -> bool:
    return any(base.__name__ == "FakeTensor" for base in type(tensor).__mro__)


def _view_numpy(
    array: NDArray[Any], name: str, operation: str, ordered: bool
) -> tuple[str, Any, int, int, str]:
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(
            f"{operation}: tensor {name!r} is a masked array; pass array.compressed() to leave "
            "masked elements out, or array.data to count them"
        )
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return _view_strided(array, name, operation, ordered)


def _view_strided(
    array: Any, name: str, operation: str, ordered: bool
) -> tuple[str, Any, int, int, str]:
    """A NumPy or CuPy array."""
    dtype = array.dtype.name
    if dtype not in _core.DTYPES:
        raise _unsupported_dtype(operation, name, dtype)
    item = array.dtype.itemsize
    strides = [stride // item for stride in array.strides]
    whole = all(stride % item == 0 for stride in array.strides)
    if not whole or not _readable_in_place(array.shape, strides, ordered):
        array = array.copy(order="C")
    pointer = array.data.ptr if _devices.is_cupy(array) else array.ctypes.data
    return home_of(array), array, int(pointer), int(array.size), dtype


def _readable_in_place(shape: Sequence[int], strides: Sequence[int], ordered: bool) -> bool:
    """Whether the elements fill one block of memory, in flat order where order matters."""
    axes = [(stride, size) for stride, size in zip(strides, shape, strict=True) if size != 1]
    if any(size == 0 for _, size in axes):
        return True
    if not ordered:
        axes.sort(reverse=True)
    expected = 1
    for stride, size in reversed(axes):
        if stride != expected:
            return False
        expected *= size
    return True


def _starts(starts: Any, count: int, operation: str) -> NDArray[np.int64]:
    given = np.asarray(starts)
    if given.shape != (count,) or not np.issubdtype(given.dtype, np.integer) or (given < 0).any():
        raise ValueError(
            f"{operation}: starts must be {count} non-negative integers, one flat index for each "
            f"tensor, got {starts!r}"
        )
    return given.astype(np.int64)


def _unsupported_dtype(operation: str, name: str, dtype: str) -> TypeError:
    remedy = (
        "take its real and imaginary parts" if dtype.startswith("complex") else "convert it first"
    )
    return TypeError(
        f"{operation}: tensor {name!r} has dtype {dtype}; allowed are "
        f"{', '.join(sorted(_core.DTYPES, key=_core.DTYPES.__getitem__))} ({remedy})"
    )


def _require_cuda(operation: str, name: str, device: str) -> None:
    try:
        cuda_library.library()
    except cuda_library.CudaUnavailable as error:
        raise cuda_library.CudaUnavailable(
            f"{operation}: tensor {name!r} is on {device}, but the CUDA library of igfast is "
            f"{error}; pass tensor.cpu() to measure a copy on the host"
        ) from None
