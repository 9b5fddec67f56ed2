"""Instructions per element of the AVX2 kernels, counted by callgrind: results/instructions.json.

Needs g++ and valgrind, which does not know AVX-512. Usage: python -m benchmarks.instructions
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results/instructions.json"
VALUES = 1 << 20
OPTIONS = ["-std=c++17", "-O3", "-ffp-contract=off", "-fno-math-errno", "-DIGFAST_HAVE_X86_ISAS"]
SOURCES = {
    "csrc/cpu/kernels_scalar.cpp": [],
    "csrc/cpu/isa.cpp": [],
    "csrc/cpu/pair_table.cpp": [],
    "csrc/cpu/word_memory.cpp": [],
    "csrc/cpu/kernels_avx2.cpp": ["-mavx2", "-mf16c", "-mfma"],
    "csrc/cpu/kernels_avx512.cpp": ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-w"],
    "benchmarks/instructions.cpp": [],
}
OPERATIONS = [
    "uniform, pairs",
    "dyadic, pairs",
    "log, pairs",
    "uniform",
    "dyadic",
    "dyadic, extents",
    "log",
    "dyadic, offsets",
    "log, offsets",
    "moments",
    "dyadic, offsets, moments",
]


def build(folder: Path) -> Path:
    objects = []
    for source, options in SOURCES.items():
        target = folder / Path(source).with_suffix(".o").name
        features = ["-mavx2", "-mf16c", "-mfma", *options] if options else []
        include = f"-I{ROOT / 'csrc'}"
        command = ["g++", *OPTIONS, *features, include, "-c", ROOT / source, "-o", target]
        subprocess.run(command, check=True)
        objects.append(target)
    program = folder / "instructions"
    subprocess.run(["g++", *objects, "-o", program], check=True)
    return program


def instructions(program: Path, operation: str, dtype: str) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    found = subprocess.run(
        [*command, program, operation, dtype], check=True, capture_output=True, text=True
    )
    return int(re.search(r"refs:\s*([\d,]+)", found.stderr)[1].replace(",", ""))


def main() -> None:
    record = {}
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder))
        for dtype in ("float32", "bfloat16"):
            nothing = instructions(program, "nothing", dtype)
            record[dtype] = {
                operation: round((instructions(program, operation, dtype) - nothing) / VALUES, 2)
                for operation in OPERATIONS
            }
            print(dtype, record[dtype])
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
