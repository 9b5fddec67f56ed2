"""Sharding that torch does not describe: what a framework's adapter says about its parameters.

DTensors and replicas need none of this. ZeRO-3 and Megatron keep plain tensors and conventions of
their own; an adapter turns those into :class:`Part`, and ``docs/distributed.md`` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from .sharding import Entry, Share


@dataclass(frozen=True)
class Part:
    """What this rank holds of one parameter, its gradient or the like.

    Attributes
    ----------
    tensor : array
        Its elements here, without padding; empty where there are none.
    shape : tuple of int
        Of the whole parameter.
    start : int, optional
        Flat index in the whole parameter of the first element, if they follow each other there.
    counted : bool
        False where another rank counts the same elements: each is to be counted once.
    trained : bool
        False while the parameter is frozen: health lets it rest then.

    Examples
    --------
    >>> import numpy as np
    >>> from igfast.monitor import Part
    >>> Part(np.zeros(50), shape=(10, 10), start=50).counted
    True
    """

    tensor: Any
    shape: tuple[int, ...]
    start: int | None = None
    counted: bool = True
    trained: bool = True


@runtime_checkable
class Parts(Protocol):
    """An adapter: passed to the Monitor in place of a model.

    Examples
    --------
    >>> import numpy as np
    >>> from igfast.monitor import Part, Parts
    >>> class Halves:
    ...     def parts(self, quantity):
    ...         if quantity != "param":
    ...             return None
    ...         return {"w": Part(np.zeros(50), shape=(10, 10), start=50)}
    >>> isinstance(Halves(), Parts)
    True
    """

    def parts(self, quantity: str) -> Mapping[str, Part] | None:
        """This rank's parts by parameter name, now; None where it has none of this quantity.

        Called at construction for ``"param"`` and at every record for ``"param"`` or ``"grad"``.
        A rank may leave out parameters that it has nothing of.
        """


class Adapter:
    """The user's adapter, and which parameters it said last are trained."""

    def __init__(self, given: Parts) -> None:
        self._given = given
        self.trained: dict[str, bool] = {}

    def parts(self, quantity: str) -> Mapping[str, Part] | None:
        """See :class:`Parts`.

        Raises
        ------
        TypeError
            If the adapter gives something else than :class:`Part` by name.
        """
        found: object = self._given.parts(quantity)
        if found is None:
            return None
        if not isinstance(found, Mapping):
            raise TypeError(
                f"parts({quantity!r}) must be a mapping of names to igfast.monitor.Part, got "
                f"{type(found).__name__}"
            )
        for name, part in found.items():
            if not isinstance(part, Part):
                raise TypeError(
                    f"parts({quantity!r})[{name!r}] must be an igfast.monitor.Part, got "
                    f"{type(part).__name__}; wrap it: Part(tensor, shape, start)"
                )
        if quantity == "param":
            self.trained |= {name: part.trained for name, part in found.items()}
        return found


def adapter_of(model: Any) -> Adapter | None:
    """The model, if it is an adapter and not a module that has something called parts."""
    is_adapter = isinstance(model, Parts) and not hasattr(model, "named_parameters")
    return Adapter(model) if is_adapter else None


def entries_of(adapter: Parts, dtypes: Mapping[str, str]) -> dict[Entry, Share]:
    """This rank's part of each of these layers."""
    found, parts = {}, adapter.parts("param") or {}
    for name in dtypes:
        part = parts[name]
        whole = part.start is not None
        dealing = "" if whole else f"{name} {part.shape} {part.tensor.shape} adapted"
        entry = (name, tuple(part.shape), dtypes[name])
        found[entry] = Share(part.start or 0, whole, 0, part.counted, dealing)
    return found


def tensors_of(adapter: Parts, quantity: str) -> dict[str, Any] | None:
    """What the adapter has of a quantity now."""
    parts = adapter.parts(quantity)
    return None if parts is None else {name: part.tensor for name, part in parts.items()}


def check_quantities(quantities: Sequence[str], group: Any) -> None:
    """Refuse what an adapter cannot give."""
    if group is None:
        raise ValueError(
            "model is an adapter of sharded parameters, which needs several ranks: call "
            "torch.distributed.init_process_group() first, or pass the module itself"
        )
    if "update" in quantities:
        raise ValueError('quantities: "update" needs torch parameters, got an adapter')
