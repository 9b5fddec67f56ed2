"""A loop with a container of optimizers on a 2-D mesh, started by torchrun."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import igfast

from .starting import torchrun


def test_fsdp2_over_tensor_parallel(tmp_path):
    torchrun(Path(__file__).with_name("mesh_training.py"), tmp_path, 4)
    run = igfast.open(tmp_path / "run.igf")
    assert run.steps.tolist() == [0, 2, 4, 6]
    with np.load(tmp_path / "wanted.npz") as wanted:
        assert run.layers == tuple(wanted["names"])
        for step, found in zip(run.steps, run.histograms(), strict=True):
            np.testing.assert_array_equal(found.counts, wanted[str(step)])
    numel = dict(zip(run.layers, run.histograms()[0].numel.tolist(), strict=True))
    assert numel == {
        "0.0.weight": 600,
        "0.0.bias": 50,
        "0.2.weight": 600,
        "0.2.bias": 12,
        "1.0.weight": 600,
        "1.0.bias": 50,
        "1.2.weight": 600,
        "1.2.bias": 12,
        "2.weight": 12,
        "2.bias": 12,
    }


class Keep:
    def __init__(self, kept):
        self.kept = kept

    def write(self, step, record):
        self.kept.append(record)

    def flush(self): ...
    def close(self): ...


class Container:
    def __init__(self, *optimizers):
        self.optimizers = list(optimizers)


def test_the_last_optimizer_of_a_container_counts_and_measures():
    layers = [torch.nn.Linear(2, 2) for _ in range(2)]
    for layer in layers:
        torch.nn.init.zeros_(layer.weight)
        layer.weight.grad = torch.ones(2, 2)
    optimizers = [torch.optim.SGD([layer.weight], lr=1.0) for layer in layers]
    model = torch.nn.ModuleList(layers)
    kept = []
    options = {"every": 1, "include": "*.weight", "sinks": [Keep(kept)]}
    with igfast.Monitor(model, Container(*optimizers), **options) as monitor:
        optimizers[0].step()
        assert monitor.step == 0
        optimizers[1].step()
        assert monitor.step == 1
        assert int(monitor.last["param"].numel.sum()) == 8
    assert [record.step for record in kept] == [0, 1]
    assert kept[1].moments["param"].mean.tolist() == [-1.0, -1.0]


def test_what_cannot_be_hooked_is_refused():
    layer = torch.nn.Linear(2, 2)
    with pytest.raises(TypeError, match=r"a sequence or a container of them .* got Container"):
        igfast.Monitor(layer, Container())
