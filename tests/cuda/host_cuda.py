"""A stand-in for torch.cuda on the simulator: what tests/cuda/test_gpu.py asks of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from igfast import _core


class Stream:
    """Everything enqueued is done at once."""

    def wait_stream(self, other: Stream) -> None: ...
    def synchronize(self) -> None: ...


class Event:
    def record(self) -> None: ...
    def query(self) -> bool:
        return False  # of work that no one may have waited for


class CUDAGraph(TorchDispatchMode):
    """Records torch's operations and runs of plans, and does them again."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Any] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, made))
        return made

    def replay(self) -> None:
        for func, args, kwargs, made in self.calls:
            again = func(*args, **kwargs)
            if isinstance(made, torch.Tensor) and again is not made:
                made.copy_(again)


class HostCuda:
    """The names of torch.cuda."""

    Stream, Event, CUDAGraph = Stream, Event, CUDAGraph

    def __init__(self, simulator: Any) -> None:
        self.simulator = simulator
        self.recording: CUDAGraph | None = None

    @contextmanager
    def graph(self, graph: CUDAGraph) -> Iterator[None]:
        self.simulator.capture()
        self.recording = graph
        try:
            with graph:
                yield
        finally:
            self.simulator.capture(False)
            self.recording = None

    @contextmanager
    def stream(self, stream: Stream) -> Iterator[None]:
        yield

    def current_stream(self) -> Stream:
        return Stream()

    def device_count(self) -> int:
        return 1

    def current_device(self) -> int:
        return 0

    def synchronize(self) -> None: ...
    def _sleep(self, cycles: int) -> None: ...

    def library(self) -> Library:
        return Library(self)


class Library:
    """The simulator's library, whose plans' runs graphs record."""

    def __init__(self, cuda: HostCuda) -> None:
        self._cuda = cuda
        self._library: _core.DeviceLibrary = cuda.simulator.library

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)

    def plan(self, **arguments: Any) -> Plan:
        return Plan(self._cuda, self._library.plan(**arguments))


class Plan:
    def __init__(self, cuda: HostCuda, plan: _core.DevicePlan) -> None:
        self.info, self._cuda, self._plan = plan.info, cuda, plan

    def run(self, *arguments: Any, **named: Any) -> None:
        self._plan.run(*arguments, **named)
        if self._cuda.recording is not None:
            self._cuda.recording.calls.append((self._plan.run, arguments, named, None))
