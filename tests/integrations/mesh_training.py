"""Started by torchrun on 4 processes: FSDP2 over tensor parallel, a container of optimizers.

Writes ``run.igf`` and, from rank 0, ``wanted.npz``: the counts of the whole parameters, gathered
and binned on the grids of the records.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    RowwiseParallel,
    parallelize_module,
)

import igfast

STEPS, EVERY = 6, 2


class OptimizersContainer:
    """An optimizer per part of the model behind the interface of one, as in large trainers."""

    def __init__(self, parts):
        self.optimizers = [torch.optim.AdamW(part.parameters(), lr=0.01) for part in parts]

    def step(self):
        for optimizer in self.optimizers:
            optimizer.step()

    def zero_grad(self):
        for optimizer in self.optimizers:
            optimizer.zero_grad()


class Keep:
    def __init__(self):
        self.counts = {}

    def write(self, step, record):
        self.counts[step] = record.histograms["param"]

    def flush(self): ...
    def close(self): ...


def build():
    torch.manual_seed(0)
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "tensor"))
    model = torch.nn.Sequential(
        *(
            torch.nn.Sequential(torch.nn.Linear(12, 50), torch.nn.GELU(), torch.nn.Linear(50, 12))
            for _ in range(2)
        ),
        torch.nn.LayerNorm(12),
    )
    for block in model[:2]:
        plan = {"0": ColwiseParallel(), "2": RowwiseParallel()}
        parallelize_module(block, mesh["tensor"], plan)
        fully_shard(block, mesh=mesh["data"])
    fully_shard(model, mesh=mesh["data"])
    return model


def whole(model):
    return {name: p.full_tensor().detach().clone() for name, p in model.named_parameters()}


def main(folder: Path) -> None:
    dist.init_process_group("gloo")
    model, keep = build(), Keep()
    optimizer = OptimizersContainer(model)
    states = {0: whole(model)}
    options = {"every": EVERY, "store": folder / "run.igf", "sinks": [keep]}
    with igfast.Monitor(model, optimizer, **options) as monitor:
        for step in range(1, STEPS + 1):
            generator = torch.Generator().manual_seed(step)
            inputs = torch.randn(8, 12, generator=generator)
            (model(inputs) - inputs).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
            assert monitor.step == step
            if step % EVERY == 0:
                states[step] = whole(model)
    assert (len(keep.counts) > 0) == (dist.get_rank() == 0)  # sinks of rank 0 alone
    if dist.get_rank() == 0:
        wanted = {}
        for step, found in keep.counts.items():
            grid = igfast.Grid.dyadic(found.bins, exponent=found.exponents, origin=found.origins)
            counted = igfast.histogram(states[step], grid=grid, splits=4)
            wanted[str(step)] = counted.counts.numpy()
        np.savez(folder / "wanted.npz", names=np.array(found.names), **wanted)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
