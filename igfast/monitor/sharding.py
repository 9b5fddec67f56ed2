"""What each rank holds of a parameter, and which rank counts it.

An element is counted by one rank alone: by those at coordinate 0 of every replicated dimension of
its tensor's mesh, on the mesh that holds the lowest rank, for layers that FSDP2 + TP leaves to
the data dimension live on as many meshes as there are tensor-parallel ranks. Plain tensors are
replicas under one name and belong to the lowest rank that has it, which merges pipeline stages too.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .group import LEAST, Group

Int = NDArray[np.int64]
Entry = tuple[str, tuple[int, ...], str]  # name, shape of the whole parameter, dtype


@dataclass(frozen=True)
class Share:
    """This rank's part of one parameter.

    Attributes
    ----------
    start : int
        Flat index of its first element in the whole parameter, 0 where it is not ``whole``.
    whole : bool
        Whether its elements lie one behind the other in the whole parameter.
    first : int
        The lowest rank that holds this parameter on the same mesh.
    counted : bool
        Whether this rank counts it on its mesh.
    dealing : str
        What decides which elements a rank has, for parts that are not whole.
    placements : tuple, optional
        As which it is measured: the tensor's own, partial sums replicated. None if it is plain.
    """

    start: int
    whole: bool
    first: int
    counted: bool
    dealing: str = ""
    placements: tuple[Any, ...] | None = None


class Layout:
    """The layers of all ranks and this rank's part of each.

    Attributes
    ----------
    entries : tuple of (name, shape, dtype)
        The same on every rank.
    membership : int
        0 where all splits are those of the unsharded model.
    """

    def __init__(
        self, entries: Sequence[Entry], shares: Mapping[str, Share], membership: int
    ) -> None:
        self.entries = tuple(entries)
        self.names = tuple(name for name, _, _ in entries)
        self.shapes = {name: shape for name, shape, _ in entries}
        self.dtypes = {name: dtype for name, _, dtype in entries}
        self.membership = membership
        self._shares = shares

    def starts(self, names: Iterable[str]) -> Int:
        """Flat index of the first element this rank counts of each layer."""
        return np.array([self._shares[n].start if n in self._shares else 0 for n in names])

    def numel(self, names: Iterable[str]) -> Int:
        """Elements of each whole layer."""
        return np.array([int(np.prod(self.shapes[name], dtype=np.int64)) for name in names])

    def local(self, names: Iterable[str], tensors: Mapping[str, Any] | None) -> dict[str, Any]:
        """What this rank counts: plain tensors, empty where another rank counts or nobody does.

        Partial sums and tensors placed otherwise than their parameter are redistributed, which
        every rank of their mesh takes part in.
        """
        given = tensors or {}
        with _no_graph():
            return {
                name: self.part(name, given[name]) if name in given else self._nothing(name)
                for name in names
            }

    def part(self, name: str, tensor: Any) -> Any:
        """What this rank counts of one tensor: of a parameter, its gradient or its update."""
        share = self._shares[name]
        if is_sharded(tensor):
            if share.placements is not None and tuple(tensor.placements) != share.placements:
                tensor = tensor.detach().redistribute(placements=share.placements)
            tensor = tensor.to_local()
        if not hasattr(tensor, "detach"):  # a NumPy array
            return tensor if share.counted else np.empty(0, tensor.dtype)
        return tensor.detach() if share.counted else tensor.detach().new_empty(0)

    def _nothing(self, name: str) -> Any:
        torch = sys.modules["torch"]
        return torch.empty(0, dtype=getattr(torch, self.dtypes[name]))


def shares_of(
    tensors: Mapping[str, Any], dtypes: Mapping[str, str], rank: int
) -> dict[Entry, Share]:
    """This rank's part of each of its tensors."""
    return {
        (name, tuple(tensor.shape), dtypes[name]): share_of(name, tensor, rank)
        for name, tensor in tensors.items()
    }


def agreed(group: Group, own: Mapping[Entry, Share]) -> Layout:
    """Find out, with all ranks, who counts what.

    Raises
    ------
    ValueError
        If two ranks have different shapes under one name.
    """
    entries = _union(group, list(own))
    shares = {name: share for (name, _, _), share in own.items()}
    group.make_room(2 * len(entries))
    offered = np.full((2, len(entries)), LEAST, dtype=np.int64)
    for column, (name, _, _) in enumerate(entries):
        if name in shares:
            offered[:, column] = -shares[name].first, not shares[name].whole
    chosen = group.agree(offered.ravel()).reshape(2, -1)
    scattered, kept = [], {}
    for column, (name, _, _) in enumerate(entries):
        share = shares.get(name)
        if share is None:
            continue
        mine = share.counted and -share.first == chosen[0, column]
        kept[name] = replace(share, counted=mine)
        if chosen[1, column]:
            scattered.append(share.dealing)
    return Layout(entries, kept, _membership(group, scattered))


def share_of(name: str, tensor: Any, rank: int) -> Share:
    """This rank's part of a tensor, as its placements have it."""
    if not is_sharded(tensor):
        return Share(0, True, rank, True)
    mesh, shape = tensor.device_mesh, tuple(tensor.shape)
    replicate = _replicate()
    placements = tuple(replicate if p.is_partial() else p for p in tensor.placements)
    sizes, coordinate = tuple(mesh.shape), mesh.get_coordinate()
    dealing = f"{name} {shape} {sizes} {placements}"
    first = int(mesh.mesh.min())
    if coordinate is None:  # the mesh is that of other ranks
        return Share(0, True, first, False, dealing, placements)
    counted = all(c == 0 for c, p in zip(coordinate, placements, strict=True) if p.is_replicate())
    local = tuple(tensor.to_local().shape)
    block = block_of(shape, sizes, coordinate, placements)
    start = None
    if block is not None and tuple(length for _, length in block) == local:
        start = flat_start(shape, block)
    return Share(start or 0, start is not None, first, counted, dealing, placements)


def block_of(
    shape: Sequence[int], mesh: Sequence[int], coordinate: Sequence[int], placements: Sequence[Any]
) -> list[tuple[int, int]] | None:
    """(offset, length) of a rank's block along every dimension; None where it is no block."""
    block = [(0, size) for size in shape]
    for dimension in range(len(shape)):
        axes = [axis for axis, p in enumerate(placements) if _shards(p, dimension)]
        strided = [axis for axis in axes if hasattr(placements[axis], "split_factor")]
        if strided:
            # FSDP2 over TP: tensor-parallel ranks, the later axes, cut first
            later = axes[1:]
            if strided != axes[:1] or placements[axes[0]].split_factor != np.prod(
                [mesh[axis] for axis in later], dtype=np.int64
            ):
                return None
            axes = [*later, axes[0]]
        offset, length = block[dimension]
        for axis in axes:
            step = -(-length // mesh[axis])
            before = min(length, coordinate[axis] * step)
            offset, length = offset + before, min(step, length - before)
        block[dimension] = offset, length
    return block


def flat_start(shape: Sequence[int], block: Sequence[tuple[int, int]]) -> int | None:
    """Flat index of a block's first element; None where rows of others lie in between."""
    if any(length == 0 for _, length in block):
        return 0
    start, inside = 0, False
    for size, (offset, length) in zip(shape, block, strict=True):
        if inside and length < size:
            return None
        start = start * size + offset
        inside |= length > 1
    return start


def is_sharded(tensor: Any) -> bool:
    """Whether this is a DTensor."""
    return hasattr(tensor, "placements") and hasattr(tensor, "to_local")


def local_of(tensor: Any) -> Any:
    """A rank's own storage of a tensor, without communication."""
    return tensor.to_local() if is_sharded(tensor) else tensor


def unwrapped(model: Any) -> Any:
    """The module inside DDP, DataParallel, Fabric or an engine: names are those of one process.

    Raises
    ------
    TypeError, RuntimeError
        For wrappers whose parameters cannot be told apart from parts of others.
    """
    if isinstance(model, type):
        raise TypeError(f"model must be an object, got the class {model.__name__}; make one of it")
    while (inside := _inside(model)) is not None:
        model = inside
    fsdp = sys.modules.get("torch.distributed.fsdp")
    for name, module in model.named_modules() if hasattr(model, "named_modules") else ():
        where = repr(name) if name else "the model"
        if fsdp is not None and isinstance(module, fsdp.FullyShardedDataParallel):
            raise TypeError(
                f"{where} is wrapped in FullyShardedDataParallel (FSDP1), whose parameters are "
                "pieces of flat buffers; shard with torch.distributed.fsdp.fully_shard (FSDP2)"
            )
        if any(hasattr(p, "ds_id") for p in module.parameters(recurse=False)):
            raise TypeError(
                f"{where} has parameters of DeepSpeed ZeRO-3, which are empty between uses; pass "
                "an adapter instead (igfast.monitor.Parts), such as that of docs/distributed.md"
            )
        if gathered(module):
            raise RuntimeError(
                f"{where} is a fully_shard module whose parameters are gathered just now (in the "
                "precision of its computation); make the Monitor before the forward pass, or call "
                "reshard() first"
            )
    return model


def _inside(model: Any) -> Any:
    """What a wrapper has wrapped; None of anything else."""
    parallel = "torch.nn.parallel"
    for module, kind, name in (
        ("lightning_fabric.wrappers", "_FabricModule", "_forward_module"),
        ("lightning.fabric.wrappers", "_FabricModule", "_forward_module"),
        (parallel, "DistributedDataParallel", "module"),
        (parallel, "DataParallel", "module"),
        ("deepspeed", "DeepSpeedEngine", "module"),
    ):
        wrapper = getattr(sys.modules.get(module), kind, None)
        if wrapper is not None and isinstance(model, wrapper):
            return getattr(model, name)
    return getattr(model, "_orig_mod", None)  # of torch.compile


def gathered(module: Any) -> bool:
    """Whether fully_shard has others in the place of this module's sharded parameters just now."""
    state = module._get_fsdp_state() if hasattr(module, "_get_fsdp_state") else None
    groups = getattr(state, "_fsdp_param_groups", None)
    if groups is None:  # torch before 2.12 has at most one
        groups = [getattr(state, "_fsdp_param_group", None)]
    # nor with shards of fewer ranks, as between the passes where reshard_after_forward is a number
    return not all(getattr(group, "is_sharded", True) for group in groups)


def _union(group: Group, own: list[Entry]) -> list[Entry]:
    """Layers of all ranks, in the order of the first rank that has them."""
    digests = group.gather(_digest(own))
    if len(set(digests)) == 1:
        return own
    news = digests.index(digests[group.rank]) == group.rank
    found: dict[str, tuple[int, Entry]] = {}
    for rank, entries in enumerate(group.gather(own if news else None)):
        for entry in entries or ():
            other, known = found.setdefault(entry[0], (rank, entry))
            if known != entry:
                raise ValueError(
                    f"{entry[0]!r} is {known[1]} {known[2]} on rank {other} and {entry[1]} "
                    f"{entry[2]} on rank {rank}; parts of one tensor must be DTensors, and other "
                    "tensors need other names"
                )
    return [entry for _, entry in found.values()]


def _membership(group: Group, scattered: list[str]) -> int:
    """A number for how elements are dealt to splits: 0 where that is as in the unsharded model."""
    found = sorted(set(group.gather(_digest(scattered) if scattered else 0)) - {0})
    return _digest(found) if found else 0


def _digest(value: Any) -> int:
    """63 bits, the same in every process and version of Python."""
    return int.from_bytes(hashlib.blake2b(repr(value).encode(), digest_size=8).digest(), "big") >> 1


def _no_graph() -> Any:
    """A graph costs more than the view of a shard that it is about."""
    torch = sys.modules.get("torch")
    return contextlib.nullcontext() if torch is None else torch.no_grad()


def _shards(placement: Any, dimension: int) -> bool:
    return getattr(placement, "dim", None) == dimension


def _replicate() -> Any:
    from torch.distributed.tensor import Replicate

    return Replicate()
