"""Noticing that a model or its optimizer is no longer the one that a Monitor was given."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from .. import _core
from .hooks import steps_under_way
from .selection import Patterns, is_chosen, named_tensors
from .sharding import gathered

# Changes of a parameter between two steps of its optimizer that are not taken for another's steps:
# loaded, averaged and clipped weights change it once or twice.
MOST_CHANGES = 20
_version = attrgetter("_version")
WATCHED = 4  # of an optimizer's parameters, or up to twice as many: they are looked at every step


def first_of(names: Sequence[str]) -> str:
    """One name, and how many more there are.

    >>> first_of(["head.weight"]), first_of(["w", "b", "scale"])
    ("'head.weight'", "'w' (and 2 more)")
    """
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    return f"{names[0]!r}{more}"


class Replaced:
    """Tells which tensors of a model are no longer those that are measured, and which are new.

    Slots of the modules are compared at every call, the tree of modules, which takes longer, at
    the calls 1, 2, 4, 8, …

    Parameters
    ----------
    model : module or mapping
    tensors : mapping of str to tensor
        Those that are measured.
    include, exclude : patterns
        By which they were chosen.
    """

    def __init__(
        self, model: Any, tensors: Mapping[str, Any], include: Patterns, exclude: Patterns
    ) -> None:
        self._model, self._tensors = model, tensors
        self._include, self._exclude = include, exclude
        self._known = frozenset(named_tensors(model))
        self._calls, self._said = 0, False
        wanted = {id(tensor) for tensor in tensors.values()}
        self._slots = [
            (module._parameters, key, tensor)
            for module in self._modules()
            for key, tensor in module._parameters.items()
            if id(tensor) in wanted
        ]

    def __call__(self) -> None:
        """Warn of it, once."""
        if self._said:
            return
        self._calls += 1
        walks = not self._slots or self._calls & (self._calls - 1) == 0
        if walks or not _core.slots_hold(self._slots):
            said = self._look()
            if said:
                self._said = True
                warnings.warn(said, stacklevel=5)

    def _modules(self) -> Iterable[Any]:
        return self._model.modules() if hasattr(self._model, "modules") else ()

    def _look(self) -> str:
        if any(map(gathered, self._modules())):  # between the passes of fully_shard
            return ""
        try:
            now = named_tensors(self._model)
        except ValueError:  # it has none any more
            now = {}
        gone = [name for name, tensor in self._tensors.items() if now.get(name) is not tensor]
        if gone:
            what = "replaced" if gone[0] in now else "removed"
            return (
                f"parameter {first_of(gone)} was {what} since this Monitor was made, "
                "which still measures the tensors that it was given; make a new Monitor after "
                "replacing parameters"
            )
        added = [name for name in now if name not in self._known]
        new = [name for name in added if is_chosen(name, self._include, self._exclude)]
        if new:
            return (
                f"parameter {first_of(new)} was added since this Monitor was made, and "
                "is not measured by it; make a new Monitor after adding parameters"
            )
        return ""


class Joined:
    """Tells that optimizers have taken on parameters of which they change more than is measured.

    Parameters
    ----------
    tensors : mapping of str to tensor
        Those that are selected.
    optimizers : sequence of torch optimizers
    """

    def __init__(self, tensors: Mapping[str, Any], optimizers: Sequence[Any]) -> None:
        self._tensors, self._optimizers = tensors, optimizers
        self._known = self._now()

    def __call__(self) -> None:
        """Warn of it, once."""
        if sum(len(group["params"]) for group in self._groups()) == len(self._known):
            return
        new, self._known = self._now() - self._known, self._now()
        names = [name for name, tensor in self._tensors.items() if id(tensor) in new]
        if names:
            warnings.warn(
                f"parameter {first_of(names)} was given to the optimizer since this "
                "Monitor was made, which does not measure its updates and second moments; make a "
                "new Monitor after adding parameters to the optimizer",
                stacklevel=5,
            )

    def _groups(self) -> list[Any]:
        return [group for optimizer in self._optimizers for group in optimizer.param_groups]

    def _now(self) -> set[int]:
        return {id(parameter) for group in self._groups() for parameter in group["params"]}


class UnseenSteps:
    """Tells that parameters change although their optimizer makes no steps.

    Parameters
    ----------
    optimizer : torch optimizer
        Whose steps are counted.
    replaced : Replaced, optional
        Asked too: an optimizer of other parameters changes none of those that are looked at.
    """

    def __init__(self, optimizer: Any, replaced: Replaced | None) -> None:
        self._optimizer, self._replaced = optimizer, replaced
        given = [p for group in optimizer.param_groups for p in group["params"]]
        trained = [p for p in given if getattr(p, "requires_grad", True)] or given
        # some of them: others may be unused, or replaced
        self._tensors = trained[:: max(1, len(trained) // WATCHED)]
        self._versions: list[int] = []
        self._said = False
        self.seen()

    def seen(self) -> None:
        """The optimizer has made a step, and the monitor has seen it."""
        try:
            self._versions = list(map(_version, self._tensors))
        except (AttributeError, RuntimeError):  # of one that has none
            self._versions = [version(tensor) for tensor in self._tensors]

    def __call__(self, step: int) -> None:
        """Warn, once, of many changes since the last step, or of other parameters."""
        if self._replaced is not None:
            self._replaced()
        if self._said:
            return
        now = [version(tensor) for tensor in self._tensors]
        pairs = zip(now, self._versions, strict=True)
        changes = max((now - before for now, before in pairs), default=0)
        if changes < MOST_CHANGES or steps_under_way(self._optimizer):  # called by a closure
            return
        self._said = True
        warnings.warn(
            f"parameters were changed {changes} times since step {step}, the last one of the "
            f"{type(self._optimizer).__name__} that this Monitor follows; if another optimizer "
            "trains them now, its steps are not recorded: make a new Monitor with that one (with "
            f"resume=True and step={step} it goes on in the same store)",
            stacklevel=4,
        )


def version(tensor: Any) -> int:
    """How often a tensor was changed in place."""
    try:
        return int(tensor._version)
    except (AttributeError, RuntimeError):  # inference tensors have none
        return 0
