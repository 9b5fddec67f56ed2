"""Module groups: pooled from the layers' records, exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import igfast
from igfast.groups import group_layers
from igfast.live.following import Follower

from .models import Net, sgd, train

NAMES = ("block.0.up.weight", "block.0.up.bias", "block.1.up.weight", "scale")


def test_rules():
    ups = {"block.0": NAMES[:2], "block.1": NAMES[2:3]}
    assert group_layers(2, NAMES) == ups
    assert group_layers(1, NAMES) == {"block": NAMES[:3]}
    assert group_layers(9, NAMES) == {"block.0.up": NAMES[:2], "block.1.up": NAMES[2:3]}
    by_kind = {"bias": "*.bias", "rest": ["*.weight", "scale"]}
    assert group_layers(by_kind, NAMES) == {"bias": NAMES[1:2], "rest": (NAMES[0], *NAMES[2:])}
    assert group_layers(lambda name: name[-4:] if "." in name else None, NAMES) == {
        "ight": (NAMES[0], NAMES[2]),
        "bias": NAMES[1:2],
    }
    assert group_layers(None, NAMES) == {}


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        ({"a": "*.nothing"}, ValueError, "'a' has no layer"),
        ({"model": "*"}, ValueError, "'model' is the name of all layers"),
        ({"scale": "*"}, ValueError, "'scale' is the name of a layer"),
        ({"": "*"}, ValueError, "a name is empty"),
        ({"a": 3}, TypeError, "'a' needs a pattern of layer names or a sequence of them, got 3"),
        ({"a": ["*", 5]}, TypeError, "'a' needs a pattern"),
        (0, ValueError, "a depth must be at least 1, got 0"),
        (1.5, TypeError, "a depth, a mapping of names to patterns, or a function"),
    ],
)
def test_bad_groups_are_refused(groups, error, message):
    with pytest.raises(error, match=message):
        group_layers(groups, NAMES)


def test_a_group_is_the_histogram_of_its_elements(tmp_path):
    torch.manual_seed(0)
    model, path = Net(), tmp_path / "run.igf"
    optimizer = sgd(model)
    with igfast.Monitor(model, optimizer, every=2, groups=1, store=path):
        train(model, optimizer, 6)
    run = igfast.open(path)
    assert run.groups == {
        "first": ("first.weight", "first.bias"),
        "last": ("last.weight", "last.bias"),
    }
    parts = [p.detach().double().flatten() for p in model.first.parameters()]
    whole = run._records.histograms("first", "param")[-1]
    grid = igfast.Grid.dyadic(whole.bins, exponent=whole.exponents, origin=whole.origins)
    outside = int(whole.underflow[0] + whole.overflow[0])
    wanted = igfast.histogram({"first": torch.cat(parts).numpy()}, grid=grid)
    assert whole.numel.tolist() == [208]
    # what lies outside a layer's own bins stays outside, and counts there
    assert np.abs(whole.counts - wanted.counts).sum() <= outside
    assert run.length("first").shape == (4,)
    assert run.entropy("first").shape == (4,)
    both = run.grouped({"weights": "*.weight", "all": "*"})
    np.testing.assert_array_equal(both.entropy("all"), run.entropy("model"))
    np.testing.assert_array_equal(both.length("all"), run.length("model"))
    assert both.velocity("weights").shape == (3,)


def test_unknown_layers_are_still_refused(tmp_path):
    model, path = Net(), tmp_path / "run.igf"
    with igfast.Monitor(model, groups=1, store=path) as monitor:
        monitor.record(0)
    with pytest.raises(KeyError, match="second"):
        igfast.open(path).entropy("second")


def test_a_resumed_run_has_the_groups_of_its_newest_monitor(tmp_path):
    torch.manual_seed(0)
    model, path = Net(), tmp_path / "run.igf"
    optimizer = sgd(model)
    with igfast.Monitor(model, optimizer, every=1, groups=1, store=path):
        train(model, optimizer, 2)
    follower = Follower(path)
    assert follower.look()[-1].layers[-1:] == ("model",)
    with igfast.open(path) as run:
        by_kind = {"weights": "*.weight"}
        options = {"store": path, "resume": True, "step": 2, "every": 1}
        with igfast.Monitor(model, optimizer, groups=by_kind, **options):
            train(model, optimizer, 1)
        assert set(run.groups) == {"first", "last"}
        with run.held():
            assert run.groups == {"weights": ("first.weight", "last.weight")}
            assert run.length("weights").shape == (4,)
        assert run.grouped(1).groups.keys() == {"first", "last"}
    assert follower.look()[-1].layers[-2:] == ("weights", "model")
    with igfast.Monitor(model, optimizer, **{**options, "step": 3}):
        train(model, optimizer, 1)
    assert igfast.open(path).groups == {}
