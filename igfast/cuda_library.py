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
    if built != "built":
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
        raise CudaUnavailable(f"{_built_for(found)}, but {description}")
    return found


def status() -> str:
    """One line: runtime, driver and devices, or why CUDA tensors cannot be measured."""
    try:
        found = opened()
    except CudaUnavailable as error:
        return str(error)
    works, description = found.describe()
    return f"{_built_for(found)}{'; ' if works else ', but '}{description}"


def _built_for(library: _core.DeviceLibrary) -> str:
    """As the library itself says: another one may have been put in the package's place."""
    numbers = library.architectures()
    if not numbers:
        return "built"
    return f"built for {', '.join(f'sm_{int(number) // 10}' for number in numbers.split(','))}"
