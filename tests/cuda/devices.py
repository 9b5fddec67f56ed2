"""Stand-ins for frameworks with device arrays, over host memory: the simulator is the device.

Adapters run as they are: CuPy's against a module with the few names it uses, torch's with the
allocation of device memory replaced.
"""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import torch

from igfast import _devices


class Array(np.ndarray):
    """Enough of a CuPy array."""

    @property
    def data(self) -> Any:
        return types.SimpleNamespace(ptr=self.ctypes.data)

    @property
    def device(self) -> Any:
        return types.SimpleNamespace(id=0)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {**self.__array_interface__, "version": 3, "stream": None}

    def get(self, stream: Any = None, out: Any = None, blocking: bool = True) -> np.ndarray:
        assert blocking or (stream is not None and out is not None)
        if out is None:
            return np.array(self)
        out[...] = self
        return out


class Stream:
    """A stream that does everything at once, and says what it was given."""

    def __init__(self, ptr: int = 0, non_blocking: bool = False) -> None:
        self.ptr = ptr
        self.waited = 0

    def record(self) -> Stream:
        return self

    def wait_event(self, event: Any) -> None:
        self.waited += 1

    def synchronize(self) -> None:
        """An event and a stream in one."""

    done = True


class Context:
    def __init__(self, *_: Any) -> None: ...
    def __enter__(self) -> None: ...
    def __exit__(self, *_: Any) -> None: ...


def fake_cupy() -> types.ModuleType:
    """A module ``cupy`` on host memory."""
    cupy = types.ModuleType("cupy")
    cupy.stream = Stream()
    cupy.ndarray = Array
    cupy.asarray = lambda a: np.array(getattr(a, "memory", a)).view(Array)
    cupy.empty = lambda size, dtype: np.full(size, -(2**40), dtype).view(Array)  # poisoned
    cupy.cuda = types.SimpleNamespace(
        Device=Context, Stream=Stream, get_current_stream=lambda: cupy.stream
    )
    return cupy


class OnDevice(torch.Tensor):
    """A CPU tensor that says it is on cuda:0, and refuses what one there would refuse."""

    @property
    def device(self) -> torch.device:
        return torch.device("cuda", 0)

    def cpu(self) -> torch.Tensor:
        return self.as_subclass(torch.Tensor).clone()

    def numpy(self, *, force: bool = False) -> np.ndarray:
        if not force:
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        return self.cpu().numpy()

    def __array__(self, dtype: Any = None) -> np.ndarray:
        return self.numpy()

    def record_stream(self, stream: Any) -> None: ...

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        for operand in (*args, *(kwargs or {}).values()):
            here = isinstance(operand, torch.Tensor) and not isinstance(operand, OnDevice)
            if here and operand.dim() and func is not torch.Tensor.copy_:
                raise RuntimeError("Expected all tensors to be on the same device")
        return super().__torch_function__(func, types, args, kwargs or {})


class HostTorchDevice(_devices.TorchDevice):
    """torch's adapter with the calls that need a GPU replaced."""

    stream_handle = 0

    def stream(self) -> int:
        return self.stream_handle

    def empty(self, size: int) -> torch.Tensor:
        return torch.full((size,), -(2**40)).as_subclass(OnDevice)

    def pinned(self, size: int) -> torch.Tensor:
        return torch.empty(size, dtype=torch.int64)

    def copy(self, source: torch.Tensor, pinned: torch.Tensor) -> _devices.Copy:
        pinned.copy_(source.cpu())
        return _devices.Copy(source, pinned.numpy, None)

    def put(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).as_subclass(OnDevice)
