"""The transformers callback in a real Trainer, against a loop by hand."""

from __future__ import annotations

import pytest
import torch

import igfast
from igfast.sinks import TensorBoard

from .training import QUANTITIES, SIZE, adam, assert_same_run, batches, by_hand, network

pytest.importorskip("transformers")
pytest.importorskip("accelerate")

import transformers

from igfast.integrations.transformers import MonitorCallback


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = network()

    def forward(self, inputs, targets):
        return {"loss": (self.net(inputs) - targets).square().mean()}


class Trainer(transformers.Trainer):
    """Takes its batches in order."""

    def get_train_dataloader(self):
        inputs, targets = (one.flatten(0, 1) for one in batches())
        rows = [{"inputs": x, "targets": y} for x, y in zip(inputs, targets, strict=True)]
        return self.accelerator.prepare(torch.utils.data.DataLoader(rows, SIZE))


def train(folder, *callbacks, model=None, checkpoint=None, **options):
    settings = {
        "output_dir": str(folder),
        "num_train_epochs": 1,
        "use_cpu": True,
        "report_to": [],
        "disable_tqdm": True,
        "save_strategy": "no",
        "lr_scheduler_type": "constant",
        "learning_rate": 0.01,
        "weight_decay": 0.0,
        "max_grad_norm": 0.0,
        "optim": "adamw_torch",
    }
    model = model or Model()
    trainer = Trainer(
        model,
        transformers.TrainingArguments(**{**settings, **options}),
        callbacks=list(callbacks),
        train_dataset=[0] * 192,
    )
    trainer.train(resume_from_checkpoint=checkpoint)
    return trainer


def callback(path, **options):
    return MonitorCallback(every=2, quantities=QUANTITIES, store=path, **options)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_run_is_that_of_a_loop_by_hand(accumulate, tmp_path):
    """The Trainer makes the optimizer, and wraps it with accelerate."""
    monitored = callback(tmp_path / "run.igf")
    trainer = train(tmp_path, monitored, gradient_accumulation_steps=accumulate)
    assert trainer.state.global_step == monitored.monitor.step == 24 // accumulate
    wanted = by_hand(tmp_path / "hand.igf", accumulate, prefix="net")
    assert_same_run(igfast.open(tmp_path / "run.igf"), wanted)


def test_a_checkpoint_continues_the_run(tmp_path):
    """Killed after step 16 and taken up from step 10: records in between are made again."""

    class Killed(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            if state.global_step == 16:
                raise KeyboardInterrupt

    path, saving = tmp_path / "run.igf", {"save_strategy": "steps", "save_steps": 10}
    monitored = callback(path)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, monitored, Killed(), **saving)
    monitored.close()
    assert igfast.open(path).steps.tolist() == list(range(0, 17, 2))
    monitored = callback(path)
    train(tmp_path, monitored, checkpoint=str(tmp_path / "checkpoint-10"), **saving)
    assert monitored.monitor.step == 24
    assert_same_run(igfast.open(path), by_hand(tmp_path / "hand.igf", prefix="net"))


def test_a_training_that_starts_over_replaces_its_records(tmp_path):
    """As ``auto_find_batch_size`` does after running out of memory."""
    monitored = callback(tmp_path / "run.igf")
    for _ in range(2):
        train(tmp_path, monitored)
    assert igfast.open(tmp_path / "run.igf").steps.tolist() == list(range(0, 25, 2))


def test_sinks_have_the_steps_of_the_trainer(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "board"
    train(tmp_path, MonitorCallback(every=12, sinks=[TensorBoard(folder)]))
    events = EventAccumulator(str(folder), size_guidance={"histograms": 0}).Reload()
    assert [e.step for e in events.Histograms("param_histogram/net.0.weight")] == [0, 12, 24]


def test_an_optimizer_of_ones_own(tmp_path):
    """Made before the Trainer, as for other parameter groups."""
    model, path = Model(), tmp_path / "run.igf"
    arguments = transformers.TrainingArguments(
        str(tmp_path), max_steps=4, use_cpu=True, report_to=[], disable_tqdm=True
    )
    trainer = Trainer(
        model,
        arguments,
        callbacks=[callback(path)],
        train_dataset=[0] * 192,
        optimizers=(adam(model), None),
    )
    trainer.train()
    assert igfast.open(path).steps.tolist() == [0, 2, 4]


class OfMasters:
    """As DeepSpeed's optimizers around the one that they were given."""

    def __init__(self, optimizer):
        self.optimizer = optimizer


OfMasters.__module__ = "deepspeed.runtime.zero.stage_1_and_2"


def test_where_an_optimizer_steps_masters_the_end_of_a_step_records(tmp_path):
    """A step of theirs may make several of the inner one; the model has its result at its end."""
    model, seen = network(), []
    wrapped = OfMasters(torch.optim.SGD([torch.nn.Parameter(torch.zeros(3))], lr=0.1))
    state, control = transformers.TrainerState(), transformers.TrainerControl()

    def train_to(last, **options):
        monitored = MonitorCallback(every=2, store=tmp_path / "run.igf", **options)
        monitored.on_train_begin(None, state, control, model=model, optimizer=wrapped)
        while state.global_step < last:
            wrapped.optimizer.step()
            with torch.no_grad():
                model[0].weight.fill_(state.global_step + 1)
            state.global_step += 1
            monitored.on_step_end(None, state, control)
            monitored.on_step_end(None, state, control)  # the same step is no other
        monitored.on_train_end(None, state, control)

    def adapter(given):
        seen.append(given)
        return {"only": given[0].weight}

    train_to(5, adapter=adapter)
    assert seen == [model]
    state.global_step = 3
    train_to(8, adapter=adapter)
    run = igfast.open(tmp_path / "run.igf")
    assert run.layers == ("only",)
    assert run.steps.tolist() == [0, 2, 4, 6, 8]
    assert run.moments()["mean"][1:, 0].tolist() == [2.0, 4.0, 6.0, 8.0]
