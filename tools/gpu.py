"""Everything that needs a GPU, in ten minutes: build, tests, sanitizer, benchmarks, one report.

    python tools/gpu.py                  on a machine with a GPU; needs no network
    python tools/gpu.py --rehearse       without one: the same on the block simulator, tiny sizes

Needs in this Python torch, pytest and its plugins, pybind11, scikit-build-core, cmake and ninja,
and CuPy for the comparison with it; nvcc on PATH. A step that fails or runs out of time is reported
and the next one starts. Writes benchmarks/results/gpu.json and gpu.md; a rehearsal, build/gpu.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "gpu"
RESULTS = ROOT / "benchmarks" / "results"
ENVIRONMENT = BUILD / "venv"  # igfast as built for this run, over the packages of this Python
SANITIZED = [
    "tests/kernels/test_work.py::test_rows_are_sums_of_their_tensors",
    "tests/kernels/test_moments.py::test_fused_equals_separate_bit_for_bit",
]
LIMIT = 585.0  # seconds for all


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


def run(step: Step, most: float = LIMIT) -> Outcome:
    """Runs the commands of a step until one fails or the step's time, or `most`, is over."""
    if step.skipped:
        return Outcome(step.name, f"skipped: {step.skipped}", 0.0)
    begin, limit = time.monotonic(), min(step.limit, most)
    log = BUILD / f"{step.name.replace(' ', '_')}.log"
    status = "ok"
    with log.open("w") as output:
        for command in step.commands:
            left = max(1.0, limit - (time.monotonic() - begin))
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
                status = f"stopped after {limit:.0f} s"
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
    nvcc = shutil.which("nvcc") is not None
    architecture = "90" if rehearse else "native"
    install = [python, "-m", "pip", "install", "--no-build-isolation", "--no-deps", "--no-index"]
    install += ["--ignore-installed", f"-Cbuild-dir={BUILD / 'cmake'}", "--editable", "."]
    if nvcc or not rehearse:
        install += ["-Ccmake.define.IGFAST_BUILD_CUDA=ON"]
        install += [f"-Ccmake.define.CMAKE_CUDA_ARCHITECTURES={architecture}"]
    # Warnings of the packages that happen to be here are none of the kernels' business.
    warnings = ["-Wdefault::DeprecationWarning", "-Wdefault::FutureWarning"]
    tests = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *warnings]
    suite = [*tests, "tests/kernels", "tests/cuda", "-m", "not large"]
    small = [*tests, *SANITIZED, "-k", "cuda"]
    benchmark = [python, "-m", "benchmarks.gpu", "--output", str(BUILD / "benchmarks.json")]
    library, cub = str(own / "igfast" / "libigfast_cuda.so"), str(BUILD / "cub.so")
    architecture = f"-arch={'sm_90' if rehearse else 'native'}"
    compile_cub = ["nvcc", "-O3", "-std=c++17", architecture, "-shared", "-Xcompiler=-fPIC"]
    compile_cub += ["-o", cub, "benchmarks/cub_histogram.cu"]
    sanitizer = ["compute-sanitizer", "--error-exitcode", "1", "--report-api-errors", "no"]
    sanitizer += ["--tool"]
    if rehearse:
        library, sanitizer = rehearsal_library(), []
        benchmark += ["--rehearse"]
        suite += ["-k", "(cuda or properties) and not test_simulator"]
    else:
        benchmark += ["--cub", cub]
        suite += ["-k", "(cuda or properties) and not simulat"]
    simulated = {"IGFAST_TEST_DEVICE_LIBRARY": library} if rehearse else {}
    checks = [
        Step(tool, 60, [[*sanitizer, tool, *small] if sanitizer else small], simulated)
        for tool in ("memcheck", "racecheck")
    ]
    found = [
        Step("build", 100, [install]),
        Step("tests", 150, [suite], simulated),
        Step("CUB", 80, [compile_cub], skipped="" if nvcc or not rehearse else "needs nvcc"),
        Step("benchmarks", 150, [[*benchmark, "--library", library]]),
        *checks,
    ]
    if rehearse:  # whether steps work, on a machine that may be slow
        found = [replace(step, limit=3600) for step in found]
    return found


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


def report(record: dict, target: Path) -> str:
    """Writes what is known so far; returns the table."""
    measured = BUILD / "benchmarks.json"
    if measured.exists():
        record |= json.loads(measured.read_text())
    text = json.dumps(record, indent=1, ensure_ascii=False).replace(str(ROOT), ".")
    (target / "gpu.json").write_text(text + "\n")
    table = write_table(record)
    (target / "gpu.md").write_text(table)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rehearse", action="store_true", help="on the simulator, without a GPU")
    rehearse = parser.parse_args().rehearse
    begin = time.monotonic()
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "benchmarks.json").unlink(missing_ok=True)
    target = BUILD if rehearse else RESULTS
    record: dict = {"rehearsal": rehearse, "rows": [], "steps": []}
    for step in steps(rehearse):
        print(f"{step.name} ...", flush=True)
        outcome = run(step, math.inf if rehearse else LIMIT - (time.monotonic() - begin))
        print(f"{step.name}: {outcome.status}, {outcome.seconds:.0f} s", flush=True)
        record["steps"].append(asdict(outcome))
        table = report(record, target)
    print(table)
    good = all(s["status"] == "ok" or s["status"].startswith("skipped") for s in record["steps"])
    sys.exit(0 if good and not any("error" in row for row in record["rows"]) else 1)


if __name__ == "__main__":
    main()
