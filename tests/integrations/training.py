"""A small model, its data, and the run of a loop by hand that a trainer's must equal."""

from __future__ import annotations

import numpy as np
import torch

import igfast

BATCHES, SIZE = 24, 8
QUANTITIES = ("param", "grad")


def batches():
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(BATCHES, SIZE, 12, generator=generator)
    return inputs, inputs.sum(dim=2, keepdim=True)


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(12, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))


def adam(model):
    return torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.0)


def by_hand(path, accumulate=1, every=2, epochs=1, prefix="", make=adam):
    """A loop of one's own around a Monitor of one's own."""
    model = network()
    optimizer = make(model)
    tensors = torch.nn.ModuleDict({prefix: model}) if prefix else model
    inputs, targets = batches()
    with igfast.Monitor(
        tensors, optimizer, every=every, quantities=QUANTITIES, store=path
    ) as monitor:
        for _ in range(epochs):
            for index in range(BATCHES):
                error = (model(inputs[index]) - targets[index]).square().mean()
                (error / accumulate).backward()
                if (index + 1) % accumulate == 0:
                    optimizer.step()
                    optimizer.zero_grad()
    assert monitor.step == epochs * BATCHES // accumulate
    return igfast.open(path)


def assert_same_run(found, wanted):
    """Steps, layers, every count, and L."""
    assert found.layers == wanted.layers
    assert found.quantities == wanted.quantities
    for quantity in wanted.quantities:
        assert found.steps_of(quantity).tolist() == wanted.steps_of(quantity).tolist()
        pairs = zip(found.histograms(quantity), wanted.histograms(quantity), strict=True)
        for one, other in pairs:
            for field in ("split_counts", "split_outside", "offsets", "exponents", "origins"):
                np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
        np.testing.assert_array_equal(
            found.length(quantity=quantity), wanted.length(quantity=quantity)
        )
    assert len(wanted.steps) > 3
