"""Device memory of torch and CuPy: allocation, streams, and copies to pinned host memory.

Beside ``_arrays`` the only module that knows these frameworks. Results are allocated by the
framework that owns the inputs, on their device, and work is enqueued on the stream that the
framework has current, so that it is ordered as the caller's own operations are.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from . import _core

Int = NDArray[np.int64]
Shapes = tuple[tuple[int, ...], ...]


class Device(Protocol):
    """One device, by one framework. Arrays are int64 unless it says otherwise."""

    @property
    def index(self) -> int: ...
    @property
    def home(self) -> str: ...
    @property
    def host(self) -> str:
        """Home of results that were copied to the host."""

    def stream(self) -> int:
        """The current stream's handle."""

    def empty(self, size: int) -> Any: ...
    def floats(self, words: Any) -> Any:
        """The same memory as float64."""

    def parts(self, words: Any, shapes: Shapes) -> list[Any]:
        """The words as arrays one behind the other, without a copy."""

    def from_256ths(self, array: Any) -> Any:
        """The array / 256, exactly, in float64 and in one launch."""

    def pointer(self, array: Any) -> int: ...
    def pinned(self, size: int) -> Any:
        """Page-locked host memory, for :meth:`copy`."""

    def copy(self, source: Any, pinned: Any) -> Copy:
        """Copy on a side stream, behind what the current stream has been given so far."""

    def put(self, array: NDArray[Any]) -> Any:
        """A copy of a NumPy array."""


@dataclass
class Copy:
    """A copy under way; the source is kept until it is done."""

    _source: Any
    _words: Callable[[], Int]
    _event: Any

    def wait(self) -> Int:
        """The words, once they are there; waits for this copy alone, not for later work."""
        if self._event is not None:
            self._event.synchronize()
            self._event = self._source = None
        return self._words()


class TorchDevice:
    """A CUDA device of torch."""

    host = "torch"

    def __init__(self, index: int) -> None:
        self.index = index
        self.home = f"torch cuda:{index}"
        self._torch = sys.modules["torch"]
        self._device = self._torch.device("cuda", index)
        # A scalar on the host decides the dtype and costs no copy.
        self._256th = self._torch.tensor(1 / 256, dtype=self._torch.float64, device="cpu")
        self._side: Any = None
        # What torch's own compiled code calls: it makes no object.
        self._raw_stream = getattr(self._torch._C, "_cuda_getCurrentRawStream", None)

    def stream(self) -> int:
        if self._raw_stream is not None:
            return int(self._raw_stream(self.index))
        return int(self._torch.cuda.current_stream(self._device).cuda_stream)

    def empty(self, size: int) -> Any:
        return self._torch.empty(size, dtype=self._torch.int64, device=self._device)

    def floats(self, words: Any) -> Any:
        return words.view(self._torch.float64)

    def parts(self, words: Any, shapes: Shapes) -> list[Any]:
        return [words.as_strided(*place) for place in _places(shapes)]

    def from_256ths(self, array: Any) -> Any:
        return self._torch.mul(array, self._256th)

    def pointer(self, array: Any) -> int:
        return int(array.data_ptr())

    def pinned(self, size: int) -> Any:
        return self._torch.empty(size, dtype=self._torch.int64, pin_memory=True)

    def copy(self, source: Any, pinned: Any) -> Copy:
        cuda = self._torch.cuda
        with cuda.device(self._device):
            if self._side is None:
                self._side = cuda.Stream()
            self._side.wait_stream(cuda.current_stream())
            with cuda.stream(self._side):
                pinned.copy_(source, non_blocking=True)
                event = cuda.Event()
                event.record()
            source.record_stream(self._side)  # its memory is not given to others before
        return Copy(source, pinned.numpy, event)

    def put(self, array: NDArray[Any]) -> Any:
        return self._torch.from_numpy(array).to(self._device)


class CupyDevice:
    """A CUDA device of CuPy."""

    host = "numpy"

    def __init__(self, index: int) -> None:
        self.index = index
        self.home = f"cupy cuda:{index}"
        self._cupy = sys.modules["cupy"]
        self._side: Any = None

    def stream(self) -> int:
        with self._cupy.cuda.Device(self.index):
            return int(self._cupy.cuda.get_current_stream().ptr)

    def empty(self, size: int) -> Any:
        with self._cupy.cuda.Device(self.index):
            return self._cupy.empty(size, dtype=np.int64)

    def floats(self, words: Any) -> Any:
        return words.view(np.float64)

    def parts(self, words: Any, shapes: Shapes) -> list[Any]:
        return [
            words[first : first + math.prod(shape)].reshape(shape)
            for shape, _, first in _places(shapes)
        ]

    def from_256ths(self, array: Any) -> Any:
        return array * np.float64(1 / 256)

    def pointer(self, array: Any) -> int:
        return int(array.data.ptr)

    def pinned(self, size: int) -> Any:
        import cupyx

        return cupyx.empty_pinned(size, dtype=np.int64)

    def copy(self, source: Any, pinned: Any) -> Copy:
        cuda = self._cupy.cuda
        with cuda.Device(self.index):
            if self._side is None:
                self._side = cuda.Stream(non_blocking=True)
            self._side.wait_event(cuda.get_current_stream().record())
            source.get(stream=self._side, out=pinned, blocking=False)
            event = self._side.record()
        return Copy(source, lambda: np.asarray(pinned), event)

    def put(self, array: NDArray[Any]) -> Any:
        with self._cupy.cuda.Device(self.index):
            return self._cupy.asarray(array)


@cache
def _places(shapes: Shapes) -> list[tuple[tuple[int, ...], tuple[int, ...], int]]:
    """Shape, strides and first word of arrays one behind the other."""
    found, first = [], 0
    for shape in shapes:
        strides = tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
        found.append((shape, strides, first))
        first += math.prod(shape)
    return found


@cache
def torch_device(index: int) -> Device:
    """Device ``cuda:index`` of torch."""
    return TorchDevice(index)


@cache
def cupy_device(index: int) -> Device:
    """Device ``index`` of CuPy."""
    return CupyDevice(index)


def device_of(home: str) -> Device | None:
    """The device behind a home such as ``"torch cuda:0"``; None for the host's."""
    if " cuda:" not in home:
        return None
    framework, _, where = home.partition(" cuda:")
    return (torch_device if framework == "torch" else cupy_device)(int(where))


def is_cupy(value: Any) -> bool:
    """Whether this is a CuPy array."""
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(value, getattr(cupy, "ndarray", ()))


def adopted(value: Any) -> Any:
    """A foreign CUDA array, such as Numba's or JAX's, as torch's or CuPy's, without a copy.

    Its owner's stream is respected as DLPack and the CUDA array interface have it.

    Raises
    ------
    ImportError
        If neither torch with CUDA nor CuPy can be imported.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        if hasattr(value, "__dlpack__"):
            return torch.from_dlpack(value)
        return torch.as_tensor(value, device="cuda")
    import cupy

    return cupy.from_dlpack(value) if hasattr(value, "__dlpack__") else cupy.asarray(value)


def home_of(array: Any) -> str:
    """Home of a result array."""
    if is_torch(array):
        return "torch" if array.device.type == "cpu" else f"torch {array.device}"
    return f"cupy cuda:{array.device.id}" if is_cupy(array) else "numpy"


def is_torch(value: Any) -> bool:
    """Whether this is a torch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, getattr(torch, "Tensor", ()))


@cache
def layout_reader(tensor_type: type) -> _core.LayoutReader | None:
    """Reads where tensors lie through their type's table of DLPack; None where it has none."""
    table = getattr(tensor_type, "__dlpack_c_exchange_api__", None)
    try:
        return None if table is None else _core.LayoutReader(table)
    except (TypeError, ValueError):  # of another version of DLPack
        return None


def plain_torch_types() -> tuple[type, ...]:
    """Tensor and Parameter themselves, whose kin may be distributed, fake or anything else."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "nn"):  # torch is being imported
        return ()
    return torch.Tensor, torch.nn.Parameter
