"""Lengths from a thinned store against those from every record, on real training runs.

Trains the 784-512-512-10 network on MNIST (SGD) and Fashion-MNIST (Adam), records every step with
the Monitor's defaults and all histograms, then stores the same records again with each budget, as a
Monitor would have. Writes benchmarks/results/thinning.json.

Usage: IGFAST_DATA=... python benchmarks/thinning.py FOLDER [--steps N]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

import igfast
from igfast.harness import data, models
from igfast.harness.training import batch_loss
from igfast.store import RunReader, RunWriter
from igfast.summary import Moments

RESULT = Path(__file__).with_name("results") / "thinning.json"
BUDGETS = (128, 256, 512, 1024)
CASES = {
    "mnist": ("mnist", torch.nn.LeakyReLU, lambda p: torch.optim.SGD(p, lr=0.045)),
    "fashion": ("fashion-mnist", torch.nn.Tanh, lambda p: torch.optim.Adam(p, lr=3e-4)),
}


def train(name: str, path: Path, steps: int) -> None:
    kind, activation, make = CASES[name]
    dataset = data.load(kind, download=False)
    model = models.build(
        "mlp",
        input_shape=tuple(dataset.train_inputs.shape[1:]),
        classes=dataset.classes,
        widths=(512, 512),
        activation={torch.nn.LeakyReLU: "leaky_relu", torch.nn.Tanh: "tanh"}[activation],
        seed=0,
    )
    optimizer = make(model.parameters())
    generator = torch.Generator().manual_seed(0)
    with igfast.Monitor(model, optimizer, every=1, store=path, histograms="all"):
        for _ in range(steps):
            chosen = torch.randint(len(dataset.train_inputs), (64,), generator=generator)
            loss = batch_loss(model(dataset.train_inputs[chosen]), dataset.train_targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def thin(source: Path, target: Path, budget: int) -> None:
    """Store a run again with a budget; moments decide what is kept, as they did."""
    target.unlink(missing_ok=True)
    with RunReader(source) as run, RunWriter(target, config={}, histograms=budget) as writer:
        names = run.layers()
        writer.define_layers("param", names, run.shapes(), run.dtypes())
        moments = run.moments()
        for index, step in enumerate(run.steps_of().tolist()):
            values = {name: column[index] for name, column in moments.items()}
            given = {"param": (run.histogram("param", index), Moments(**values, names=names))}
            writer.write_record(step, 0.0, given)


def measure(path: Path) -> dict[str, object]:
    run = igfast.open(path)
    found: dict[str, object] = {
        "records": len(run.recorded_steps()),
        "histograms": len(run.steps),
        "bytes": path.stat().st_size,
        "kept_in_first_tenth": float(np.mean(run.steps < run.steps[-1] / 10)),
    }
    lengths = {}
    for layer in (*run.layers, "model"):
        length, error = run.length(layer, error=True)
        lengths[layer] = [float(length[-1]), float(error[-1])]
    running = run.running()["length"][-1]
    found["running"] = dict(zip(run.layers, running.tolist(), strict=True))
    return found | {"length": lengths}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=5600)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    igfast.set_num_threads(1)
    results: dict[str, dict[str, object]] = {}
    for name in CASES:
        whole = arguments.folder / f"{name}-all.igf"
        if not whole.exists():
            train(name, whole, arguments.steps)
        results[name] = {"all": measure(whole)}
        for budget in BUDGETS:
            target = arguments.folder / f"{name}-{budget}.igf"
            thin(whole, target, budget)
            results[name][str(budget)] = measure(target)
            report(name, results[name], str(budget))
            RESULT.write_text(json.dumps(results, indent=1) + "\n")


def report(name: str, results: dict[str, dict], budget: str) -> None:
    whole, thinned = results["all"], results[budget]
    print(f"{name}, {budget}: {thinned['histograms']} of {whole['records']} histograms")
    for layer, (length, error) in whole["length"].items():
        found, spread = thinned["length"][layer]
        running = thinned["running"].get(layer, np.nan)
        print(
            f"  {layer:16} {length:.4f} ± {error:.4f}   {found:.4f} ± {spread:.4f}   "
            f"{found - length:+.4f}   running {running:.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
