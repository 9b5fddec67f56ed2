"""Runs the cases of a module on a group of processes, and says what became of each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import process

TESTS = Path(__file__).parents[2]


class Outcomes:
    """Outcomes of all cases, from one group of processes."""

    def __init__(self, module: str, size: int, directory: Path) -> None:
        self._size, self._directory = size, directory
        command = [sys.executable, "-m", "monitor.distributed.process", module]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        ranks = []
        for rank in range(size):
            with (directory / f"{rank}.log").open("w") as log:
                arguments = [*command, str(rank), str(size), str(directory)]
                ranks.append(
                    subprocess.Popen(arguments, cwd=TESTS, env=environment, stdout=log, stderr=log)
                )
        self.late = False
        for rank in ranks:
            try:
                rank.wait(timeout=150)
            except subprocess.TimeoutExpired:
                self.late = True
                rank.kill()
                rank.wait()

    def check(self, case: str) -> None:
        """Fail as the case did on any rank."""
        said = []
        for rank in range(self._size):
            path = self._directory / case / f"{rank}.outcome"
            if not path.exists():
                log = (self._directory / f"{rank}.log").read_text()[-2000:]
                said.append(f"rank {rank} did not finish (late: {self.late}):\n{log}")
            elif text := path.read_text():
                said.append(f"rank {rank}:\n{text}")
        if said:
            pytest.fail("\n".join(said), pytrace=False)

    def path(self, case: str) -> Path:
        """Where a case left its files."""
        return self._directory / case


__all__ = ["Outcomes", "process"]
