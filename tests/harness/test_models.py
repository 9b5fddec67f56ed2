"""The reference networks: sizes, starts, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from igfast.harness import models
from igfast.harness.settings import ACTIVATIONS

MLP: dict[str, Any] = {
    "name": "mlp",
    "input_shape": (1, 28, 28),
    "classes": 10,
    "widths": (512, 512),
    "activation": "leaky_relu",
    "seed": 0,
}
CONVNET = MLP | {"name": "convnet", "input_shape": (3, 32, 32), "widths": (32, 64, 128)}
GPT = MLP | {
    "name": "gpt",
    "input_shape": (128,),
    "classes": 65,
    "widths": (128,) * 4,
    "activation": "gelu",
}


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        (MLP, 784 * 512 + 512 + 512 * 512 + 512 + 512 * 10 + 10),
        # 3x3 kernels without bias, two batch normalizations per stage, the head
        (CONVNET, 9 * (3 * 32 + 32 * 32 + 32 * 64 + 64 * 64 + 64 * 128 + 128 * 128)
            + 4 * (32 + 64 + 128) + 128 * 10 + 10),
        # tied embedding, positions, 12 width^2 + 13 width per block, last normalization
        (GPT, 65 * 128 + 128 * 128 + 4 * (12 * 128**2 + 13 * 128) + 2 * 128),
    ],
)  # fmt: skip
def test_number_of_parameters(arguments: dict[str, Any], parameters: int) -> None:
    model = models.build(**arguments)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def test_linear_weights_start_uniform_within_one_over_root_inputs() -> None:
    first, second, third = models.build(**MLP).linear
    for layer, inputs in ((first, 784), (second, 512), (third, 512)):
        bound = 1 / math.sqrt(inputs)
        assert 0.99 * bound < layer.weight.abs().max() <= bound
        assert abs(layer.weight.std().item() * math.sqrt(3) / bound - 1) < 0.02


def test_gpt_starts_normal_with_smaller_residual_projections() -> None:
    model = models.build(**GPT)
    assert abs(model.token.weight.std().item() - 0.02) < 0.001
    assert abs(model.blocks[0].contract.weight.std().item() - 0.02 / math.sqrt(8)) < 0.0005
    assert model.blocks[3].expand.bias.abs().max() == 0
    assert model.head.weight is model.token.weight


def test_gpt_sees_only_the_past() -> None:
    model = models.build(**GPT)
    tokens = torch.randint(0, 65, (1, 128), generator=torch.Generator().manual_seed(1))
    changed = tokens.clone()
    changed[0, 64] = (tokens[0, 64] + 1) % 65
    with torch.no_grad():
        before, after = model(tokens), model(changed)
    assert torch.equal(before[0, :64], after[0, :64])
    assert not torch.equal(before[0, 64:], after[0, 64:])


def test_start_depends_on_the_seed_alone() -> None:
    torch.manual_seed(123)
    state = torch.get_rng_state()
    first = models.build(**MLP)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(5)
    again, other = models.build(**MLP), models.build(**MLP | {"seed": 1})
    assert torch.equal(first.linear[0].weight, again.linear[0].weight)
    assert not torch.equal(first.linear[0].weight, other.linear[0].weight)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_makes_a_network(name: str) -> None:
    model = models.build(**MLP | {"widths": (3,), "activation": name})
    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (MLP | {"name": "vgg"}, "model='vgg': choose one of mlp"),
        (MLP | {"activation": "swish"}, "activation='swish': choose one of relu"),
        (MLP | {"widths": (4, 0)}, "each at least 1 wide"),
        (MLP | {"input_shape": (128,)}, "works on images"),
        (GPT | {"input_shape": (3, 32, 32)}, r"works on text \(shakespeare\)"),
        (GPT | {"widths": (128, 64)}, "one width, a multiple of 32"),
        (GPT | {"widths": (100, 100)}, "one width, a multiple of 32"),
        (CONVNET | {"widths": (4,) * 6}, "32 pixels can be halved 5 times"),
    ],
)
def test_what_cannot_be_built(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        models.build(**arguments)
