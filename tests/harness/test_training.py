"""Training runs: what is recorded, and that equal settings give equal bits."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import igfast
from igfast.harness import models
from igfast.harness.data import Dataset
from igfast.harness.devices import find_device
from igfast.harness.settings import OPTIMIZERS, Settings
from igfast.harness.training import (
    batch_loss,
    batches,
    build_optimizer,
    evaluate,
    evaluation_steps,
    record_schedule,
    train,
)

from .runs import SMALL, Listener, assert_same_run, weights


def test_records_what_a_report_needs(mnist: Dataset, tmp_path: Path) -> None:
    listener = Listener()
    result = train(SMALL, mnist, tmp_path / "run.igf", observer=listener)
    assert result.outline.total_steps == 60  # 6 epochs of ceil(300 / 32) batches
    assert result.outline.parameters == 784 * 16 + 16 + 16 * 8 + 8 + 8 * 10 + 10
    run = igfast.open(tmp_path / "run.igf")
    assert run.steps.tolist() == listener.steps
    assert run.steps[0] == 0
    assert run.steps[-1] == 60
    assert run.layers[:2] == ("linear.0.weight", "linear.0.bias")
    assert run.histograms("param")[0]["linear.0.weight"].counts.shape == (1, 256)
    config = run.config
    assert config["settings"]["seed"] == 0
    assert config["settings"]["learning_rate"] == 0.045
    assert config["total_steps"] == 60
    assert config["data"]["sha256"] == mnist.sha256
    assert config["data"]["notes"] == list(mnist.notes)
    assert config["optimizer"]["name"] == "SGD"
    assert config["versions"]["torch"] == str(torch.__version__)
    assert config["versions"]["igfast"] == igfast.__version__
    scalars = run.scalars()
    steps, losses = scalars["test_loss"]
    assert steps.tolist() == sorted(listener.evaluations)
    assert (steps[0], steps[-1]) == (0, 60)
    assert abs(losses[0] - math.log(10)) < 0.2  # nats, before anything was learned
    assert losses[-1] < 1.5
    assert scalars["batch_loss"][0].tolist() == run.steps[1:].tolist()
    assert scalars["learning_rate"][1].tolist() == [0.045] * len(steps)
    assert 0.0 <= scalars["test_accuracy"][1].min() <= scalars["test_accuracy"][1].max() <= 1.0


def test_monitor_does_not_touch_the_training(mnist: Dataset, tmp_path: Path) -> None:
    settings = replace(SMALL, optimizer="adam", quantities=("param", "grad", "update")).resolved()
    train(settings, mnist, tmp_path / "run.igf", observer=Listener())
    model = models.build(
        "mlp",
        input_shape=(1, 28, 28),
        classes=10,
        widths=(16, 8),
        activation="leaky_relu",
        seed=0,
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    for chosen in batches(300, settings, 0, 60):
        optimizer.zero_grad()
        batch_loss(model(mnist.train_inputs[chosen]), mnist.train_targets[chosen]).backward()
        optimizer.step()
    torch.set_num_threads(before)
    for name, value in weights(tmp_path / "run.igf").items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_equal_settings_give_equal_bits(mnist: Dataset, tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        train(replace(SMALL, seed=seed), mnist, tmp_path / f"{name}.igf", observer=Listener())
    assert_same_run(tmp_path / "a.igf", tmp_path / "b.igf")
    a, c = weights(tmp_path / "a.igf"), weights(tmp_path / "c.igf")
    assert not torch.equal(a["linear.0.weight"], c["linear.0.weight"])


def test_existing_file_is_not_replaced(mnist: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "run.igf"
    path.write_text("something")
    with pytest.raises(FileExistsError):
        train(SMALL, mnist, path, observer=Listener())
    assert path.read_text() == "something"


def test_diverging_run_stops_and_says_why(mnist: Dataset, tmp_path: Path) -> None:
    settings = replace(SMALL, learning_rate=1e30)
    with pytest.raises(FloatingPointError, match=r"learning_rate=1e\+30 is too high"):
        train(settings, mnist, tmp_path / "run.igf", observer=Listener())


def test_batches_are_permutations_and_continue_anywhere() -> None:
    settings = Settings(batch_size=7, seed=3)
    whole = [chosen.tolist() for chosen in batches(20, settings, 0, 8)]
    assert [len(chosen) for chosen in whole] == [7, 7, 6, 7, 7, 6, 7, 7]
    for epoch in (whole[:3], whole[3:6]):
        assert sorted(index for chosen in epoch for index in chosen) == list(range(20))
    assert whole[0] != whole[3]
    for start in range(9):
        assert [chosen.tolist() for chosen in batches(20, settings, start, 8)] == whole[start:]


def test_demo_is_recorded_300_to_500_times() -> None:
    total = 6 * 938
    is_record = record_schedule(total, Settings())
    steps = [step for step in range(total + 1) if is_record(step)]
    assert 300 <= len(steps) <= 500
    assert steps[:10] == list(range(10))
    assert steps[-1] == total
    assert max(np.diff(steps)) <= 20
    every = record_schedule(1000, Settings(every=250))
    assert all(every(step) for step in (0, 250, 500, 750, 1000))
    assert not every(999)


def test_evaluations_are_dense_at_first_and_include_both_ends() -> None:
    steps = sorted(evaluation_steps(5628, 30))
    assert (steps[0], steps[-1]) == (0, 5628)
    assert 25 <= len(steps) <= 36
    assert len([step for step in steps if step < 100]) >= 7
    assert max(np.diff(steps)) <= 5628 / 15 + 1


def test_evaluate_against_a_hand_computed_loss() -> None:
    model = torch.nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.eye(2))
    inputs, targets = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]]), torch.tensor([0, 1, 0])
    loss, accuracy = evaluate(model, inputs, targets, torch.device("cpu"))
    expected = (2 * math.log(1 + math.exp(-1)) + math.log(1 + math.exp(2))) / 3
    assert abs(loss - expected) < 1e-6
    assert accuracy == pytest.approx(2 / 3)
    assert model.training


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sgd", torch.optim.SGD), ("momentum", torch.optim.SGD), ("adam", torch.optim.Adam),
        ("adamw", torch.optim.AdamW), ("adadelta", torch.optim.Adadelta),
        ("rmsprop", torch.optim.RMSprop), ("adagrad", torch.optim.Adagrad),
    ],
)  # fmt: skip
def test_optimizers(name: str, kind: type) -> None:
    assert name in OPTIMIZERS
    settings = Settings(optimizer=name, learning_rate=0.5, weight_decay=0.25)
    built = build_optimizer(settings, torch.nn.Linear(2, 2))
    assert type(built) is kind
    group = built.param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (0.5, 0.25)
    if kind is torch.optim.SGD:
        assert group["momentum"] == (0.9 if name == "momentum" else 0.0)


def test_device_errors() -> None:
    assert find_device("cpu").type == "cpu"
    with pytest.raises(ValueError, match="device='gpu': choose cpu, cuda"):
        find_device("gpu")
    with pytest.raises(ValueError, match="CUDA devices here; use cpu"):
        find_device("cuda:99")


def test_number_of_threads_is_restored(mnist: Dataset, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    listener = Listener()
    settings = replace(SMALL, threads=before + 1, epochs=0.1)
    train(settings, mnist, tmp_path / "run.igf", observer=listener)
    assert torch.get_num_threads() == before
    assert listener.outline is not None
    assert listener.outline.settings.threads == before + 1
