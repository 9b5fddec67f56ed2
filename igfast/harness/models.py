"""The three reference networks: a perceptron, a small convolutional net, a small GPT."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from igfast.harness.settings import ACTIVATIONS, MODELS


def activation_layer(name: str) -> nn.Module:
    """The activation with this name in ``settings.ACTIVATIONS``."""
    layer: nn.Module = getattr(nn, ACTIVATIONS[name])()
    return layer


class MLP(nn.Module):
    """Fully connected network: flatten, then linear layers with an activation between them.

    Weights and biases start as PyTorch makes them, uniform in ±1/sqrt(inputs of the layer).

    Examples
    --------
    >>> network = MLP(784, (512, 512), 10, "leaky_relu")
    >>> [tuple(weight.shape) for weight in network.parameters() if weight.dim() == 2]
    [(512, 784), (512, 512), (10, 512)]
    """

    def __init__(self, inputs: int, widths: Sequence[int], classes: int, activation: str) -> None:
        super().__init__()
        sizes = [inputs, *widths, classes]
        self.linear = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(sizes))
        self.activation = activation_layer(activation)

    def forward(self, images: Tensor) -> Tensor:
        """Images ``[N, C, H, W]`` to logits ``[N, classes]``."""
        hidden = images.flatten(1)
        for layer in list(self.linear)[:-1]:
            hidden = self.activation(layer(hidden))
        logits: Tensor = self.linear[-1](hidden)
        return logits


class ConvNet(nn.Module):
    """Convolutional network with batch normalization, for small images.

    One stage per entry of ``widths``: two 3x3 convolutions with that many channels, each followed
    by normalization and activation, then 2x2 max pooling. A mean over what is left feeds the last
    linear layer.

    Examples
    --------
    >>> ConvNet(3, (32, 64, 128), 10, "relu")(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, channels: int, widths: Sequence[int], classes: int, activation: str) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        for width in widths:
            self.stages.append(
                nn.Sequential(
                    nn.Conv2d(channels, width, 3, padding=1, bias=False),
                    nn.BatchNorm2d(width),
                    activation_layer(activation),
                    nn.Conv2d(width, width, 3, padding=1, bias=False),
                    nn.BatchNorm2d(width),
                    activation_layer(activation),
                    nn.MaxPool2d(2),
                )
            )
            channels = width
        self.head = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images ``[N, C, H, W]`` to logits ``[N, classes]``."""
        hidden = images
        for stage in self.stages:
            hidden = stage(hidden)
        logits: Tensor = self.head(hidden.mean(dim=(2, 3)))
        return logits


class Attention(nn.Module):
    """Causal self-attention with several heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """``[N, T, width]`` to the same shape."""
        batch, time, width = hidden.shape
        split = self.query_key_value(hidden).view(batch, time, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each [N, heads, T, width / heads]
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        result: Tensor = self.projection(mixed.transpose(1, 2).reshape(batch, time, width))
        return result


class Block(nn.Module):
    """One transformer block: attention and a perceptron, each on the normalized residual stream."""

    def __init__(self, width: int, heads: int, activation: str) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm_perceptron = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 4 * width)
        self.activation = activation_layer(activation)
        self.contract = nn.Linear(4 * width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """``[N, T, width]`` to the same shape."""
        hidden = hidden + self.attention(self.norm_attention(hidden))
        inner = self.activation(self.expand(self.norm_perceptron(hidden)))
        result: Tensor = hidden + self.contract(inner)
        return result


class GPT(nn.Module):
    """Small decoder-only transformer over characters, with tied input and output embedding.

    Matrices and embeddings start as N(0, 0.02), projections into the residual stream as
    N(0, 0.02 / sqrt(2 depth)), biases at 0 (the GPT-2 start).

    Examples
    --------
    >>> GPT(65, context=16, width=32, depth=2, heads=2, activation="gelu")(
    ...     torch.zeros(3, 16, dtype=torch.long)
    ... ).shape
    torch.Size([3, 16, 65])
    """

    def __init__(
        self, vocabulary: int, context: int, width: int, depth: int, heads: int, activation: str
    ) -> None:
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads, activation) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.token.weight
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                residual = name.endswith(("projection.weight", "contract.weight"))
                nn.init.normal_(parameter, std=0.02 / (2 * depth) ** 0.5 if residual else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens ``[N, T]`` to logits ``[N, T, vocabulary]``."""
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        hidden = self.token(tokens) + self.position(positions)
        for block in self.blocks:
            hidden = block(hidden)
        logits: Tensor = self.head(self.norm(hidden))
        return logits


def build(
    name: str,
    *,
    input_shape: Sequence[int],
    classes: int,
    widths: Sequence[int],
    activation: str,
    seed: int,
) -> nn.Module:
    """Make a network on the CPU; its start depends on ``seed`` alone.

    Parameters
    ----------
    name
        One of ``MODELS``.
    input_shape
        Shape of one example: ``(C, H, W)`` for images, ``(context,)`` for text.
    classes
        Number of classes, or of different characters.
    widths
        Width of each hidden layer (mlp), stage (convnet) or block (gpt: all equal, a multiple
        of 32, one head per 32).
    activation
        One of ``ACTIVATIONS``.
    seed
        Seed of the initial parameters. The global generator is left as it was.

    Raises
    ------
    ValueError
        If a value is not possible, or the network does not fit the kind of data.
    """
    if name not in MODELS:
        raise ValueError(f"model={name!r}: choose one of {', '.join(MODELS)}")
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation={activation!r}: choose one of {', '.join(ACTIVATIONS)}")
    if not widths or min(widths) < 1:
        raise ValueError(f"widths={tuple(widths)}: need at least one layer, each at least 1 wide")
    if (name == "gpt") != (len(input_shape) == 1):
        wanted = "text (shakespeare)" if name == "gpt" else "images"
        raise ValueError(f"model={name!r} works on {wanted}; the data has shape {input_shape}")
    if name == "convnet" and min(input_shape[1:]) < 2 ** len(widths):
        raise ValueError(
            f"depth={len(widths)}: each stage halves the image, and {input_shape[1]} pixels can be "
            f"halved {min(input_shape[1:]).bit_length() - 1} times"
        )
    if name == "gpt" and (len(set(widths)) > 1 or widths[0] % 32):
        raise ValueError(f"widths={tuple(widths)}: gpt needs one width, a multiple of 32")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if name == "mlp":
            inputs = 1
            for size in input_shape:
                inputs *= size
            return MLP(inputs, widths, classes, activation)
        if name == "convnet":
            return ConvNet(input_shape[0], widths, classes, activation)
        width = widths[0]
        return GPT(classes, input_shape[0], width, len(widths), width // 32, activation)
