"""Δθ of a step: from what the optimizer keeps where that says it, else from a copy made before.

For torch's own SGD, Adam and AdamW in float32 or float64, θ after the step, the optimizer's state
and the gradient give the step that was taken, before it was rounded into θ:

    SGD      d = m, or g without momentum
    Adam(W)  d = m / (1 − β₁ᵗ) / (√v / √(1 − β₂ᵗ) + ε)

with m the momentum buffer or first moment, v the second moment (the largest so far with amsgrad),
and θ' = θ(1 − ηλ) − ηd. λ is the weight decay where m does not hold it already: of AdamW, and of
SGD without momentum. Then Δθ = −(ηd + ηλθ') / (1 − ηλ).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from .measuring import Tensors

TOLERANCE = 1e-3  # of the largest |Δθ| of a tensor; both ways differ by the rounding of θ as well
ROUNDING = 4.0  # spacings of the largest |θ|

Options = Mapping[str, Any]


class Updates:
    """Δθ of the step that is being recorded.

    The first derived updates are compared with those by copy: if they differ, something else
    changes the parameters too, and all updates come from copies.

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
        self._derived: dict[str, tuple[Any, Options]] = {}
        self._trusted: set[str] = set()
        self._distrusted = False

    def prepare(self, names: tuple[str, ...], optimizer: Any, once: bool = True) -> None:
        """Before a step of an optimizer that changes these parameters.

        ``once``: it is the only step it makes before the updates are read.
        """
        options = {id(p): group for group in optimizer.param_groups for p in group["params"]}
        for name in names:
            parameter = self._parameters[name]
            group = options.get(id(parameter))
            derives = once and not self._distrusted and group is not None
            if derives and can_derive(optimizer, group or {}, parameter):
                self._derived[name] = optimizer, group or {}
            known = name in self._derived and name in self._trusted
            if not known and name not in self._before:
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
                update = self._derive(name, now, *derived[name])
                if not copied or self._agree(name, updates[name], update):
                    updates[name] = update
            elif not copied:
                updates[name] = now.new_empty(0)
        return updates

    def drop(self) -> None:
        """Forget what will not be read."""
        self._before, self._derived = {}, {}

    def _of(self, name: str, tensor: Any) -> Any:
        return tensor.detach() if self._part is None else self._part(name, tensor)

    def _derive(self, name: str, now: Any, optimizer: Any, group: Options) -> Any:
        parameter = self._parameters[name]
        state = {
            key: value if key == "step" else self._of(name, value)
            for key, value in optimizer.state[parameter].items()
            if value is not None
        }
        rate, decay = group["lr"], group["weight_decay"]
        if "betas" in group:
            direction = _adam_direction(state, group)
            decoupled = group.get("decoupled_weight_decay", False)  # before torch 2.7 only by class
            decays = decoupled or isinstance(optimizer, _torch().optim.AdamW)
        elif group["momentum"] != 0:
            direction, decays = state["momentum_buffer"], False
        else:
            gradient = self._of(name, parameter.grad)
            direction, decays = -gradient if group["maximize"] else gradient, True
        step = direction.mul(-rate)
        if not decays or decay == 0:
            return step
        shrink = float(rate * decay)
        # rounded twice: one fused operation would depend on where a shard begins
        return step.sub_(now.mul(shrink)).div_(1 - shrink)

    def _agree(self, name: str, taken: Any, derived: Any) -> bool:
        """Whether to trust the optimizer's state from now on, or never again."""
        error = allowed = 0.0
        if taken.numel() and bool(taken.isfinite().all()):
            now = self._of(name, self._parameters[name])
            spacing = _torch().finfo(now.dtype).eps * float(now.abs().max())
            allowed = TOLERANCE * float(taken.abs().max()) + ROUNDING * spacing
            error = float((taken - derived).abs().max())
        if error <= allowed:
            self._trusted.add(name)
            return True
        self._distrusted = True
        warnings.warn(
            f"the update of {name!r} is not what its optimizer's state says (they differ by "
            f"{error:.3g}); from now on the Monitor copies parameters before recorded steps",
            stacklevel=2,
        )
        return False


def can_derive(optimizer: Any, group: Options, parameter: Any) -> bool:
    """Whether the state of this optimizer after a step says what the step was."""
    optim, kind = _torch().optim, type(optimizer)  # not a subclass, whose step may be another
    if kind is optim.SGD:
        # fused steps may unscale gradients on the way, Nesterov's overwrite them
        known = not group["fused"] and not group["nesterov"]
    else:
        known = kind in (optim.Adam, optim.AdamW)
    gradient = parameter.grad
    if not known or group["differentiable"] or gradient is None or gradient.is_sparse:
        return False
    placed = [getattr(tensor, "placements", None) for tensor in (parameter, gradient)]
    # partial sums would need other ranks; fewer than 32 bits round Δθ to something else
    return bool(placed[0] == placed[1] and parameter.element_size() >= 4)


def _adam_direction(state: Options, group: Options) -> Any:
    step = state["step"]
    count = float(step) if step.device.type == "cpu" else step
    first, second = (1 - beta**count for beta in group["betas"])
    largest = state["max_exp_avg_sq"] if group["amsgrad"] else state["exp_avg_sq"]
    scale = largest.sqrt().div_(second**0.5).add_(group["eps"]).mul_(first)
    return state["exp_avg"] / scale


def _torch() -> Any:
    return sys.modules["torch"]


def _wide(tensor: Any) -> Any:
    return tensor.float() if tensor.element_size() < 4 else tensor
