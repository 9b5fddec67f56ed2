"""The Monitor: what it records, when, and that training does not notice."""

from __future__ import annotations

import contextlib
import copy

import numpy as np
import pytest
import torch

import igfast
from igfast.schedules import any_of, dense, log_spaced
from igfast.store import RunReader

from .models import BOTH, Net, assert_counts, sgd, train


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Net()


def test_store_holds_parameters_gradients_and_updates(model, tmp_path):
    optimizer, path = sgd(model), tmp_path / "run.igf"
    states = {0: copy.deepcopy(model.state_dict())}
    gradients, momenta = {}, {}

    def keep(step):
        states[step] = copy.deepcopy(model.state_dict())
        gradients[step] = {name: p.grad.clone() for name, p in model.named_parameters()}
        momenta[step] = {
            name: optimizer.state[p]["momentum_buffer"].clone()
            for name, p in model.named_parameters()
        }

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
            update = {name: buffer * -0.1 for name, buffer in momenta[step].items()}
            assert_counts(run.histogram("update", index), update)
            moved = {name: p - states[step - 1][name] for name, p in states[step].items()}
            for name, p in moved.items():
                torch.testing.assert_close(update[name], p, rtol=0, atol=1e-7)
        assert run.config["lr"] == 0.1
        assert run.config["versions"]["torch"] == str(torch.__version__)
        assert run.config["monitor"]["every"] == 3
        np.testing.assert_array_equal(
            monitor.last["param"].to_numpy().split_counts, run.histogram("param", -1).split_counts
        )


def test_looking_at_a_record_before_it_is_written_changes_nothing(model, tmp_path):
    optimizer, path = sgd(model), tmp_path / "run.igf"
    seen = []
    with igfast.Monitor(model, optimizer, every=1, store=path) as monitor:
        seen.append(monitor.last["param"].offsets.clone())
        train(model, optimizer, 2, lambda step: seen.append(monitor.last["param"].offsets.clone()))
    with RunReader(path) as run:
        for index, offsets in enumerate(seen):
            np.testing.assert_array_equal(run.histogram("param", index).offsets, offsets)


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


def test_a_step_is_counted_whatever_the_schedule_or_a_sink_does(model):
    """As where a cell is interrupted and run again."""

    class Interrupted:
        def write(self, step, record):
            if step == 4:
                raise KeyboardInterrupt

        def flush(self): ...
        def close(self): ...

    asked, optimizer = [], sgd(model)

    def every(step):
        asked.append(step)
        if step == 2:
            raise LookupError("no such step")
        return True

    with igfast.Monitor(model, optimizer, every=every, sinks=[Interrupted()]) as monitor:
        for step in range(1, 7):
            kinds = {2: LookupError, 4: KeyboardInterrupt}
            with pytest.raises(kinds[step]) if step in kinds else contextlib.nullcontext():
                train(model, optimizer, 1)
            assert monitor.step == step
    assert asked == [1, 2, 3, 4, 5, 6]


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


def test_names_are_those_within_data_parallel(model):
    with igfast.Monitor(torch.nn.DataParallel(model)) as monitor:
        monitor.record(0)
        assert monitor.last["param"].names == tuple(dict(model.named_parameters()))


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
        with pytest.raises(TypeError, match=r"step must be an integer, got 5\.5"):
            monitor.record(5.5)
        with pytest.raises(ValueError, match="step must not go back, got 4 after 5"):
            monitor.record(4)
        with pytest.raises(ValueError, match="record needs step="):
            monitor.record()
        with pytest.raises(TypeError, match="log: loss='low' is not one number"):
            monitor.log(6, loss="low")
        with pytest.raises(TypeError, match=r"log: loss=1000+ is not one number"):
            monitor.log(6, loss=10**400)
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


def test_recording_a_recorded_step_keeps_its_update(model, tmp_path):
    optimizer = sgd(model)
    with igfast.Monitor(
        model, optimizer, every=3, quantities=BOTH, store=tmp_path / "run.igf"
    ) as monitor:
        train(model, optimizer, 3)
        monitor.record()
        monitor.record(3)
    with RunReader(tmp_path / "run.igf") as run:
        assert run.steps.tolist() == [0, 3]
        assert run.steps_of("update").tolist() == [3]


def test_a_monitor_that_never_started_says_so():
    layer = torch.nn.Linear(2, 2)
    monitor = igfast.Monitor(layer, torch.optim.SGD(layer.parameters(), lr=0.1))
    with pytest.raises(RuntimeError, match=r"has not started .* with statement, or call start"):
        monitor.log(1, loss=2.0)
    with pytest.warns(UserWarning, match="closed without having started: it recorded nothing"):
        monitor.close()


def test_added_parameters_are_warned_about():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2))
    with igfast.Monitor(model, every=1, exclude="*.bias") as monitor:
        monitor.record(0)
        model.append(torch.nn.PReLU())
        with pytest.warns(UserWarning, match=r"'1.weight' was added .* make a new Monitor"):
            monitor.record(1)
        monitor.record(2)
    assert monitor.last["param"].names == ("0.weight",)
    with igfast.Monitor(model, every=1, include="*.weight") as monitor:
        model[1].register_parameter("scale", torch.nn.Parameter(torch.ones(1)))  # not included
        for step in range(4):
            monitor.record(step)


def test_another_optimizer_is_warned_about():
    model = Net()
    first, second = sgd(model), torch.optim.Adam(model.parameters())
    with igfast.Monitor(model, first, every=1) as monitor:
        train(model, first, 3)
        with torch.no_grad():  # loaded, averaged or clipped weights are no steps
            for parameter in model.parameters():
                parameter.mul_(0.5)
                parameter.clamp_(-1, 1)
        monitor.log(3, loss=0.1)
        train(model, second, 30)
        with pytest.warns(UserWarning, match=r"since step 3, .* SGD .*resume=True and step=3"):
            monitor.log(3, loss=0.1)
        monitor.log(4, loss=0.1)  # once
    assert monitor.step == 3


def test_a_swapped_optimizer_is_said_at_the_end_at_the_latest():
    model = Net()
    monitor = igfast.Monitor(model, sgd(model), every=1).start()
    train(model, sgd(model), 30)
    with pytest.warns(UserWarning, match="another optimizer"):
        monitor.close()


def test_replaced_parameters_are_warned_about():
    layer = torch.nn.Linear(2, 2)
    with igfast.Monitor(layer, every=1) as monitor:
        monitor.record(0)
        layer.weight = torch.nn.Parameter(torch.ones(2, 2))
        with pytest.warns(UserWarning, match=r"'weight' was replaced .* make a new Monitor"):
            monitor.record(1)
        monitor.record(2)


def test_parameters_of_another_size_are_warned_about(tmp_path):
    """By the name and both shapes, once; what only moved is not."""
    layer = torch.nn.Linear(4, 3)
    with igfast.Monitor(layer, store=tmp_path / "run.igf") as monitor:
        monitor.record(0)
        layer.weight.data = layer.weight.data.clone()
        monitor.record(1)
        layer.weight.data = torch.ones(7, 5)
        with pytest.warns(
            UserWarning,
            match=r"'weight' has the shape \(7, 5\) now, and had \(3, 4\) at the first .* "
            "make a new Monitor, with a store of its own",
        ):
            monitor.record(2)
        layer.weight.data = torch.ones(2, 5)
        monitor.record(3)
        assert monitor.last["param"].numel.tolist() == [10, 3]


def test_arrays_of_another_size_are_warned_about():
    weights = {"w": np.ones(6)}
    with igfast.Monitor(weights, every=1) as monitor:
        monitor.record(0)
        weights["w"].resize(8, refcheck=False)
        with pytest.warns(UserWarning, match=r"'w' has the shape \(8,\) now, and had"):
            monitor.record(1)


def test_removed_parameters_are_warned_about():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    with igfast.Monitor(model) as monitor:
        monitor.record(0)
        del model[1]
        with pytest.warns(UserWarning, match=r"'1.weight' \(and 1 more\) was removed since"):
            monitor.record(1)
