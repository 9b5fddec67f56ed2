"""Settings: defaults by rule, and errors that list the choices."""

from __future__ import annotations

import json

import pytest

from igfast.harness.settings import OPTIMIZERS, Settings


def test_reference_experiment_is_the_default() -> None:
    settings = Settings().resolved()
    assert (settings.dataset, settings.model, settings.widths) == ("mnist", "mlp", (512, 512))
    assert (settings.activation, settings.optimizer) == ("leaky_relu", "sgd")
    assert (settings.learning_rate, settings.batch_size, settings.seed) == (0.045, 64, 0)


@pytest.mark.parametrize(
    ("dataset", "model", "activation"),
    [("cifar10", "convnet", "relu"), ("shakespeare", "gpt", "gelu"), ("digits", "mlp", None)],
)
def test_model_follows_the_data(dataset: str, model: str, activation: str | None) -> None:
    settings = Settings(dataset=dataset).resolved()
    assert settings.model == model
    assert settings.activation == (activation or "leaky_relu")
    sizes = {"mlp": 10_000, "convnet": 1_000, "gpt": 100}
    assert settings.evaluation_size == sizes[model]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_learning_rate_and_decay_follow_the_optimizer(optimizer: str) -> None:
    settings = Settings(optimizer=optimizer).resolved()
    assert settings.learning_rate == OPTIMIZERS[optimizer]
    assert settings.weight_decay == (0.01 if optimizer == "adamw" else 0.0)
    assert Settings(optimizer="adamw", weight_decay=0.0).resolved().weight_decay == 0.0


def test_survives_json() -> None:
    settings = Settings(widths=(8, 4), quantities=("param", "grad"), epochs=0.5).resolved()
    assert Settings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("dataset", "minst", "choose one of mnist, fashion-mnist, cifar10, shakespeare, digits"),
        ("model", "resnet", "choose one of mlp, convnet, gpt"),
        ("activation", "rellu", "choose one of relu, leaky_relu, tanh, sigmoid, gelu"),
        ("optimizer", "sdg", "choose one of sgd, momentum, adam, adamw, adadelta, rmsprop"),
        ("quantities", ("weights",), "choose one of param, grad, update"),
        ("splits", 3, "choose one of 1, 2, 4, 8"),
        ("learning_rate", 0.0, "must be a positive number"),
        ("learning_rate", float("nan"), "must be a positive number"),
        ("epochs", float("inf"), "must be a positive number"),
        ("weight_decay", -1.0, "must be at least 0"),
        ("batch_size", 0, "must be at least 1"),
        ("every", 0, "must be at least 1"),
        ("threads", -1, "must be at least 1"),
        ("bins", 1, "must be between 2 and 65,536"),
        ("seed", -1, "must be between 0"),
        ("widths", (), "must be at least one"),
        ("widths", (4, 0), "each at least 1"),
    ],
)
def test_errors_name_argument_value_and_choice(name: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Settings(**{name: value})  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"{name}=")
