"""What four ranks do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    RowwiseParallel,
    parallelize_module,
)

import igfast
from igfast.monitor import RankError
from igfast.store import RunReader

from .comparing import Net, Twin, adam, full, sgd, train

PLAN = {"wide": ColwiseParallel(), "narrow": RowwiseParallel()}
LOCAL = ("narrow.weight",)  # columns: a rank's elements lie apart in the whole matrix


def uneven_and_empty_shards(rank, room):
    """3 rows and single numbers over 4 ranks; 50 rows as 13, 13, 13, 11."""
    model = Net()
    fully_shard(model.wide, mesh=init_device_mesh("cpu", (4,)))
    fully_shard(model, mesh=init_device_mesh("cpu", (4,)))
    sizes = [len(model.wide.weight.to_local()), len(model.narrow.weight.to_local())]
    assert sizes == [[13, 1], [13, 1], [13, 1], [11, 0]][rank]
    train(model, adam, store=room / "run.igf")
    if rank == 0:
        with RunReader(room / "run.igf") as run:
            assert run.memberships.tolist() == [0] * 5


def hybrid(rank, room):
    """HSDP: two replicas of two shards."""
    model = Net()
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("replicate", "shard"))
    fully_shard(model, mesh=mesh)
    train(model, adam)


def between_passes(rank, room):
    """Where two ranks share what four do otherwise: those shards are gone after the backward."""
    model = torch.nn.Linear(8, 16)
    fully_shard(model, mesh=init_device_mesh("cpu", (4,)), reshard_after_forward=2)
    output = model(torch.randn(4, 8))
    with pytest.raises(RuntimeError, match="gathered just now"):
        igfast.Monitor(model)
    output.square().mean().backward()
    igfast.Monitor(model).close()


def tensor_parallel(rank, room):
    """Layers that are left alone stay plain tensors, one on every rank."""
    torch.manual_seed(0)
    model = parallelize_module(Net(52), init_device_mesh("cpu", (4,)), PLAN)
    train(model, sgd, local=LOCAL, store=room / "run.igf")
    if rank == 0:
        with RunReader(room / "run.igf") as run:
            assert len(set(run.memberships.tolist())) == 1
            assert run.memberships[0] > 0


def tensor_parallel_and_sharded(rank, room):
    """FSDP2 over TP: blocks within blocks; norm and scale live on two meshes of two ranks."""
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "tensor"))
    torch.manual_seed(0)
    model = parallelize_module(Net(), mesh["tensor"], PLAN)
    fully_shard(model.wide, mesh=mesh["data"])
    fully_shard(model, mesh=mesh["data"])
    assert model.wide.weight.device_mesh.ndim == 2
    assert model.norm.weight.device_mesh.ndim == 1
    train(model, sgd, local=LOCAL, store=room / "run.igf")


def partial_sums(rank, room):
    """A tensor that is the sum of the ranks', whole on none; one that is also sharded."""
    mesh = init_device_mesh("cpu", (2, 2))
    terms = torch.randn(37, 5) + rank
    parts = {
        "sum": DTensor.from_local(terms, mesh, [Partial(), Partial()]),
        "rows": DTensor.from_local(terms, mesh, [Partial(), Shard(0)]),
        "copies": DTensor.from_local(torch.arange(9.0), mesh, [Replicate(), Replicate()]),
        "columns": distribute_tensor(torch.randn(6, 10), mesh, [Replicate(), Shard(1)]),
    }
    whole = {name: full(part) for name, part in parts.items()}
    assert whole["rows"].shape == (74, 5)
    monitor, twin = igfast.Monitor(parts), Twin(["columns"])
    for step in range(3):
        monitor.record(step)
        twin.check("param", whole, monitor.last["param"])
    monitor.close()


def gradients_placed_otherwise(rank, room):
    """The gradient of a replicated parameter may be a partial sum."""
    mesh = init_device_mesh("cpu", (4,))
    weight = torch.nn.Parameter(distribute_tensor(torch.randn(30), mesh, [Replicate()]))
    weight.grad = DTensor.from_local(torch.randn(30) * (rank + 1), mesh, [Partial()])
    monitor, twin = igfast.Monitor({"w": weight}, quantities=("grad",)), Twin()
    monitor.record(0)
    twin.check("grad", {"w": full(weight.grad)}, monitor.last["grad"])
    monitor.close()


def tied_weights(rank, room):
    model = torch.nn.Sequential(torch.nn.Embedding(11, 6), torch.nn.Linear(6, 11, bias=False))
    model[1].weight = model[0].weight
    fully_shard(model, mesh=init_device_mesh("cpu", (4,)))
    monitor, twin = igfast.Monitor(model), Twin()
    monitor.record(0)
    assert monitor.last["param"].numel.tolist() == [66]
    twin.check("param", {"0.weight": full(model[0].weight)}, monitor.last["param"])
    monitor.close()


def stages_of_a_pipeline(rank, room):
    """Two stages, each sharded over two ranks: other layers on other ranks, merged by name."""
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("stage", "data"))
    torch.manual_seed(0)
    whole = Net()
    stages = [["scale", "wide.weight", "wide.bias"], ["narrow.weight", "narrow.bias"]]
    stage = stages[mesh.get_coordinate()[0]]
    own = {
        name: torch.nn.Parameter(distribute_tensor(p.detach(), mesh["data"], [Shard(0)]))
        for name, p in whole.named_parameters()
        if name in stage
    }
    optimizer = torch.optim.SGD(own.values(), lr=1.0)
    twin = Twin()
    monitor = igfast.Monitor(
        own, optimizer, every=1, quantities=("param", "grad", "update"), store=room / "run.igf"
    )
    with monitor:
        for parameter in own.values():
            parameter.grad = parameter.detach() * 0.25
        optimizer.step()
        tensors = {name: p.detach() for name, p in whole.named_parameters() if "norm" not in name}
        twin.check("grad", {n: p * 0.25 for n, p in tensors.items()}, monitor.last["grad"])
        twin.check("update", {n: p * -0.25 for n, p in tensors.items()}, monitor.last["update"])
        for name in stages[0]:
            if name in own:
                own[name].grad = None
        optimizer.step()
    # the first stage had no gradients: empty layers there
    assert (monitor.last["grad"].numel == [0, 0, 0, 150, 3]).all()
    if rank == 0:
        with RunReader(room / "run.igf") as run:
            assert run.layers() == (*stages[0], *stages[1])
            assert run.shapes() == [(1,), (50, 24), (50,), (3, 50), (3,)]


def a_rank_that_fails(rank, room):
    """In the first record, which chooses bins, and in a later one; then all go on."""
    for good_records in (0, 2):
        model = Net()
        fully_shard(model, mesh=init_device_mesh("cpu", (4,)))
        monitor = igfast.Monitor(model)
        for step in range(good_records):
            monitor.record(step)
        measurement = monitor._recorder._measurements["param"]
        read = measurement._read
        if rank == 2:
            measurement._read = fail
        wanted = MemoryError if rank == 2 else RankError
        text = (
            "no room" if rank == 2 else "all 4 ranks, because rank 2 failed: MemoryError: no room"
        )
        with pytest.raises(wanted, match=text):
            monitor.record(5)
        measurement._read = read
        monitor.record(6)
        whole = {name: full(p) for name, p in model.named_parameters()}
        Twin().check("param", whole, monitor.last["param"])
        monitor.close()


def fail():
    raise MemoryError("no room")


def a_rank_that_fails_between_passes(rank, room):
    """While the others wait for the counts of a first record's second pass."""
    from igfast.outputs import Outputs

    model, count, calls = Net(), Outputs.count, []
    model.wide.weight.data.cauchy_()  # bins that fit are not found at once
    monitor = igfast.Monitor(model)

    def fail_at_the_second(*arguments):
        calls.append(1)
        if len(calls) == 2:
            fail()
        count(*arguments)

    if rank == 1:
        Outputs.count = fail_at_the_second
    with pytest.raises(MemoryError if rank == 1 else RankError, match="no room"):
        monitor.record(0)
    Outputs.count = count
    monitor.record(0)
    monitor.close()


def another_world_size(rank, room):
    """A run over 4 ranks goes on over 2: splits are dealt anew only where columns were cut."""
    group = dist.new_group([0, 1])
    for parallel in ("data", "tensor"):
        path = room / f"{parallel}.igf"
        for ranks, steps in (((0, 1, 2, 3), (0, 1, 2)), ((0, 1), (3, 4, 5))):
            mesh = torch.distributed.device_mesh.DeviceMesh("cpu", list(ranks))
            if rank not in ranks:
                continue
            torch.manual_seed(0)
            values = torch.randn(64, 800)
            placement = Shard(0) if parallel == "data" else Shard(1)
            tensors = {"w": distribute_tensor(values, mesh, [placement], src_data_rank=None)}
            options = {"resume": True, "step": 2, "group": group} if len(ranks) == 2 else {}
            monitor = igfast.Monitor(tensors, store=path, **options)
            for step in steps:
                tensors["w"].to_local().copy_(
                    distribute_tensor(
                        values * (1 + 0.1 * step), mesh, [placement], src_data_rank=None
                    ).to_local()
                )
                monitor.record(step)
            monitor.close()
        dist.barrier()
        if rank:
            continue
        run = igfast.open(path)
        with RunReader(path) as reader:
            assert reader.steps.tolist() == [0, 1, 2, 3, 4, 5]
            ids = reader.memberships.tolist()
        length = run.length("w")
        assert len(length) == 6
        assert length[2] > 0.1
        if parallel == "data":
            assert ids == [0] * 6
            assert np.diff(length)[2] > 0.05
        else:
            assert ids[0] == ids[2] != ids[3] == ids[5]
            assert min(ids) > 0
            assert np.diff(length)[2] == 0


CASES = [
    uneven_and_empty_shards,
    hybrid,
    between_passes,
    tensor_parallel,
    tensor_parallel_and_sharded,
    partial_sums,
    gradients_placed_otherwise,
    tied_weights,
    stages_of_a_pipeline,
    a_rank_that_fails,
    a_rank_that_fails_between_passes,
    another_world_size,
]
