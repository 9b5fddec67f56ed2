"""Δθ of a step: from what the optimizer keeps where that says it, else from a copy made before."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable
from typing import Any

from .measuring import Tensors
from .stepping import Step, can_derive

TOLERANCE = 1e-3  # of the largest |Δθ| of a tensor; both ways differ by the rounding of θ as well
ROUNDING = 4.0  # spacings of the largest |θ|


class Updates:
    """Δθ of the step that is being recorded.

    Derived updates are compared with those by copy, of the first, second, fourth, eighth, … that a
    parameter has: if they differ, something else changes the parameters too, and all updates come
    from copies.

    Parameters
    ----------
    parameters : mapping of str to tensor
    part : function, optional
        What this rank measures of a parameter, or of what belongs to it.
    """

    def __init__(self, parameters: Tensors, part: Callable[[str, Any], Any] | None = None) -> None:
        self._parameters = parameters
        self._part = part
        self._before: dict[str, Any] = {}
        self._derived: dict[str, Step] = {}
        self._times_derived: dict[str, int] = {}
        self._distrusted = False

    def prepare(
        self, names: tuple[str, ...], optimizer: Any, once: bool = True, gradients_made: bool = True
    ) -> None:
        """Before a step of an optimizer that changes these parameters.

        ``once``: it is the only step it makes before the updates are read, so what was prepared
        for one that failed is of no use. ``gradients_made``: no closure makes others within it.
        """
        options = {id(p): group for group in optimizer.param_groups for p in group["params"]}
        for name in names:
            parameter = self._parameters[name]
            group = options.get(id(parameter), {})
            self._derived.pop(name, None)
            if once:
                self._before.pop(name, None)
            derives = once and gradients_made and not self._distrusted and bool(group)
            if derives and can_derive(optimizer, group, parameter):
                self._derived[name] = Step(optimizer, group, parameter)
            due = self._times_derived.get(name, 0) + 1
            compared = due & (due - 1) == 0  # a power of two
            if (compared or name not in self._derived) and name not in self._before:
                self._before[name] = _wide(self._of(name, parameter)).clone()

    def read(self) -> Tensors | None:
        """Δθ; an empty tensor for a parameter whose optimizer did not step. Drops the copies."""
        before, derived = self._before, self._derived
        self._before, self._derived = {}, {}
        if not before and not derived:
            return None
        updates = {}
        for name, parameter in self._parameters.items():
            now = self._of(name, parameter)
            copied = name in before
            if copied:
                # after − before, written over the copy
                updates[name] = before.pop(name).neg_().add_(_wide(now))
            if name in derived and not (copied and self._distrusted):
                update = self._derive(name, now, derived[name], copied)
                if update is not None and (not copied or self._agree(name, updates[name], update)):
                    updates[name] = update
            if name not in updates:
                updates[name] = now.new_empty(0)
        return updates

    def drop(self) -> None:
        """Forget what will not be read."""
        self._before, self._derived = {}, {}

    def _of(self, name: str, tensor: Any) -> Any:
        return tensor.detach() if self._part is None else self._part(name, tensor)

    def _derive(self, name: str, now: Any, step: Step, copied: bool) -> Any:
        """Δθ that the optimizer's state says; None, with a warning, where that is in doubt."""
        doubt = step.doubt()
        if doubt is None:
            self._times_derived[name] = self._times_derived.get(name, 0) + 1
            return step.update(now, lambda tensor: self._of(name, tensor))
        if not self._distrusted:
            self._distrusted = True
            lost = "" if copied else ", and updates of this step that are in doubt are left out"
            warnings.warn(
                f"the update of {name!r} cannot be read off its optimizer's state: {doubt}; from "
                f"now on the Monitor copies parameters before recorded steps{lost}",
                stacklevel=2,
            )
        return None

    def _agree(self, name: str, taken: Any, derived: Any) -> bool:
        """Whether to trust the optimizer's state from now on, or never again."""
        error = allowed = 0.0
        if taken.numel() and bool(taken.isfinite().all()):
            now = self._of(name, self._parameters[name])
            spacing = _torch().finfo(now.dtype).eps * float(now.abs().max())
            allowed = TOLERANCE * float(taken.abs().max()) + ROUNDING * spacing
            error = float((taken - derived).abs().max())
        if error <= allowed:
            return True
        self._distrusted = True
        differ = f"they differ by {error:.3g}"
        if not math.isfinite(error):
            differ = "that is not finite, and the update is"
        warnings.warn(
            f"the update of {name!r} is not what its optimizer's state says ({differ}); from "
            "now on the Monitor copies parameters before recorded steps",
            stacklevel=2,
        )
        return False


def _torch() -> Any:
    return sys.modules["torch"]


def _wide(tensor: Any) -> Any:
    return tensor.float() if tensor.element_size() < 4 else tensor
