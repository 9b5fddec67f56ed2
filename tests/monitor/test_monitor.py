"""The Monitor: what it records, when, and that training does not notice."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

import igfast
from igfast.schedules import any_of, dense, log_spaced
from igfast.store import RunReader

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


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Net()


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


def test_store_holds_parameters_gradients_and_updates(model, tmp_path):
    optimizer, path = sgd(model), tmp_path / "run.igf"
    states = {0: copy.deepcopy(model.state_dict())}
    gradients = {}

    def keep(step):
        states[step] = copy.deepcopy(model.state_dict())
        gradients[step] = {name: p.grad.clone() for name, p in model.named_parameters()}

    with igfast.Monitor(
        model, optimizer, every=3, quantities=BOTH, store=path, config={"lr": 0.1}
    ) as monitor:
        train(model, optimizer, 10, keep)
    assert monitor.step == 10
    with RunReader(path) as run:
        assert run.quantities == BOTH
        assert run.steps.tolist() == run.steps_of("param").tolist() == [0, 3, 6, 9]
        assert run.steps_of("grad").tolist() == run.steps_of("update").tolist() == [3, 6, 9]
        assert run.layers() == ("first.weight", "first.bias", "last.weight", "last.bias")
        assert run.shapes() == [(16, 12), (16,), (3, 16), (3,)]
        for index, step in enumerate([0, 3, 6, 9]):
            assert_counts(run.histogram("param", index), states[step])
            l2 = run.moments("param")["l2"][index]
            norms = [float(p.double().norm()) for p in states[step].values()]
            np.testing.assert_allclose(l2, norms, rtol=1e-12)
        for index, step in enumerate([3, 6, 9]):
            assert_counts(run.histogram("grad", index), gradients[step])
            update = {name: p - states[step - 1][name] for name, p in states[step].items()}
            assert_counts(run.histogram("update", index), update)
        assert run.config["lr"] == 0.1
        assert run.config["versions"]["torch"] == str(torch.__version__)
        assert run.config["monitor"]["every"] == 3
        np.testing.assert_array_equal(
            monitor.last["param"].to_numpy().split_counts, run.histogram("param", -1).split_counts
        )


@pytest.mark.parametrize("make", [sgd, lambda m: torch.optim.Adam(m.parameters(), lr=0.01)])
def test_training_is_the_same_bit_for_bit(make, tmp_path):
    weights = []
    for monitored in (False, True):
        torch.manual_seed(3)
        model = Net()
        optimizer = make(model)
        if monitored:
            with igfast.Monitor(
                model, optimizer, every=1, quantities=BOTH, store=tmp_path / "run.igf"
            ):
                train(model, optimizer, 20)
        else:
            train(model, optimizer, 20)
        weights.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
        weights.append(torch.rand(1))  # dropout and data left the generator at the same place
    assert torch.equal(weights[0].view(torch.int32), weights[2].view(torch.int32))
    assert torch.equal(weights[1], weights[3])


def test_nothing_stays_behind(model):
    optimizer = sgd(model)
    with igfast.Monitor(model, optimizer, every=1, quantities=BOTH) as monitor:
        train(model, optimizer, 2)
    assert not optimizer._optimizer_step_post_hooks
    assert not optimizer._optimizer_step_pre_hooks
    assert all(p.grad_fn is None for p in model.parameters())
    assert not monitor.last["param"].counts.requires_grad
    train(model, optimizer, 1)
    assert monitor.step == 2
    monitor.close()  # again
    with pytest.raises(RuntimeError, match="closed; make a new one"):
        monitor.record()
    with pytest.raises(RuntimeError, match="closed"):
        monitor.start()


def steps_of_run(model, optimizer, path, steps, **options):
    with igfast.Monitor(model, optimizer, store=path, **options):
        train(model, optimizer, steps)
    with RunReader(path) as run:
        return run.steps.tolist()


def test_schedules(model, tmp_path):
    schedule = any_of(log_spaced(2), dense(around=20, radius=1))
    steps = steps_of_run(model, sgd(model), tmp_path / "run.igf", 35, every=schedule)
    assert steps == [0, 1, 3, 10, 19, 20, 21, 32]


def test_a_schedule_is_asked_once_for_each_step(model, tmp_path):
    asked = []
    steps_of_run(
        model,
        sgd(model),
        tmp_path / "run.igf",
        4,
        every=lambda step: bool(asked.append(step)) or step == 2,
        quantities=BOTH,
    )
    assert asked == [1, 2, 3, 4]


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


def test_tied_and_frozen_parameters(tmp_path):
    model = torch.nn.ModuleDict(
        {"embed": torch.nn.Embedding(7, 5), "head": torch.nn.Linear(5, 7, bias=False)}
    )
    model["head"].weight = model["embed"].weight
    model["norm"] = torch.nn.LayerNorm(5).requires_grad_(False)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0)
    with igfast.Monitor(model, optimizer, every=1, quantities=BOTH) as monitor:
        model["head"](model["norm"](model["embed"](torch.arange(7)))).sum().backward()
        optimizer.step()
    assert monitor.last["param"].names == ("embed.weight", "norm.weight", "norm.bias")
    assert monitor.last["grad"].numel.tolist() == [35, 0, 0]
    assert monitor.last["update"].names == ("embed.weight",)


def test_missing_gradients_are_empty_layers(model, tmp_path):
    optimizer = sgd(model)
    with igfast.Monitor(model, optimizer, every=1, quantities=("grad",)) as monitor:
        assert monitor.last == {}
        model.first(torch.randn(8, 12)).sum().backward()
        optimizer.step()
        assert monitor.last["grad"].numel.tolist() == [192, 16, 0, 0]
        train(model, optimizer, 1)
        assert monitor.last["grad"].numel.tolist() == [192, 16, 48, 3]
        optimizer.zero_grad()
        optimizer.step()
        assert monitor.step == 3
        assert monitor.last["grad"].numel.tolist() == [192, 16, 48, 3]  # still of step 2


def test_sparse_gradients_count_their_zeros():
    model = torch.nn.Embedding(10, 4, sparse=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with igfast.Monitor(model, optimizer, every=1, quantities=("grad",)) as monitor:
        model(torch.tensor([1, 1])).sum().backward()
        optimizer.step()
    assert monitor.last["grad"].numel.tolist() == [40]
    assert int(monitor.last["grad"].counts.max()) == 36


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


def test_storage_that_moves(model):
    optimizer = sgd(model)
    with igfast.Monitor(model, optimizer, every=1) as monitor:
        train(model, optimizer, 2)
        model.first.weight.data = torch.full((16, 12), 0.25)
        train(model, optimizer, 1)
        assert_counts(monitor.last["param"].to_numpy(), dict(model.named_parameters()))
        model.double()
        optimizer.zero_grad()
        model(torch.randn(8, 12, dtype=torch.float64)).sum().backward()
        optimizer.step()
        assert_counts(monitor.last["param"].to_numpy(), dict(model.named_parameters()))


def test_an_exception_in_the_loop(model, tmp_path):
    optimizer = sgd(model)

    def fail(step):
        if step == 5:
            raise ArithmeticError("diverged")

    with (
        pytest.raises(ArithmeticError, match="diverged"),
        igfast.Monitor(model, optimizer, every=2, store=tmp_path / "run.igf"),
    ):
        train(model, optimizer, 9, fail)
    assert not optimizer._optimizer_step_post_hooks
    with RunReader(tmp_path / "run.igf") as run:
        assert run.steps.tolist() == [0, 2, 4]


def test_arrays_without_an_optimizer(tmp_path):
    arrays = {"w": np.zeros(100), "b": np.ones(3, np.float32)}
    with igfast.Monitor(arrays, store=tmp_path / "run.igf") as monitor:
        for step in (0, 3, 5):
            arrays["w"][:] = step
            monitor.record(step)
            monitor.log(step, loss=np.float32(step), **{"loss/test": torch.tensor(0.5)})
        monitor.flush()
        assert isinstance(monitor.last["param"].counts, np.ndarray)
        with pytest.raises(ValueError, match="step must not go back, got 4 after 5"):
            monitor.record(4)
        with pytest.raises(ValueError, match="record needs step="):
            monitor.record()
        with pytest.raises(TypeError, match="log: loss='low' is not one number"):
            monitor.log(6, loss="low")
    with RunReader(tmp_path / "run.igf") as run:
        assert run.steps.tolist() == [0, 3, 5]
        assert run.moments("param")["mean"][:, 0].tolist() == [0.0, 3.0, 5.0]
        assert run.scalars()["loss"][1].tolist() == [0.0, 3.0, 5.0]
        assert run.scalars()["loss/test"][1].tolist() == [0.5, 0.5, 0.5]


def test_recording_by_hand(model, tmp_path):
    optimizer = sgd(model)
    with igfast.Monitor(model, optimizer, every=100, store=tmp_path / "run.igf") as monitor:
        train(model, optimizer, 3)
        monitor.record()
        with pytest.raises(ValueError, match="has made 3 steps, got step=7"):
            monitor.record(7)
    with RunReader(tmp_path / "run.igf") as run:
        assert run.steps.tolist() == [0, 3]
