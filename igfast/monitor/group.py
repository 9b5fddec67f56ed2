"""The processes that train one model: collectives that a failing rank cannot leave hanging.

Every rank runs the same sequence of collectives. Each begins with :meth:`Group.agree`, a MAX over a
buffer of fixed size whose first entry says whether a rank has failed. A rank that fails, wherever
it is, enters exactly one of them instead of the one it would have come to; the others then learn
of it at their next one, and all raise.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Int = NDArray[np.int64]

LEAST = np.iinfo(np.int64).min
HEADER = 1  # entries of an agreement before the payload: whether a rank has failed


class RankError(RuntimeError):
    """Another rank failed; raised on all of them."""


class Group:
    """Ranks of a torch process group.

    Attributes
    ----------
    rank, size : int
        This process within the group, and how many there are.
    number : int
        This process within all processes.
    """

    def __init__(self, handle: Any) -> None:
        import torch.distributed as dist

        self._dist, self._handle = dist, handle
        self.rank, self.size = dist.get_rank(handle), dist.get_world_size(handle)
        self.number = dist.get_rank()
        self._device = _device(dist, handle)
        self._room = HEADER

    def make_room(self, entries: int) -> None:
        """Let agreements carry this many numbers; every rank calls it at the same point."""
        self._room = HEADER + entries

    def agree(self, values: Int | None = None) -> Int:
        """The largest of every rank's ``values``; raises on all ranks if one has failed."""
        given = np.full(self._room, LEAST, dtype=np.int64)
        given[0] = 0
        if values is not None:
            given[HEADER : HEADER + len(values)] = values
        self._reduce(given, self._dist.ReduceOp.MAX)
        if given[0]:
            self._raise(None)
        return given[HEADER : HEADER + (0 if values is None else len(values))]

    def fail(self, error: Exception) -> NoReturn:
        """Take part in the others' next agreement, and raise ``error`` here."""
        given = np.full(self._room, LEAST, dtype=np.int64)
        given[0] = 1
        self._reduce(given, self._dist.ReduceOp.MAX)
        self._raise(error)

    def check_same(self, **settings: Any) -> None:
        """Refuse what is not the same on all ranks: their collectives would not fit together.

        Raises
        ------
        ValueError
            On all ranks.
        """
        own = {name: repr(value) for name, value in settings.items()}
        mark = zlib.crc32(repr(own).encode())
        self.make_room(2)
        largest, least = self.agree(np.array([mark, -mark], dtype=np.int64))
        if largest == -least:
            return
        first, *others = self.gather(own)
        for rank, other in enumerate(others, 1):
            for name, value in other.items():
                if value != first[name]:
                    raise ValueError(
                        f"{name} must be the same on all ranks, got {first[name]} on rank 0 and "
                        f"{value} on rank {rank}"
                    )

    def sum(self, arrays: Sequence[Int]) -> list[Int]:
        """Sums over the ranks, in one collective; integers, so that their order is no matter."""
        fused = np.concatenate([array.ravel() for array in arrays])
        self._reduce(fused, self._dist.ReduceOp.SUM)
        ends = np.cumsum([array.size for array in arrays])[:-1]
        parts = np.split(fused, ends)
        return [part.reshape(array.shape) for part, array in zip(parts, arrays, strict=True)]

    def gather(self, value: T) -> list[T]:
        """Every rank's value; small ones, they are pickled."""
        found: list[Any] = [None] * self.size
        self._dist.all_gather_object(found, value, group=self._handle)
        return found

    def from_first(self, value: T | None) -> T:
        """The value that rank 0 has."""
        source = self._dist.get_global_rank(self._handle, 0) if self._handle is not None else 0
        found = [value]
        self._dist.broadcast_object_list(found, src=source, group=self._handle)
        return found[0]  # type: ignore[return-value]

    def _reduce(self, array: Int, operation: Any) -> None:
        import torch

        tensor = torch.from_numpy(array)
        moved = tensor if self._device is None else tensor.to(self._device)
        self._dist.all_reduce(moved, op=operation, group=self._handle)
        if moved is not tensor:
            tensor.copy_(moved)

    def _raise(self, error: Exception | None) -> NoReturn:
        said = None if error is None else f"{type(error).__name__}: {error}"
        failed = {rank: text for rank, text in enumerate(self.gather(said)) if text is not None}
        if error is not None:
            raise error
        listed = "; ".join(f"rank {rank} failed: {text}" for rank, text in failed.items())
        raise RankError(f"the Monitor stops on all {self.size} ranks, because {listed}")


def connect(handle: Any = None) -> Group | None:
    """The group that ``handle`` names, by default all processes; None where there is only one.

    Raises
    ------
    ValueError
        If there is a handle but no process group, or this process is not in it.
    """
    dist = sys.modules.get("torch.distributed")
    if dist is None or not dist.is_available() or not dist.is_initialized():
        if handle is not None:
            raise ValueError(
                f"group={handle!r} needs torch.distributed.init_process_group() to be called first"
            )
        return None
    if handle is not None and dist.get_rank(handle) < 0:
        raise ValueError(
            "group does not contain this process; make the Monitor only on the ranks of its group"
        )
    return Group(handle)


@contextmanager
def together(group: Group | None) -> Iterator[None]:
    """Leave the block with every rank, or raise on every rank if one of them raises in it."""
    if group is None:
        yield
        return
    try:
        yield
    except RankError:  # agreed on already
        raise
    except Exception as error:
        group.fail(error)
    group.agree()


def _device(dist: Any, handle: Any) -> str | None:
    """Where tensors must be for this group's collectives; None is the host."""
    kinds = [pair.split(":")[0] for pair in str(dist.get_backend_config(handle)).split(",")]
    if "cpu" in kinds:
        return None
    import torch

    kind = kinds[0]
    return f"{kind}:{getattr(torch, kind).current_device()}"
