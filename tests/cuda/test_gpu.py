"""Streams, graphs, several devices, and copies that wait for nobody: on a GPU where there is one.

Without one the same tests run on the simulator, with a stand-in for torch.cuda: that shows that
they run and count rightly, not that anything is ordered or overlaps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

import igfast
from igfast import Grid, _arrays, _devices, cuda_library

from .devices import HostTorchDevice, OnDevice
from .host_cuda import HostCuda

GRID = Grid.dyadic(256, exponent=-5)
OPTIONS = {"grid": GRID, "splits": 4, "offsets": True}


@dataclass(frozen=True)
class Gpu:
    cuda: Any  # torch.cuda
    put: Callable[..., torch.Tensor]  # copies a tensor to a device
    real: bool
    size: int  # of a large tensor


@pytest.fixture(params=["simulated", "gpu"])
def gpu(request, monkeypatch):
    if request.param == "gpu":
        if not torch.cuda.is_available():
            pytest.skip("needs a GPU")
        yield Gpu(torch.cuda, lambda x, device="cuda": x.to(device), True, 3_000_000)
        return
    simulator = request.getfixturevalue("built_simulator")
    simulator.reset()
    cuda = HostCuda(simulator)
    monkeypatch.setattr(cuda_library, "library", cuda.library)
    monkeypatch.setattr(_devices, "TorchDevice", HostTorchDevice)
    _devices.torch_device.cache_clear()
    yield Gpu(cuda, lambda x, device="cuda": x.clone().as_subclass(OnDevice), False, 30_000)
    _devices.torch_device.cache_clear()
    simulator.reset()


def weights(gpu: Gpu, seed: int = 0, device: str = "cuda") -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        f"w{i}": gpu.put(torch.randn(size, generator=generator), device)
        for i, size in enumerate([gpu.size, 17, 0, 1025])
    }


def assert_counts(h, tensors, options=OPTIONS):
    expected = igfast.histogram({name: x.cpu() for name, x in tensors.items()}, **options)
    for name in ("split_counts", "split_outside", "nan", "offsets"):
        np.testing.assert_array_equal(
            getattr(h.to_numpy(), name), getattr(expected.to_numpy(), name), err_msg=name
        )


DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64]
DTYPES += [torch.float8_e4m3fn, torch.float8_e5m2]


@pytest.mark.filterwarnings("ignore::igfast.ResolutionWarning")
@pytest.mark.parametrize("dtype", DTYPES)
def test_counts_equal_the_cpu(gpu, dtype):
    tensors = {name: gpu.put(x.cpu().to(dtype)) for name, x in weights(gpu).items()}
    h = igfast.histogram(tensors, **OPTIONS)
    assert h.counts.device == tensors["w0"].device
    assert_counts(h, tensors)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.filterwarnings("ignore::igfast.ResolutionWarning")
def test_tensors_may_start_at_any_address(gpu, dtype):
    x = gpu.put(torch.randn(20_000).to(dtype))
    tensors = {str(first): x[first:] for first in (1, 3, 8)}
    assert_counts(igfast.histogram(tensors, **OPTIONS), tensors)


def test_a_stream_of_the_callers_own(gpu):
    tensors = weights(gpu)
    plan = igfast.Plan(tensors, **OPTIONS)
    stream = gpu.cuda.Stream()
    stream.wait_stream(gpu.cuda.current_stream())
    with gpu.cuda.stream(stream):
        gpu.cuda._sleep(20_000_000)  # what follows must wait for it
        for x in tensors.values():
            x.mul_(0.5)
        h = plan()
    stream.synchronize()
    assert_counts(h, tensors)


def test_one_plan_in_two_streams(gpu):
    """The second run waits for the first one: they share scratch memory and bins."""
    tensors = weights(gpu)
    plan = igfast.Plan(tensors, **OPTIONS, moments=True)
    streams = [gpu.cuda.Stream(), gpu.cuda.Stream()]
    plan()
    gpu.cuda.synchronize()
    found = []
    for stream in streams:
        with gpu.cuda.stream(stream):
            found.append(plan())
    gpu.cuda.synchronize()
    (h0, m0), (h1, m1) = found
    assert_counts(h0, tensors)
    assert_counts(h1, tensors)
    assert m0.mean.tolist()[0] == m1.mean.tolist()[0]


def test_plans_of_one_kernel_with_more_and_less_shared_memory(gpu):
    tensors = weights(gpu)
    grids = [Grid.dyadic(bins, exponent=-5) for bins in (700, 16)]
    plans = [igfast.Plan(tensors, grid=grid, splits=4, offsets=True) for grid in grids]
    for plan, grid in zip([*plans, plans[0]], [*grids, grids[0]], strict=True):
        assert_counts(plan(), tensors, {**OPTIONS, "grid": grid})


def test_a_graph_counts_what_is_there_at_its_replay(gpu):
    tensors = weights(gpu)
    plan = igfast.Plan(tensors, **OPTIONS)
    plan()
    graph = gpu.cuda.CUDAGraph()
    with gpu.cuda.graph(graph):
        h = plan()
    for scale in (1.0, 0.3):
        for x in tensors.values():
            x.mul_(scale)
        graph.replay()
        gpu.cuda.synchronize()
        assert_counts(h, tensors)


def test_a_step_is_measured_inside_a_graph(gpu):
    tensors = weights(gpu)
    plan = igfast.Plan(tensors, **OPTIONS)
    previous = plan()
    igfast.measure_step(plan, previous)
    graph = gpu.cuda.CUDAGraph()
    with gpu.cuda.graph(graph):
        _, step = igfast.measure_step(plan, previous)
    for x in tensors.values():
        x.mul_(0.5)
    graph.replay()
    gpu.cuda.synchronize()
    now = igfast.histogram({n: x.cpu() for n, x in tensors.items()}, **OPTIONS)
    expected = igfast.js_divergence(previous.to_numpy(), now.to_numpy())
    found = _arrays.to_numpy(step.js_divergence)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_plan_is_not_laid_out_during_a_capture(gpu):
    plan = igfast.Plan(weights(gpu), **OPTIONS)
    one = gpu.put(torch.zeros(1))
    graph = gpu.cuda.CUDAGraph()
    with gpu.cuda.graph(graph):
        one.add_(1)  # and the capture goes on
        with pytest.raises(RuntimeError, match="call it once before the capture"):
            plan()
    graph.replay()
    gpu.cuda.synchronize()
    assert one.item() >= 1


def test_automatic_bins_do_not_wait_for_work_after_the_count(gpu):
    plan = igfast.Plan(weights(gpu), bins=256)
    plan()
    gpu.cuda.synchronize()
    plan()
    gpu.cuda._sleep(2_000_000_000)  # about a second
    busy = gpu.cuda.Event()
    busy.record()
    assert plan.bins is not None  # follows from the copy, which is done
    assert not busy.query()
    gpu.cuda.synchronize()


def test_every_device_has_its_plan(gpu):
    if gpu.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    plans = {}
    for device in ("cuda:1", "cuda:0"):
        tensors = weights(gpu, device=device)
        plans[device] = igfast.Plan(tensors, **OPTIONS), tensors
    for _ in range(2):
        for device, (plan, tensors) in plans.items():
            h = plan()
            assert str(h.counts.device) == device
            assert_counts(h, tensors)
    assert gpu.cuda.current_device() == 0


def test_a_step_is_measured_as_on_the_cpu(gpu):
    before, after = weights(gpu, 0), weights(gpu, 1)
    plan = igfast.Plan(before, **OPTIONS)
    previous = plan()
    plan.rebind(after)
    _, step = igfast.measure_step(plan, previous)
    expected = igfast.js_divergence(
        *(igfast.histogram({n: x.cpu() for n, x in t.items()}, **OPTIONS) for t in (before, after))
    )
    torch.testing.assert_close(step.js_divergence.cpu(), expected, equal_nan=True)


def test_more_elements_than_32_bits_count(gpu):
    if not gpu.real or gpu.cuda.mem_get_info()[0] < 4e9:
        pytest.skip("needs a GPU with 4 GB free")
    size = 2**31 + 4099
    x = torch.full((size,), 1.0, dtype=torch.float8_e4m3fn, device="cuda")
    x[-1] = -1.0
    h, m = igfast.histogram(x, grid=Grid.dyadic(4, exponent=0, origin=-1), moments=True)
    assert h.counts.tolist() == [[1, 0, size - 1, 0]]
    assert m.sum.tolist() == [size - 2.0]


def test_cupy_arrays():
    cupy = pytest.importorskip("cupy")
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    x = cupy.random.default_rng(0).standard_normal(100_000, dtype=np.float32)
    cupy.cuda.get_current_stream().synchronize()
    with cupy.cuda.Stream(non_blocking=True) as stream:
        y = x * 2
        h = igfast.histogram(y, **OPTIONS)
        stream.synchronize()
    assert isinstance(h.counts, cupy.ndarray)
    expected = igfast.histogram(cupy.asnumpy(x) * 2, **OPTIONS)
    np.testing.assert_array_equal(h.to_numpy().split_counts, expected.split_counts)
