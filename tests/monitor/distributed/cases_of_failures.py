"""Two ranks, of which one cannot go on, or has been told something else."""

from __future__ import annotations

import copy
import warnings
from contextlib import nullcontext

import pytest
import torch
import torch.distributed as dist
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard

import igfast
from igfast.monitor import RankError
from igfast.store import RunReader, RunWriter, StoreError

from .comparing import Net, Twin, mesh_of_two, sgd


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


def refused(rank, room):
    model = torch.nn.Linear(4, 4)
    wrapped = FullyShardedDataParallel(model, use_orig_params=True, device_id=torch.device("cpu"))
    with pytest.raises(TypeError, match=r"FSDP1.*fully_shard \(FSDP2\)"):
        igfast.Monitor(wrapped)
    with torch.device("meta"):
        model = torch.nn.Linear(4, 4)
    fully_shard(model, mesh=mesh_of_two())
    with pytest.raises(ValueError, match="'weight' is a meta or fake tensor"):
        igfast.Monitor(model)
    model = torch.nn.Linear(4, 4)
    fully_shard(model, mesh=mesh_of_two())
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


def a_sink_fails_at_construction(rank, room):
    """Rank 0 alone tells sinks where training goes on; here its warning is an error."""

    class Sink:
        def rewind(self, step):
            raise OSError("no such server")

        def write(self, step, record): ...
        def flush(self): ...
        def close(self): ...

    wanted = UserWarning if rank == 0 else RankError
    with pytest.raises(wanted, match="no such server"):
        igfast.Monitor(Net(), sinks=[Sink()], step=3)


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


def ranks_out_of_step(rank, room):
    model = copy.deepcopy(Net())
    monitor = igfast.Monitor(model)
    monitor.record(0)
    with pytest.raises(RuntimeError, match="different steps, 5 to 6"):
        monitor.record(5 + rank)
    monitor.close()


def a_step_that_one_rank_refuses(rank, room):
    """Rank 0 waits in its agreement, and is told."""
    monitor = igfast.Monitor(Net())
    monitor.record(4)
    said = "step must not go back, got 3 after 4"
    with pytest.raises(ValueError if rank == 1 else RankError, match=said):
        monitor.record(5 if rank == 0 else 3)
    monitor.close()


def arguments_that_differ(rank, room):
    """Collectives of other sizes or at other steps would hang or end the processes."""
    model = Net()
    optimizer = sgd(model)
    for name, pair in {
        "every": (1, 2),
        "quantities": (("param",), ("param", "grad")),
        "grid": (igfast.Grid.dyadic(256), igfast.Grid.dyadic(128)),
        "splits": (4, 8),
        "offsets": (True, False),
        "step": (4, 5),  # of checkpoints that are not the same
    }.items():
        said = rf"{name} must be the same on all ranks, got .* on rank 0 and .* on rank 1"
        with pytest.raises(ValueError, match=said):
            igfast.Monitor(model, optimizer, **{name: pair[rank]})


def a_schedule_fails(rank, room):
    """On one rank, which says so to all at the record that it was asked about."""

    def schedule(step):
        if step == 2 and rank == 1:
            raise KeyError("no such step")
        return step < 3

    model = Net()
    optimizer = sgd(model)
    monitor = igfast.Monitor(model, optimizer, every=schedule, store=room / "run.igf").start()
    for step in (1, 2):
        model(torch.randn(4, 24)).square().mean().backward()
        wanted = KeyError if rank == 1 else RankError
        with (
            warnings.catch_warnings(),
            pytest.raises(wanted, match="no such step") if step == 2 else nullcontext(),
        ):
            warnings.simplefilter("ignore")
            optimizer.step()
    with pytest.raises(KeyError) if rank == 1 else nullcontext():
        monitor.close()


def a_warning_that_is_an_error_stops_all_ranks(rank, room):
    """What keeps one rank from a record is said there by a warning, which may raise itself."""

    def schedule(step):
        if step == 1 and rank == 1:
            raise KeyError("no such step")
        return True

    model = Net()
    optimizer = sgd(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monitor = igfast.Monitor(model, optimizer, every=schedule).start()
        model(torch.randn(4, 24)).square().mean().backward()
        with pytest.raises(KeyError if rank == 1 else RankError, match="no such step"):
            optimizer.step()
    with pytest.raises(KeyError) if rank == 1 else nullcontext():
        monitor.close()


def parameters_that_are_replaced(rank, room):
    """Said of shards too, and not of those that fully_shard gathers for a while."""
    model = Net()
    for layer in (model.wide, model):
        fully_shard(layer, mesh=mesh_of_two())
    optimizer = sgd(model)
    with igfast.Monitor(model, optimizer, every=1) as monitor:
        for _ in range(3):
            model(torch.randn(4, 24)).square().mean().backward()
            model.unshard()
            optimizer.step()  # no warning, which would be an error
        model.reshard()
        state = {name: p.detach().clone() for name, p in model.state_dict().items()}
        model.load_state_dict(state, assign=True)
        model(torch.randn(4, 24)).square().mean().backward()
        with pytest.warns(UserWarning, match=r"'scale' \(and 6 more\) was replaced"):
            optimizer.step()
        assert monitor.step == 4
    optimizer = sgd(model)
    with igfast.Monitor(model, optimizer, every=1):
        model.new = torch.nn.Parameter(torch.ones(3))
        with pytest.warns(UserWarning, match="'new' was added"):
            optimizer.step()


CASES = [
    a_copy_before_a_step_fails,
    refused,
    a_rank_fails_at_construction,
    a_sink_fails_at_construction,
    a_full_disk_stops_no_rank,
    ranks_out_of_step,
    a_step_that_one_rank_refuses,
    arguments_that_differ,
    a_schedule_fails,
    a_warning_that_is_an_error_stops_all_ranks,
    parameters_that_are_replaced,
]
