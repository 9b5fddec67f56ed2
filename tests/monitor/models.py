"""A small network to be monitored, and what to compare its records with."""

from __future__ import annotations

import numpy as np
import torch

import igfast

BOTH = ("param", "grad", "update")


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(12, 16)
        self.drop = torch.nn.Dropout(0.2)
        self.last = torch.nn.Linear(16, 3)

    def forward(self, inputs):
        return self.last(self.drop(self.first(inputs).relu()))


def train(model, optimizer, steps, after=lambda step: None):
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        model(torch.randn(8, 12)).square().mean().backward()
        optimizer.step()
        after(step)


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def counts_of(tensors, histogram):
    """The same tensors counted on the bins of a stored record."""
    grid = igfast.Grid.dyadic(
        histogram.bins, exponent=histogram.exponents, origin=histogram.origins
    )
    return igfast.histogram(tensors, grid=grid, splits=4, offsets=True).to_numpy()


def assert_counts(histogram, tensors):
    wanted = counts_of(tensors, histogram)
    assert histogram.names == wanted.names
    for field in ("split_counts", "split_outside", "nan", "numel", "offsets"):
        np.testing.assert_array_equal(getattr(histogram, field), getattr(wanted, field))
