"""The CUDA kernels against the copy bandwidth and against other histograms on the same device.

    python -m benchmarks.gpu --library LIBRARY --output RESULT.json [--cub EXECUTABLE_LIBRARY]

Every case checks its counts first. Times are medians of device events; the data of a case is many
times the size of the caches. ``--rehearse`` runs every case at tiny sizes on the simulator's
library, for the code's sake: its numbers mean nothing.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

import igfast

from . import cases
from .gpu_device import Device, Plan

EXPONENTS = {64: -5, 256: -7, 1024: -9, 2048: -10, 4096: -11}  # all span [-1, 1)
VALUES = ("uniform", "Gaussian", "one bin", "trained weights")
CONFIGURATIONS = {"counts": {}, "4 splits, offsets": {"splits": 4, "offsets": True}}
COUNTERS = {"interleaved": 1, "single": 2}


class Bench:
    def __init__(self, device: Device, cub: Path | None) -> None:
        self.device = device
        self.cub = cub
        self.bytes = 1 << 13 if device.rehearsal else 1 << 30
        self.tiles: dict[str, torch.Tensor] = {}
        self.copy = 0.0

    def values(self, name: str, dtype: torch.dtype, size: int | None = None) -> torch.Tensor:
        size = size or self.bytes // torch.empty(0, dtype=dtype).element_size()
        if name not in self.tiles:
            self.tiles[name] = cases.tensor(cases.TILE, name)
        tile = self.tiles[name][:size].to(self.device.memory, dtype)
        return tile.repeat(-(-size // tile.numel()))[:size].contiguous()

    def row(self, case: str, seconds: float, nbytes: int, elements: int, **more) -> dict:
        row = {"case": case, **more, "seconds": seconds}
        row["Gelem/s"] = elements / seconds / 1e9
        row["GB/s"] = nbytes / seconds / 1e9
        if self.copy:
            row["of copy"] = row["GB/s"] * 1e9 / self.copy
        return row

    def histogram(self, case: str, x: torch.Tensor, bins: int, **plan) -> dict:
        made = Plan(self.device, [x], bins, EXPONENTS[bins], **plan)
        made.check()
        seconds = self.device.seconds(made)
        made.check()
        return self.row(case, seconds, x.nbytes, x.numel(), bins=bins, kernel=made.kernel)

    def copy_bandwidth(self) -> Iterator[dict]:
        """Bytes read plus bytes written, as the kernels' ceiling is quoted."""
        x = torch.ones(self.bytes // 4, device=self.device.memory)
        y = torch.empty_like(x)
        seconds = self.device.seconds(lambda: y.copy_(x))
        self.copy = 2 * x.nbytes / seconds
        yield self.row("copy", seconds, 2 * x.nbytes, x.numel())

    def distributions(self) -> Iterator[dict]:
        for dtype in (torch.float32, torch.bfloat16):
            for values in VALUES:
                x = self.values(values, dtype)
                for name, configuration in CONFIGURATIONS.items():
                    for bins in (64, 256, 1024, 4096):
                        row = self.histogram(f"histogram, {name}", x, bins, **configuration)
                        yield {**row, "dtype": str(dtype)[6:], "values": values}

    def counters(self) -> Iterator[dict]:
        """Which counters are best where: the choice that the tuning numbers make."""
        for dtype in (torch.float32, torch.bfloat16):
            for values in ("Gaussian", "one bin"):
                x = self.values(values, dtype)
                for bins in EXPONENTS:
                    for counters, tag in COUNTERS.items():
                        case = f"counters, {counters}"
                        try:
                            row = self.histogram(case, x, bins, counters=tag)
                        except RuntimeError as error:  # they do not fit
                            row = {"case": case, "bins": bins, "note": str(error)}
                        yield {**row, "dtype": str(dtype)[6:], "values": values}

    def dtypes(self) -> Iterator[dict]:
        for name in ("float64", "float16", "float8_e4m3fn", "float8_e5m2"):
            x = self.values("Gaussian", cases.DTYPES[name])
            yield {**self.histogram("histogram, counts", x, 256), "dtype": name}

    def model(self, name: str, dtype: torch.dtype) -> list[torch.Tensor]:
        shapes = cases.MODELS[name]()
        if self.device.rehearsal:
            shapes = [tuple(min(n, 3) for n in shape) for shape in shapes[:20]]
        sizes = [torch.Size(shape).numel() for shape in shapes]
        pool = self.values("Gaussian", dtype, max(sizes))
        return [pool[:size].clone() for size in sizes]

    def small_tensors(self) -> Iterator[dict]:
        """ResNet-50's 161 tensors: one launch against a loop of torch.histc."""
        parts = self.model("ResNet-50", torch.float32)
        elements = sum(x.numel() for x in parts)
        plan = Plan(self.device, parts, 256, -7)
        plan.check()
        ours = self.device.seconds(plan)

        def loop() -> None:
            for x in parts:
                torch.histc(x, 256, -1.0, 1.0)

        theirs = self.device.seconds(loop)
        row = self.row("ResNet-50, 161 tensors", ours, 4 * elements, elements, bins=256)
        yield {**row, "torch.histc loop": theirs / ours, "launches": len(parts)}

    def host_time(self) -> Iterator[dict]:
        """Time that a step keeps the training thread: the call, and the replay of a graph."""
        parts = self.model("ResNet-50", torch.float32)
        plan = Plan(self.device, parts, 256, -7, splits=4, offsets=True)
        replay = self.device.graph(plan)
        for case, action in (("call", plan), ("graph replay", replay)):
            before = plan.outputs["split_counts"].clone()
            plan.outputs["split_counts"].zero_()
            host = self.device.host_seconds(action)
            assert torch.equal(before, plan.outputs["split_counts"]), f"{case} counts otherwise"
            yield {"case": f"CPU time, {case}", "seconds": host, "µs": host * 1e6}
        grid = igfast.Grid.dyadic(256, exponent=-7)
        tensors = {str(number): part for number, part in enumerate(parts)}
        public = igfast.Plan(tensors, grid=grid)
        split = igfast.Plan(tensors, grid=grid, splits=4, offsets=True)
        last = public()
        actions: dict[str, Callable[[], object]] = {
            "igfast.Plan": public,
            "igfast.Plan, out=": lambda: public(out=last),
            "igfast.Plan, 4 splits, offsets": split,
            "measure_step": lambda: igfast.measure_step(public, last),
        }
        for case, action in actions.items():
            host = self.device.host_seconds(action)
            yield {"case": f"CPU time, {case}", "seconds": host, "µs": host * 1e6}

    def large_model(self) -> Iterator[dict]:
        """Histograms, velocity, entropy, complexity and JS of 7B parameters in one launch."""
        if not self.device.rehearsal:
            free, _ = torch.cuda.mem_get_info()
            if free < 16e9:
                yield {"case": "7B model", "note": f"needs 16 GB, {free / 1e9:.0f} are free"}
                return
        parts = self.model("Llama 7B", torch.bfloat16)
        elements = sum(x.numel() for x in parts)
        for name, configuration in CONFIGURATIONS.items():
            plan = Plan(self.device, parts, 256, -7, measures=True, **configuration)
            plan.check()
            seconds = self.device.seconds(plan)
            assert not plan.outputs["measures"].isnan().any()
            row = self.row(f"7B model with measures, {name}", seconds, 2 * elements, elements)
            yield {**row, "dtype": "bfloat16", "ms": seconds * 1e3}

    def against_peers(self) -> Iterator[dict]:
        x = self.values("Gaussian", torch.float32)
        for bins in (256, 1024):
            ours = self.histogram("ours", x, bins)["seconds"]
            for name, action in self.peers(x, bins).items():
                theirs = self.device.seconds(action, rounds=5)
                row = self.row(name, theirs, x.nbytes, x.numel(), bins=bins)
                yield {**row, "ours is faster by": theirs / ours}

    def peers(self, x: torch.Tensor, bins: int) -> dict[str, Callable[[], object]]:
        found: dict[str, Callable[[], object]] = {}
        found["torch.histc"] = lambda: torch.histc(x, bins, -1.0, 1.0)
        if self.device.rehearsal:
            return found
        try:
            import cupy
        except ImportError:
            pass
        else:
            array = cupy.from_dlpack(x)
            found["cupy.histogram"] = lambda: cupy.histogram(array, bins, (-1.0, 1.0))
        if self.cub is not None:
            found["CUB DeviceHistogram"] = cub_histogram(self.cub, x, bins)
        return found

    def all(self) -> Iterator[dict]:
        """Ceiling first; what matters most before what takes long."""
        cases = [self.copy_bandwidth, self.large_model, self.small_tensors, self.host_time]
        cases += [self.against_peers, self.distributions, self.dtypes, self.counters]
        for case in cases:
            begin = time.perf_counter()
            try:
                yield from case()
            except Exception as error:
                yield {"case": case.__name__, "error": f"{type(error).__name__}: {error}"}
            print(f"{case.__name__}: {time.perf_counter() - begin:.1f} s", flush=True)


def cub_histogram(library: Path, x: torch.Tensor, bins: int) -> Callable[[], object]:
    """CUB's own function, its temporary storage allocated beforehand."""
    even = ctypes.CDLL(str(library)).cub_histogram_even
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    even.argtypes = [pointer, ctypes.POINTER(size), pointer, pointer, ctypes.c_int, ctypes.c_int64]
    even.argtypes += [pointer]
    counts = torch.zeros(bins, dtype=torch.int32, device=x.device)
    needed = size(0)

    def call(storage: int | None) -> None:
        stream = torch.cuda.current_stream().cuda_stream
        status = even(storage, needed, x.data_ptr(), counts.data_ptr(), bins, x.numel(), stream)
        assert status == 0, f"CUB failed with status {status}"

    call(None)
    storage = torch.empty(max(1, needed.value), dtype=torch.uint8, device=x.device)
    call(storage.data_ptr())
    inside = int(((x >= -1) & (x < 1)).sum())
    assert int(counts.sum()) == inside, "CUB counted something else"
    return lambda: call(storage.data_ptr())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--cub", type=Path, help="cub_histogram.cu as a shared library")
    parser.add_argument("--rehearse", action="store_true")
    options = parser.parse_args()
    device = Device(options.library, rehearsal=options.rehearse)
    record = {"device": device.description, "torch": torch.__version__}
    record |= {"python": platform.python_version(), "rehearsal": options.rehearse, "rows": []}
    for row in Bench(device, options.cub).all():
        record["rows"].append(row)  # written as they come: a step out of time leaves what it has
        options.output.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
