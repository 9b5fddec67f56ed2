"""``igfast bench``: what this machine reaches, in a few seconds, every answer checked."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

import igfast
from igfast import reference
from igfast.cli.terminal import console_for, print_columns
from igfast.live.fitting import Column

BINS = 256
RANGE = (-1.3, 1.1)  # edges that are no round numbers
TILE = 1 << 20  # the values repeat after so many, so that checking is quick
ROUNDS = 5

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Operation:
    """A plan's options, and the reference's histogram of float64 values with them."""

    name: str
    options: dict[str, Any]
    expected: Callable[[NDArray[np.float64]], reference.ReferenceHistogram]


def operations() -> list[Operation]:
    dyadic = igfast.Grid.dyadic(BINS, exponent=-7, origin=-BINS // 2)
    log = igfast.Grid.log()

    def in_uniform(x: NDArray[np.float64]) -> reference.ReferenceHistogram:
        edges = np.linspace(*RANGE, BINS + 1)
        return reference.uniform_histogram(x, edges)

    def in_dyadic(x: NDArray[np.float64]) -> reference.ReferenceHistogram:
        return reference.dyadic_histogram(x, BINS, -7, -BINS // 2)

    def in_log(x: NDArray[np.float64]) -> reference.ReferenceHistogram:
        grid = (log.mantissa_bits, log.min_exponent, log.max_exponent)
        return reference.log_histogram(x, *grid)

    record = {"grid": dyadic, "splits": 4, "offsets": True}
    return [
        Operation("uniform bins", {"bins": BINS, "range": RANGE}, in_uniform),
        Operation("dyadic bins", {"grid": dyadic}, in_dyadic),
        Operation("log bins", {"grid": log}, in_log),
        Operation("dyadic, 4 splits, offsets", record, in_dyadic),
        Operation("the same and moments", {**record, "moments": True}, in_dyadic),
    ]


def seconds_of(action: Callable[[], object]) -> float:
    """The best of a few calls."""
    action()
    found = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        action()
        found.append(time.perf_counter() - begin)
    return min(found)


def check(operation: Operation, found: Any, tile: Float32, values: Float32) -> None:
    """Raise RuntimeError unless every count is the reference's."""
    histogram = found[0] if operation.options.get("moments") else found
    copies, rest = divmod(len(values), len(tile))
    of_tile = operation.expected(tile.astype(np.float64)).split_counts.sum(0)
    of_rest = operation.expected(tile[:rest].astype(np.float64)).split_counts.sum(0)
    if (histogram.counts[0] != copies * of_tile + of_rest).any():
        raise RuntimeError(
            f"{operation.name}: the counts differ from igfast.reference; please report this with "
            "the output of igfast info"
        )


def peers(values: Float32) -> dict[str, Callable[[], object]]:
    """Other libraries' uniform bins, and reading alone."""
    found: dict[str, Callable[[], object]] = {
        "numpy.histogram": lambda: np.histogram(values, BINS, RANGE)
    }
    if find_spec("torch"):
        import torch

        tensor = torch.from_numpy(values)
        found["torch.histc"] = lambda: torch.histc(tensor, BINS, *RANGE)
        found["reading (torch.sum)"] = tensor.sum
    return found


def bench(
    elements: Annotated[int, typer.Option(min=1, help="float32 values to count.")] = 16 * TILE,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Of igfast and torch.  (default: all cores)")
    ] = None,
) -> None:
    """Measure this machine: speed of the main operations beside NumPy's and torch's."""
    before = igfast.get_num_threads()
    used = before if threads is None else threads
    igfast.set_num_threads(used)
    try:
        _measure(elements, used)
    finally:
        igfast.set_num_threads(before)


def _measure(elements: int, threads: int) -> None:
    console = console_for()
    tile = np.random.default_rng(0).normal(0, 0.3, min(TILE, elements)).astype(np.float32)
    values = np.resize(tile, elements)
    others = peers(values)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)

    with console_for(stderr=True).status("Measuring ..."):
        theirs = {name: seconds_of(action) for name, action in others.items()}
        ours = {}
        for operation in operations():
            plan = igfast.Plan(values, **operation.options)
            ours[operation.name] = seconds_of(plan)
            check(operation, plan(), tile, values)
        ours["moments alone"] = seconds_of(lambda: igfast.moments(values))

    seconds = {**ours, **theirs}
    speeds = [elements / one / 1e9 for one in seconds.values()]
    columns = [
        Column("operation", list(seconds), least=16, left=True),
        Column("Gelem/s", [f"{speed:.3f}" for speed in speeds]),
        Column("GB/s", [f"{4 * speed:.1f}" for speed in speeds], rank=1),
    ]
    for place, (name, other) in enumerate(theirs.items()):
        ratios = [f"{other / one:.2f}" for one in seconds.values()]
        columns.append(Column(f"× {name}", ratios, rank=2 + place))
    print_columns(columns, console)
    console.print(
        f"{elements:,} float32 values, {BINS} bins, {threads} "
        f"thread{'s' if threads > 1 else ''}, {igfast._core.isa()}; best of {ROUNDS} "
        "calls; all counts checked against igfast.reference.",
        highlight=False,
        soft_wrap=True,
    )
