"""Noticing that a model no longer has the tensors that a Monitor was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .selection import named_tensors


class Replaced:
    """Tells which tensors of a model are no longer those that are measured.

    Slots of the modules are compared at every call, the tree of modules, which takes longer, at
    the calls 1, 2, 4, 8, …

    Parameters
    ----------
    model : module or mapping
    tensors : mapping of str to tensor
        Those that are measured.
    """

    def __init__(self, model: Any, tensors: Mapping[str, Any]) -> None:
        self._model, self._tensors = model, tensors
        self._calls = 0
        wanted = {id(tensor) for tensor in tensors.values()}
        self._slots = [
            (module._parameters, key, tensor)
            for module in (model.modules() if hasattr(model, "modules") else ())
            for key, tensor in module._parameters.items()
            if id(tensor) in wanted
        ]

    def __call__(self) -> list[str]:
        """Names of tensors that were replaced."""
        self._calls += 1
        walks = not self._slots or self._calls & (self._calls - 1) == 0
        if not walks and all(slots.get(key) is tensor for slots, key, tensor in self._slots):
            return []
        now = named_tensors(self._model)
        return [name for name, tensor in self._tensors.items() if now.get(name) is not tensor]
