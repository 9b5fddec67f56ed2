"""On a GPU alone: streams, graphs, several devices, and copies that wait for nobody."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import igfast
from igfast import Grid

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

GRID = Grid.dyadic(256, exponent=-5)
OPTIONS = {"grid": GRID, "splits": 4, "offsets": True}


def weights(seed: int = 0, device: str = "cuda") -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    sizes = [3_000_000, 17, 0, 1025]
    return {
        f"w{i}": torch.randn(size, generator=generator).to(device) for i, size in enumerate(sizes)
    }


def assert_counts(h, tensors):
    expected = igfast.histogram({name: x.cpu() for name, x in tensors.items()}, **OPTIONS)
    for name in ("split_counts", "split_outside", "nan", "offsets"):
        np.testing.assert_array_equal(
            getattr(h.to_numpy(), name), getattr(expected.to_numpy(), name), err_msg=name
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_counts_equal_the_cpu(dtype):
    tensors = {name: x.to(dtype) for name, x in weights().items()}
    h = igfast.histogram(tensors, **OPTIONS)
    assert h.counts.device == tensors["w0"].device
    assert_counts(h, tensors)


def test_a_stream_of_the_callers_own():
    tensors = weights()
    plan = igfast.Plan(tensors, **OPTIONS)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        torch.cuda._sleep(20_000_000)  # what follows must wait for it
        for x in tensors.values():
            x.mul_(0.5)
        h = plan()
    stream.synchronize()
    assert_counts(h, tensors)


def test_a_graph_counts_what_is_there_at_its_replay():
    tensors = weights()
    plan = igfast.Plan(tensors, **OPTIONS)
    plan()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        h = plan()
    for scale in (1.0, 0.3):
        for x in tensors.values():
            x.mul_(scale)
        graph.replay()
        torch.cuda.synchronize()
        assert_counts(h, tensors)


def test_a_plan_is_not_laid_out_during_a_capture():
    plan = igfast.Plan(weights(), **OPTIONS)
    graph = torch.cuda.CUDAGraph()
    with (
        pytest.raises(RuntimeError, match="call it once before the capture"),
        torch.cuda.graph(graph),
    ):
        plan()


def test_automatic_bins_do_not_wait_for_work_after_the_count():
    plan = igfast.Plan(weights(), bins=256)
    plan()
    torch.cuda.synchronize()
    plan()
    torch.cuda._sleep(2_000_000_000)  # about a second
    busy = torch.cuda.Event()
    busy.record()
    assert plan.bins is not None  # follows from the copy, which is done
    assert not busy.query()
    torch.cuda.synchronize()


def test_every_device_has_its_plan():
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    for device in ("cuda:1", "cuda:0"):
        tensors = weights(device=device)
        h = igfast.histogram(tensors, **OPTIONS)
        assert str(h.counts.device) == device
        assert_counts(h, tensors)
    assert torch.cuda.current_device() == 0


def test_a_step_is_measured_as_on_the_cpu():
    before, after = weights(0), weights(1)
    plan = igfast.Plan(before, **OPTIONS)
    previous = plan()
    plan.rebind(after)
    _, step = igfast.measure_step(plan, previous)
    expected = igfast.js_divergence(
        *(igfast.histogram({n: x.cpu() for n, x in t.items()}, **OPTIONS) for t in (before, after))
    )
    torch.testing.assert_close(step.js_divergence.cpu(), expected, equal_nan=True)


def test_cupy_arrays():
    cupy = pytest.importorskip("cupy")
    x = cupy.random.default_rng(0).standard_normal(100_000, dtype=np.float32)
    with cupy.cuda.Stream(non_blocking=True) as stream:
        y = x * 2
        h = igfast.histogram(y, **OPTIONS)
        stream.synchronize()
    assert isinstance(h.counts, cupy.ndarray)
    expected = igfast.histogram(cupy.asnumpy(x) * 2, **OPTIONS)
    np.testing.assert_array_equal(h.to_numpy().split_counts, expected.split_counts)
