"""What two ranks do."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import torch
from torch.distributed.fsdp import CPUOffloadPolicy, MixedPrecisionPolicy, fully_shard
from torch.nn.parallel import DistributedDataParallel

import igfast
from igfast.health import Rule
from igfast.store import RunReader

from . import cases_of_adapters, cases_of_failures
from .comparing import Keep, Net, Twin, adam, mesh_of_two, sgd, train


def replicas(rank, room):
    """DistributedDataParallel: names without its prefix, one replica counted."""
    model = DistributedDataParallel(Net())
    names = {name.removeprefix("module."): name for name, _ in model.named_parameters()}
    monitor = train(model, sgd, names=names, store=room / "run.igf")
    assert monitor.last["param"].names[1] == "wide.weight"
    with igfast.Monitor(SimpleNamespace(_orig_mod=model)) as monitor:  # as torch.compile wraps it
        monitor.record(0)
    assert monitor.last["param"].names[0] == "scale"
    if rank == 0:
        with RunReader(room / "run.igf") as run:
            assert run.steps.tolist() == [0, 1, 2, 3, 4]
            assert run.memberships.tolist() == [0] * 5
            assert run.shapes()[1] == (50, 24)


def sharded(rank, room):
    """FSDP2 in float32, modules sharded one by one."""
    model = Net()
    for layer in (model.wide, model.narrow, model):
        fully_shard(layer, mesh=mesh_of_two())
    train(model, adam, store=room / "run.igf")
    if rank == 0:
        assert igfast.open(room / "run.igf").length("wide.weight").shape == (5,)


def mixed_precision(rank, room):
    """FSDP2 computing in bfloat16: what is measured are the float32 shards."""
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    model = Net()
    fully_shard(model, mesh=mesh_of_two(), mp_policy=policy)
    assert train(model, adam).last["param"].names[1] == "wide.weight"


def bfloat16_parameters(rank, room):
    """FSDP2 of parameters that are bfloat16 themselves; updates are taken in float32."""
    model = Net().to(torch.bfloat16)
    fully_shard(model, mesh=mesh_of_two())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        train(model, sgd, context=torch.autocast("cpu", dtype=torch.bfloat16))


def cpu_offload(rank, room):
    model = Net()
    fully_shard(model, mesh=mesh_of_two(), offload_policy=CPUOffloadPolicy(pin_memory=False))
    train(model, adam)


def non_finite_and_outlying(rank, room):
    """NaN, infinities, signed zeros and an outlier, each in one rank's shard; an empty layer."""
    values = torch.randn(41, 7) * 0.02
    values[0, 0], values[3, 3], values[40, 6], values[39, 0] = 8.5, np.nan, np.inf, -np.inf
    values[20:23] = -0.0
    tensors = {"odd": values, "none": torch.empty(0, 4), "constant": torch.ones(9)}
    tensors["huge"] = torch.tensor([1e200, -1e200, 1.0], dtype=torch.float64)
    parts = {
        name: torch.distributed.tensor.distribute_tensor(
            tensor, mesh_of_two(), [torch.distributed.tensor.Shard(0)]
        )
        for name, tensor in tensors.items()
    }
    keep = Keep()
    monitor, twin = igfast.Monitor(parts, sinks=[keep]), Twin()
    for step in range(3):
        monitor.record(step)
        moments = keep.record.moments["param"] if rank == 0 else None
        twin.check("param", tensors, monitor.last["param"], moments)
        for tensor in (*tensors.values(), *(part.to_local() for part in parts.values())):
            tensor.mul_(0.25)
    monitor.close()


def training_is_the_same_bit_for_bit(rank, room):
    weights = []
    for monitored in (False, True):
        torch.manual_seed(1)
        model = Net()
        fully_shard(model, mesh=mesh_of_two())
        optimizer = adam(model)
        options = {"every": 1, "quantities": ("param", "update")}
        with igfast.Monitor(model, optimizer, **options) if monitored else nullcontext():
            for _ in range(5):
                model(torch.randn(4, 24)).square().mean().backward()
                optimizer.step()
                optimizer.zero_grad()
        weights.append([p.to_local().clone() for p in model.parameters()])
    assert all(torch.equal(left, right) for left, right in zip(*weights, strict=True))


def resumed(rank, room):
    """A run that is interrupted and resumed is the run that was not."""
    runs = []
    for interrupted in (False, True):
        torch.manual_seed(1)
        model = Net()
        fully_shard(model, mesh=mesh_of_two())
        optimizer = adam(model)
        path = room / f"{interrupted}.igf"
        options = {"every": 2, "quantities": ("param", "grad"), "store": path}
        monitor = igfast.Monitor(model, optimizer, **options).start()
        for step in range(1, 9):
            torch.manual_seed(step)
            model(torch.randn(4, 24)).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
            if interrupted and step in (3, 4):
                monitor.close()
                monitor = igfast.Monitor(model, optimizer, resume=True, step=step, **options)
                monitor.start()
        monitor.close()
        if rank == 0:
            with RunReader(path) as run:
                assert run.steps.tolist() == [0, 2, 4, 6, 8]
                runs.append(
                    [
                        getattr(run.histogram(quantity, index), field)
                        for quantity in ("param", "grad")
                        for index in range(len(run.steps_of(quantity)))
                        for field in ("split_counts", "offsets", "exponents", "origins")
                    ]
                    + list(run.moments("param").values())
                )
    for left, right in zip(*runs, strict=True) if rank == 0 else ():
        np.testing.assert_array_equal(left, right)


def three_collectives(rank, room):
    """However many layers and quantities; their sizes are those of the cost model."""
    model = Net()
    fully_shard(model.wide, mesh=mesh_of_two())
    fully_shard(model, mesh=mesh_of_two())
    optimizer, sizes = sgd(model), []
    with igfast.Monitor(model, optimizer, every=1, quantities=("param", "grad")) as monitor:
        reduce = monitor._group._reduce

        def noted(array, operation):
            sizes.append(array.size)
            reduce(array, operation)

        for step in range(3):
            monitor._group._reduce = noted if step else reduce
            model(torch.randn(4, 24)).square().mean().backward()
            optimizer.step()
    rows = 2 * len(monitor.last["param"])
    large = rows * (4 * 256 * 2 + 4 * 2 + 1 + 4 + 12)
    layers = rows // 2  # whether each is trained
    assert sizes == 2 * [1 + 4 + 2 + layers + 3 * rows, large, 12 * rows]


def layers_that_another_rank_freezes(rank, room):
    """Stages of a pipeline: every rank knows of every layer whether it is trained."""
    stage = torch.nn.Linear(4, 4, bias=False)
    monitor = igfast.Monitor({f"stage{rank}": stage.weight}, health=Rule(patience=2))
    if rank == 1:
        stage.weight.requires_grad_(False)
    flags = []
    for step in range(4):
        monitor.record(step)
        flags.append([(flag.step, flag.layer, flag.kind) for flag in monitor.health])
        if rank == 1 and step == 1:
            stage.weight.requires_grad_(True)
    monitor.close()
    first, second = (1, "stage0", "unchanging"), (3, "stage1", "unchanging")
    assert flags == [[], [first], [first], [first, second]]


CASES = [
    replicas,
    sharded,
    mixed_precision,
    bfloat16_parameters,
    cpu_offload,
    non_finite_and_outlying,
    training_is_the_same_bit_for_bit,
    resumed,
    three_collectives,
    layers_that_another_rank_freezes,
    *cases_of_adapters.CASES,
    *cases_of_failures.CASES,
]
