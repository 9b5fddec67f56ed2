"""A small training run with checkpoints, in this process or in one that is killed.

Usage: training_process.py DIRECTORY
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

import igfast

STEPS = 60
QUANTITIES = ("param", "grad", "update")


def build():
    torch.manual_seed(0)
    layers = [torch.nn.Linear(20, 30), torch.nn.Tanh(), torch.nn.Linear(30, 4)]
    model = torch.nn.Sequential(*layers)
    return model, torch.optim.Adam(model.parameters(), lr=0.03)


def train_step(model, optimizer, step):
    generator = torch.Generator().manual_seed(step)
    inputs = torch.randn(16, 20, generator=generator)
    optimizer.zero_grad()
    (model(inputs) - inputs[:, :4].sin()).square().mean().backward()
    optimizer.step()


def train(directory: Path, checkpoint_every: int, say: bool = False) -> None:
    """Train to STEPS, from the last checkpoint if there is one."""
    torch.set_num_threads(1)
    model, optimizer = build()
    step, saved = 0, directory / "checkpoint.pt"
    if saved.exists():
        state = torch.load(saved, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    with igfast.Monitor(
        model,
        optimizer,
        every=2,
        quantities=QUANTITIES,
        bins=64,
        store=directory / "run.igf",
        resume=True,
        step=step,
    ) as monitor:
        while monitor.step < STEPS:
            train_step(model, optimizer, monitor.step)
            monitor.log(monitor.step, half=monitor.step / 2)
            monitor.flush()
            if say:
                print(monitor.step, flush=True)
            if checkpoint_every and monitor.step % checkpoint_every == 0:
                state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
                torch.save({**state, "step": monitor.step}, directory / "new.pt")
                os.replace(directory / "new.pt", saved)


if __name__ == "__main__":
    train(Path(sys.argv[1]), checkpoint_every=7, say=True)
