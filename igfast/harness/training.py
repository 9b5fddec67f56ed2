"""Reference training runs: a plain loop with a :class:`igfast.Monitor` around it.

A run is a function of its settings. The order of examples depends on seed and epoch alone, so a run
continued from a checkpoint takes the same steps, bit for bit, as one that was never stopped (on the
same computer and with the same number of threads).
"""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator
from contextlib import contextmanager
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
from igfast.harness.interrupting import deferred
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
    with _threads(settings.threads) as threads:
        settings = replace(settings, threads=threads)
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
    size = len(dataset.train_inputs)
    steps_per_epoch = math.ceil(size / settings.batch_size)
    total = max(1, round(steps_per_epoch * (settings.epochs or 0)))
    is_record = record_schedule(total, settings)
    evaluations = evaluation_steps(total, settings.evaluations)
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

    def save() -> None:
        monitor.flush()
        tensors = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        checkpoint.save(path, {"step": step, "config": config, **tensors})

    inputs, targets = dataset.train_inputs.to(device), dataset.train_targets.to(device)
    watch = Stopwatch()
    # before the monitor's hook, which is all that optimizer.step() does after it
    optimizer.register_step_post_hook(lambda *_: watch.start("recording"))
    watch.start("recording")
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
            watch.start("evaluation")
            scalars = evaluate_both(model, dataset, settings, device)
            watch.start("rest")
            observer.recorded(step, None, monitor.last["param"])
            observer.evaluated(step, scalars)
            monitor.log(step, **scalars)
            save()
        saved = step
        for chosen in batches(size, settings, step, total):
            if interruption.wanted:  # only here do model, optimizer and step belong together
                save()
                raise KeyboardInterrupt
            watch.start("training")
            loss = batch_loss(model(inputs[chosen]), targets[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()  # the monitor records in its post-step hook
            step += 1
            scalars = dict[str, float]()
            if step in evaluations:
                watch.start("evaluation")
                scalars = evaluate_both(model, dataset, settings, device)
                observer.evaluated(step, scalars)
            watch.start("rest")
            if is_record(step):
                scalars["batch_loss"] = finite(loss.item(), step, settings)
                observer.recorded(step, scalars["batch_loss"], monitor.last["param"])
            if scalars:
                monitor.log(step, **scalars)
            if is_record(step) and (step - saved >= settings.checkpoint_every or step == total):
                save()
                saved = step
    parts = watch.stop()
    return Result(outline, sum(parts.values()), parts)


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


def find_device(name: str) -> torch.device:
    """The device, or a ValueError that says what this computer has."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device={name!r}: choose cpu, cuda or cuda:1, ...") from error
    if device.type == "cpu":
        return device
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type != "cuda" or (device.index or 0) >= count:
        raise ValueError(
            f"device={name!r}: PyTorch {torch.__version__} sees {count} CUDA devices here; "
            "use cpu" + (f" or cuda:0 to cuda:{count - 1}" if count else "")
        )
    return device


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


@contextmanager
def _threads(count: int | None) -> Iterator[int]:
    """Let PyTorch use ``count`` CPU threads, as many as now if None; then as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
