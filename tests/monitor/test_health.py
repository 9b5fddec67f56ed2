"""Layers in trouble are flagged at the record at which it begins."""

from __future__ import annotations

import logging
import os

import numpy as np
import pytest
import torch

import igfast
from igfast.health import Examiner, Flag, Rule

from .models import Net, sgd, train


class Keeper:
    def __init__(self):
        self.records = []

    def write(self, step, record):
        self.records.append(record)

    def flush(self): ...
    def close(self): ...


def flagged(record):
    return [(flag.step, flag.quantity, flag.layer, flag.kind) for flag in record.health]


def test_nan_in_one_layer_is_flagged_where_it_appears(tmp_path, caplog):
    torch.manual_seed(0)
    model, sink, path = Net(), Keeper(), tmp_path / "run.igf"
    optimizer = sgd(model)

    def poison(step):
        if step == 5:
            with torch.no_grad():
                model.last.weight[0, :3] = torch.tensor([np.nan, np.nan, np.inf])
        if step == 8:
            with torch.no_grad():
                model.last.weight.zero_().add_(0.1)

    with (
        caplog.at_level(logging.WARNING, "igfast"),
        igfast.Monitor(model, optimizer, every=2, sinks=[sink], store=path) as monitor,
    ):
        for step in range(1, 13):
            optimizer.zero_grad()
            inputs = torch.randn(8, 12)
            model.first(inputs).square().mean().backward()  # the last layer gets no gradient
            optimizer.step()
            poison(step)
        assert monitor.health == ()
    nan = Flag(6, "param", "last.weight", "nan", 2.0, until=10)
    inf = Flag(6, "param", "last.weight", "inf", 1.0, until=10)
    assert igfast.open(path).health() == [inf, nan]
    assert igfast.open(path).scalars() == {}
    assert caplog.messages == [
        "igfast: step 6: param last.weight: 2 NaN",
        "igfast: step 6: param last.weight: 1 infinite",
    ]
    found = {record.step: record for record in sink.records}
    assert flagged(found[4]) == []
    assert found[4].scalars == {"health/flags": 0.0}
    assert found[6].scalars == {
        "health/flags": 2.0,
        "health/nan/param/last.weight": 2.0,
        "health/inf/param/last.weight": 1.0,
    }
    assert flagged(found[8]) == flagged(found[6])  # it goes on
    assert found[8].scalars == {"health/flags": 2.0}
    assert found[10].scalars == {
        "health/flags": 0.0,
        "health/nan/param/last.weight": 0.0,
        "health/inf/param/last.weight": 0.0,
    }


def test_a_layer_that_does_not_move(tmp_path):
    torch.manual_seed(0)
    model, sink = Net(), Keeper()
    optimizer = sgd(model)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))]})
    model.first.bias.requires_grad_(False)  # on purpose: nothing to say
    model.last.requires_grad_(True)
    optimizer.param_groups[0]["params"] = [model.first.weight]  # the last layer is forgotten
    rule = Rule(patience=4)
    with igfast.Monitor(
        model, optimizer, every=1, quantities=("param",), sinks=[sink], health=rule
    ):
        train(model, optimizer, 6)
    # records 0, 1, 2 and 3 are the same
    still = [(3, "param", f"last.{name}", "unchanging") for name in ("weight", "bias")]
    assert [flagged(record) for record in sink.records] == [[], [], [], *[still] * 4]
    assert sink.records[3].scalars["health/unchanging/param/last.bias"] == 4.0


def test_layers_that_are_frozen_and_thawed_while_training_goes_on():
    """Frozen from record 4 on, one is not unchanging; thawed from 8 on, one that rests is."""
    torch.manual_seed(0)
    model, sink = Net(), Keeper()
    model.first.requires_grad_(False)
    optimizer = torch.optim.SGD(model.last.parameters(), lr=0.1)

    def freeze(step):
        if step == 4:
            model.last.bias.requires_grad_(False).grad = None
        if step == 8:
            model.first.weight.requires_grad_(True)  # but no optimizer has it

    with igfast.Monitor(model, optimizer, every=1, sinks=[sink], health=Rule(patience=3)):
        train(model, optimizer, 12, freeze)
    still = [(11, "param", "first.weight", "unchanging")]
    assert [flagged(record) for record in sink.records] == [*[[]] * 11, still, still]
    assert sink.records[11].scalars["health/unchanging/param/first.weight"] == 3.0


def test_gradients_and_updates_of_frozen_layers_may_be_zero():
    """As where an optimizer has all parameters, and zeroes their gradients."""
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    quantities = ("param", "grad", "update")
    with igfast.Monitor(
        model, optimizer, every=1, quantities=quantities, health=Rule(patience=3)
    ) as monitor:
        train(model, optimizer, 1)
        model.first.requires_grad_(False)
        for parameter in model.first.parameters():
            parameter.grad.zero_()
        for _ in range(5):
            model(torch.randn(8, 12)).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
        assert monitor.last["grad"].numel.tolist() == [192, 16, 48, 3]
        assert int(monitor.last["update"].numel[0]) == 192
        assert monitor.health == ()


def test_a_flag_ends_where_its_layer_is_frozen():
    examiner, ones = Examiner(Rule(patience=2)), igfast.moments({"w": np.ones(3), "b": np.zeros(2)})
    found = [
        examiner.examine(step, {"param": ones}, frozen)
        for step, frozen in enumerate([(), (), ("b",), ("w", "b"), (), ()])
    ]
    assert [[(f.layer, f.kind) for f in one.flags] for one in found] == [
        [],
        [("w", "unchanging"), ("b", "zero")],
        [("w", "unchanging")],
        [],
        [],
        [("w", "unchanging"), ("b", "zero")],
    ]
    assert [f.value for f in found[5].raised] == [2.0, 2.0]


def test_gradients_that_are_all_zero():
    torch.manual_seed(0)
    model, sink = Net(), Keeper()
    with torch.no_grad():
        model.first.bias.fill_(-1e3)  # relu never opens
    optimizer = sgd(model)
    with igfast.Monitor(
        model, optimizer, every=1, quantities=("grad",), sinks=[sink], health=Rule(patience=3)
    ):
        train(model, optimizer, 4)
    dead = [(3, "grad", f"first.{name}", "zero") for name in ("weight", "bias")]
    assert flagged(sink.records[1]) == []
    assert flagged(sink.records[2])[:2] == dead


def test_a_diverging_run_is_flagged_and_a_healthy_one_is_not():
    for rate, quantities in ((1.0, ("param", "grad")), (0.02, ("param", "grad"))):
        torch.manual_seed(0)
        model, sink = torch.nn.Linear(20, 5), Keeper()
        target = torch.nn.Linear(20, 5)
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)
        inputs = torch.randn(64, 20)
        with igfast.Monitor(model, optimizer, every=1, quantities=quantities, sinks=[sink]):
            for _ in range(150):
                optimizer.zero_grad()
                loss = (model(inputs) - target(inputs).detach()).square().sum(1).mean()
                loss.backward()
                optimizer.step()
        kinds = {flag.kind for record in sink.records for flag in record.health}
        if rate < 1:
            assert kinds == set()
            continue
        first = next(record for record in sink.records if record.health)
        sizes = [record.moments["param"].l2[0].item() for record in sink.records]
        assert {flag.kind for flag in first.health} == {"exploding"}
        assert first.step <= next(i for i, size in enumerate(sizes) if size > 20 * sizes[0])
        assert kinds >= {"exploding", "nan"}


def test_slow_growth_does_not_explode():
    examiner = Examiner(Rule())
    for step in range(200):
        weights = np.full(10, 0.01 * 1.05**step)
        found = examiner.examine(step, {"param": igfast.moments({"w": weights})})
        assert not found.flags
    for step in range(200, 210):
        weights = weights * 2
        found = examiner.examine(step, {"param": igfast.moments({"w": weights})})
    (flag,) = found.flags
    # 2x within 5 records: at once, since it is far from its beginning already
    assert (flag.kind, flag.step) == ("exploding", 200)


def test_zero_initialization_is_not_growth():
    """A bias that begins at zero is measured against the whole model."""
    examiner = Examiner(Rule())
    for step in range(20):
        tensors = {"w": np.full(100, 0.1 + 1e-3 * step), "b": np.full(3, 0.01 * step)}
        assert not examiner.examine(step, {"param": igfast.moments(tensors)}).flags


def test_rule_and_switch_are_checked():
    with pytest.raises(ValueError, match="patience must be at least 2, got 1"):
        Rule(patience=1)
    with pytest.raises(ValueError, match="parameter_growth must be above 1"):
        Rule(parameter_growth=1.0)
    with pytest.raises(TypeError, match=r"window must be an integer, got 1.5 \(float\)"):
        Rule(window=1.5)
    with pytest.raises(TypeError, match="gradient_growth must be a number, got '3'"):
        Rule(gradient_growth="3")
    with pytest.raises(TypeError, match=r"health must be an igfast.health.Rule or None, got True"):
        igfast.Monitor(Net(), health=True)
    sink = Keeper()
    with igfast.Monitor({"w": np.array([np.nan])}, sinks=[sink], health=None) as monitor:
        monitor.record(0)
    assert sink.records[0].health == ()
    assert sink.records[0].scalars == {}


def test_a_forked_child_leaves_sinks_and_store_alone(tmp_path):
    class Loud(Keeper):
        def flush(self):
            (tmp_path / f"flushed-{os.getpid()}").touch()

    monitor = igfast.Monitor({"w": np.ones(3)}, sinks=[Loud()], store=tmp_path / "run.igf")
    monitor.record(0)
    child = os.fork()
    if child == 0:
        monitor.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert not list(tmp_path.glob("flushed-*"))
    monitor.record(1)
    monitor.close()
    assert [path.name for path in tmp_path.glob("flushed-*")] == [f"flushed-{os.getpid()}"]


def test_many_layers_in_trouble_share_a_line(caplog):
    weights = {f"w{i}": np.linspace(-1, 1, 20) for i in range(30)}
    with igfast.Monitor(weights) as monitor:
        monitor.record(1)
        for values in weights.values():
            values[3] = np.nan
        weights["w7"][4] = np.inf
        monitor.record(2)
        assert len(monitor.health) == 31
    assert caplog.messages == [
        "igfast: step 2: param: 30 layers with NaN: w0, w1, w2 and 27 more",
        "igfast: step 2: param w7: 1 infinite",
    ]


def test_a_flag_that_comes_again_is_logged_ever_more_seldom(caplog):
    """One that moves every fifth record is unchanging in between: 20 times, of which 5 are told."""
    weights = {"w": np.linspace(-1, 1, 20)}
    with igfast.Monitor(weights, health=Rule(patience=3)) as monitor:
        for step in range(1, 100):
            weights["w"] *= 1.01 if step % 5 == 0 else 1.0
            monitor.record(step)
    raised = [int(line.split()[2].rstrip(":")) for line in caplog.messages]
    assert raised == [3, 7, 17, 37, 77]
    assert caplog.messages[-1] == (
        "igfast: step 77: param w: unchanging at 3 records in a row "
        "(raised 16 times, logged next at 32)"
    )


def test_many_layers_whose_flags_come_again_say_so_in_their_line(caplog):
    weights = {f"w{i}": np.ones(20) for i in range(6)}
    with igfast.Monitor(weights) as monitor:
        for step in range(7):
            for values in weights.values():
                values[3] = np.nan if step % 2 else step
            monitor.record(step)
    assert caplog.messages == [
        "igfast: step 1: param: 6 layers with NaN: w0, w1, w2 and 3 more",
        "igfast: step 3: param: 6 layers with NaN (raised 2 times, logged next at 4): w0, w1, w2 "
        "and 3 more",
    ]
