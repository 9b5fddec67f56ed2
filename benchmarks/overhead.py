"""What a Monitor costs a training: benchmarks/results/overhead.json and .md.

Usage: python -m benchmarks.overhead [mlp] [gpt] [--seconds 70]

The same loop runs without and with a Monitor (store included), and with the loggers that people
use instead, in turn: a few steps of each, round after round in random order, on two threads. A
record's cost is the difference to the steps without, of the same round: the median of all rounds.
Loggers, whose cost is no matter of milliseconds, take part in every fifth round only. Wall time is
what the loop waits for; processor time is the whole process's, the thread of the store included,
which a free core may hide from the wall. Every segment ends with ``flush()``, so that no cost is
left to the next. OpenMP's threads wait passively (`benchmarks/__init__.py`), lest their spinning
counts as processor time of whatever comes next.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import resource
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import igfast
from igfast.harness.models import GPT

from .timing import machine

RESULTS = Path(__file__).parent / "results/overhead.json"
THREADS = 2
PEERS_EVERY = 5  # rounds
LIMITS = {"mlp": (8.0, 1.0), "gpt": (2.0, 0.3)}  # % of a step, recording every 1 and every 10


@dataclass(frozen=True)
class Workload:
    """A model, its loss on one batch, and how many steps make a segment."""

    model: torch.nn.Module
    loss: Callable[[], torch.Tensor]
    optimizer: Callable[..., torch.optim.Optimizer]
    steps: int


def mlp() -> Workload:
    """670k parameters, batches of 128."""
    widths = (784, 512, 512, 10)
    layers: list[torch.nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    images, targets = torch.randn(128, 784), torch.randint(0, 10, (128,))
    return Workload(
        model,
        lambda: torch.nn.functional.cross_entropy(model(images), targets),
        lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
        25,
    )


def gpt() -> Workload:
    """10.8M parameters, 4 sequences of 64 characters."""
    model = GPT(65, context=256, width=384, depth=6, heads=6, activation="gelu")
    tokens = torch.randint(0, 65, (4, 65))

    def loss() -> torch.Tensor:
        logits = model(tokens[:, :-1])
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

    return Workload(model, loss, lambda p: torch.optim.AdamW(p, lr=1e-4), 3)


WORKLOADS = {"mlp": mlp, "gpt": gpt}


class Arm:
    """One way to train: with nothing, or with something after every step.

    All arms share what their optimizers keep (``state``): the same loop with buffers in other
    places may differ by more than a record costs.
    """

    def __init__(
        self,
        work: Workload,
        state: Any = None,
        after: Callable[[int], None] = lambda step: None,
    ) -> None:
        self._work, self._after = work, after
        self.optimizer = work.optimizer(work.model.parameters())
        if state is not None:
            self.optimizer.state = state
        self._step = 0

    def run(self, steps: int) -> tuple[float, float]:
        """Seconds of wall and processor time of one step."""
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(steps):
            self.optimizer.zero_grad()
            self._work.loss().backward()
            self.optimizer.step()
            self._step += 1
            self._after(self._step)
        self.finish()
        return (time.perf_counter() - wall) / steps, (time.process_time() - cpu) / steps

    def finish(self) -> None:
        """Wait for what goes on in the background."""


class Monitored(Arm):
    def __init__(self, work: Workload, state: Any, folder: Path) -> None:
        super().__init__(work, state)
        path = folder / "run.igf"
        self.monitor = igfast.Monitor(work.model, self.optimizer, every=1, store=path).start()

    def finish(self) -> None:
        self.monitor.flush()


def histc(model: torch.nn.Module) -> Callable[[int], None]:
    """256 bins of every parameter, one call after the other."""

    def after(step: int) -> None:
        for parameter in model.parameters():
            torch.histc(parameter.detach(), 256)

    return after


def tensorboard(model: torch.nn.Module, folder: Path) -> Callable[[int], None]:
    """SummaryWriter.add_histogram of every parameter, event file included."""
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(folder / "events")

    def after(step: int) -> None:
        for name, parameter in model.named_parameters():
            writer.add_histogram(name, parameter, step)

    return after


def wandb_equivalent(model: torch.nn.Module) -> Callable[[int], None]:
    """What wandb.Histogram does to every parameter: 64 bins by np.histogram. Nothing is sent."""

    def after(step: int) -> None:
        for parameter in model.parameters():
            counts, edges = np.histogram(parameter.detach().numpy(), 64)
            counts.tolist(), edges.tolist()

    return after


def measure(name: str, seconds: float) -> dict[str, object]:
    """Costs of all arms on a workload."""
    torch.manual_seed(0)
    torch.set_num_threads(THREADS)
    igfast.set_num_threads(THREADS)
    work = WORKLOADS[name]()
    with tempfile.TemporaryDirectory() as folder:
        alone = held_alone(work.model, Path(folder))
        plain = Arm(work)
        state = plain.optimizer.state
        plain.run(4 * work.steps)
        before = held_training(plain, work.steps)
        monitored = Monitored(work, state, Path(folder))
        monitored.run(4 * work.steps)
        grown = held_training(monitored, work.steps) - before
        arms = {
            "nothing": plain,
            "nothing, again": Arm(work, state),
            "Monitor": monitored,
            "torch.histc loop": Arm(work, state, histc(work.model)),
            "TensorBoard": Arm(work, state, tensorboard(work.model, Path(folder))),
            "W&B-equivalent": Arm(work, state, wandb_equivalent(work.model)),
        }
        for arm in arms.values():
            arm.run(2)
        ours = ("nothing", "nothing, again", "Monitor")
        # Of each arm and every round it took part in: wall and processor time of a step.
        rounds: dict[str, dict[int, tuple[float, float]]] = {arm: {} for arm in arms}
        end = time.perf_counter() + seconds
        chance = random.Random(0)
        for number in itertools.count():
            if time.perf_counter() >= end and number > PEERS_EVERY:  # two rounds of loggers
                break
            peers_too = number % PEERS_EVERY == 0
            present = [arm for arm in arms if peers_too or arm in ours]
            for arm in chance.sample(present, len(present)):
                arms[arm].run(1)  # what another arm left in the caches
                steps = work.steps if arm in ours else -(-work.steps // 5)
                rounds[arm][number] = arms[arm].run(steps)
        monitored.monitor.close()
    step_wall, step_cpu = (
        statistics.median(times[kind] for times in rounds["nothing"].values()) for kind in (0, 1)
    )
    found = {
        "parameters": sum(p.numel() for p in work.model.parameters()),
        "layers": sum(1 for _ in work.model.parameters()),
        "step_ms": {"wall": step_wall * 1e3, "cpu": step_cpu * 1e3},
        "rounds": len(rounds["nothing"]),
        "resident_MiB": grown / 2**20,
        "resident_alone_MiB": alone / 2**20,
        "arms": {},
    }
    for arm in list(arms)[1:]:
        costs = [
            [times[kind] - rounds["nothing"][number][kind] for number, times in rounds[arm].items()]
            for kind in (0, 1)
        ]
        wall, cpu = (statistics.median(cost) for cost in costs)
        found["arms"][arm] = {
            "wall_ms": wall * 1e3,
            "cpu_ms": cpu * 1e3,
            "wall_percent": 100 * wall / step_wall,
            "cpu_percent": 100 * cpu / step_cpu,
            "wall_quartiles_ms": [x * 1e3 for x in statistics.quantiles(costs[0], n=4)[::2]],
            "cpu_quartiles_ms": [x * 1e3 for x in statistics.quantiles(costs[1], n=4)[::2]],
        }
    return found


def held_training(arm: Arm, steps: int) -> float:
    """Bytes that the process holds: the median, for the allocator takes and gives back."""
    held = []
    for _ in range(15):
        arm.run(steps)
        held.append(resident())
    return statistics.median(held)


def held_alone(model: torch.nn.Module, folder: Path) -> int:
    """Bytes that a Monitor takes where nothing trains beside it."""
    before = resident()
    with igfast.Monitor(dict(model.named_parameters()), store=folder / "alone.igf") as monitor:
        for step in range(9):  # at the tenth, layers that do not change are told
            monitor.record(step)
        monitor.flush()
        return resident() - before


def resident() -> int:
    """Bytes that the process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def markdown(results: dict[str, dict[str, object]]) -> str:
    """Tables for people."""
    lines = ["# Overhead of recording all parameters", ""]
    lines += ["Written by `benchmarks/overhead.py`.", ""]
    for name, found in results.items():
        if name == "machine":
            continue
        step = found["step_ms"]
        lines += [
            f"## {name}: {found['parameters']:,} parameters, {found['layers']} layers",
            "",
            f"A step without anything: {step['wall']:.1f} ms wall, {step['cpu']:.1f} ms processor "
            f"time, {THREADS} threads; medians of {found['rounds']} rounds, for loggers of every "
            f"{PEERS_EVERY}th of them. Resident memory grows by {found['resident_MiB']:.1f} MiB "
            f"with a Monitor, by {found['resident_alone_MiB']:.1f} MiB where nothing trains beside "
            "it.",
            "",
            "| every step | wall, ms | quartiles | % of a step | processor, ms | % of a step |"
            " every 10: wall % | processor % |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for arm, cost in found["arms"].items():
            low, high = cost["wall_quartiles_ms"]
            lines.append(
                f"| {arm} | {cost['wall_ms']:.2f} | {low:.2f} to {high:.2f} | "
                f"{cost['wall_percent']:.1f} | {cost['cpu_ms']:.2f} | {cost['cpu_percent']:.1f} | "
                f"{cost['wall_percent'] / 10:.2f} | {cost['cpu_percent'] / 10:.2f} |"
            )
        every, tenth = LIMITS[name]
        lines += ["", f"Limits: {every:g} % of a step, recording every 10 steps {tenth:g} %.", ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS), help="mlp, gpt")
    parser.add_argument("--seconds", type=float, default=70.0)
    given = parser.parse_args()
    warnings.filterwarnings("ignore", "parameters were changed")  # by the other arms
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in given.workloads:
        results[name] = measure(name, given.seconds)
        print(json.dumps(results[name], indent=1))
    results["machine"] = machine()
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    RESULTS.with_suffix(".md").write_text(markdown(results))


if __name__ == "__main__":
    main()
