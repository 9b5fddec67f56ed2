"""The step that an optimizer has taken, read off what it keeps.

For torch's own SGD, Adam and AdamW in float32 or float64, θ after the step, the optimizer's state
and the gradient give the step that was taken, before it was rounded into θ:

    SGD      d = m, or g without momentum
    Adam(W)  d = m / (1 − β₁ᵗ) / (√v / √(1 − β₂ᵗ) + ε)

with m the momentum buffer or first moment, v the second moment (the largest so far with amsgrad),
and θ' = θ(1 − ηλ) − ηd. λ is the weight decay where m does not hold it already: of AdamW, and of
SGD without momentum. Then Δθ = −(ηd + ηλθ') / (1 − ηλ), where ηλ is not near 1.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

Options = Mapping[str, Any]
RATES = ("lr", "weight_decay")
MOST_DECAYED = 0.5  # of θ in one step: a step that forgets θ cannot be told from what is left


class Step:
    """One step of a parameter that is about to be made.

    Parameters
    ----------
    optimizer, group, parameter
        Its parameter group; :func:`can_derive` has said yes to them.
    """

    def __init__(self, optimizer: Any, group: Options, parameter: Any) -> None:
        self._optimizer, self._group, self._parameter = optimizer, group, parameter
        self._adam = "betas" in group
        self._rates = self._rates_now()
        self._gradient: Any = None if self._adam else parameter.grad
        # momentum holds what became of the gradient, a step without has only the gradient itself
        plain = not self._adam and group["momentum"] == 0
        self._version = int(parameter.grad._version) if plain else None
        count: Any = optimizer.state.get(parameter, {}).get("step", 0.0) if self._adam else 0.0
        # as a number, or on a device as a copy, lest the host waits for it
        self._count = count.clone() if _on_device(count) else float(count)

    def doubt(self) -> str | None:
        """Why the state after the step does not say what the step was, if it does not."""
        if self._rates_now() != self._rates:
            return "learning rate or weight decay changed within the step"
        if self._adam:
            return None
        gradient = self._parameter.grad
        if gradient is not self._gradient:
            return "its gradient was replaced or dropped within the step"
        if self._version is not None and gradient._version != self._version:
            return "its gradient was changed within the step"
        return None

    def update(self, now: Any, part: Callable[[Any], Any]) -> Any:
        """Δθ, with θ ``now``; ``part`` takes this rank's part of what belongs to the parameter."""
        group, parameter = self._group, self._parameter
        state = {
            key: value if key == "step" else part(value)
            for key, value in self._optimizer.state.get(parameter, {}).items()
            if value is not None
        }
        if self._adam and not state:
            return now.new_zeros(now.shape)
        if self._adam:
            direction = _adam_direction(state, group)
        elif group["momentum"] != 0:
            direction = state["momentum_buffer"]
        else:
            gradient = part(parameter.grad)
            direction = -gradient if group["maximize"] else gradient
        step = direction.mul(-group["lr"])
        shrink = _decayed(self._optimizer, group)
        if shrink != 0:
            # rounded twice: one fused operation would depend on where a shard begins
            step = step.sub_(now.mul(shrink)).div_(1 - shrink)
        if not self._adam:
            return step
        made = state["step"] - self._count  # 0 where a hook dropped its gradient
        if _on_device(made):
            return step.mul_(made.clamp(max=1))
        return step if float(made) > 0 else step.zero_()

    def _rates_now(self) -> tuple[Any, ...]:
        """Comparable without waiting for a device."""
        rates = [self._group[name] for name in RATES]
        return tuple(
            (id(rate), rate._version) if hasattr(rate, "_version") else rate for rate in rates
        )


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
    if gradient.is_inference():  # it has no version that would tell whether it was changed
        return False
    placed = [getattr(tensor, "placements", None) for tensor in (parameter, gradient)]
    # partial sums would need other ranks; fewer than 32 bits round Δθ to something else
    if placed[0] != placed[1] or parameter.element_size() < 4:
        return False
    return abs(1 - _decayed(optimizer, group)) >= 1 - MOST_DECAYED


def _decayed(optimizer: Any, group: Options) -> float:
    """ηλ where a step takes it off θ itself, 0 where the direction holds the weight decay."""
    rate, decay = group["lr"], group["weight_decay"]
    if decay == 0:
        return 0.0
    if "betas" in group:
        # before torch 2.7 only by class
        decoupled = group.get("decoupled_weight_decay", False)
        apart = decoupled or isinstance(optimizer, _torch().optim.AdamW)
    else:
        apart = group["momentum"] == 0
    return float(rate * decay) if apart else 0.0


def _adam_direction(state: Options, group: Options) -> Any:
    step = state["step"]
    count = step if _on_device(step) else float(step)
    first, second = (1 - beta**count for beta in group["betas"])
    largest = state["max_exp_avg_sq"] if group["amsgrad"] else state["exp_avg_sq"]
    scale = largest.sqrt().div_(second**0.5).add_(group["eps"]).mul_(first)
    return state["exp_avg"] / scale


def _on_device(number: Any) -> bool:
    return hasattr(number, "device") and number.device.type != "cpu"


def _torch() -> Any:
    return sys.modules["torch"]
