"""The settings of a training run: every choice by name, with what it defaults to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from igfast.harness.data import DATASETS

MODELS = ("mlp", "convnet", "gpt")

ACTIVATIONS: dict[str, str] = {
    "relu": "ReLU",
    "leaky_relu": "LeakyReLU",  # negative slope 0.01
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "gelu": "GELU",
    "silu": "SiLU",
    "elu": "ELU",
    "softplus": "Softplus",
}
"""Name of an activation to the class in ``torch.nn``, taken with its default parameters."""

OPTIMIZERS: dict[str, float] = {
    "sgd": 0.045,
    "momentum": 0.01,
    "adam": 0.001,
    "adamw": 0.001,
    "adadelta": 1.0,
    "rmsprop": 0.001,
    "adagrad": 0.01,
}
"""Name of an optimizer to its default learning rate; ``momentum`` is SGD with momentum 0.9."""

_MODEL_OF = {"cifar10": "convnet", "shakespeare": "gpt"}
_WIDTHS = {"mlp": (512, 512), "convnet": (32, 64, 128), "gpt": (128, 128, 128, 128)}
_EPOCHS = {"mlp": 6.0, "convnet": 3.0, "gpt": 1.0}
_EVALUATION_SIZE = {"mlp": 10_000, "convnet": 1_000, "gpt": 100}
_ACTIVATION = {"mlp": "leaky_relu", "convnet": "relu", "gpt": "gelu"}


@dataclass(frozen=True)
class Settings:
    """Everything that decides a run. ``None`` means: by the rule that is written beside it.

    Examples
    --------
    >>> settings = Settings().resolved()
    >>> settings.model, settings.widths, settings.learning_rate
    ('mlp', (512, 512), 0.045)
    """

    dataset: str = "mnist"
    """One of ``igfast.harness.data.DATASETS``."""
    model: str | None = None
    """``mlp``, ``convnet`` or ``gpt``; None: convnet for cifar10, gpt for shakespeare, else mlp."""
    widths: tuple[int, ...] | None = None
    """Width of each hidden layer, stage or block; None: mlp 512, 512; convnet 32, 64, 128;
    gpt four blocks of 128."""
    activation: str | None = None
    """One of ``ACTIVATIONS``; None: leaky_relu for mlp, relu for convnet, gelu for gpt."""
    context: int = 128
    """Characters per training example of text."""
    optimizer: str = "sgd"
    """One of ``OPTIMIZERS``."""
    learning_rate: float | None = None
    """Constant learning rate; None: the value in ``OPTIMIZERS``."""
    weight_decay: float | None = None
    """None: 0.01 for adamw, 0 for all others."""
    epochs: float | None = None
    """Passes through the training part; None: mlp 6, convnet 3, gpt 1."""
    batch_size: int = 64
    seed: int = 0
    """Decides the initial parameters and the order of the examples."""
    device: str = "cpu"
    """``cpu``, ``cuda`` or ``cuda:1``, ..."""
    threads: int | None = None
    """CPU threads of PyTorch; None: 1 for mlp, whose batches are too small to share, else as many
    as PyTorch takes. Another number rounds differently."""
    records: int = 400
    """About how many times the distributions are recorded: densely at first, then regularly."""
    every: int | None = None
    """Steps between regular records; None: so that there are about ``records`` in all."""
    evaluations: int = 30
    """About how many times losses and accuracies are measured, at first more densely."""
    evaluation_size: int | None = None
    """How many examples of each part an evaluation uses; None: mlp 10,000, convnet 1,000, gpt 100
    (of ``context`` characters each)."""
    quantities: tuple[str, ...] = ("param",)
    """What is recorded of each parameter: ``param``, ``grad``, ``update``."""
    bins: int = 256
    """Bins of a histogram."""
    splits: int = 4
    """Splits of a histogram: 1, 2, 4 or 8."""
    checkpoint_every: int = 500
    """Steps after which the next record also writes a checkpoint."""

    def __post_init__(self) -> None:
        _choose("dataset", self.dataset, DATASETS)
        _choose("model", self.model, (*MODELS, None))
        _choose("activation", self.activation, (*ACTIVATIONS, None))
        _choose("optimizer", self.optimizer, OPTIMIZERS)
        for quantity in self.quantities:
            _choose("quantities", quantity, ("param", "grad", "update"))
        _choose("splits", self.splits, (1, 2, 4, 8))
        for name in ("learning_rate", "epochs"):
            _require(name, getattr(self, name), lambda v: 0 < v < math.inf, "a positive number")
        _require("weight_decay", self.weight_decay, lambda v: 0 <= v < math.inf, "at least 0")
        for name in (
            "context", "batch_size", "threads", "records", "every", "evaluations",
            "evaluation_size", "checkpoint_every",
        ):  # fmt: skip
            _require(name, getattr(self, name), lambda v: v >= 1, "at least 1")
        _require("bins", self.bins, lambda v: 2 <= v <= 65_536, "between 2 and 65,536")
        _require("seed", self.seed, lambda v: 0 <= v < 2**32, "between 0 and 2^32 - 1")
        _require(
            "widths", self.widths, lambda v: v and min(v) >= 1, "at least one, each at least 1"
        )

    def resolved(self) -> Settings:
        """The same settings with every ``None`` replaced that has a rule of its own."""
        model = self.model or _MODEL_OF.get(self.dataset, "mlp")
        decay = 0.01 if self.optimizer == "adamw" else 0.0
        return replace(
            self,
            model=model,
            widths=self.widths or _WIDTHS[model],
            activation=self.activation or _ACTIVATION[model],
            learning_rate=self.learning_rate or OPTIMIZERS[self.optimizer],
            weight_decay=decay if self.weight_decay is None else self.weight_decay,
            epochs=self.epochs or _EPOCHS[model],
            evaluation_size=self.evaluation_size or _EVALUATION_SIZE[model],
            threads=self.threads or (1 if model == "mlp" else None),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a run records them."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """The settings that :meth:`to_dict` wrote."""
        known: dict[str, Any] = {
            field.name: tuple(value) if isinstance(value, list) else value
            for field in fields(cls)
            for value in [values[field.name]]
        }
        return cls(**known)


def _choose(name: str, value: object, choices: Iterable[object]) -> None:
    options = tuple(choices)
    if value not in options:
        named = ", ".join(str(option) for option in options if option is not None)
        raise ValueError(f"{name}={value!r}: choose one of {named}")


def _require(name: str, value: Any, holds: Callable[[Any], object], wanted: str) -> None:
    if value is not None and not holds(value):
        raise ValueError(f"{name}={value!r}: must be {wanted}")
