"""What counts as a step, whatever the optimizer does, and its updates."""

from __future__ import annotations

import pytest
import torch

import igfast
from igfast.store import RunReader

from .models import BOTH, Net, assert_counts, sgd


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Net()


def test_accumulated_gradients_are_one_step(model):
    optimizer = sgd(model)
    with igfast.Monitor(model, optimizer) as monitor:
        for _ in range(4):
            model(torch.randn(8, 12)).sum().backward()
        optimizer.step()
    assert monitor.step == 1


@pytest.mark.parametrize("fused", [False, True])
def test_steps_that_the_gradient_scaler_skips_do_not_count(model, fused):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    with igfast.Monitor(model, optimizer, every=1) as monitor:
        counted = []
        for bad in (False, True, False, True):
            optimizer.zero_grad()
            loss = model(torch.randn(8, 12)).square().mean()
            scaler.scale(loss * float("inf") if bad else loss).backward()
            scaler.step(optimizer)
            scaler.update()
            counted.append(monitor.step)
    assert counted == [1, 1, 2, 2]


def test_lbfgs_and_a_scheduler(model):
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=5)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    inputs = torch.randn(8, 12)

    def closure():
        optimizer.zero_grad()
        loss = model(inputs).square().mean()
        loss.backward()
        return loss

    with igfast.Monitor(model, optimizer, every=1, quantities=BOTH) as monitor:
        for step in range(1, 4):
            optimizer.step(closure)
            scheduler.step()
            assert monitor.step == step
            assert set(monitor.last) == set(BOTH)


def test_two_optimizers(model):
    """The first one's steps count; each one's updates since the record before."""
    slow = torch.optim.SGD(model.last.parameters(), lr=0.1)
    fast = torch.optim.SGD(model.first.parameters(), lr=0.1)
    with igfast.Monitor(model, [slow, fast], every=1, quantities=BOTH) as monitor:
        for step in range(1, 3):
            before = [p.detach().clone() for p in model.parameters()]
            for _ in range(3):
                model(torch.randn(8, 12)).square().mean().backward()
                fast.step()
            slow.step()
            assert monitor.step == step
            change = [p.detach() - q for p, q in zip(model.parameters(), before, strict=True)]
            names = monitor.last["update"].names
            assert_counts(monitor.last["update"].to_numpy(), dict(zip(names, change, strict=True)))


class Jump(torch.optim.Optimizer):
    """Puts its one parameter at a place."""

    def __init__(self, parameter, place):
        super().__init__([parameter], {})
        self.place = place

    @torch.no_grad()
    def step(self, closure=None):
        self.param_groups[0]["params"][0].copy_(self.place)


def test_updates_of_half_precision_are_exact(tmp_path):
    """256 to 1 + 2^-7 takes 16 bits of a difference; bfloat16 has 8 and would round it."""
    parameter = torch.nn.Parameter(torch.full((3,), 256.0, dtype=torch.bfloat16))
    optimizer = Jump(parameter, torch.tensor([256.0, 255.0, 1 + 2**-7]))
    with igfast.Monitor(
        {"p": parameter}, optimizer, every=1, quantities=BOTH, store=tmp_path / "run.igf"
    ):
        optimizer.step()
    with RunReader(tmp_path / "run.igf") as run:
        assert run.quantities == BOTH
        assert run.steps_of("grad").tolist() == []
        assert run.dtypes("update") == ["float32"]
        assert run.moments("update")["min"].tolist() == [[-255.0 + 2**-7]]
        assert run.moments("update")["sum"].tolist() == [[-256.0 + 2**-7]]
        assert run.moments("update")["zeros"].tolist() == [[1]]
