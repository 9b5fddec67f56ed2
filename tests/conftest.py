"""The block simulator of the CUDA kernels, built once and kept until a source changes."""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from igfast import _core

ROOT = Path(__file__).resolve().parent.parent
CUDA, SIMULATOR = ROOT / "csrc" / "cuda", ROOT / "tests" / "simulator"
# Kernels report their accesses to memory; the rest runs at full speed.
TRACED_SOURCES = sorted(CUDA.glob("*.cu"))
UNTRACED_SOURCES = sorted(f for f in CUDA.glob("*.cpp") if f.name != "runtime.cpp")
UNTRACED_SOURCES += sorted(SIMULATOR.glob("*.cpp"))
FLAGS = [
    "-std=c++17",
    "-fPIC",
    "-fvisibility=hidden",
    "-ffp-contract=off",
    "-fno-math-errno",
]
FLAGS += ["-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-DIGFAST_SIMULATOR"]
FLAGS += [f"-I{ROOT / 'csrc'}", f"-I{SIMULATOR}"]
TRACED = ["-O1", "-fsanitize=thread", "-fno-threadsafe-statics"]
UNTRACED = ["-O2", "-U_FORTIFY_SOURCE"]  # its longjmp takes a switch of stacks for an error
SCHEDULES = {"forward": 0, "reverse": 1, "random": 2}


class Simulator:
    """The kernels' source, compiled by the C++ compiler; memory is the host's."""

    def __init__(self, path: Path) -> None:
        self.library = _core.DeviceLibrary(str(path))
        self._control = ctypes.CDLL(str(path))
        self._control.igf_simulator_schedule.argtypes = [ctypes.c_int, ctypes.c_ulonglong]
        self._control.igf_simulator_orders.restype = ctypes.c_char_p
        self._control.igf_simulator_device.argtypes = [ctypes.c_int, ctypes.c_ulonglong]

    def schedule(self, name: str, seed: int = 0) -> None:
        self._control.igf_simulator_schedule(SCHEDULES[name], seed)

    def device(self, multiprocessors: int = 2, shared: int = 99 * 1024) -> None:
        self._control.igf_simulator_device(multiprocessors, shared)

    def orders(self) -> str:
        """What streams were told since the last call, such as "mark 7;wait 9;"."""
        return self._control.igf_simulator_orders().decode()

    def capture(self, captured: bool = True) -> None:
        self._control.igf_simulator_capture(int(captured))

    def idle(self, idle: bool = True) -> None:
        self._control.igf_simulator_idle(int(idle))

    def sites(self) -> list[str]:
        """Meeting points of threads that kernels have reached so far."""
        text = ctypes.create_string_buffer(256)
        found = []
        for index in range(self._control.igf_simulator_site_count()):
            self._control.igf_simulator_describe_site(index, text, len(text))
            found.append(text.value.decode())
        return found

    def disable(self, site: int, disabled: bool = True) -> None:
        self._control.igf_simulator_disable_site(site, int(disabled))

    def reset(self) -> None:
        self.schedule("forward")
        self.device()
        self.capture(False)
        self.idle(False)
        for site in range(len(self.sites())):
            self.disable(site, False)


def build_simulator(compiler: str, library: Path) -> None:
    jobs = [(source, TRACED) for source in TRACED_SOURCES]
    jobs += [(source, UNTRACED) for source in UNTRACED_SOURCES]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:

        def compile_one(job: tuple[Path, list[str]]) -> str:
            source, options = job
            made = f"{folder}/{source.parent.name}-{source.stem}.o"
            command = [compiler, *FLAGS, *options, "-x", "c++", "-c", str(source), "-o", made]
            subprocess.run(command, check=True)
            return made

        objects = list(pool.map(compile_one, jobs))
        partial = library.with_suffix(f".{os.getpid()}")
        # Not linked with the sanitizer: hooks.cpp stands for it.
        subprocess.run([compiler, "-shared", *objects, "-o", str(partial)], check=True)
        partial.replace(library)


def simulator_library(compiler: str) -> Path:
    """The simulator of the sources as they are, built if it is not there yet."""
    files = [p for p in (ROOT / "csrc").rglob("*") if p.suffix in (".h", ".cuh", ".cu", ".cpp")]
    files += (ROOT / "tests" / "simulator").iterdir()
    digest = hashlib.sha256(" ".join([compiler, *FLAGS, *TRACED, *UNTRACED]).encode())
    for file in sorted(files):
        digest.update(file.read_bytes())
    folder = ROOT / "build" / "simulator"
    library = folder / f"simulator-{digest.hexdigest()[:16]}.so"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:  # several test processes want it at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not library.exists():
            build_simulator(compiler, library)
    return library


@pytest.fixture(scope="session")
def built_simulator() -> Simulator:
    compiler = os.environ.get("CXX") or shutil.which("g++")
    if compiler is None:
        pytest.skip("the block simulator needs g++")
    return Simulator(simulator_library(compiler))


@pytest.fixture
def simulator(built_simulator: Simulator):
    """The simulator with its default device and schedule; host arrays go to it for the test."""
    built_simulator.reset()
    _core.use_host_library(built_simulator.library)
    assert _core.backend() == _core.isa() == "sim"
    yield built_simulator
    _core.use_host_library(None)
    built_simulator.reset()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "slow" in (config.getoption("-m") or ""):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: -m slow"))
