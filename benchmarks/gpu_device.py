"""A device under measurement: plans on its library, and clocks. Also the rehearsal's simulator."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from igfast import _core

TAGS = {
    torch.float64: "float64",
    torch.float32: "float32",
    torch.float16: "float16",
    torch.bfloat16: "bfloat16",
    torch.float8_e4m3fn: "float8_e4m3fn",
    torch.float8_e5m2: "float8_e5m2",
}
MEASURES = 4


class Device:
    """A CUDA device, or with the simulator's library a stand-in that runs every step slowly."""

    def __init__(self, library: Path, *, rehearsal: bool) -> None:
        self.library = _core.DeviceLibrary(str(library))
        usable, self.description = self.library.describe()
        if not usable:
            raise SystemExit(self.description)
        self.rehearsal = rehearsal
        self.memory = "cpu" if rehearsal else "cuda"

    def synchronize(self) -> None:
        if not self.rehearsal:
            torch.cuda.synchronize()

    def stream(self) -> int:
        return 0 if self.rehearsal else torch.cuda.current_stream().cuda_stream

    def seconds(self, action: Callable[[], object], rounds: int = 15) -> float:
        """Median time of the device's work, by events."""
        if self.rehearsal:
            begin = time.perf_counter()
            action()
            return time.perf_counter() - begin
        for _ in range(3):
            action()
        pairs = []
        for _ in range(rounds):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            action()
            end.record()
            pairs.append((begin, end))
        torch.cuda.synchronize()
        return statistics.median(begin.elapsed_time(end) for begin, end in pairs) / 1e3

    def host_seconds(self, action: Callable[[], object], rounds: int = 200) -> float:
        """Median time that a call keeps the calling thread."""
        found = []
        for number in range(3 if self.rehearsal else rounds):
            if number % 20 == 0:
                self.synchronize()
            begin = time.perf_counter()
            action()
            found.append(time.perf_counter() - begin)
        self.synchronize()
        return statistics.median(found)

    def graph(self, action: Callable[[], object]) -> Callable[[], object]:
        """The action captured in a graph; itself where there are none."""
        if self.rehearsal:
            return action
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            action()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            action()
        return graph.replay


class Plan:
    """Dyadic histograms of tensors, one row each; outputs in the device's memory."""

    def __init__(
        self,
        device: Device,
        tensors: Sequence[torch.Tensor],
        bins: int,
        exponent: int,
        *,
        splits: int = 1,
        offsets: bool = False,
        measures: bool = False,
        counters: int = 0,
    ) -> None:
        rows = len(tensors)
        self.device, self.tensors = device, tensors  # the plan holds pointers alone
        self.exponent, self.origin = exponent, -(bins // 2)
        tags = [_core.DTYPES[TAGS[tensor.dtype]] for tensor in tensors]
        table = [[t.data_ptr(), t.numel(), 0, tag, i] for i, (t, tag) in
                 enumerate(zip(tensors, tags, strict=True))]  # fmt: skip
        self.plan = device.library.plan(
            tensors=np.array(table, np.int64),
            rows=rows,
            grid=_core.GRID_DYADIC,
            bins=bins,
            splits=splits,
            offsets=offsets,
            counters=counters,
        )

        def room(*shape: int, dtype: torch.dtype = torch.int64) -> torch.Tensor:
            return torch.zeros(shape, dtype=dtype, device=device.memory)

        self.outputs = {
            "split_counts": room(rows, splits, bins),
            "split_outside": room(rows, splits, 2),
            "nan": room(rows),
        }
        if offsets:
            self.outputs["offsets"] = room(rows, splits, bins)
        if measures:
            self.outputs["previous_counts"] = room(rows, splits, bins).add_(1)
            self.outputs["previous_outside"] = room(rows, splits, 2)
            self.outputs["measures"] = room(rows, MEASURES, dtype=torch.float64)
        self.pointers = {name: out.data_ptr() for name, out in self.outputs.items()}
        self.pointers["tensors_hash"] = self.plan.info()["tensors_hash"]
        bins_of_rows = {"exponents": np.full(rows, exponent), "origins": np.full(rows, self.origin)}
        self.plan.run(**self.pointers, **bins_of_rows, stream=device.stream())
        device.synchronize()

    @property
    def kernel(self) -> str:
        return str(self.plan.info()["kernel"])

    def __call__(self) -> None:
        self.plan.run(**self.pointers, stream=self.device.stream())

    def check(self) -> None:
        """The first tensor's counts equal what torch counts of it; every element is somewhere."""
        counts = self.outputs["split_counts"][0].sum(0)
        outside = self.outputs["split_outside"][0].sum() + self.outputs["nan"][0]
        x = self.tensors[0].flatten()
        assert int(counts.sum() + outside) == x.numel(), "an element was lost"
        expected = torch.zeros_like(counts)
        for part in x.split(1 << 24):
            places = torch.floor(part.double() * 2.0**-self.exponent).long() - self.origin
            places = places[(places >= 0) & (places < counts.numel())]
            expected += torch.bincount(places, minlength=counts.numel())
        assert torch.equal(counts, expected), "counts differ from torch's"
