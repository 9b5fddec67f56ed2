"""CPU time that a step of a plan takes on a device: everything but the device and its runtime.

    python -m benchmarks.host_time

ResNet-50's 161 tensors, which the plan takes for CUDA tensors; the library behind it is the block
simulator's, idle: launches and clearing are left out, the rest of the host's code runs as on a GPU.
What CUDA's runtime and torch's allocator of device memory add (a launch, a clearing, an allocation)
is measured on a GPU, by benchmarks/gpu.py.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import torch

import igfast
from igfast import _arrays, _core, _devices, cuda_library

from . import cases
from .timing import side_by_side

ROOT = Path(__file__).resolve().parent.parent
HOME = "torch cuda:0"
GRID = igfast.Grid.dyadic(256, exponent=-7)


class HostMemory(_devices.TorchDevice):
    """torch's adapter on host memory."""

    def __init__(self) -> None:
        super().__init__(0)
        self._device = torch.device("cpu")

    def stream(self) -> int:
        return 0

    def from_256ths(self, array: torch.Tensor) -> torch.Tensor:
        return array.view(torch.float64)  # a launch's worth of Python; no arithmetic

    def pinned(self, size: int) -> torch.Tensor:
        return torch.zeros(size, dtype=torch.int64)

    def copy(self, source: torch.Tensor, pinned: torch.Tensor) -> _devices.Copy:
        return _devices.Copy(source, pinned.numpy, None)


def view(tensor: torch.Tensor) -> tuple[str, torch.Tensor, int, int, str]:
    return HOME, tensor, tensor.data_ptr(), tensor.numel(), str(tensor.dtype)[6:]


def idle_library() -> _core.DeviceLibrary:
    sys.path.insert(0, str(ROOT / "tests"))
    from conftest import Simulator, simulator_library

    simulator = Simulator(simulator_library(os.environ.get("CXX", "g++")))
    simulator.idle()
    return simulator.library


def always(value: object) -> Callable[..., object]:
    """A function that returns this; a mock's own call costs microseconds."""
    return lambda *_: value


@contextmanager
def simulated() -> Iterator[None]:
    """Tensors of the host are taken for tensors of an idle device."""
    library, device = idle_library(), HostMemory()
    with (
        mock.patch.object(cuda_library, "library", always(library)),
        mock.patch.object(_devices, "device_of", lambda home: device if home == HOME else None),
        mock.patch.object(_devices, "home_of", always(HOME)),
        mock.patch.object(_arrays, "home_of", always(HOME)),
        mock.patch.object(_arrays, "view_plain", view),
    ):
        yield


def actions(tensors: dict[str, torch.Tensor]) -> dict[str, Callable[[], object]]:
    plain = igfast.Plan(tensors, grid=GRID)
    monitored = igfast.Plan(tensors, grid=GRID, splits=4, offsets=True)
    automatic = igfast.Plan(tensors, bins=256)
    automatic.resume(*plain.bins)
    last, signature = plain(), _arrays.Signature(tensors)
    return {
        "plan()": plain,
        "plan(out=last)": lambda: plain(out=last),
        "plan(), 4 splits, offsets": monitored,
        "plan(), automatic bins": automatic,
        "measure_step(plan, last)": lambda: igfast.measure_step(plain, last),
        "whether 161 tensors have moved": lambda: signature.holds(tensors),
    }


def main() -> None:
    tensors = cases.tensors("ResNet-50")
    with simulated():
        times = side_by_side(actions(tensors), rounds=15, least=0.02)
        for name in times.rounds:
            print(f"{times.median(name) * 1e6:6.1f} µs  {name}")


if __name__ == "__main__":
    main()
