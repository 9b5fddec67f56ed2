"""The gates on machine code see what they look for: listings written by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
SINGLE = "_ZN6igfast16histogram_kernelINS_10DyadicGridENS_14SingleCountersILb0EEELb0EEEv"
GOOD = """
LDG.E.EF.128 R4, [R2.64] ;
ATOMS.POPC.INC.32 RZ, [R8] ;
"""


@pytest.fixture(scope="module")
def gates():
    sys.path.insert(0, str(TOOLS))
    try:
        import cuda_gates

        yield cuda_gates
    finally:
        sys.path.remove(str(TOOLS))


def listing(loop: str, after: str = "", name: str = SINGLE) -> str:
    lines = [f'\t.section\t.text.{name},"ax",@progbits', "\t.other noise"]
    code = [
        ".L_x_1:",
        *loop.split("\n"),
        "@P0 BRA `(.L_x_1) ;",
        *after.split("\n"),
    ]
    for i, line in enumerate(filter(None, code)):
        lines.append(line if line.startswith(".L") else f"        /*{16 * i:04x}*/   {line}")
    return "\n".join(lines)


def faults(gates, *code: str, arch: int = 90, **more: str) -> list[str]:
    (kernel,) = gates.parse(listing(*code, **more))
    return gates.faults(kernel, arch)


def test_a_good_kernel_has_no_fault(gates):
    assert faults(gates, GOOD) == []


def test_a_spill_is_seen_outside_loops_too(gates):
    assert faults(gates, GOOD, "STL [R1], R2 ;") == ["spills registers"]


@pytest.mark.parametrize(
    ("loop", "fault"),
    [
        (GOOD + "@!P1 LDL.LU R3, [R1+0x8] ;", "spills registers"),
        (GOOD.replace(".128", ""), "no 16-byte load"),
        (GOOD.replace("LDG", "LD"), "no 16-byte load"),  # generic addresses
        (GOOD.replace("ATOMS.POPC.INC.32", "ATOMS.CAST.SPIN"), "compare-and-swap"),
        (GOOD.replace("ATOMS.POPC.INC.32", "ATOMS.ADD"), "merges in hardware"),
        (GOOD.replace("ATOMS.POPC.INC.32", "ATOMG.E.ADD"), "counts nothing"),
    ],
)
def test_each_fault_is_named(gates, loop, fault):
    assert any(fault in found for found in faults(gates, loop))


def test_a_compare_and_swap_is_seen_anywhere_in_any_kernel(gates):
    assert faults(gates, "", "ATOMG.E.CAS.64.STRONG.GPU PT, R2, [R4] ;", name="_Z5other") == [
        "has a compare-and-swap loop"
    ]


def test_old_architectures_have_no_increment_that_merges(gates):
    assert faults(gates, GOOD.replace("ATOMS.POPC.INC.32", "ATOMS.ADD"), arch=75) == []


def test_names_are_readable(gates):
    assert gates.short_name(SINGLE) == "DyadicGrid SingleCounters<0>"
    assert gates.short_name(SINGLE.replace("ELb0EEEv", "ELb1EEEv")).endswith(" moments")


def test_kernels_are_counted_in_the_sources(gates):
    assert gates.listed() == 22 <= gates.MOST_KERNELS


def test_a_release_has_seven_architectures(gates):
    assert gates.release() == ["75", "80", "86", "89", "90", "100", "120"]
