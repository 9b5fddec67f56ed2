"""Second moments: read where Adam and its relatives keep them."""

from __future__ import annotations

import pytest
import torch

import igfast

from .models import Net, assert_counts, train


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda p: torch.optim.Adam(p, lr=0.01), "exp_avg_sq"),
        (lambda p: torch.optim.RMSprop(p, lr=0.01), "square_avg"),
    ],
)
def test_second_moments_are_those_of_the_state(make, key, tmp_path):
    torch.manual_seed(0)
    model, path = Net(), tmp_path / "run.igf"
    optimizer = make(model.parameters())
    options = {"every": 2, "quantities": ("param", "second_moment"), "store": path}
    with igfast.Monitor(model, optimizer, **options) as monitor:
        assert tuple(monitor.last) == ("param",)  # no state before the first step
        train(model, optimizer, 4)
    kept = {name: optimizer.state[p][key] for name, p in model.named_parameters()}
    assert all((tensor >= 0).all() for tensor in kept.values())
    assert_counts(monitor.last["second_moment"].to_numpy(), kept)
    run = igfast.open(path)
    assert run.steps_of("second_moment").tolist() == [2, 4]
    assert run.shapes("second_moment") == ((16, 12), (16,), (3, 16), (3,))
    assert run.velocity(quantity="second_moment").shape == (1, 4)


def test_layers_without_state_are_empty():
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with igfast.Monitor(model, optimizer, every=1, quantities=("second_moment",)) as monitor:
        model.first(torch.randn(8, 12)).sum().backward()
        optimizer.step()
        assert monitor.last["second_moment"].numel.tolist() == [192, 16, 0, 0]
        assert len(optimizer.state) == 2  # looking has left nothing behind
        train(model, optimizer, 1)
        assert monitor.last["second_moment"].numel.tolist() == [192, 16, 48, 3]


def test_an_optimizer_without_second_moments_is_named_once():
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with (
        igfast.Monitor(model, optimizer, every=1, quantities=("second_moment",)) as monitor,
        pytest.warns(UserWarning, match="finds none in the state of SGD") as warned,
    ):
        train(model, optimizer, 3)
    assert len(warned) == 1
    assert monitor.last == {}


class Elsewhere(torch.optim.Adam):
    """Keeps its state in another optimizer, as torch's ZeroRedundancyOptimizer does."""

    def __init__(self, parameters):
        super().__init__(parameters)
        self.optim = torch.optim.Adam(self.param_groups)

    def step(self, closure=None):
        return self.optim.step(closure)


@pytest.mark.parametrize("make", [Elsewhere, lambda p: torch.optim.SGD(p, lr=0.1)])
def test_an_optimizer_without_state_is_named_once_it_has_stepped(make):
    model = Net()
    optimizer = make(model.parameters())
    with igfast.Monitor(model, optimizer, every=1, quantities=("second_moment",)) as monitor:
        monitor.record()  # no state yet, and nobody to blame
        with pytest.warns(UserWarning, match="finds none in the state of") as warned:
            train(model, optimizer, 4)
    assert len(warned) == 1


class Twice(torch.optim.SGD):
    """Keeps its state in another optimizer and drops gradients in its step, as SAM does."""

    def __init__(self, parameters):
        super().__init__(parameters, lr=0.1)
        self.base = torch.optim.Adam(self.param_groups)

    def step(self, closure=None):
        self.base.step()
        self.zero_grad()


def test_an_optimizer_that_leaves_no_gradients_is_named_once_it_has_stepped():
    model = Net()
    optimizer = Twice(model.parameters())
    with (
        igfast.Monitor(model, optimizer, every=1, quantities=("second_moment",)),
        pytest.warns(UserWarning, match="finds none in the state of Twice") as warned,
    ):
        train(model, optimizer, 4)
    assert len(warned) == 1


def test_parameters_without_gradients_have_no_state():
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    with igfast.Monitor(model, optimizer, every=1, quantities=("second_moment",)):
        for _ in range(3):
            optimizer.step()  # filterwarnings = error: it is not warned of


def test_it_needs_an_optimizer():
    with pytest.raises(ValueError, match='"second_moment" needs an optimizer'):
        igfast.Monitor(Net(), quantities=("second_moment",))
