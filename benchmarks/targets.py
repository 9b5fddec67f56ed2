"""The targets of the CPU kernels, measured side by side: must, aim, measured.

64M float32 values (fewer with --elements), 256 bins, medians of interleaved rounds in calm moments
(see timing.py). Single-thread rows count the thread's processor time; rows with threads, the clock.
The very output that was timed last is then checked, to the last count.

Usage: python -m benchmarks.targets [GROUP ...] [--elements N] [--rounds N] [--output FILE]

Groups are methods of Bench, all of them by default; rows of groups left out stay as they were.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

import igfast

from . import cases, peers
from .checking import check
from .timing import Times, machine, side_by_side

COUNTS = igfast.Grid.dyadic(256, exponent=-7, origin=-128)
UNREPEATED = ("sorted", "trained weights")  # all other cases repeat a tile


@dataclass
class Row:
    """`measured` against must and aim; `higher` says which way is better."""

    target: str
    must: float
    aim: float | None
    measured: float
    higher: bool = True
    note: str = ""

    @property
    def verdict(self) -> str:
        for name, bound in (("aim", self.aim), ("must", self.must)):
            if bound is None:
                continue
            if self.measured >= bound if self.higher else self.measured <= bound:
                return name
        return "missed"


class Bench:
    def __init__(self, elements: int, rounds: int) -> None:
        self.elements, self.rounds = elements, rounds
        self.values = cases.tensor(elements)
        igfast.set_num_threads(1)
        torch.set_num_threads(1)

    def plan(self, tensors=None, bins: int = cases.BINS, **options):
        """Uniform unless a grid is given."""
        if "grid" not in options:
            options["range"] = cases.RANGE
            options["bins"] = bins
        return igfast.Plan(self.values if tensors is None else tensors, **options)

    def times(self, actions, tensors=None, rounds: int | None = None, **options) -> Times:
        """Time and then check the last output of every action that is a plan.

        `tensors` are what the plans count where it is not `self.values`: one for all, or a dict by
        name of the action.
        """
        found = side_by_side(actions, rounds=rounds or self.rounds, **options)
        for name, result in found.results.items():
            if isinstance(actions[name], igfast.Plan) or name == "ours":
                given = self.values if tensors is None else tensors[name]
                check(result, given, None if name in UNREPEATED else cases.TILE)
        self.disturbed = found.disturbed
        return found

    # ---- groups of rows ----
    def peers(self) -> list[Row]:
        actions = {"ours": self.plan(), "sum": self.values.sum}
        for name in ("torch.histc", "fast-histogram"):
            if name in peers.PEERS:
                peer = peers.PEERS[name]
                actions[name] = lambda peer=peer: peer(self.values, cases.BINS)
        times = self.times(actions)
        exact = np.asarray(times.results["ours"].counts)[0]
        for name in actions.keys() - {"ours", "sum"}:
            gap = peers.disagreement(times.results[name], exact)
            assert gap < 1e-3, f"{name} counts something else ({gap})"
        speed = self.elements / times.median("ours") / 1e9
        rows = [
            Row(
                "counts, one thread, against torch.histc",
                20,
                40,
                times.ratio("torch.histc", "ours"),
                note=f"{speed:.2f} Gelem/s; reading alone is "
                f"{times.ratio('torch.histc', 'sum'):.1f} times torch.histc",
            )
        ]
        if "fast-histogram" in actions:
            limit = times.ratio("fast-histogram", "sum")
            note = f"reading alone is {limit:.1f} times fast-histogram"
            ratio = times.ratio("fast-histogram", "ours")
            rows.append(Row("against fast-histogram", 5, 9, ratio, note=note))
        note = f"torch.sum reads {self.elements / times.median('sum') / 1e9:.2f} Gelem/s"
        share = times.ratio("sum", "ours")
        return [*rows, Row("share of the one-thread read limit", 0.35, 0.60, share, note=note)]

    def skew(self) -> list[Row]:
        size = self.elements // 4
        values = {name: cases.tensor(size, name) for name in cases.VALUES}
        times = self.times({name: self.plan(values[name]) for name in values}, values)
        medians = {name: times.median(name) for name in values}
        slowest, fastest = max(medians, key=medians.get), min(medians, key=medians.get)
        note = f"slowest: {slowest}, fastest: {fastest}; {size:,} elements each"
        ratio = medians[slowest] / medians[fastest]
        return [Row("slowest/fastest of six distributions", 1.25, 1.1, ratio, False, note)]

    def threads(self) -> list[Row]:
        ours = self.plan()

        def on(count: int, action):
            def run():
                igfast.set_num_threads(count)
                torch.set_num_threads(count)
                return action()

            return run

        actions = {
            "1": on(1, ours),
            "2": on(2, ours),
            "sum 1": on(1, self.values.sum),
            "sum 2": on(2, self.values.sum),
        }
        times = self.times(actions, rounds=2 * self.rounds, cpu=False)
        for name in "12":
            check(times.results[name], self.values, cases.TILE)
        on(1, ours)()
        best = {name: min(seconds) for name, seconds in times.rounds.items()}
        note = (
            f"quietest rounds {best['1'] / best['2']:.2f}; "
            f"torch.sum {times.ratio('sum 1', 'sum 2'):.2f}"
        )
        return [Row("two threads over one", 1.8, 1.95, times.ratio("1", "2"), note=note)]

    def dtypes(self) -> list[Row]:
        names = ("float32", "bfloat16", "float16")
        values = {name: self.values.to(cases.DTYPES[name]) for name in names}
        times = self.times({name: self.plan(values[name]) for name in names}, values)
        return [
            Row(f"{name} elements/s against float32", 1.0, 1.6, times.ratio("float32", name))
            for name in names[1:]
        ]

    def bins(self) -> list[Row]:
        counts = (64, 1024, 4096)
        times = self.times({str(bins): self.plan(bins=bins) for bins in (256, *counts)})
        return [
            Row(f"{bins:,} bins against 256", 0.7, 0.9, times.ratio("256", str(bins)))
            for bins in counts
        ]

    def grids(self) -> list[Row]:
        times = self.times(
            {
                "uniform": self.plan(),
                "dyadic": self.plan(grid=COUNTS),
                "automatic": self.plan(grid=igfast.Grid.dyadic(256)),
                "log": self.plan(grid=igfast.Grid.log()),
                "offsets": self.plan(grid=COUNTS, offsets=True, splits=4),
                "moments": self.plan(grid=COUNTS, offsets=True, splits=4, moments=True),
            }
        )
        return [
            Row(
                "dyadic grid, exponent given, against uniform",
                1.0,
                None,
                times.ratio("uniform", "dyadic"),
            ),
            Row(
                "dyadic grid, automatic, steady state",
                0.9,
                None,
                times.ratio("uniform", "automatic"),
            ),
            Row("log grid against uniform", 0.8, 1.0, times.ratio("uniform", "log")),
            Row(
                "counts + offsets + 4 splits against counts",
                1.6,
                1.25,
                times.ratio("offsets", "dyadic"),
                False,
            ),
            Row(
                "the same + moments in one pass against counts",
                2.2,
                1.5,
                times.ratio("moments", "dyadic"),
                False,
            ),
        ]

    def ragged(self) -> list[Row]:
        parts = cases.tensors("ResNet-50")
        values = {"parts": parts, "flat": torch.cat([t.flatten() for t in parts.values()])}
        times = side_by_side({n: self.plan(v) for n, v in values.items()}, rounds=2 * self.rounds)
        check(times.results["parts"], parts, cases.TILE)
        check(times.results["flat"], values["flat"])
        value = times.ratio("parts", "flat")
        target = "161 tensors of a ResNet-50 against one of their size"
        return [Row(target, 1.1, 1.03, value, False)]

    def small_model(self) -> list[Row]:
        parts = cases.tensors("MLP")
        flat = torch.cat([tensor.flatten() for tensor in parts.values()])
        actions = {
            "ours": lambda: igfast.histogram(parts, cases.BINS, cases.RANGE),
            "plan": self.plan(parts),
            "loop": lambda: [torch.histc(t, cases.BINS, *cases.RANGE) for t in parts.values()],
            "sum": flat.sum,
        }
        given = {"ours": parts, "plan": parts}
        times = self.times(actions, given, rounds=3 * self.rounds, least=0.005)
        note = (
            f"{times.median('ours') * 1e6:.0f} µs; Plan {times.ratio('loop', 'plan'):.1f}×; "
            f"reading alone {times.ratio('loop', 'sum'):.0f}×"
        )
        target = "MLP of 6 tensors: one call against a loop of torch.histc"
        return [Row(target, 20, 40, times.ratio("loop", "ours"), note=note)]

    def memory(self) -> list[Row]:
        """Rise of the peak resident size of a fresh process in one call, less the outputs."""
        code = "from benchmarks.targets import working_memory; print(working_memory())"
        fixed = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}  # frees go back to the system
        found = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=fixed
        )
        target = "memory beyond inputs and outputs, MiB for each thread"
        note = "65,536 bins with offsets and 8 splits, the most there is"
        return [Row(target, 4, None, float(found.stdout), False, note)]


GROUPS = (
    "peers",
    "skew",
    "threads",
    "dtypes",
    "bins",
    "grids",
    "ragged",
    "small_model",
    "memory",
)


def working_memory() -> float:
    """MiB that a call with the most bins needs beyond its inputs and outputs, on one thread."""
    values = np.zeros((2, 1 << 24), np.float32)
    table = np.array([[values[row].ctypes.data, values[row].size, 0, 1, row] for row in (0, 1)])
    shape = (2, 8, 65_536)
    counts, offsets = np.ones(shape, np.int64), np.ones(shape, np.int64)
    outside, nan = np.ones((2, 8, 2), np.int64), np.ones(2, np.int64)
    moments = (np.ones((2, 4), np.int64), np.ones((2, 8)))
    exponents, origins = np.full(2, -15), np.full(2, -32_768)

    grid = (1, 65_536, 8, None, exponents, origins, None)
    before = _peak(reset=True)
    igfast._core.histogram(table, *grid, counts, outside, nan, offsets, moments, 1)
    assert counts.sum() == values.size, "an element was lost"
    return (_peak() - before) / 2**20


def _peak(reset: bool = False) -> int:
    """Peak resident bytes; `reset` starts a new peak (Linux)."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(s.split()[1]) for s in lines if s.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--elements", type=int, default=1 << 26)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent / "results/targets.json"
    )
    options = parser.parse_args()
    bench = Bench(options.elements, options.rounds)
    record = {"machine": machine(), "torch": torch.__version__, "elements": options.elements}
    kept = json.loads(options.output.read_text())["groups"] if options.output.exists() else {}
    record["groups"] = groups = {name: kept[name] for name in GROUPS if name in kept}
    for group in options.groups or GROUPS:
        bench.disturbed = 0.0
        rows = getattr(bench, group)()
        groups[group] = [{**asdict(row), "verdict": row.verdict} for row in rows]
        if bench.disturbed:
            print(f"{bench.disturbed:.0%} of the following was measured in disturbed moments")
        for row in rows:
            aim = "" if row.aim is None else f"{row.aim:g}"
            sign = "≥" if row.higher else "≤"
            bounds = f"must {sign} {row.must:<5g} aim {aim:5s}"
            print(f"{row.target:56s} {bounds} {row.measured:6.2f} {row.verdict:6s} {row.note}")
        record["groups"] = groups = {name: groups[name] for name in GROUPS if name in groups}
        options.output.parent.mkdir(exist_ok=True)
        options.output.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
