"""The CUDA library, opened for the first CUDA tensor, or why it cannot be used."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from . import _core

FILE = "libigfast_cuda.so"


class CudaUnavailable(RuntimeError):
    """CUDA tensors cannot be measured here; the message says why, and how to change that."""


@cache
def opened() -> _core.DeviceLibrary:
    """The library, whether or not there is a device.

    Raises
    ------
    CudaUnavailable
        If it was not built, is missing or cannot be opened.
    """
    built = _core.build_info()["cuda"]
    if not built.startswith("built"):
        raise CudaUnavailable(built)
    path = Path(_core.__file__).with_name(FILE)
    if not path.exists():
        raise CudaUnavailable(f"{built}, but {path} is missing; reinstall igfast")
    try:
        return _core.DeviceLibrary(str(path))
    except RuntimeError as error:
        raise CudaUnavailable(f"{built}, but {error}; reinstall igfast") from error


@cache  # of success: what failed is asked again
def library() -> _core.DeviceLibrary:
    """The library, where there is a device to run it on.

    Raises
    ------
    CudaUnavailable
        If there is none.
    """
    found = opened()
    works, description = found.describe()
    if not works:
        raise CudaUnavailable(f"{_core.build_info()['cuda']}, but {description}")
    return found


def status() -> str:
    """One line: runtime, driver and devices, or why CUDA tensors cannot be measured."""
    try:
        found = opened()
    except CudaUnavailable as error:
        return str(error)
    built, (works, description) = _core.build_info()["cuda"], found.describe()
    return f"{built}; {description}" if works else f"{built}, but {description}"
