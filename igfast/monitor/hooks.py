"""A Monitor's hooks on the steps of optimizers, hidden from compilers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any

Hook = Callable[..., None]


class Hooks:
    """Those that one Monitor has attached."""

    def __init__(self) -> None:
        self._handles: list[Any] = []

    def before(self, optimizer: Any, hook: Hook) -> None:
        """Call a hook before each step."""
        self._handles.append(optimizer.register_step_pre_hook(untraced(_of_outermost(hook))))

    def after(self, optimizer: Any, hook: Hook) -> None:
        """Call a hook after each completed step."""
        self._handles.append(optimizer.register_step_post_hook(untraced(_of_outermost(hook))))

    def detach(self) -> None:
        """Call none of them any more."""
        for handle in self._handles:
            handle.remove()
        self._handles = []


def _of_outermost(hook: Hook) -> Hook:
    """A hook of steps that are not part of another one.

    torch calls the hooks in the ``step`` of a class and in that of its base, where one calls the
    other and optimizers of both have been made.
    """

    plain = sys.modules["torch"].optim.Optimizer

    def called(optimizer: Any, *rest: Any) -> None:
        kind = type(optimizer)
        if kind.__base__ is plain or not _hooked_twice(kind) or steps_under_way(optimizer) < 2:
            hook(optimizer, *rest)

    return called


def _hooked_twice(kind: type) -> bool:
    hooked = [getattr(vars(c).get("step"), "hooked", False) for c in kind.__mro__]
    return hooked.count(True) >= 2


def steps_under_way(optimizer: Any) -> int:
    """How many of its steps, one within the other, this thread is in."""
    code, found = _code_of_steps(), 0
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code is code and frame.f_locals.get("self") is optimizer:
            found += 1
        frame = frame.f_back
    return found


@lru_cache(maxsize=1)
def _code_of_steps() -> CodeType | None:
    """Of what torch puts around the steps of optimizers, to call their hooks."""
    around = getattr(sys.modules["torch"].optim.Optimizer, "profile_hook_step", None)
    return getattr(around(_code_of_steps), "__code__", None) if around is not None else None


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
