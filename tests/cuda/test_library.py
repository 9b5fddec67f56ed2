"""What is said where CUDA tensors cannot be measured: by show_config() and by the first tensor."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import igfast
from igfast import _core, cuda_library

BUILT = {"cuda": "built"}


class OnCuda:
    __cuda_array_interface__ = {  # noqa: RUF012
        "shape": (2,),
        "typestr": "<f4",
        "data": (16, False),
        "version": 3,
    }


@pytest.fixture(autouse=True)
def fresh():
    cuda_library.opened.cache_clear()
    cuda_library.library.cache_clear()
    yield
    cuda_library.opened.cache_clear()
    cuda_library.library.cache_clear()


def install(monkeypatch, folder: Path, info=BUILT) -> None:
    """As if the package's compiled files lay in a folder."""
    monkeypatch.setattr(_core, "build_info", lambda: info)
    monkeypatch.setattr(_core, "__file__", str(folder / "_core.so"))


def expect(sentence: str) -> None:
    """Both say so."""
    assert sentence in igfast.show_config()["cuda"]
    with pytest.raises(RuntimeError) as refused:
        igfast.histogram({"w": OnCuda()})
    assert "tensor 'w' is on a CUDA device" in str(refused.value)
    assert sentence in str(refused.value)
    assert str(refused.value).endswith("pass tensor.cpu() to measure a copy on the host")
    assert isinstance(refused.value, cuda_library.CudaUnavailable)


def test_not_built(monkeypatch, tmp_path):
    reason = "not built: nvcc was not found when igfast was compiled"
    install(monkeypatch, tmp_path, {"cuda": reason})
    expect(reason)


def test_missing(monkeypatch, tmp_path):
    install(monkeypatch, tmp_path)
    expect(f"built, but {tmp_path / cuda_library.FILE} is missing; reinstall igfast")


def test_damaged(monkeypatch, tmp_path):
    (tmp_path / cuda_library.FILE).write_bytes(b"no library")
    install(monkeypatch, tmp_path)
    expect("built, but the device library cannot be opened: ")


def test_working(monkeypatch, tmp_path, built_simulator):
    install(monkeypatch, tmp_path)
    monkeypatch.setattr(cuda_library, "opened", lambda: built_simulator.library)
    assert igfast.show_config()["cuda"] == "built; block simulator"
    assert cuda_library.library() is built_simulator.library


def test_the_real_library_without_a_driver(monkeypatch):
    """Installed, or named by IGFAST_TEST_CUDA_LIBRARY; its CUDA runtime needs no driver to load."""
    path = Path(
        os.environ.get("IGFAST_TEST_CUDA_LIBRARY")
        or Path(_core.__file__).with_name(cuda_library.FILE)
    )
    if not path.exists():
        pytest.skip("needs a build with IGFAST_BUILD_CUDA=ON")
    if Path("/proc/driver/nvidia/version").exists():
        pytest.skip("needs a machine without an NVIDIA driver")
    library = _core.DeviceLibrary(str(path))
    monkeypatch.setattr(cuda_library, "opened", lambda: library)
    expect("no NVIDIA driver is loaded; install one (580 or later)")
    with pytest.raises(RuntimeError, match="CUDA: finding the current device failed"):
        library.plan(tensors=np.zeros((0, 5), np.int64), rows=0, moments=True)
