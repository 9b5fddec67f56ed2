"""Around compiled regions: the same records, and no graph that would not be there without."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.utils import counters

import igfast

from .models import Net, sgd

QUANTITIES = ("param", "grad", "update", "second_moment")


@pytest.fixture(autouse=True)
def _fresh():
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def run(make, compiled, monitored, steps=6):
    """Weights after training, the last records, graphs and operations that were captured."""
    torch._dynamo.reset()
    counters.clear()
    torch.manual_seed(0)
    model = Net().eval()
    optimizer = make(model)
    monitor = None
    if monitored:
        quantities = QUANTITIES if make is adam else QUANTITIES[:3]
        monitor = igfast.Monitor(model, optimizer, every=2, quantities=quantities).start()
    forward = torch.compile(model, backend="aot_eager", fullgraph=True) if compiled else model
    step = optimizer.step
    if compiled == "step":
        step = torch.compile(step, backend="eager")
    for _ in range(steps):
        optimizer.zero_grad()
        forward(torch.randn(8, 12)).square().mean().backward()
        step()
    if monitor is not None:
        monitor.close()
    weights = torch.cat([p.detach().flatten() for p in model.parameters()])
    stats = counters["stats"]
    captured = stats["unique_graphs"], stats["calls_captured"]
    return weights, monitor, captured, sum(counters["graph_break"].values())


@pytest.mark.parametrize("make", [sgd, adam])
@pytest.mark.parametrize("compiled", ["model", "step"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, from its own modules
def test_records_and_graphs_are_the_same(make, compiled):
    _, plain, _, _ = run(make, compiled=None, monitored=True)
    weights, _, captured, breaks = run(make, compiled=compiled, monitored=False)
    same, monitor, captured_with, breaks_with = run(make, compiled=compiled, monitored=True)
    assert torch.equal(same, weights)
    assert captured_with == captured
    assert breaks_with <= breaks
    assert monitor.step == plain.step == 6
    assert set(monitor.last) == set(plain.last)
    for quantity, wanted in plain.last.items():
        found = monitor.last[quantity]
        assert found.names == wanted.names
        assert found.numel.tolist() == wanted.numel.tolist()
        if make is sgd:  # compiled Adam rounds otherwise
            assert torch.equal(found.counts, wanted.counts)


@pytest.mark.parametrize("fullgraph", [True, False])
def test_explain_finds_no_break_in_a_monitored_model(fullgraph):
    model = Net()
    with igfast.Monitor(model, sgd(model), every=1):
        if fullgraph:
            torch.compile(model, backend="eager", fullgraph=True)(torch.randn(8, 12))
        else:
            found = torch._dynamo.explain(model)(torch.randn(8, 12))
            assert (found.graph_count, found.graph_break_count) == (1, 0)


def test_a_compiled_module_has_the_names_of_the_plain_one():
    model = Net()
    compiled = torch.compile(model, backend="eager")
    with igfast.Monitor(compiled) as monitor:
        monitor.record(0)
    assert monitor.last["param"].names == tuple(name for name, _ in model.named_parameters())
