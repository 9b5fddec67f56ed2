"""Gates on the machine code of the CUDA kernels, from a compilation alone: no GPU is needed.

    python tools/cuda_gates.py                       compile for all architectures of a release
    python tools/cuda_gates.py --arch 90             compile for sm_90 alone
    python tools/cuda_gates.py --library LIBRARY     look at every architecture of a built library

Every kernel: no compare-and-swap loop. Hot kernels, which are all but direct counters and measures:
16-byte loads, in the loops around them shared-memory increments where they count, and nowhere an
access to local memory, which would be a spill. Where the addend is one: increments that merge in
hardware (ATOMS.POPC.INC, from sm_80). All: at most 64 kernels, as many as instances.h lists.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sass import Kernel, disassemble, parse

ROOT = Path(__file__).resolve().parent.parent
CUDA = ROOT / "csrc" / "cuda"
SOURCES = [*sorted(CUDA.glob("kernels_*.cu")), CUDA / "measures.cu"]  # what takes longest first
FLAGS = ["-std=c++17", "-O3", "-fmad=false", f"-I{ROOT / 'csrc'}"]  # as csrc/cuda/CMakeLists.txt
MOST_KERNELS = 64

LOAD = r"LDG\..*128"
INCREMENT = r"ATOMS\.(POPC\.INC|ADD)"
MERGED = r"ATOMS\.POPC\.INC"
LOCAL = r"(LDL|STL)\b"
SWAP = r"ATOM\w*\.(.*\.)?CAST?\b"


def tool(name: str) -> str:
    """A tool of the CUDA toolkit: on PATH, or from the package nvidia-cuda-NAME of this Python."""
    on_path = shutil.which(name)
    if on_path:
        return on_path
    for folder in map(Path, sys.path):
        for found in folder.glob(f"nvidia/*/bin/{name}"):
            found.chmod(0o755)
            return str(found)
    sys.exit(f"{name} was not found: install the CUDA toolkit, or pip install nvidia-cuda-{name}")


def release() -> list[str]:
    """The architectures that cmake/cuda.cmake lists for a release."""
    text = (ROOT / "cmake" / "cuda.cmake").read_text()
    return re.findall(r"\d+", re.search(r"set\(IGFAST_CUDA_RELEASE ([^)]+)\)", text)[1])


def compile_cubins(archs: list[str], folder: Path) -> list[Path]:
    """Every source for every architecture, on all cores."""

    def compile_one(job: tuple[Path, str]) -> Path:
        source, arch = job
        cubin = folder / f"{source.stem}.sm_{arch}.cubin"
        command = [tool("nvcc"), *FLAGS, f"-arch=sm_{arch}", "-cubin", "-Xptxas", "-v"]
        command += ["-o", str(cubin), str(source)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(done.stderr)
        report_resources(done.stderr)
        return cubin

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, itertools.product(SOURCES, archs)))


def report_resources(log: str) -> None:
    """Registers and spills as ptxas counts them, calls of outlined functions included."""
    name = ""
    for line in log.splitlines():
        if entry := re.search(r"Compiling entry function '(\w+)' for '(\w+)'", line):
            name = f"{entry[2]} {short_name(entry[1])}"
        elif name and (used := re.search(r"Used (\d+) registers", line)):
            stack = re.search(r"(\d+) bytes cumulative stack", line)
            print(f"  {name}: {used[1]} registers, stack of {stack[1] if stack else 0} bytes")
            name = ""


def extract_cubins(library: Path, folder: Path) -> list[Path]:
    subprocess.run(
        [tool("cuobjdump"), "-xelf", "all", str(library.resolve())],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return sorted(folder.glob("*.cubin"))


def architecture(cubin: Path) -> int:
    return int(re.search(r"sm_(\d+)", cubin.name)[1])


def short_name(symbol: str) -> str:
    """DyadicGrid InterleavedCounters<1> moments, of a mangled name."""
    parts = re.findall(r"\d+([A-Z]\w*?(?:Grid|Counters))(ILb\dE)?", symbol)
    if not parts:
        other = re.search(r"\d+([a-z]+_kernel)", symbol)
        return other[1] if other else symbol
    names = [name + (f"<{suffix[3]}>" if suffix else "") for name, suffix in parts]
    return " ".join(names) + (" moments" if "ELb1EEEv" in symbol else "")


def faults(kernel: Kernel, arch: int) -> list[str]:
    """What is wrong with one kernel."""
    found = []
    if kernel.count(SWAP):
        found.append("has a compare-and-swap loop")
    counts = "InterleavedCounters" in kernel.name or "SingleCounters" in kernel.name
    if not counts and "NoCounters" not in kernel.name:
        return found  # not hot
    loops = kernel.innermost_with(LOAD)
    if not loops:
        return [*found, "has no 16-byte load from global memory in a loop"]
    if kernel.count(LOCAL):
        found.append("spills registers")
    for loop in loops:
        if counts and not any(re.match(INCREMENT, code) for code in loop):
            found.append("has a loop over the data that counts nothing in shared memory")
    offsets = "CountersILb1E" in kernel.name
    single = "SingleCounters" in kernel.name
    if arch >= 80 and counts and (single or not offsets) and not kernel.count(MERGED):
        found.append("has no increment that merges in hardware")
    return found


def listed() -> int:
    """Kernels that instances.h lists: instances of the template, and those that are none."""
    text = (CUDA / "instances.h").read_text()
    return len(re.findall(r"^\s+INSTANCE\(|^//   \w+_kernel$", text, flags=re.M))


def check(cubins: list[Path]) -> bool:
    by_arch: dict[int, list[Kernel]] = {}
    nvdisasm = tool("nvdisasm")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        listings = pool.map(lambda cubin: disassemble(cubin, nvdisasm), cubins)
        for cubin, listing in zip(cubins, listings, strict=True):
            by_arch.setdefault(architecture(cubin), []).extend(parse(listing))
    good = bool(by_arch)
    for arch, found in sorted(by_arch.items()):
        wrong = [f"{short_name(k.name)} {fault}" for k in found for fault in faults(k, arch)]
        if not len(found) == listed() <= MOST_KERNELS:
            wrong.append(f"instances.h lists {listed()} kernels; at most {MOST_KERNELS} may be")
        print(f"sm_{arch}: {len(found)} kernels, {'ok' if not wrong else 'FAILED'}")
        for fault in wrong:
            print(f"  {fault}")
        good = good and not wrong
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--arch", action="append", help="such as 90; may be repeated")
    parser.add_argument("--library", type=Path, help="a built library, instead of compiling")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.library:
            cubins = extract_cubins(options.library, folder)
        else:
            cubins = compile_cubins(options.arch or release(), folder)
        sys.exit(0 if check(cubins) else 1)


if __name__ == "__main__":
    main()
