"""Times callables side by side, in turn, and only while the processor runs at full speed.

A virtual machine shares its cores with other tenants: for tenths of a second at a time everything
may take twice as long. A short fixed computation, timed before and after each measurement, tells
such moments; what was measured in them is measured again.
"""

from __future__ import annotations

import platform
import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Action = Callable[[], object]
WARM = 0.05  # seconds of warming up
TRIES = 5  # of a measurement that was disturbed
PATIENCE = 0.5  # seconds to wait for a calm moment, at each try


class Calm:
    """Whether the processor runs as fast as it was ever seen to."""

    SLOWER = 1.25  # than the best: disturbed; sharing a core costs 1.8

    def __init__(self) -> None:
        self._data = np.random.default_rng(0).random(2048)  # fits the first-level cache
        self._best = min(self._probe() for _ in range(500))

    def _probe(self) -> float:
        found = []
        for _ in range(3):
            begin = time.perf_counter()
            for _ in range(20):
                self._data.sum()
            found.append(time.perf_counter() - begin)
        return min(found)

    def now(self) -> bool:
        found = self._probe()
        self._best = min(self._best, found)
        return found < self.SLOWER * self._best

    def wait(self) -> None:
        end = time.perf_counter() + PATIENCE
        while not self.now() and time.perf_counter() < end:
            pass


CALM = Calm()


@dataclass(frozen=True)
class Times:
    """Seconds of every round by name, what each action returned last, and the share disturbed."""

    rounds: dict[str, list[float]]
    results: dict[str, object]
    disturbed: float

    def median(self, name: str) -> float:
        return statistics.median(self.rounds[name])

    def ratio(self, slower: str, faster: str) -> float:
        """Of the medians."""
        return self.median(slower) / self.median(faster)


def side_by_side(
    actions: Mapping[str, Action], *, rounds: int = 9, least: float = 0.0, cpu: bool = True
) -> Times:
    """Run all actions in turn, `rounds` times, in an order drawn anew for every round.

    `least` seconds are filled by repeating a short action. `cpu` counts the calling thread's
    processor time, which other processes disturb less than the clock; false where threads share
    the work.
    """
    clock = time.thread_time if cpu else time.perf_counter
    repeats = {name: _repeats(action, least) for name, action in actions.items()}
    found: dict[str, list[float]] = {name: [] for name in actions}
    results: dict[str, object] = {}
    disturbed = 0
    order = random.Random(0)
    for _ in range(rounds):
        for name in order.sample(list(actions), len(actions)):
            for _ in range(TRIES):
                CALM.wait()
                begin = clock()
                for _ in range(repeats[name]):
                    results[name] = actions[name]()
                seconds = (clock() - begin) / repeats[name]
                calm = CALM.now()
                if calm:
                    break
            disturbed += not calm
            found[name].append(seconds)
    return Times(found, results, disturbed / (rounds * len(actions)))


def _repeats(action: Action, least: float) -> int:
    action()
    begin = time.perf_counter()
    calls = 0
    while calls == 0 or time.perf_counter() - begin < min(WARM, least):
        action()
        calls += 1
    return max(1, round(least * calls / (time.perf_counter() - begin)))


def machine() -> dict[str, object]:
    """Processor, cores and instruction set; nothing that names the host."""
    import igfast

    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    cores = 1
    if info.exists():
        lines = info.read_text().splitlines()
        model = next((_value(s) for s in lines if s.startswith("model name")), model)
        cores = sum(s.startswith("processor") for s in lines)
    return {
        "cpu": model,
        "cores": cores,
        "isa": igfast._core.isa(),
        "compiler": igfast._core.build_info()["compiler"],
        "python": platform.python_version(),
        "igfast": igfast.__version__,
    }


def _value(line: str) -> str:
    return line.split(":", 1)[1].strip()
