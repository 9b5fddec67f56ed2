"""The bound of counting: increments of counters whose indices lie ready: results/increments.json.

Needs g++. Usage: python -m benchmarks.increments
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".cpp")
RESULTS = Path(__file__).parent / "results/increments.json"
NAMES = ("GHz", "stores", "increments", "increments of 64 bits", "increments of pairs")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "increments"
        subprocess.run(["g++", "-std=c++17", "-O3", SOURCE, "-o", program], check=True)
        printed = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    record = dict(zip(NAMES, map(float, printed.split()), strict=True))
    print(record)
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
