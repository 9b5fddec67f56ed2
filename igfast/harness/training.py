"""Reference training runs: a plain loop with a :class:`igfast.Monitor` around it.

A run is a function of its settings. The order of examples depends on seed and epoch alone, so a run
continued from a checkpoint takes the same steps, bit for bit, as one that was never stopped (on the
same computer and with the same number of threads).
"""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import igfast
from igfast import schedules
from igfast.harness import checkpoint, models
from igfast.harness.data import Dataset
from igfast.harness.devices import find_device, threads
from igfast.harness.interrupting import Interruption, deferred
from igfast.harness.observing import Observer, Outline, Result, Silent
from igfast.harness.settings import Settings
from igfast.harness.stopwatch import Stopwatch
from igfast.monitor import Monitor


def train(
    settings: Settings,
    dataset: Dataset,
    path: Path,
    *,
    observer: Observer | None = None,
    resume: bool = False,
) -> Result:
    """Train one network and record its distributions in a run file.

    Parameters
    ----------
    settings
        The choices; what is None is resolved. To resume, those that the checkpoint holds.
    dataset
        From :func:`igfast.harness.data.load`.
    path
        The run file; its checkpoint lies beside it.
    observer
        Told of each record and evaluation; by default nobody.
    resume
        Continue ``path`` from its checkpoint.

    Returns
    -------
    Result

    Raises
    ------
    FileExistsError
        If ``path`` exists and ``resume`` is false.
    CheckpointError
        If the run cannot be continued.
    FloatingPointError
        If the loss stops being finite.
    ValueError
        If the settings do not fit the data or the computer.
    """
    settings = settings.resolved()
    device = find_device(settings.device)
    with threads(settings.threads) as count:
        settings = replace(settings, threads=count)
        return _train(settings, dataset, path, device, observer or Silent(), resume)


def _train(
    settings: Settings,
    dataset: Dataset,
    path: Path,
    device: torch.device,
    observer: Observer,
    resume: bool,
) -> Result:
    model = models.build(
        str(settings.model),
        input_shape=tuple(dataset.train_inputs.shape[1:]),
        classes=dataset.classes,
        widths=settings.widths or (),
        activation=str(settings.activation),
        seed=settings.seed,
    ).to(device)
    optimizer = build_optimizer(settings, model)
    steps_per_epoch = math.ceil(len(dataset.train_inputs) / settings.batch_size)
    total = max(1, round(steps_per_epoch * (settings.epochs or 0)))
    is_record = record_schedule(total, settings)
    config = describe_run(settings, dataset, model, optimizer, total)

    step = 0
    if resume:
        state = checkpoint.load(path)
        checkpoint.require_same_data(path, state["config"], config)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    parameters = sum(parameter.numel() for parameter in model.parameters())
    outline = Outline(settings, dataset, path, parameters, steps_per_epoch, total, step, resume)
    observer.started(outline)
    course = _Course(outline, model, optimizer, config, device, observer)
    # before the monitor's hook, which is all that optimizer.step() does after it
    optimizer.register_step_post_hook(lambda *_: course.watch.start("recording"))
    course.watch.start("recording")
    with (
        deferred() as interruption,
        Monitor(
            model,
            optimizer,
            every=is_record,
            quantities=settings.quantities,
            bins=settings.bins,
            splits=settings.splits,
            store=path,
            config=config,
            resume=resume,
            step=step,
        ) as monitor,
    ):
        if not resume:
            course.begin(monitor)
        course.take_steps(monitor, is_record, interruption)
    parts = course.watch.stop()
    return Result(outline, sum(parts.values()), parts)


class _Course:
    """A network on its way from the first step to the last."""

    def __init__(
        self,
        outline: Outline,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        config: dict[str, Any],
        device: torch.device,
        observer: Observer,
    ) -> None:
        self.watch = Stopwatch()
        self._outline, self._step = outline, outline.start_step
        self._model, self._optimizer, self._config = model, optimizer, config
        self._device, self._observer = device, observer
        self._inputs = outline.dataset.train_inputs.to(device)
        self._targets = outline.dataset.train_targets.to(device)

    def begin(self, monitor: Monitor) -> None:
        """Tell, log and save what the training starts from."""
        scalars = self._evaluate()
        self.watch.start("rest")
        self._observer.recorded(self._step, None, monitor.last["param"])
        self._observer.evaluated(self._step, scalars)
        monitor.log(self._step, **scalars)
        self._save(monitor)

    def take_steps(
        self, monitor: Monitor, is_record: schedules.Schedule, interruption: Interruption
    ) -> None:
        """Train up to the last step, unless Ctrl-C was pressed."""
        settings, total = self._outline.settings, self._outline.total_steps
        evaluations = evaluation_steps(total, settings.evaluations)
        saved = self._step
        for chosen in batches(len(self._inputs), settings, self._step, total):
            if interruption.wanted:  # only here do model, optimizer and step belong together
                self._save(monitor)
                raise KeyboardInterrupt
            loss = self._take_step(chosen)
            step = self._step
            scalars = dict[str, float]()
            if step in evaluations:
                scalars = self._evaluate()
                self._observer.evaluated(step, scalars)
            self.watch.start("rest")
            if is_record(step):
                scalars["batch_loss"] = finite(loss.item(), step, settings)
                self._observer.recorded(step, scalars["batch_loss"], monitor.last["param"])
            if scalars:
                monitor.log(step, **scalars)
            if is_record(step) and (step - saved >= settings.checkpoint_every or step == total):
                self._save(monitor)
                saved = step

    def _take_step(self, chosen: Tensor) -> Tensor:
        self.watch.start("training")
        loss = batch_loss(self._model(self._inputs[chosen]), self._targets[chosen])
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()  # the monitor records in its post-step hook
        self._step += 1
        return loss

    def _evaluate(self) -> dict[str, float]:
        self.watch.start("evaluation")
        outline = self._outline
        return evaluate_both(self._model, outline.dataset, outline.settings, self._device)

    def _save(self, monitor: Monitor) -> None:
        monitor.flush()
        tensors = {"model": self._model.state_dict(), "optimizer": self._optimizer.state_dict()}
        checkpoint.save(self._outline.path, {"step": self._step, "config": self._config, **tensors})


def batches(size: int, settings: Settings, start: int, total: int) -> Iterator[Tensor]:
    """Indices of the examples of steps ``start`` + 1 to ``total``.

    Each epoch is a permutation drawn from seed and epoch alone; its last batch may be smaller.
    """
    per_epoch = math.ceil(size / settings.batch_size)
    for epoch in range(start // per_epoch, math.ceil(total / per_epoch)):
        generator = torch.Generator().manual_seed((settings.seed << 20) + epoch)
        order = torch.randperm(size, generator=generator)
        first = epoch * per_epoch
        for number, chosen in enumerate(torch.split(order, settings.batch_size)):
            if start <= first + number < total:
                yield chosen


def batch_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross entropy in nats; logits ``[..., classes]``, targets ``[...]``."""
    return functional.cross_entropy(logits.flatten(0, -2), targets.flatten())


def finite(value: float, step: int, settings: Settings) -> float:
    """The loss, or an error that says what to do about one that is not finite."""
    if math.isfinite(value):
        return value
    raise FloatingPointError(
        f"the loss is {value} at step {step}: learning_rate={settings.learning_rate} is too high "
        f"for optimizer={settings.optimizer!r} here; lower it"
    )


@torch.no_grad()
def evaluate(
    model: nn.Module, inputs: Tensor, targets: Tensor, device: torch.device
) -> tuple[float, float]:
    """Mean cross entropy in nats and the fraction of right answers."""
    model.eval()
    losses, right = 0.0, 0
    for some, wanted in zip(torch.split(inputs, 500), torch.split(targets, 500), strict=True):
        logits, wanted = model(some.to(device)), wanted.to(device)
        losses += batch_loss(logits, wanted).item() * wanted.numel()
        right += int((logits.argmax(-1) == wanted).sum())
    model.train()
    return losses / targets.numel(), right / targets.numel()


def evaluate_both(
    model: nn.Module, dataset: Dataset, settings: Settings, device: torch.device
) -> dict[str, float]:
    """Loss and accuracy on the first examples of the training and the test part."""
    size = settings.evaluation_size
    train_inputs, train_targets = dataset.train_inputs[:size], dataset.train_targets[:size]
    test_inputs, test_targets = dataset.test_inputs[:size], dataset.test_targets[:size]
    train_loss, train_accuracy = evaluate(model, train_inputs, train_targets, device)
    test_loss, test_accuracy = evaluate(model, test_inputs, test_targets, device)
    return {
        "train_loss": train_loss,
        "train_accuracy": train_accuracy,
        "test_loss": test_loss,
        "test_accuracy": test_accuracy,
        "learning_rate": float(settings.learning_rate or 0),
    }


def record_schedule(total: int, settings: Settings) -> schedules.Schedule:
    """20 records per decade of steps, and one every ``every`` steps; the last step too."""
    early = min(20 * math.log10(total), settings.records / 2)
    every = settings.every or max(1, math.ceil(total / (settings.records - early)))
    last = schedules.dense(around=total, radius=0)
    return schedules.any_of(every, schedules.log_spaced(20), last)


def evaluation_steps(total: int, count: int) -> set[int]:
    """About ``count`` steps from 0 to ``total``: half of them evenly, half per decade."""
    half = max(2, (count + 1) // 2 + 1)
    even, log = np.linspace(0, total, half), np.geomspace(1, total, half)
    return {round(step) for step in [*even.tolist(), *log.tolist()]}


def build_optimizer(settings: Settings, model: nn.Module) -> torch.optim.Optimizer:
    """The optimizer by its name, with PyTorch's defaults for what the settings do not name."""
    parameters, name = model.parameters(), settings.optimizer
    rate, decay = float(settings.learning_rate or 0), float(settings.weight_decay or 0)
    if name in ("sgd", "momentum"):
        momentum = 0.9 if name == "momentum" else 0.0
        return torch.optim.SGD(parameters, lr=rate, weight_decay=decay, momentum=momentum)
    kinds: dict[str, type[torch.optim.Optimizer]] = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "adadelta": torch.optim.Adadelta,
        "rmsprop": torch.optim.RMSprop,
        "adagrad": torch.optim.Adagrad,
    }
    choices: dict[str, Any] = {"lr": rate, "weight_decay": decay}
    return kinds[name](parameters, **choices)


def describe_run(
    settings: Settings,
    dataset: Dataset,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    total: int,
) -> dict[str, Any]:
    """Everything needed to repeat the run, as plain values."""
    plain = (int, float, str, bool, list, tuple, type(None))
    return {
        "settings": settings.to_dict(),
        "total_steps": total,
        "data": dataset.describe(),
        "model": {
            "name": settings.model,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "structure": str(model),
        },
        "optimizer": {
            "name": type(optimizer).__name__,
            **{key: value for key, value in optimizer.defaults.items() if isinstance(value, plain)},
        },
        "versions": {
            "igfast": igfast.__version__,
            "torch": str(torch.__version__),
            "numpy": np.__version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
        },
    }
