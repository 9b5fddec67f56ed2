"""A device for every framework: the simulator on any machine, a GPU where there is one."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from igfast import _devices, cuda_library

from .devices import HostTorchDevice, OnDevice, fake_cupy


@dataclass(frozen=True)
class OnDeviceFramework:
    """A framework's arrays on a device."""

    name: str
    put: Any
    stream: Any  # whose handle tests may set; None on a GPU
    capture: Any  # sets whether streams are being captured; None on a GPU


@pytest.fixture(params=["torch", "cupy", "gpu"])
def framework(request, monkeypatch):
    if request.param == "gpu":
        if not torch.cuda.is_available():
            pytest.skip("needs a GPU")
        yield OnDeviceFramework("torch", lambda a: _tensor(a).cuda(), None, None)
        return
    simulator = request.getfixturevalue("built_simulator")
    simulator.reset()
    monkeypatch.setattr(cuda_library, "library", lambda: simulator.library)
    _devices.torch_device.cache_clear()
    _devices.cupy_device.cache_clear()
    if request.param == "torch":
        monkeypatch.setattr(_devices, "TorchDevice", HostTorchDevice)
        device = _devices.torch_device(0)
        put = lambda a: _tensor(a).as_subclass(OnDevice)  # noqa: E731
        yield OnDeviceFramework("torch", put, device, simulator.capture)
    else:
        cupy = fake_cupy()
        cupyx = types.ModuleType("cupyx")
        cupyx.empty_pinned = np.empty
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        monkeypatch.setitem(sys.modules, "cupyx", cupyx)
        yield OnDeviceFramework("cupy", cupy.asarray, cupy.stream, simulator.capture)
    _devices.torch_device.cache_clear()
    _devices.cupy_device.cache_clear()


def _tensor(array: Any) -> torch.Tensor:
    return array.clone() if isinstance(array, torch.Tensor) else torch.from_numpy(np.array(array))
