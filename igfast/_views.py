"""One array as the kernels see it: home, owner, pointer, number of elements and dtype.

With ``_arrays`` and ``_devices`` all that knows frameworks.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core, _devices, cuda_library
from ._devices import home_of, is_torch

View = tuple[str, Any, int, int, str]

_DLPACK_CPU_DEVICES = (1, 3)  # kDLCPU and kDLCUDAHost (pinned host memory)
_DLPACK_CUDA = 2


def view(tensor: Any, name: str, operation: str, ordered: bool) -> View:
    """Home, owner, pointer, number of elements and dtype name of one array."""
    if is_torch(tensor):
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
            return view(_devices.adopted(tensor), name, operation, ordered)
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


def view_plain(tensor: Any) -> View | None:
    """What :func:`_view_torch` finds, in the usual case and at a third of its cost."""
    if not (
        tensor.is_cpu
        and tensor.layout is sys.modules["torch"].strided
        and tensor.is_contiguous()
        and not tensor.is_neg()
    ):
        return None
    dtype = _dtype_name(tensor.dtype)
    try:
        pointer = tensor.data_ptr()
    except RuntimeError:
        return None
    if dtype not in _core.DTYPES or not pointer:
        return None
    return "torch", tensor, pointer, tensor.numel(), dtype


@lru_cache(maxsize=64)
def _dtype_name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def _view_torch(tensor: Any, name: str, operation: str, ordered: bool) -> View:
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
    try:
        pointer = source.data_ptr()
    except RuntimeError:
        raise ValueError(
            f"{operation}: tensor {name!r} has no memory of its own, as within a transform of "
            "torch.func; count outside of it"
        ) from None
    if numel and not pointer:
        raise ValueError(
            f"{operation}: tensor {name!r} has {numel} elements but no storage (a meta or fake "
            "tensor, or freed memory); materialize it first"
        )
    return home_of(tensor), source, pointer, numel, dtype


def _is_fake(tensor: Any) -> bool:
    return any(base.__name__ == "FakeTensor" for base in type(tensor).__mro__)


def _view_numpy(array: NDArray[Any], name: str, operation: str, ordered: bool) -> View:
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(
            f"{operation}: tensor {name!r} is a masked array; pass array.compressed() to leave "
            "masked elements out, or array.data to count them"
        )
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return _view_strided(array, name, operation, ordered)


def _view_strided(array: Any, name: str, operation: str, ordered: bool) -> View:
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
