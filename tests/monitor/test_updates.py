"""Δθ from the optimizer's state: the step that was taken, without a copy."""

from __future__ import annotations

import numpy as np
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
    "sgd that forgets": (torch.optim.SGD, {"lr": 0.5, "weight_decay": 2.0}),
    "adamw that forgets": (torch.optim.AdamW, {"lr": 1.0, "weight_decay": 1.0}),
    "adamw that almost forgets": (torch.optim.AdamW, {"lr": 1.0, "weight_decay": 0.9999}),
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
    # the first, second and fourth to compare with; between, parameters are not copied
    assert [copied for _, _, copied in found] == [True, True, False, True]


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


def recorded_and_taken(optimizer, model, steps, closure=None, once_more=lambda step: None):
    """Norms of the recorded and the true update of all parameters, of every step."""
    found = []
    everything = list(model.parameters())
    with igfast.Monitor(model, optimizer, every=1, quantities=("update",)) as monitor:
        for step in range(steps):
            before = [p.detach().clone() for p in everything]
            if closure is None:
                optimizer.zero_grad()
                model(torch.ones(8, 12)).square().mean().backward()
                optimizer.step()
            else:
                optimizer.step(lambda step=step: closure(step))
            moved = [p.detach() - b for p, b in zip(everything, before, strict=True)]
            taken = float(torch.cat([one.flatten() for one in moved]).norm())
            moments = monitor._recorder._counted["update"].moments
            found.append((float(moments.sum_squares.sum()) ** 0.5, taken, int(moments.count.sum())))
            once_more(step)
    return found


@pytest.mark.parametrize("momentum", [0, 0.9])
@pytest.mark.parametrize("to_none", [True, False])
def test_gradients_that_are_gone_after_the_step(momentum, to_none):
    """As where a hook steps and frees them at once: what cannot be told is not made up."""
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=momentum)
    optimizer.register_step_post_hook(lambda one, *_: one.zero_grad(set_to_none=to_none))
    if momentum and not to_none:
        found = recorded_and_taken(optimizer, model, 3)
    else:
        with pytest.warns(UserWarning, match="its gradient was .* within the step; from now on"):
            found = recorded_and_taken(optimizer, model, 3)
    for recorded, taken, _ in found:
        assert recorded == pytest.approx(taken, rel=1e-4)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_closures_that_leave_parameters_out(kind):
    torch.manual_seed(0)
    model = Net()
    optimizer = kind(model.parameters(), lr=0.01)

    def closure(step):
        optimizer.zero_grad()
        inputs = torch.ones(8, 12)
        loss = (model(inputs) if step != 2 else model.first(inputs)).square().mean()
        loss.backward()
        return loss

    for recorded, taken, _ in recorded_and_taken(optimizer, model, 5, closure):
        assert recorded == pytest.approx(taken, rel=1e-4)


def test_a_batch_that_a_hook_skips_moves_nothing():
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    steps = iter(range(9))
    parameters = dict(model.named_parameters())
    updates = Updates(parameters)
    for step in steps:
        optimizer.zero_grad()
        model(torch.ones(8, 12)).square().mean().backward()
        updates.prepare(tuple(parameters), optimizer)
        if step == 5:
            optimizer.zero_grad()
        optimizer.step()
        norm = max(float(update.abs().max()) for update in updates.read().values())
        assert (norm == 0) == (step == 5)


def test_copies_of_a_step_that_failed_are_not_used():
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001)

    def fail():
        raise RuntimeError("boom")

    with igfast.Monitor(model, optimizer, every=1, quantities=("update",)) as monitor:
        train(model, optimizer, 2)
        with pytest.raises(RuntimeError, match="boom"):
            optimizer.step(fail)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(1.0)  # as other weights that are loaded
        train(model, optimizer, 1)
        assert monitor._recorder._counted["update"].moments.max.max() < 0.1


def test_copies_of_a_step_that_a_scaler_skipped_are_dropped():
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.001, fused=True)
    scaler = torch.amp.GradScaler("cpu")

    def step(factor):
        optimizer.zero_grad()
        scaler.scale(model(torch.ones(8, 12)).square().mean() * factor).backward()
        scaler.step(optimizer)
        scaler.update()

    with igfast.Monitor(model, optimizer, every=1, quantities=("update",)) as monitor:
        step(1.0)
        step(float("inf"))
        assert not monitor._updates._before
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(1.0)
        step(1.0)
        assert monitor._recorder._counted["update"].moments.max.max() < 0.1


def test_a_learning_rate_that_changes_within_the_step():
    """A scheduler in a hook of the step: the rate after it is not the one of the step."""
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [6], gamma=0.1)
    optimizer.register_step_post_hook(lambda *_: scheduler.step())
    with pytest.warns(UserWarning, match="learning rate .* changed within the step") as said:
        found = recorded_and_taken(optimizer, model, 8)
    assert len(said) == 1
    everything = sum(p.numel() for p in model.parameters())
    for step, (recorded, taken, count) in enumerate(found):
        if step != 5:
            assert count == everything
            assert recorded == pytest.approx(taken, rel=1e-4)
        else:
            assert count == 0  # left out, as the warning says


def test_clipping_that_begins_later_is_noticed():
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

    steps = iter(range(12))

    def clip(*_):
        if next(steps) >= 5:
            with torch.no_grad():
                model.first.weight.clamp_(-0.1, 0.1)

    optimizer.register_step_post_hook(clip)
    with pytest.warns(UserWarning, match="is not what its optimizer's state says"):
        found = recorded_and_taken(optimizer, model, 12)
    for recorded, taken, _ in found[7:]:  # the eighth is compared
        assert recorded == pytest.approx(taken, rel=1e-4)


def test_a_state_that_is_not_finite_is_said_to_be():
    """A hook after the step spoils it; parameters have moved as they should."""
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

    def spoil(*_):
        for state in optimizer.state.values():
            state["exp_avg"].fill_(torch.nan)

    optimizer.register_step_post_hook(spoil)
    with (
        igfast.Monitor(model, optimizer, every=1, quantities=("update",)) as monitor,
        pytest.warns(UserWarning, match=r"state says \(that is not finite, and the update is\)"),
    ):
        train(model, optimizer, 1)
    assert monitor.last["update"].nan.tolist() == [0] * 4


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
        with pytest.warns(
            UserWarning, match=rf"'{second}' \(and 1 more\) was given to the optimizer"
        ):
            train(model, optimizer, steps=1)
        train(model, optimizer, steps=1)  # said once
        assert monitor.last["update"].names == (next(iter(names)),)


def test_what_two_optimizers_change_is_the_step_of_both():
    """Two losses with a trunk in common: Δθ from before the first optimizer to after the last."""
    model = Net()
    trunk = model.first.weight
    last = torch.optim.SGD(model.parameters(), lr=0.01)
    other = torch.optim.SGD([trunk], lr=1.0)
    with igfast.Monitor(model, [last, other], every=1, quantities=("update",)) as monitor:
        for _ in range(3):
            model.zero_grad()
            model(torch.randn(8, 12)).square().mean().backward()
            before = trunk.detach().clone()
            other.step()
            last.step()
            update = monitor.last["update"]
            taken = trunk.detach() - before
            mean = update.edges[0] @ np.append(update.counts[0], 0) / taken.numel()
            width = float(np.diff(update.edges[0])[0])
            assert abs(mean - float(taken.mean())) < width


def test_gradients_made_in_inference_mode_are_copied():
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with igfast.Monitor(model, optimizer, every=1, quantities=("update",)) as monitor:
        with torch.inference_mode():
            gradients = [torch.ones_like(p) for p in model.parameters()]
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()
    assert monitor.step == 1
    assert monitor.last["update"]["first.weight"].counts.sum() == model.first.weight.numel()
