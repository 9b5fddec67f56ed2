"""Δθ from the optimizer's state: the step that was taken, without a copy."""

from __future__ import annotations

import pytest
import torch

import igfast
from igfast.monitor.updates import Updates

from .models import Net, train

OPTIMIZERS = {
    "sgd": (torch.optim.SGD, {"lr": 0.1}),
    "sgd, decay": (torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.1}),
    "sgd, momentum": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    "sgd, dampening": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
    "sgd, maximize": (torch.optim.SGD, {"lr": 0.1, "maximize": True, "weight_decay": 0.1}),
    "adam": (torch.optim.Adam, {"lr": 0.01}),
    "adam, amsgrad": (torch.optim.Adam, {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1}),
    "adam, maximize": (torch.optim.Adam, {"lr": 0.01, "maximize": True, "foreach": True}),
    "adam, tensor": (torch.optim.Adam, {"lr": torch.tensor(0.01)}),
    "adamw": (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.5, "eps": 1e-3}),
    "adamw, fused": (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.5, "fused": True}),
}
COPIED = {
    "sgd, nesterov": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "rmsprop": (torch.optim.RMSprop, {"lr": 0.01}),
}


def updates_of(optimizer, model, steps=4, then=lambda model: None):
    """(recorded Δθ, taken Δθ, whether it was copied) of every step."""
    parameters = dict(model.named_parameters())
    updates = Updates(parameters)
    found = []
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(8, 12)).square().mean().backward()
        before = {name: p.detach().clone() for name, p in parameters.items()}
        updates.prepare(tuple(parameters), optimizer)
        copied = bool(updates._before)
        optimizer.step()
        then(model)
        taken = {name: p.detach() - before[name] for name, p in parameters.items()}
        found.append((updates.read(), taken, copied))
    return found


def assert_close(recorded, taken):
    for name, update in taken.items():
        # the difference of two numbers up to 0.4 is rounded to 3e-8
        torch.testing.assert_close(recorded[name], update, rtol=1e-5, atol=6e-8)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_are_what_the_optimizer_did(name):
    torch.manual_seed(0)
    kind, options = OPTIMIZERS[name]
    model = Net()
    found = updates_of(kind(model.parameters(), **options), model)
    for recorded, taken, _ in found:
        assert_close(recorded, taken)
    # the first to compare with; from then on parameters are not copied
    assert [copied for _, _, copied in found] == [True, False, False, False]


@pytest.mark.parametrize("name", COPIED)
def test_other_optimizers_need_copies(name):
    torch.manual_seed(0)
    kind, options = COPIED[name]
    model = Net()
    for recorded, taken, copied in updates_of(kind(model.parameters(), **options), model):
        assert copied
        assert all(torch.equal(recorded[name], update) for name, update in taken.items())


def test_what_else_changes_parameters_is_noticed():
    """Weights clipped after the step: the optimizer's state does not say so."""
    torch.manual_seed(0)
    model = Net()

    def clip(model):
        with torch.no_grad():
            model.first.weight.clamp_(-0.1, 0.1)

    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with pytest.warns(UserWarning, match="'first.weight' is not what its optimizer's state says"):
        found = updates_of(optimizer, model, then=clip)
    for recorded, taken, copied in found:
        assert copied
        assert all(torch.equal(recorded[name], update) for name, update in taken.items())


def test_a_parameter_without_gradient_did_not_move():
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    model.first.bias.requires_grad_(False)
    with igfast.Monitor(model, optimizer, every=1, quantities=("update",)) as monitor:
        train(model, optimizer, 3)
    update = monitor.last["update"]["first.bias"]
    at_zero = update.counts[0, (update.edges[0, :-1] <= 0) & (update.edges[0, 1:] > 0)]
    assert at_zero.tolist() == [16]


def test_half_precision_is_copied():
    model = Net().bfloat16()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    updates = Updates(dict(model.named_parameters()))
    model(torch.randn(8, 12, dtype=torch.bfloat16)).square().mean().backward()
    updates.prepare(("first.weight",), optimizer)
    assert not updates._derived
    assert updates._before["first.weight"].dtype == torch.float32


def test_parameters_given_to_the_optimizer_later_are_named():
    model = Net()
    names = dict(model.named_parameters())
    first, *others = names.values()
    optimizer = torch.optim.SGD([first], lr=0.1)
    with igfast.Monitor(model, optimizer, every=1, quantities=("update",)) as monitor:
        for late in others[:2]:
            optimizer.add_param_group({"params": [late]})
        second = list(names)[1]
        with pytest.warns(UserWarning, match=rf"'{second}' \(of 2\) was given to the optimizer"):
            train(model, optimizer, steps=1)
        train(model, optimizer, steps=1)  # said once
        assert monitor.last["update"].names == (next(iter(names)),)
