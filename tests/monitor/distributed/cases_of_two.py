"""What two ranks do."""

from __future__ import annotations

import copy
import warnings
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import (
    CPUOffloadPolicy,
    FullyShardedDataParallel,
    MixedPrecisionPolicy,
    fully_shard,
)
from torch.nn.parallel import DistributedDataParallel

import igfast
from igfast.monitor import Part, RankError
from igfast.store import RunReader, RunWriter, StoreError

from .comparing import Keep, Net, Twin, adam, sgd, train


def mesh():
    return init_device_mesh("cpu", (2,))


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
        fully_shard(layer, mesh=mesh())
    train(model, adam, store=room / "run.igf")
    if rank == 0:
        assert igfast.open(room / "run.igf").length("wide.weight").shape == (5,)


def a_copy_before_a_step_fails(rank, room):
    """The optimizer steps all the same; the record after it raises on both ranks."""
    model = Net()
    optimizer = sgd(model)
    monitor = igfast.Monitor(model, optimizer, every=1, quantities=("update",)).start()
    if rank == 1:
        monitor._updates.prepare = fail_to_write
    model(torch.randn(4, 24)).square().mean().backward()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(StoreError if rank == 1 else RankError, match="disk is full"):
            optimizer.step()
    with pytest.raises(StoreError, match="full") if rank == 1 else nullcontext():
        monitor.close()


def mixed_precision(rank, room):
    """FSDP2 computing in bfloat16: what is measured are the float32 shards."""
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    model = Net()
    fully_shard(model, mesh=mesh(), mp_policy=policy)
    assert train(model, adam).last["param"].names[1] == "wide.weight"


def bfloat16_parameters(rank, room):
    """FSDP2 of parameters that are bfloat16 themselves; updates are taken in float32."""
    model = Net().to(torch.bfloat16)
    fully_shard(model, mesh=mesh())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        train(model, sgd, context=torch.autocast("cpu", dtype=torch.bfloat16))


def cpu_offload(rank, room):
    model = Net()
    fully_shard(model, mesh=mesh(), offload_policy=CPUOffloadPolicy(pin_memory=False))
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
            tensor, mesh(), [torch.distributed.tensor.Shard(0)]
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
        fully_shard(model, mesh=mesh())
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
        fully_shard(model, mesh=mesh())
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


def refused(rank, room):
    model = torch.nn.Linear(4, 4)
    wrapped = FullyShardedDataParallel(model, use_orig_params=True, device_id=torch.device("cpu"))
    with pytest.raises(TypeError, match=r"FSDP1.*fully_shard \(FSDP2\)"):
        igfast.Monitor(wrapped)
    with torch.device("meta"):
        model = torch.nn.Linear(4, 4)
    fully_shard(model, mesh=mesh())
    with pytest.raises(ValueError, match="'weight' is a meta or fake tensor"):
        igfast.Monitor(model)
    model = torch.nn.Linear(4, 4)
    fully_shard(model, mesh=mesh())
    model.unshard()
    with pytest.raises(RuntimeError, match="gathered just now"):
        igfast.Monitor(model)
    model.reshard()
    with igfast.Monitor(model) as monitor:
        model.unshard()  # the shards are still there
        monitor.record(0)
        Twin().check(
            "param",
            {name: p.detach() for name, p in model.named_parameters()},
            monitor.last["param"],
        )
    model.reshard()
    model.weight.ds_id = 3
    with pytest.raises(TypeError, match="ZeRO-3"):
        igfast.Monitor(model)


def a_rank_fails_at_construction(rank, room):
    """The file exists, which only rank 0 sees; one rank has other arguments."""
    path = room / "run.igf"
    if rank == 0:
        path.touch()
    dist.barrier()
    wanted = FileExistsError if rank == 0 else RankError
    with pytest.raises(wanted, match=r"run\.igf. exists; pass resume=True"):
        igfast.Monitor(Net(), store=path)
    wanted = ValueError if rank == 1 else RankError
    with pytest.raises(wanted, match="splits"):
        igfast.Monitor(Net(), splits=3 if rank == 1 else 4)


def a_full_disk_stops_no_rank(rank, room):
    """Rank 0 warns, all go on, and what is recorded when there is room again is there."""
    model = Net()
    monitor = igfast.Monitor(model, store=room / "run.igf")
    monitor.record(0)
    monitor.flush()
    write = RunWriter.write_all
    RunWriter.write_all = fail_to_write
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        monitor.record(1)
        monitor.flush()
        RunWriter.write_all = write
        monitor.record(2)
        monitor.close()
    said = [str(one.message) for one in seen]
    assert all("database or disk is full" in text for text in said)
    assert said[-1:] == (
        ["1 record or log could not be stored: database or disk is full"] if rank == 0 else []
    )
    dist.barrier()
    with RunReader(room / "run.igf") as run:
        assert run.steps.tolist() == [0, 2]


def fail_to_write(*_, **__):
    raise StoreError("database or disk is full")


class FlatPartitions:
    """As ZeRO-3 does: every parameter flat, padded, and cut into as many parts as there are ranks.

    The last parts may be padding alone.
    """

    def __init__(self, model, rank, ranks):
        self._shapes, self._held, self._starts = {}, {}, {}
        for name, parameter in model.named_parameters():
            flat = parameter.detach().flatten()
            size = -(-len(flat) // ranks) + 3
            padded = torch.cat([flat, torch.full((size * ranks - len(flat),), 777.0)])
            self._shapes[name], self._starts[name] = tuple(parameter.shape), rank * size
            self._held[name] = padded[rank * size : (rank + 1) * size].clone()

    def parts(self, quantity):
        if quantity == "grad":
            return None
        found = {}
        for name, held in self._held.items():
            left = max(0, int(np.prod(self._shapes[name])) - self._starts[name])
            found[name] = Part(held[:left], self._shapes[name], self._starts[name])
        return found


class TensorParallel:
    """As Megatron does: rows or columns cut, what is not cut is counted on the first rank."""

    def __init__(self, model, rank):
        self._model, self._rank = model, rank

    def parts(self, quantity):
        found = {}
        for name, parameter in self._model.named_parameters():
            tensor = parameter.detach() if quantity == "param" else parameter.grad
            shape = tuple(parameter.shape)
            if name.startswith("wide"):
                rows = slice(25 * self._rank, 25 * self._rank + 25)
                start = 25 * self._rank * (tensor.numel() // 50)
                found[name] = Part(tensor[rows], shape, start)
            elif name == "narrow.weight":
                found[name] = Part(tensor[:, 25 * self._rank :][:, :25], shape)
            else:
                found[name] = Part(tensor, shape, 0, counted=self._rank == 0)
        return found


def adapted(rank, room):
    """Sharding that torch knows nothing of."""
    model, twin = Net(), Twin()
    with igfast.Monitor(FlatPartitions(model, rank, 2), quantities=("param", "grad")) as monitor:
        monitor.record(0)
        twin.check("param", dict(model.named_parameters()), monitor.last["param"])
        assert "grad" not in monitor.last
    model(torch.randn(4, 24)).square().mean().backward()
    twin, gradients = Twin(["narrow.weight"]), {n: p.grad for n, p in model.named_parameters()}
    adapter, path = TensorParallel(model, rank), room / "run.igf"
    with igfast.Monitor(adapter, quantities=("param", "grad"), store=path) as monitor:
        monitor.record(0)
        twin.check("param", dict(model.named_parameters()), monitor.last["param"])
        twin.check("grad", gradients, monitor.last["grad"])
    if rank == 0:
        with RunReader(path) as run:
            assert run.memberships[0] > 0
            assert run.shapes()[1] == (50, 24)
    with pytest.raises(ValueError, match=r"parts of 'wide.weight' have 1128 elements, .* 1200"):
        igfast.Monitor(Lossy(model, rank)).record(0)
    with pytest.raises(ValueError, match='"update" needs torch parameters'):
        igfast.Monitor(adapter, sgd(model), quantities=("update",))


class Lossy(TensorParallel):
    """Forgets some rows."""

    def parts(self, quantity):
        found = super().parts(quantity)
        part = found["wide.weight"]
        return {**found, "wide.weight": Part(part.tensor[self._rank * 3 :], part.shape)}


def three_collectives(rank, room):
    """However many layers and quantities; their sizes are those of the cost model."""
    model = Net()
    fully_shard(model.wide, mesh=mesh())
    fully_shard(model, mesh=mesh())
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
    assert sizes == 2 * [1 + 4 + 2 + 3 * rows, large, 12 * rows]


def ranks_out_of_step(rank, room):
    model = copy.deepcopy(Net())
    monitor = igfast.Monitor(model)
    monitor.record(0)
    with pytest.raises(RuntimeError, match="different steps, 5 to 6"):
        monitor.record(5 + rank)
    monitor.close()


CASES = [
    replicas,
    sharded,
    a_copy_before_a_step_fails,
    mixed_precision,
    bfloat16_parameters,
    cpu_offload,
    non_finite_and_outlying,
    training_is_the_same_bit_for_bit,
    resumed,
    refused,
    a_rank_fails_at_construction,
    a_full_disk_stops_no_rank,
    adapted,
    three_collectives,
    ranks_out_of_step,
]
