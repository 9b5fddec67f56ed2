"""What is said where CUDA tensors cannot be measured: by show_config() and by the first tensor."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import igfast
from igfast import _core, cuda_library

BUILT = {"cuda": "built"}
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


class OnCuda:
    __cuda_array_interface__ = {  # noqa: RUF012
        "shape": (2,),
        "typestr": "<f4",
        "data": (16, False),
        "version": 3,
    }


def driver_loads() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


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


@pytest.fixture(scope="module")
def linked(tmp_path_factory) -> Path:
    """The host's side of the CUDA library on the real CUDA runtime, beside a fake driver."""
    if shutil.which("nvcc") is None:
        pytest.skip("needs nvcc")
    folder = tmp_path_factory.mktemp("driver")
    shared = ["nvcc", "-std=c++17", "-shared", "-Xcompiler=-fPIC", f"-I{ROOT / 'csrc'}"]
    cuda = [ROOT / "csrc" / "cuda" / name for name in ("runtime.cpp", "describe.cpp")]
    for name, sources in {
        cuda_library.FILE: [HERE / "only_describes.cpp", *cuda],
        "libcuda.so.1": [HERE / "fake_driver.cpp"],
    }.items():
        subprocess.run([*shared, "-o", folder / name, *sources], check=True)
    return folder


ASK = """
import sys, igfast
from igfast import _core, cuda_library
library = _core.DeviceLibrary(sys.argv[1])
cuda_library.opened = lambda: library
class OnCuda:
    __cuda_array_interface__ = dict(shape=(2,), typestr="<f4", data=(16, False), version=3)
print(igfast.show_config()["cuda"])
try:
    igfast.histogram({"w": OnCuda()})
except cuda_library.CudaUnavailable as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("version", "status", "reason"),
    [
        (0, 0, "no NVIDIA driver is loaded; install one (580 or later)"),
        (12040, 0, "the NVIDIA driver supports CUDA 12.4, but igfast was built for 13."),
        (13000, 100, "the NVIDIA driver (CUDA 13.0) sees no device; check CUDA_VISIBLE_DEVICES"),
        (13000, 999, "the NVIDIA driver failed: unknown error"),
    ],
    ids=["no driver", "old driver", "no device", "broken driver"],
)
def test_what_a_driver_lacks_is_said(linked, version, status, reason):
    """By show_config() and by the first tensor, in a process whose libcuda.so.1 is the fake."""
    settings = {"FAKE_DRIVER_VERSION": str(version), "FAKE_DRIVER_STATUS": str(status)}
    if version:
        settings["LD_LIBRARY_PATH"] = str(linked)
    elif driver_loads():
        pytest.skip("needs a machine without an NVIDIA driver")
    asked = subprocess.run(
        [sys.executable, "-c", ASK, linked / cuda_library.FILE],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    config, refused = asked.stdout.splitlines()
    assert config.startswith(f"built for sm_75, sm_120, but {reason}")
    assert refused.startswith(
        "histogram: tensor 'w' is on a CUDA device, but the CUDA library of igfast is built for "
        f"sm_75, sm_120, but {reason}"
    )
    assert refused.endswith("pass tensor.cpu() to measure a copy on the host")


def test_the_real_library_without_a_driver(monkeypatch):
    """Installed, or named by IGFAST_TEST_CUDA_LIBRARY; its CUDA runtime needs no driver to load."""
    path = Path(
        os.environ.get("IGFAST_TEST_CUDA_LIBRARY")
        or Path(_core.__file__).with_name(cuda_library.FILE)
    )
    if not path.exists():
        pytest.skip("needs a build with IGFAST_BUILD_CUDA=ON")
    if driver_loads():
        pytest.skip("needs a machine without an NVIDIA driver")
    library = _core.DeviceLibrary(str(path))
    monkeypatch.setattr(cuda_library, "opened", lambda: library)
    expect("no NVIDIA driver is loaded; install one (580 or later)")
    with pytest.raises(RuntimeError, match="CUDA: finding the current device failed"):
        library.plan(tensors=np.zeros((0, 5), np.int64), rows=0, moments=True)
