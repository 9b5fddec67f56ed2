"""What the parts of a Monitor's record cost, one by one: results/record_parts.json, and a table.

Each part is called by itself, over and over, on one thread and on data that the caches hold, so
the sum is what a record costs at least; ``benchmarks/overhead.py`` measures it within a training.
The table between `<!-- record parts -->` and `<!-- end -->` of docs/monitor.md is replaced.

Usage: python -m benchmarks.record_parts
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import igfast
from igfast import _arrays, _core, automatic
from igfast.analysis.online import RUNNING_FIELDS, Counts, Online
from igfast.health import Examiner, Rule
from igfast.store import Pending, RunWriter, codec, columns
from igfast.store.encoding import moment_arrays, to_cells

from .overhead import WORKLOADS
from .timing import machine, side_by_side

RESULTS = Path(__file__).parent / "results/record_parts.json"
PAGE = Path(__file__).parents[1] / "docs/monitor.md"
GRID = igfast.Grid.dyadic(256)
GATHERED = 10  # records that are written together
TOGETHER = "the same, of ten at once"


def parts(model: torch.nn.Module, folder: Path) -> dict[str, Callable[[], object]]:
    """What a record is made of, as calls without arguments."""
    layers = {name: tensor.detach() for name, tensor in model.named_parameters()}
    plan = igfast.Plan(layers, grid=GRID, splits=4, offsets=True, moments=True)
    plan()
    before, _ = plan()
    with torch.no_grad():
        for tensor in layers.values():
            tensor.mul_(1.001)
    outputs = plan.count()
    exponents, origins = plan.bins
    seen, precision = outputs.observed(), automatic.precisions(("float32",) * len(layers))
    counted = plan.settle(outputs)
    sums, names = (counted.sums.integers, counted.sums.floats), counted.names
    signature = _arrays.Signature(layers)
    examiner, online, steps = Examiner(Rule()), Online(), iter(range(1, 1 << 60))
    online(0, before)
    counts = Counts.of(counted.histogram)
    cells, moments = to_cells(counted.histogram), moment_arrays(counted.moments)
    running = np.zeros((len(RUNNING_FIELDS), len(names)), np.float32)

    writer = RunWriter(folder / f"{len(names)}.igf", config={}, histograms="all")
    shapes = [tuple(tensor.shape) for tensor in layers.values()]
    writer.define_layers("param", names, shapes, ["float32"] * len(names))

    def numbers_of_layers() -> object:
        kept = columns.Columns(running, *moments, np.stack([exponents, origins]))
        return columns.encode(kept, 0, 0)

    def stored(records: int) -> None:
        given = {"param": counted}
        writer.write_all([Pending(next(steps), time.time(), given) for _ in range(records)])

    return {
        "tensors looked after": lambda: signature.holds(layers),
        "counting": plan.count,
        "next bins": lambda: automatic.follow(exponents, origins, seen, precision),
        "moments from sums": lambda: _core.moment_floats(*sums),
        "health": lambda: examiner.examine_counted(0, {"param": counted}),
        "running measures": lambda: online.measure(next(steps), counts),
        "packing of histograms": lambda: codec.encode(cells, 0, 0),
        "packing of numbers": numbers_of_layers,
        "all of the store, one record": lambda: stored(1),
        TOGETHER: lambda: stored(GATHERED),
    }


def measure(name: str) -> dict[str, float]:
    """Microseconds of each part."""
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        calls = parts(WORKLOADS[name]().model, Path(folder))
        times = side_by_side(calls, rounds=31, least=0.002)
    shares = {TOGETHER: GATHERED}
    return {part: round(1e6 * times.median(part) / shares.get(part, 1), 1) for part in calls}


def main() -> None:
    torch.set_num_threads(1)
    igfast.set_num_threads(1)
    record = {name: measure(name) for name in WORKLOADS}
    RESULTS.write_text(json.dumps({**record, "machine": machine()}, indent=1) + "\n")
    lines = ["| µs of processor time | 670k, 6 layers | 10.8M, 76 layers |", "|---|---|---|"]
    lines += [
        f"| {part} | {record['mlp'][part]:,.0f} | {us:,.0f} |" for part, us in record["gpt"].items()
    ]
    text = "\n".join(lines)
    print(text)
    page = PAGE.read_text()
    mark = r"(<!-- record parts -->\n).*?(<!-- end -->)"
    page = re.sub(mark, lambda found: f"{found[1]}{text}\n{found[2]}", page, flags=re.DOTALL)
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
