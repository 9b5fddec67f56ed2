"""Everything that needs a GPU, in ten minutes: build, tests, sanitizer, benchmarks, one report.

    python tools/gpu.py                  on a machine with a GPU; needs no network
    python tools/gpu.py --rehearse       without one: every step on the block simulator, tiny sizes

Needs in this Python torch, pytest and its plugins, pybind11, scikit-build-core, cmake and ninja,
and CuPy for the comparison with it; nvcc on PATH. A step that fails or runs out of time is reported
and the next one starts. Writes benchmarks/results/gpu.json and gpu.md; a rehearsal, build/gpu.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "gpu"
RESULTS = ROOT / "benchmarks" / "results"
ENVIRONMENT = BUILD / "venv"  # igfast as built for this run, over the packages of this Python
SANITIZED = "tests/kernels/test_work.py::test_rows_are_sums_of_their_tensors"
SANITIZED_ALSO = "tests/kernels/test_moments.py::test_fused_equals_separate_bit_for_bit"


@dataclass
class Step:
    name: str
    limit: float  # seconds
    commands: list[list[str]]
    environment: dict[str, str] = field(default_factory=dict)
    skipped: str = ""  # why


@dataclass
class Outcome:
    step: str
    status: str
    seconds: float
    tail: str = ""


def run(step: Step) -> Outcome:
    """Runs the commands of a step until one fails or the step's time is over."""
    if step.skipped:
        return Outcome(step.name, f"skipped: {step.skipped}", 0.0)
    begin = time.monotonic()
    log = BUILD / f"{step.name.replace(' ', '_')}.log"
    status = "ok"
    with log.open("w") as output:
        for command in step.commands:
            left = max(1.0, step.limit - (time.monotonic() - begin))
            try:
                done = subprocess.run(
                    command,
                    cwd=ROOT,
                    env={**os.environ, **step.environment},
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=left,
                )
            except subprocess.TimeoutExpired:
                status = f"stopped after {step.limit:.0f} s"
                break
            except OSError as error:
                status = f"failed: {error}"
                break
            if done.returncode != 0:
                status = f"failed: exit status {done.returncode}"
                break
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
    return Outcome(step.name, status, time.monotonic() - begin, tail)


def environment() -> Path:
    """A Python with igfast's place for this run; it sees the packages of the one that runs this."""
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", ENVIRONMENT], check=True)
    (own,) = ENVIRONMENT.glob("lib/python*/site-packages")
    packages = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (own / "packages.pth").write_text("\n".join(packages) + "\n")
    return own


def rehearsal_library() -> str:
    """The block simulator, built as the tests build it."""
    sys.path.insert(0, str(ROOT / "tests"))
    from conftest import simulator_library

    return str(simulator_library(os.environ.get("CXX", "g++")))


def steps(rehearse: bool) -> list[Step]:
    own = environment()
    python = str(ENVIRONMENT / "bin" / "python")
    install = [python, "-m", "pip", "install", "--no-build-isolation", "--no-deps", "--no-index"]
    install += ["--ignore-installed", f"-Cbuild-dir={BUILD / 'cmake'}", "--editable", "."]
    cuda = "-Ccmake.define.IGFAST_BUILD_CUDA"
    benchmark = [python, "-m", "benchmarks.gpu", "--output", str(BUILD / "benchmarks.json")]
    tests = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    if rehearse:
        library = rehearsal_library()
        simulated = {"IGFAST_TEST_DEVICE_LIBRARY": library}
        why = "needs a GPU"
        return [
            Step("build", 600, [[*install, f"{cuda}=OFF"]]),
            Step("tests", 600, [[*tests, "tests/kernels", "-k", "cuda and extents"]], simulated),
            Step("memcheck", 60, [], skipped=why),
            Step("racecheck", 60, [], skipped=why),
            Step("CUB", 60, [], skipped=why),
            Step("benchmarks", 600, [[*benchmark, "--library", library, "--rehearse"]]),
        ]
    native = "-Ccmake.define.CMAKE_CUDA_ARCHITECTURES=native"
    library, cub = str(own / "igfast" / "libigfast_cuda.so"), str(BUILD / "cub.so")
    nvcc = ["nvcc", "-O3", "-std=c++17", "-arch=native", "-shared", "-Xcompiler=-fPIC"]
    sanitizer = ["compute-sanitizer", "--error-exitcode", "1"]
    small = [*tests, SANITIZED, SANITIZED_ALSO, "-k", "cuda"]
    return [
        Step("build", 150, [[*install, f"{cuda}=ON", native]]),
        Step("tests", 140, [[*tests, "tests", "-m", "not large", "-k", "cuda and not simulator"]]),
        Step("memcheck", 60, [[*sanitizer, "--tool", "memcheck", *small]]),
        Step("racecheck", 60, [[*sanitizer, "--tool", "racecheck", *small]]),
        Step("CUB", 40, [[*nvcc, "-o", cub, "benchmarks/cub_histogram.cu"]]),
        Step("benchmarks", 140, [[*benchmark, "--library", library, "--cub", cub]]),
    ]


def write_table(record: dict) -> str:
    """The report as Markdown."""
    lines = [f"# On {record.get('device', 'no device')}", ""]
    if record["rehearsal"]:
        lines += ["A rehearsal on the block simulator: its numbers mean nothing.", ""]
    lines += ["| step | status | seconds |", "|---|---|---|"]
    lines += [f"| {s['step']} | {s['status']} | {s['seconds']:.0f} |" for s in record["steps"]]
    groups: dict[str, list[dict]] = {}
    for row in record["rows"]:
        groups.setdefault(row["case"].split(",")[0], []).append(row)
    for case, rows in groups.items():
        columns = list(dict.fromkeys(name for row in rows for name in row))
        lines += ["", f"## {case}", "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        lines += ["| " + " | ".join(show(row.get(name)) for name in columns) + " |" for row in rows]
    for outcome in record["steps"]:
        if outcome["status"].startswith(("failed", "stopped")):
            lines += ["", f"## {outcome['step']}: {outcome['status']}", "", "```"]
            lines += [outcome["tail"].replace(str(ROOT), "."), "```"]
    return "\n".join(lines) + "\n"


def show(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value).replace("|", "/")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rehearse", action="store_true", help="on the simulator, without a GPU")
    rehearse = parser.parse_args().rehearse
    BUILD.mkdir(parents=True, exist_ok=True)
    measured = BUILD / "benchmarks.json"
    measured.unlink(missing_ok=True)
    record: dict = {"rehearsal": rehearse, "rows": [], "steps": []}
    for step in steps(rehearse):
        print(f"{step.name} ...", flush=True)
        outcome = run(step)
        print(f"{step.name}: {outcome.status}, {outcome.seconds:.0f} s", flush=True)
        record["steps"].append(asdict(outcome))
    if measured.exists():
        record |= json.loads(measured.read_text())
    target = BUILD if rehearse else RESULTS
    text = json.dumps(record, indent=1, ensure_ascii=False).replace(str(ROOT), ".")
    (target / "gpu.json").write_text(text + "\n")
    (target / "gpu.md").write_text(write_table(record))
    print((target / "gpu.md").read_text())
    good = all(s["status"] == "ok" or s["status"].startswith("skipped") for s in record["steps"])
    sys.exit(0 if good and not any("error" in row for row in record["rows"]) else 1)


if __name__ == "__main__":
    main()
