"""Two ranks whose sharding torch knows nothing of: adapters say what each of them holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import igfast
from igfast.health import Rule
from igfast.monitor import Part
from igfast.store import RunReader

from .comparing import Net, Twin, sgd


class FlatPartitions:
    """As ZeRO-3 does: every parameter flat, padded, and cut into as many parts as there are ranks.

    The last parts may be padding alone.
    """

    def __init__(self, model, rank, ranks):
        self._shapes, self._held, self._starts = {}, {}, {}
        for name, parameter in model.named_parameters():
            flat = parameter.detach().flatten()
            size = -(-len(flat) // ranks) + 3
            padded = torch.cat([flat, torch.full((size * ranks - len(flat),), 777.0)])
            self._shapes[name], self._starts[name] = tuple(parameter.shape), rank * size
            self._held[name] = padded[rank * size : (rank + 1) * size].clone()

    def parts(self, quantity):
        if quantity == "grad":
            return None
        found = {}
        for name, held in self._held.items():
            left = max(0, int(np.prod(self._shapes[name])) - self._starts[name])
            found[name] = Part(held[:left], self._shapes[name], self._starts[name])
        return found


class TensorParallel:
    """As Megatron does: rows or columns cut, what is not cut is counted on the first rank."""

    def __init__(self, model, rank):
        self._model, self._rank = model, rank

    def parts(self, quantity):
        found = {}
        for name, parameter in self._model.named_parameters():
            tensor = parameter.detach() if quantity == "param" else parameter.grad
            shape = tuple(parameter.shape)
            if name.startswith("wide"):
                rows = slice(25 * self._rank, 25 * self._rank + 25)
                start = 25 * self._rank * (tensor.numel() // 50)
                found[name] = Part(tensor[rows], shape, start)
            elif name == "narrow.weight":
                found[name] = Part(tensor[:, 25 * self._rank :][:, :25], shape)
            else:
                found[name] = Part(tensor, shape, 0, counted=self._rank == 0)
        return found


class Thawing(TensorParallel):
    """Freezes its narrow layer, at first."""

    frozen = "narrow"

    def parts(self, quantity):
        return {
            name: replace(part, trained=not name.startswith(self.frozen))
            for name, part in super().parts(quantity).items()
        }


class Lossy(TensorParallel):
    """Forgets some rows."""

    def parts(self, quantity):
        found = super().parts(quantity)
        part = found["wide.weight"]
        return {**found, "wide.weight": Part(part.tensor[self._rank * 3 :], part.shape)}


class Plain:
    """Gives tensors as they are, from some quantity on."""

    def __init__(self, quantity):
        self._quantity = quantity

    def parts(self, quantity):
        tensor = torch.zeros(50)
        return {"w": tensor if quantity == self._quantity else Part(tensor, (50,), 0)}


def adapters_that_give_no_parts(rank, room):
    """Told by what they must give, when they are first asked for it."""
    with pytest.raises(TypeError, match=r"parts\('param'\)\['w'\] must be an igfast.monitor.Part"):
        igfast.Monitor(Plain("param"))
    monitor = igfast.Monitor(Plain("grad"), quantities=("param", "grad"))
    with pytest.raises(TypeError, match=r"parts\('grad'\)\['w'\] must be .*, got Tensor; wrap it"):
        monitor.record(0)


def adapted(rank, room):
    """Sharding that torch knows nothing of."""
    model, twin = Net(), Twin()
    with igfast.Monitor(FlatPartitions(model, rank, 2), quantities=("param", "grad")) as monitor:
        monitor.record(0)
        twin.check("param", dict(model.named_parameters()), monitor.last["param"])
        assert "grad" not in monitor.last
    model(torch.randn(4, 24)).square().mean().backward()
    twin, gradients = Twin(["narrow.weight"]), {n: p.grad for n, p in model.named_parameters()}
    adapter, path = TensorParallel(model, rank), room / "run.igf"
    with igfast.Monitor(adapter, quantities=("param", "grad"), store=path) as monitor:
        monitor.record(0)
        twin.check("param", dict(model.named_parameters()), monitor.last["param"])
        twin.check("grad", gradients, monitor.last["grad"])
    if rank == 0:
        with RunReader(path) as run:
            assert run.memberships[0] > 0
            assert run.shapes()[1] == (50, 24)
    with pytest.raises(ValueError, match=r"parts of 'wide.weight' have 1128 elements, .* 1200"):
        igfast.Monitor(Lossy(model, rank)).record(0)
    with pytest.raises(ValueError, match='"update" needs torch parameters'):
        igfast.Monitor(adapter, sgd(model), quantities=("update",))


def adapters_say_what_is_trained(rank, room):
    """Their parts are detached: what is frozen is not known otherwise."""
    adapter = Thawing(Net(), rank)
    with igfast.Monitor(adapter, health=Rule(patience=2)) as monitor:
        held = []
        for step in range(4):
            monitor.record(step)
            held.append({flag.layer for flag in monitor.health})
            adapter.frozen = "wide"
    wide, narrow = {"wide.weight", "wide.bias"}, {"narrow.weight", "narrow.bias"}
    rest = set(monitor.last["param"].names) - wide - narrow
    assert held == [set(), rest, rest | narrow, rest | narrow]


CASES = [adapted, adapters_say_what_is_trained, adapters_that_give_no_parts]
