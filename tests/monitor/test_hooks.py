"""Steps within steps, and steps that a Monitor does not see."""

from __future__ import annotations

import warnings

import pytest
import torch

import igfast

from .models import Net, train


class Wrapped(torch.optim.Adam):
    def step(self, closure=None):
        return super().step(closure)


def test_a_step_that_calls_that_of_its_base_counts_once():
    """torch calls the hooks in both, once an optimizer of the base has been made."""
    torch.optim.Adam(Net().parameters())
    model = Net()
    optimizer, calls = Wrapped(model.parameters()), []
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    with igfast.Monitor(model, optimizer, every=1, quantities=("param", "update")) as monitor:
        train(model, optimizer, 3)
    assert len(calls) == 6
    assert monitor.step == 3


@pytest.mark.parametrize("frozen", [False, True])
def test_another_optimizer_that_takes_over_is_told(frozen):
    """Also where the first parameter is never trained."""
    model = Net()
    next(model.parameters()).requires_grad_(not frozen)
    first = torch.optim.Adam(model.parameters(), lr=1e-3)
    with igfast.Monitor(model, first, every=1) as monitor:
        train(model, first, 2)
        train(model, torch.optim.Adam(model.parameters(), lr=1e-3), 30)
        with pytest.warns(UserWarning, match="changed 30 times since step 2"):
            monitor.log(32, loss=1.0)


@pytest.mark.parametrize("told", ["log", "flush", "close"])
def test_parameters_that_another_optimizer_trains_are_told(told):
    """No step of the first optimizer will record them: neither steps nor changes are seen."""
    model = Net()
    first = torch.optim.Adam(model.parameters(), lr=1e-3)
    monitor = igfast.Monitor(model, first, every=1).start()
    train(model, first, 2)
    model.load_state_dict({k: v.clone() for k, v in model.state_dict().items()}, assign=True)
    train(model, torch.optim.Adam(model.parameters(), lr=1e-3), 1)
    with pytest.warns(UserWarning, match=r"'first.weight' \(and 3 more\) was replaced"):
        monitor.log(2, loss=1.0) if told == "log" else getattr(monitor, told)()
    monitor.close()  # once


def test_a_closure_that_logs_is_no_other_optimizer():
    model = Net()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=30, tolerance_change=0)
    inputs = torch.randn(8, 12)
    with igfast.Monitor(model, optimizer, every=1) as monitor, warnings.catch_warnings():
        warnings.simplefilter("error")

        def closure():
            optimizer.zero_grad()
            loss = model(inputs).square().mean()
            loss.backward()
            monitor.log(monitor.step, loss=loss)  # with its graph
            return loss

        optimizer.step(closure)
    assert monitor.step == 1


def test_bins_beside_a_grid_are_refused():
    with pytest.raises(ValueError, match="already says bins"):
        igfast.Monitor(Net(), grid=igfast.Grid.dyadic(64), bins=128)
