"""Times callables side by side: interleaved, so that a slow moment of the machine hits all."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Action = Callable[[], object]
WARM = 0.05  # seconds of warming up


@dataclass(frozen=True)
class Times:
    """Seconds of every round, by name; round r of all names was measured together."""

    rounds: dict[str, list[float]]

    def median(self, name: str) -> float:
        return statistics.median(self.rounds[name])

    def ratio(self, slower: str, faster: str) -> float:
        """Median over rounds of slower / faster."""
        pairs = zip(self.rounds[slower], self.rounds[faster], strict=True)
        return statistics.median(s / f for s, f in pairs)

    def spread(self, slower: str, faster: str) -> tuple[float, float]:
        """Quartiles of that ratio."""
        pairs = zip(self.rounds[slower], self.rounds[faster], strict=True)
        ratios = sorted(s / f for s, f in pairs)
        low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        return low, high


def side_by_side(
    actions: Mapping[str, Action], *, rounds: int = 9, least: float = 0.0, cpu: bool = True
) -> Times:
    """Run all actions in turn, `rounds` times.

    `least` seconds are filled by repeating a short action. `cpu` counts the calling thread's
    processor time, which other processes disturb less than the clock; false where threads share
    the work.
    """
    clock = time.thread_time if cpu else time.perf_counter
    repeats = {name: _repeats(action, least) for name, action in actions.items()}
    found: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            count = repeats[name]
            begin = clock()
            for _ in range(count):
                action()
            found[name].append((clock() - begin) / count)
    return Times(found)


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
