"""A Monitor's hooks on the steps of optimizers, hidden from compilers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

Hook = Callable[..., None]


class Hooks:
    """Those that one Monitor has attached."""

    def __init__(self) -> None:
        self._handles: list[Any] = []

    def before(self, optimizer: Any, hook: Hook) -> None:
        """Call a hook before each step."""
        self._handles.append(optimizer.register_step_pre_hook(untraced(hook)))

    def after(self, optimizer: Any, hook: Hook) -> None:
        """Call a hook after each completed step."""
        self._handles.append(optimizer.register_step_post_hook(untraced(hook)))

    def detach(self) -> None:
        """Call none of them any more."""
        for handle in self._handles:
            handle.remove()
        self._handles = []


def skipped(optimizer: Any) -> bool:
    """Whether the step that was completed has changed nothing.

    Fused optimizers are stepped even where the gradient scaler found infinities, and skip the step
    themselves.
    """
    found = getattr(optimizer, "found_inf", None)
    return found is not None and float(found) != 0


def untraced(hook: Hook) -> Hook:
    """A hook that torch.compile, where it compiles an optimizer's step, does not look into."""
    compiler = getattr(sys.modules.get("torch"), "compiler", None)
    return hook if compiler is None else compiler.disable(hook)
