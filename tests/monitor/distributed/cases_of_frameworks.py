"""Four ranks with parameters as DeepSpeed and Megatron-Core lay them out: the page's adapters.

Stand-ins with the attributes that the frameworks set, for layouts that their CPU parts never have.
"""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
import torch

import igfast
from igfast.store import RunReader

from .comparing import Net, Twin
from .pages import ADAPTERS

RANKS = 4
JUNK = float("nan")


class Module:
    """Gives its parameters by name."""

    def __init__(self, parameters):
        self._parameters = parameters

    def named_parameters(self):
        return iter(self._parameters.items())


def whole_model():
    return {name: p.detach().clone() for name, p in Net().named_parameters()}


def zero3(rank, room):
    """Padded with what was in memory; a scalar leaves three ranks with padding alone."""
    whole, held = whole_model(), {}
    for name, tensor in whole.items():
        size = -(-tensor.numel() // RANKS)
        padded = torch.full((size * RANKS,), JUNK)
        padded[: tensor.numel()] = tensor.flatten()
        parameter = torch.nn.Parameter(torch.empty(0))  # between uses
        parameter.ds_id, parameter.ds_shape = len(held), tensor.shape
        parameter.ds_numel = tensor.numel()
        parameter.ds_tensor = padded[rank * size : (rank + 1) * size]
        parameter.ds_tensor.ds_numel = size
        held[name] = parameter
    adapter = ADAPTERS["Zero3"](Module(held), rank)
    with igfast.Monitor(adapter, store=room / "run.igf") as monitor:
        monitor.record(0)
        Twin().check("param", whole, monitor.last["param"])
        for parameter in held.values():
            parameter.ds_tensor.mul_(1.25)
        monitor.record(1)
        assert monitor.health == ()  # no NaN of the padding
    if rank == 0:
        with RunReader(room / "run.igf") as run:
            assert run.memberships.tolist() == [0, 0]
            assert run.shapes("param")[1] == (50, 24)


def masters_of_zero_1_and_2(rank, room):
    """One flat buffer of all parameters, cut into equal pieces wherever that falls."""
    whole = whole_model()
    flat = torch.cat([tensor.flatten() for tensor in whole.values()])
    size = -(-len(flat) // RANKS)
    piece = torch.cat([flat, torch.full((size * RANKS - len(flat),), JUNK)])[rank * size :][:size]
    held, begin = {}, 0
    for name, tensor in whole.items():
        parameter = torch.nn.Parameter(tensor.bfloat16())
        first = max(begin, rank * size)
        last = min(begin + tensor.numel(), (rank + 1) * size)
        parameter._hp_mapping = None
        if first < last:
            parameter._hp_mapping = SimpleNamespace(
                hp_fragment=piece[first - rank * size : last - rank * size],
                lp_fragment_address=SimpleNamespace(start=first - begin, numel=last - first),
            )
        held[name], begin = parameter, begin + tensor.numel()
    held["frozen"] = torch.nn.Parameter(torch.ones(3), requires_grad=False)
    with igfast.Monitor(ADAPTERS["Masters"](Module(held))) as monitor:
        monitor.record(0)
        Twin().check("param", whole, monitor.last["param"])
    with igfast.Monitor(Module(held)) as monitor:  # the parameters themselves are copies
        monitor.record(0)
        copies = {name: parameter.detach() for name, parameter in held.items()}
        Twin().check("param", copies, monitor.last["param"])


def cut(tensor, dimension, rank, size):
    """What ColumnParallelLinear (0) and RowParallelLinear (1) have."""
    parameter = torch.nn.Parameter(tensor.chunk(size, dimension)[rank].clone())
    parameter.tensor_model_parallel, parameter.partition_dim = True, dimension
    parameter.partition_stride = 1
    return parameter


def cut_gated(tensor, rank, size):
    gate, up = tensor.chunk(2)
    parts = [half.chunk(size)[rank] for half in (gate, up)]
    parameter = cut(tensor, 0, rank, size)
    parameter.data = torch.cat(parts)
    return parameter


def megatron(rank, room):
    """Two tensor-parallel ranks, two data-parallel ones with different experts."""
    tensor, data = rank % 2, rank // 2
    generator = torch.Generator().manual_seed(1)

    def draw(*shape):
        return torch.randn(shape, generator=generator)

    layer = "decoder.layers.0."
    whole = {
        "embedding.word_embeddings.weight": draw(12, 8),
        f"{layer}input_layernorm.weight": draw(8),
        f"{layer}self_attention.linear_qkv.weight": draw(24, 8),
        f"{layer}self_attention.linear_qkv.bias": draw(24),
        f"{layer}self_attention.linear_proj.weight": draw(8, 8),
        f"{layer}self_attention.linear_proj.bias": draw(8),
        **{
            f"{layer}mlp.experts.local_experts.{i}.linear_fc1.weight": draw(32, 8) for i in range(4)
        },
        **{
            f"{layer}mlp.experts.local_experts.{i}.linear_fc2.weight": draw(8, 16) for i in range(4)
        },
    }
    held = {}
    for name, value in whole.items():
        expert = re.search(r"local_experts\.(\d)\.", name)
        if expert:
            number = int(expert[1])
            if number // 2 != data:
                continue  # on another expert-parallel rank
            name = name.replace(expert[0], f"local_experts.{number % 2}.")
        if "linear_fc1" in name:
            held[name] = cut_gated(value, tensor, 2)
        elif re.search("word_embeddings|qkv", name):
            held[name] = cut(value, 0, tensor, 2)
        elif re.search("proj.weight|fc2", name):
            held[name] = cut(value, 1, tensor, 2)
        else:
            held[name] = torch.nn.Parameter(value)
        held[name].allreduce = not expert
    adapter = ADAPTERS["Megatron"](
        Module(held), (tensor, 2), data, (tensor, 2), 0, first_expert=2 * data
    )
    with igfast.Monitor(adapter) as monitor:
        monitor.record(0)
        found = monitor.last["param"]
        assert set(found.names) == set(whole)
        local = [name for name in whole if re.search("proj.weight|fc", name)]
        Twin(local).check("param", {name: whole[name] for name in found.names}, found)


def megatron_stages(rank, room):
    """Two pipeline stages of two layers, both counting them from 0, and an embedding on both."""
    stage, data = rank % 2, rank // 2
    whole = {f"decoder.layers.{i}.mlp.weight": torch.full((4, 3), i + 1.0) for i in range(4)}
    embedding = torch.full((5, 3), 9.0)
    held = {
        f"decoder.layers.{i}.mlp.weight": torch.nn.Parameter(
            whole[f"decoder.layers.{2 * stage + i}.mlp.weight"]
        )
        for i in range(2)
    }
    copy = torch.nn.Parameter(embedding)
    held["output_layer.weight" if stage else "embedding.word_embeddings.weight"] = copy
    copy.shared = bool(stage)
    adapter = ADAPTERS["Megatron"](Module(held), (0, 1), data, (0, 1), 0, first_layer=2 * stage)
    whole["embedding.word_embeddings.weight"] = embedding
    with igfast.Monitor(adapter) as monitor:
        monitor.record(0)
        found = monitor.last["param"]
        assert set(found.names) == set(whole)
        Twin().check("param", {name: whole[name] for name in found.names}, found)


def optimizers_with_masters(rank, room):
    """Their inner optimizers step once for each group, before the model has the result."""
    parameter = torch.nn.Parameter(torch.ones(4))
    for module in ("deepspeed.runtime.zero.stage_1_and_2", "megatron.core.optimizer.optimizer"):
        kind = type("Outer", (), {"__module__": module})
        outer = kind()
        outer.optimizer = torch.optim.SGD([parameter], lr=0.1)
        for given in (outer, SimpleNamespace(optimizer=outer)):  # as accelerate wraps it
            with pytest.raises(TypeError, match=r"pass no optimizer, and call monitor.record"):
                igfast.Monitor({"w": parameter}, given)
    parameter.main_param = torch.ones(4)
    of_masters = torch.optim.SGD([torch.nn.Parameter(parameter.main_param)], lr=0.1)
    with pytest.raises(TypeError, match="handed to DeepSpeed or Megatron, and steps copies"):
        igfast.Monitor({"w": parameter}, of_masters)


CASES = (
    zero3,
    masters_of_zero_1_and_2,
    megatron,
    megatron_stages,
    optimizers_with_masters,
)
