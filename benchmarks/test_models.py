"""All layers of a model in one call, beside loops of peers and what loggers do to each tensor."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import igfast

from . import cases, peers

MODELS = ["MLP", "ResNet-50", "GPT-2", pytest.param("Llama 1B", marks=pytest.mark.huge)]


@pytest.mark.parametrize("model", MODELS)
def test_against_loops(compare, model):
    parts = cases.tensors(model)
    elements = sum(t.numel() for t in parts.values())
    plan = igfast.Plan(parts, bins=256, range=cases.RANGE)
    ours = plan().counts.numpy()
    for row, tensor in zip(ours[:8], parts.values(), strict=False):
        theirs = np.histogram(tensor, 256, cases.RANGE)[0]  # with edges rounded to float32
        assert peers.disagreement(theirs, row) < 1e-4

    def loop():
        return [torch.histc(tensor, 256, *cases.RANGE) for tensor in parts.values()]

    def read():
        return [tensor.sum() for tensor in parts.values()]

    compare(
        plan, {"torch.histc": loop, "read": read}, elements=elements, size=4 * elements, rounds=3
    )


@pytest.mark.parametrize("model", ["ResNet-50"])
def test_ragged_against_flat(compare, model):
    parts = cases.tensors(model)
    elements = sum(t.numel() for t in parts.values())
    flat = igfast.Plan(
        torch.cat([t.flatten() for t in parts.values()]), bins=256, range=cases.RANGE
    )
    plan = igfast.Plan(parts, bins=256, range=cases.RANGE)
    assert (plan().counts.sum(0) == flat().counts[0]).all()
    compare(plan, {"flat": flat}, elements=elements, size=4 * elements)


@pytest.mark.parametrize("logger", peers.LOGGERS)
@pytest.mark.parametrize("model", ["MLP", "ResNet-50"])
def test_against_loggers(compare, logger, model):
    """A whole record, moments and automatic grid included, beside the loggers' preparation."""
    parts = cases.tensors(model)
    elements = sum(t.numel() for t in parts.values())
    plan = igfast.Plan(parts, bins=256, splits=4, offsets=True, moments=True)
    histogram, moments = plan()
    assert (moments.count == torch.from_numpy(histogram.numel)).all()
    prepare = peers.LOGGERS[logger]

    def loop():
        return [prepare(tensor) for tensor in parts.values()]

    compare(plan, {logger: loop}, elements=elements, size=4 * elements, rounds=3)
