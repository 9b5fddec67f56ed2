"""torch.ops.igfast: the same counts, visible to torch.compile."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch._subclasses import FakeTensorMode

import igfast
import igfast.operators

TENSORS = [torch.randn(1000), torch.randn(40, 25).t(), torch.tensor([np.nan, np.inf, 0.25, 9.0])]
CALLS = {
    "histogram": ((16, -2.0, 2.0), igfast.Grid.uniform(16, low=-2.0, high=2.0)),
    "dyadic_histogram": ((32, -3, -16), igfast.Grid.dyadic(32, exponent=-3, origin=-16)),
    "log_histogram": ((2, -4, 2), igfast.Grid.log(2, -4, 2)),
}


@pytest.mark.parametrize("name", CALLS)
def test_counts_are_those_of_igfast(name):
    arguments, grid = CALLS[name]
    counts, outside, nan = getattr(torch.ops.igfast, name)(TENSORS, *arguments)
    wanted = igfast.histogram(TENSORS, grid=grid)
    assert torch.equal(counts, wanted.counts)
    assert torch.equal(outside, torch.stack([wanted.underflow, wanted.overflow], 1))
    assert nan.tolist() == [0, 0, 1]
    assert (counts.sum(1) + outside.sum(1) + nan).tolist() == [1000, 1000, 4]


def test_moments_are_those_of_igfast():
    integers, floats = torch.ops.igfast.moments(TENSORS)
    wanted = igfast.moments(TENSORS)
    assert integers[2].tolist() == [2, 1, 1, 0]
    assert torch.equal(floats[:, 4], wanted.mean)
    assert torch.equal(floats[:, 8], wanted.l2)
    assert floats[2, :5].tolist() == [0.25, 9.0, 9.25, 81.0625, 4.625]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("tensors", [TENSORS, [torch.randn(3, requires_grad=True)]])
def test_opcheck(name, tensors):
    torch.library.opcheck(getattr(torch.ops.igfast, name).default, (tensors, *CALLS[name][0]))


def test_opcheck_of_moments():
    torch.library.opcheck(torch.ops.igfast.moments.default, (TENSORS,))


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_one_graph_with_the_rest(backend):
    layer = torch.nn.Linear(25, 8)

    def forward(inputs):
        hidden = layer(inputs).relu()
        counts, _, _ = torch.ops.igfast.histogram([hidden, layer.weight], 16, -2.0, 2.0)
        integers, _ = torch.ops.igfast.moments([hidden])
        return hidden.sum(), counts, integers

    inputs = torch.randn(40, 25)
    compiled = torch.compile(forward, backend=backend, fullgraph=True)
    loss, counts, integers = compiled(inputs)
    loss.backward()
    hidden = layer(inputs).relu().detach()
    wanted = igfast.histogram([hidden, layer.weight], bins=16, range=(-2, 2))
    assert torch.equal(counts, wanted.counts)
    assert integers[0, 3] == (hidden == 0).sum()
    assert layer.weight.grad is not None


def test_fake_tensors_are_refused_outside_of_operators():
    """Their data_ptr() is 0 and raises nothing."""
    with FakeTensorMode():
        fake = torch.randn(100)
        counts, _, _ = torch.ops.igfast.histogram([fake], 16, -2.0, 2.0)
        assert counts.shape == (1, 16)
    with pytest.raises(ValueError, match="'0' is a meta or fake tensor and holds no data"):
        igfast.histogram(fake, bins=4, range=(0, 1))
    with pytest.raises(ValueError, match="is a meta or fake tensor"):
        igfast.Monitor({"w": fake})


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="bins"):
        torch.ops.igfast.histogram(TENSORS, 0, -2.0, 2.0)
    assert torch.ops.igfast.histogram([], 4, 0.0, 1.0)[0].shape == (0, 4)
