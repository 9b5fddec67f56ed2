"""Second moments that an optimizer keeps of its gradients."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from .measuring import Tensors, empty_like
from .replacing import version

KEYS = ("exp_avg_sq", "square_avg")  # Adam and its relatives; RMSprop and Adadelta


class SecondMoments:
    """Reads running means of squared gradients where optimizers keep them.

    Parameters
    ----------
    parameters : mapping of str to tensor
        Those that an optimizer changes.
    optimizers : sequence of optimizers
    """

    def __init__(self, parameters: Tensors, optimizers: Sequence[Any]) -> None:
        self._parameters, self._optimizers = parameters, optimizers
        self._warned = False
        self._in_vain = 0  # reads that found nothing although it had stepped
        self._versions: list[int] = []  # of the parameters, at the read before

    def read(self) -> Tensors | None:
        """By name; an empty tensor for a parameter without state, None while none has any."""
        found = {name: self._of(parameter) for name, parameter in self._parameters.items()}
        if all(tensor is None for tensor in found.values()):
            self._warn()
            return None
        return {
            name: empty_like(self._parameters[name]) if tensor is None else tensor
            for name, tensor in found.items()
        }

    def _of(self, parameter: Any) -> Any:
        for optimizer in self._optimizers:
            state = optimizer.state.get(parameter, {})  # a lookup by [] would make an entry
            for key in KEYS:
                if getattr(state.get(key), "shape", None) == parameter.shape:
                    return state[key]
        return None

    def _warn(self) -> None:
        stepped = any(state for optimizer in self._optimizers for state in optimizer.state.values())
        # some keep their state elsewhere, or none; between two reads they have stepped, and left
        # gradients, or dropped them within the step and changed parameters
        gradients = (getattr(one, "grad", None) for one in self._parameters.values())
        before, self._versions = self._versions, list(map(version, self._parameters.values()))
        changed = bool(before) and before != self._versions
        self._in_vain += changed or any(gradient is not None for gradient in gradients)
        if (stepped or self._in_vain > 1) and not self._warned:
            self._warned = True
            names = ", ".join(type(optimizer).__name__ for optimizer in self._optimizers)
            warnings.warn(
                f'quantities: "second_moment" finds none in the state of {names} (looked for '
                f"{' and '.join(KEYS)}) and records nothing; take Adam, AdamW, RMSprop "
                "or the like, or leave it out",
                stacklevel=2,
            )
