"""The fifteen targets of the CPU kernels, measured side by side: must, aim, measured.

64M float32 values (fewer with --elements), 256 bins, medians of interleaved rounds. Single-thread
rows count the thread's processor time; rows with threads, the clock. Every timed output is checked.

Usage: python -m benchmarks.targets [--elements N] [--rounds N] [--output FILE]
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
from .timing import machine, side_by_side

COUNTS = igfast.Grid.dyadic(256, exponent=-7, origin=-128)


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
        """A plan with checked output; uniform unless a grid is given."""
        tensors = self.values if tensors is None else tensors
        if "grid" not in options:
            options["range"] = cases.RANGE
            options["bins"] = bins
        run = igfast.Plan(tensors, **options)
        found = run()
        histogram = found[0] if isinstance(found, tuple) else found
        total = histogram.counts.sum(1) + histogram.underflow + histogram.overflow + histogram.nan
        assert (np.asarray(total) == histogram.numel).all(), "an element was lost"
        if histogram.grid.kind == "uniform" and histogram.splits == 1:
            _check(tensors, histogram)
        return run

    def ratio(self, slower, faster, **options) -> float:
        times = side_by_side({"s": slower, "f": faster}, rounds=self.rounds, **options)
        return times.ratio("s", "f")

    # ---- rows ----
    def against_peers(self) -> list[Row]:
        ours = self.plan()
        exact = np.asarray(ours().counts)[0]
        actions = {"ours": ours, "sum": self.values.sum}
        for name in ("torch.histc", "fast-histogram"):
            if name in peers.PEERS:
                peer = peers.PEERS[name]
                gap = peers.disagreement(peer(self.values, cases.BINS), exact)
                assert gap < 1e-3, f"{name} counts something else ({gap})"
                actions[name] = lambda peer=peer: peer(self.values, cases.BINS)
        times = side_by_side(actions, rounds=self.rounds)
        limit = times.ratio("torch.histc", "sum")
        speed = self.elements / times.median("ours") / 1e9
        rows = [
            Row(
                "counts, one thread, against torch.histc",
                20,
                40,
                times.ratio("torch.histc", "ours"),
                note=f"{speed:.2f} Gelem/s; reading alone is {limit:.1f} times torch.histc",
            )
        ]
        if "fast-histogram" in actions:
            rows.append(Row("against fast-histogram", 5, 9, times.ratio("fast-histogram", "ours")))
        note = f"torch.sum reads {self.elements / times.median('sum') / 1e9:.2f} Gelem/s"
        return [
            *rows,
            Row(
                "share of the one-thread read limit",
                0.35,
                0.60,
                times.ratio("sum", "ours"),
                note=note,
            ),
        ]

    def skew(self) -> Row:
        size = self.elements // 4
        plans = {name: self.plan(cases.tensor(size, name)) for name in cases.VALUES}
        times = side_by_side(plans, rounds=self.rounds)
        medians = {name: times.median(name) for name in plans}
        slowest, fastest = max(medians, key=medians.get), min(medians, key=medians.get)
        note = f"slowest: {slowest}, fastest: {fastest}; {size:,} elements each"
        return Row(
            "slowest/fastest of six distributions",
            1.25,
            1.1,
            medians[slowest] / medians[fastest],
            False,
            note,
        )

    def threads(self) -> Row:
        ours = self.plan()

        def on(count: int, action):
            def run():
                igfast.set_num_threads(count)
                torch.set_num_threads(count)
                return action()

            return run

        times = side_by_side(
            {
                "1": on(1, ours),
                "2": on(2, ours),
                "sum 1": on(1, self.values.sum),
                "sum 2": on(2, self.values.sum),
            },
            rounds=2 * self.rounds,
            cpu=False,
        )
        on(1, ours)()
        best = {name: min(seconds) for name, seconds in times.rounds.items()}
        reading = times.ratio("sum 1", "sum 2")
        note = f"quietest rounds {best['1'] / best['2']:.2f}; torch.sum {reading:.2f}"
        return Row("two threads over one", 1.8, 1.95, times.ratio("1", "2"), note=note)

    def narrow(self) -> list[Row]:
        plans = {
            name: self.plan(self.values.to(cases.DTYPES[name]))
            for name in ("float32", "bfloat16", "float16")
        }
        times = side_by_side(plans, rounds=self.rounds)
        return [
            Row(f"{name} elements/s against float32", 1.0, 1.6, times.ratio("float32", name))
            for name in ("bfloat16", "float16")
        ]

    def bins(self) -> list[Row]:
        counts = (64, 1024, 4096)
        plans = {str(bins): self.plan(bins=bins) for bins in (256, *counts)}
        times = side_by_side(plans, rounds=self.rounds)
        return [
            Row(f"{bins:,} bins against 256", 0.7, 0.9, times.ratio("256", str(bins)))
            for bins in counts
        ]

    def grids(self) -> list[Row]:
        times = side_by_side(
            {
                "uniform": self.plan(),
                "dyadic": self.plan(grid=COUNTS),
                "automatic": self.plan(grid=igfast.Grid.dyadic(256)),
                "log": self.plan(grid=igfast.Grid.log()),
                "offsets": self.plan(grid=COUNTS, offsets=True, splits=4),
                "moments": self.plan(grid=COUNTS, offsets=True, splits=4, moments=True),
            },
            rounds=self.rounds,
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

    def ragged(self) -> Row:
        parts = cases.tensors("ResNet-50")
        flat = torch.cat([tensor.flatten() for tensor in parts.values()])
        value = self.ratio(self.plan(parts), self.plan(flat))
        return Row("161 tensors of a ResNet-50 against one of their size", 1.1, 1.03, value, False)

    def small_model(self) -> Row:
        parts = cases.tensors("MLP")

        def ours():
            return igfast.histogram(parts, cases.BINS, cases.RANGE)

        def loop():
            return [torch.histc(tensor, cases.BINS, *cases.RANGE) for tensor in parts.values()]

        flat = torch.cat([tensor.flatten() for tensor in parts.values()])
        self.plan(parts)
        times = side_by_side(
            {"ours": ours, "plan": self.plan(parts), "loop": loop, "sum": flat.sum},
            rounds=3 * self.rounds,
            least=0.02,
        )
        note = (
            f"{times.median('ours') * 1e6:.0f} µs; Plan {times.ratio('loop', 'plan'):.1f}×; "
            f"reading alone {times.ratio('loop', 'sum'):.0f}×"
        )
        return Row(
            "MLP of 6 tensors: one call against a loop of torch.histc",
            20,
            40,
            times.ratio("loop", "ours"),
            note=note,
        )

    def memory(self) -> Row:
        """Rise of the peak resident size of a fresh process in one call, less the outputs."""
        code = "from benchmarks.targets import working_memory; print(working_memory())"
        fixed = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}  # frees go back to the system
        found = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=fixed
        )
        return Row(
            "memory beyond inputs and outputs, MiB for each thread",
            4,
            None,
            float(found.stdout),
            False,
            "65,536 bins with offsets and 8 splits, the most there is",
        )

    def all(self) -> list[Row]:
        rows = [*self.against_peers(), self.skew(), self.threads(), *self.narrow(), *self.bins()]
        return [*rows, *self.grids(), self.ragged(), self.small_model(), self.memory()]


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


def _check(tensors, histogram) -> None:
    """Counts equal searchsorted against the grid's edges, on a part of each tensor's values."""
    edges = np.asarray(histogram.edges)
    parts = tensors.values() if isinstance(tensors, dict) else [tensors]
    for row, tensor in enumerate(parts):
        flat = tensor.flatten()
        total = np.zeros(histogram.bins, np.int64)
        for begin in range(0, flat.numel(), 1 << 22):
            x = flat[begin : begin + (1 << 22)].to(torch.float64).numpy()
            x = x[(x >= edges[0]) & (x <= edges[-1])]
            index = np.minimum(np.searchsorted(edges, x, side="right") - 1, histogram.bins - 1)
            total += np.bincount(index, minlength=histogram.bins)
        np.testing.assert_array_equal(np.asarray(histogram.counts)[row], total)


def _peak(reset: bool = False) -> int:
    """Peak resident bytes; `reset` starts a new peak (Linux)."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(s.split()[1]) for s in lines if s.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--elements", type=int, default=1 << 26)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent / "results/targets.json"
    )
    options = parser.parse_args()
    rows = Bench(options.elements, options.rounds).all()
    for row in rows:
        aim = "" if row.aim is None else f"{row.aim:g}"
        sign = "≥" if row.higher else "≤"
        bounds = f"must {sign} {row.must:<5g} aim {aim:5s}"
        print(f"{row.target:56s} {bounds} measured {row.measured:6.2f} {row.verdict:6s} {row.note}")
    record = {"machine": machine(), "torch": torch.__version__, "elements": options.elements}
    record["rows"] = [{**asdict(row), "verdict": row.verdict} for row in rows]
    options.output.parent.mkdir(exist_ok=True)
    options.output.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
