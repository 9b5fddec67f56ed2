"""The real training runs that docs/length.md, docs/transitions.md and docs/sceptic.md measure.

IGFAST_DATA=... python docs/scripts/real_training.py FOLDER [NAME ...]

trains what is missing in FOLDER (named runs only, if any are named): a quarter of an hour of one
core and 0.6 GB for everything. A run file that exists is kept.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch

from igfast import Grid, Monitor
from igfast.harness import models
from igfast.harness.data import Dataset, load
from igfast.harness.settings import Settings
from igfast.harness.training import (
    batch_loss,
    batches,
    build_optimizer,
    describe_run,
    evaluate_both,
    evaluation_steps,
)

MNIST = Settings("mnist", activation="leaky_relu", optimizer="sgd", learning_rate=0.045, epochs=6)
FASHION = Settings(
    "fashion-mnist", activation="tanh", optimizer="adam", learning_rate=3e-4, epochs=3
)
RUNS = {
    "mnist": MNIST,
    "fashion": FASHION,
    **{f"mnist-seed{seed}": replace(MNIST, seed=seed) for seed in (1, 2, 3)},
    **{f"fashion-seed{seed}": replace(FASHION, seed=seed) for seed in (1, 2, 3)},
    "fashion-long": replace(FASHION, epochs=24, evaluations=150),
}
"""784-512-512-10 each, batches of 64."""

AUTOMATIC = Grid.dyadic(bins=256)  # what a Monitor takes by default
GRIDS = {
    "reference": Grid.dyadic(bins=1024, exponent=-10, origin=-512),  # ±0.5
    "fine": Grid.dyadic(bins=1024),
    "uniform": Grid.uniform(bins=500, low=-0.5, high=0.5),
    "log": Grid.log(mantissa_bits=3, min_exponent=-20, max_exponent=4),
}
EVERY_STEP = ("reference", "fine")
SPACING = 6  # steps between records on the others


def path_of(folder: Path, name: str, grid: str = "") -> Path:
    """Run file of a run, on the automatic grid or on one of ``GRIDS``."""
    return folder / (f"{name}-{grid}.igf" if grid else f"{name}.igf")


def spacing_of(name: str) -> int:
    """Steps between the records on the automatic grid."""
    return 1 if name in ("mnist", "fashion") else 20 if name == "fashion-long" else SPACING


def grids_of(name: str) -> tuple[str, ...]:
    """Further grids that a run is recorded on."""
    return tuple(GRIDS) if name in ("mnist", "fashion") else ()


def train(name: str, folder: Path) -> None:
    settings = RUNS[name].resolved()
    dataset = load(settings.dataset, download=False)
    assert dataset.requested == dataset.name, dataset.notes  # never a stand-in
    torch.set_num_threads(1)
    model = models.build(
        "mlp",
        input_shape=tuple(dataset.train_inputs.shape[1:]),
        classes=dataset.classes,
        widths=settings.widths or (),
        activation=str(settings.activation),
        seed=settings.seed,
    )
    optimizer = build_optimizer(settings, model)
    size = len(dataset.train_inputs)
    total = -(-size // settings.batch_size) * round(settings.epochs or 0)
    config = describe_run(settings, dataset, model, optimizer, total)
    with ExitStack() as stack:

        def monitor(grid: str = "") -> Monitor:
            choices = {"grid": GRIDS[grid] if grid else AUTOMATIC, "splits": 8, "histograms": "all"}
            store = path_of(folder, name, grid)
            offsets = grid != "uniform"
            weights = dict(model.named_parameters())
            one = Monitor(weights, store=store, config=config, offsets=offsets, **choices)
            return stack.enter_context(one)

        first, further = monitor(), {grid: monitor(grid) for grid in grids_of(name)}
        follow(model, optimizer, dataset, settings, total, spacing_of(name), first, further)


def follow(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    dataset: Dataset,
    settings: Settings,
    total: int,
    spacing: int,
    first: Monitor,
    further: dict[str, Monitor],
) -> None:
    """Take ``total`` steps, with records and evaluations."""
    wanted = evaluation_steps(total, settings.evaluations)

    def look(step: int) -> None:
        if step % spacing == 0 or step == total or step <= 20:
            first.record(step)
        for grid, one in further.items():
            if grid in EVERY_STEP or step % SPACING == 0 or step == total:
                one.record(step)
        if step in wanted:
            first.log(step, **evaluate_both(model, dataset, settings, torch.device("cpu")))

    look(0)
    for step, chosen in enumerate(batches(len(dataset.train_inputs), settings, 0, total), 1):
        loss = batch_loss(model(dataset.train_inputs[chosen]), dataset.train_targets[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        look(step)


def main() -> None:
    folder, names = Path(sys.argv[1]), sys.argv[2:] or list(RUNS)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if path_of(folder, name).exists():
            print(f"{name}: there")
            continue
        print(f"{name}: training", flush=True)
        train(name, folder)


if __name__ == "__main__":
    main()
