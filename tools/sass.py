"""Machine code of CUDA kernels: what a gate wants to know of each, from nvdisasm's listing."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

LABEL = re.compile(r"^(\.L_x_\d+):")
INSTRUCTION = re.compile(r"^\s+/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+ )?([A-Z][A-Z0-9_.]*)(.*);")
BRANCH = re.compile(r"`\((\.L_x_\d+)\)")
SECTION = re.compile(r"^\s*\.section\s+\.text\.([\w$.]+)")


@dataclass
class Kernel:
    """One entry function. Loops are runs of instructions that end with a branch back."""

    name: str
    instructions: list[str] = field(default_factory=list)  # opcodes
    branches: list[tuple[int, str]] = field(default_factory=list)  # place, label
    labels: dict[str, int] = field(default_factory=dict)

    def count(self, pattern: str) -> int:
        return sum(re.match(pattern, code) is not None for code in self.instructions)

    def loops(self) -> list[tuple[int, int]]:
        """First and last instruction of each loop, the shortest first."""
        found = [(self.labels.get(label, place + 1), place) for place, label in self.branches]
        return sorted((pair for pair in found if pair[0] <= pair[1]), key=lambda p: p[1] - p[0])

    def innermost_with(self, pattern: str) -> list[list[str]]:
        """The shortest loop around each instruction that matches."""
        loops = self.loops()
        found = set()
        for place, code in enumerate(self.instructions):
            if re.match(pattern, code):
                around = [loop for loop in loops if loop[0] <= place <= loop[1]]
                found.update(around[:1])
        return [self.instructions[first : last + 1] for first, last in sorted(found)]


def disassemble(cubin: Path, nvdisasm: str) -> str:
    command = [nvdisasm, "-c", str(cubin)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def parse(listing: str) -> list[Kernel]:
    """Entry functions of a cubin."""
    found: list[Kernel] = []
    for line in listing.splitlines():
        if section := SECTION.match(line):
            found.append(Kernel(section[1]))
        elif not found:
            continue
        elif label := LABEL.match(line):
            found[-1].labels[label[1]] = len(found[-1].instructions)
        elif instruction := INSTRUCTION.match(line):
            code, operands = instruction.groups()
            target = BRANCH.search(operands)
            if target and code.startswith("BRA"):
                found[-1].branches.append((len(found[-1].instructions), target[1]))
            found[-1].instructions.append(code)
    return found
