"""Which tensors are measured, and what they are called."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Patterns = str | Sequence[str] | None
COMPILED = "_orig_mod."  # what torch.compile puts into names; a run must not depend on it


def named_tensors(model: Any) -> dict[str, Any]:
    """Parameters of a module by name, or a mapping as it is; tied tensors once, by first name."""
    if isinstance(model, Mapping):
        pairs = [(str(name), tensor) for name, tensor in model.items()]
    elif hasattr(model, "named_parameters"):
        pairs = [(name.replace(COMPILED, ""), p) for name, p in model.named_parameters()]
    else:
        raise TypeError(
            "model must be a torch module or a mapping of names to arrays, got "
            f"{type(model).__name__}"
        )
    if not pairs:
        raise ValueError("model has no parameters to measure")
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for name, tensor in pairs:
        if id(tensor) in seen:
            continue
        if name in found:
            raise ValueError(f"two parameters are called {name!r}; give them distinct names")
        seen.add(id(tensor))
        found[name] = tensor
    return found


def select(tensors: Mapping[str, Any], include: Patterns, exclude: Patterns) -> dict[str, Any]:
    """Keep names that match a pattern of ``include`` (all, if None) and none of ``exclude``.

    Raises
    ------
    ValueError
        If a pattern matches no name, nothing is left, or a name is not text.
    """
    wanted, unwanted = _patterns(include, "include"), _patterns(exclude, "exclude")
    names = list(tensors)
    for argument, patterns in (("include", wanted), ("exclude", unwanted)):
        for pattern in patterns or ():
            if not fnmatch.filter(names, pattern):
                raise ValueError(
                    f"{argument}={pattern!r} matches none of the {len(names)} names: "
                    f"{_listed(names)}; patterns are shell-style, e.g. '*.weight'"
                )
    chosen = {name: tensor for name, tensor in tensors.items() if is_chosen(name, include, exclude)}
    if not chosen:
        raise ValueError(
            f"include={include!r} and exclude={exclude!r} leave none of the names: {_listed(names)}"
        )
    for name in chosen:
        if not is_text(name):
            raise ValueError(f"layer {name!r} has a name that UTF-8 cannot encode; rename it")
    return chosen


def is_text(name: str) -> bool:
    """Whether files can keep a name: not with half of a surrogate pair."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_chosen(name: str, include: Patterns, exclude: Patterns) -> bool:
    """Whether :func:`select` keeps this name."""
    wanted, unwanted = _patterns(include, "include"), _patterns(exclude, "exclude")
    return (wanted is None or _matches(name, wanted)) and not _matches(name, unwanted or ())


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _patterns(value: Patterns, argument: str) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, Iterable):
        raise TypeError(f"{argument} must be a pattern or a sequence of patterns, got {value!r}")
    patterns = (value,) if isinstance(value, str) else tuple(value)
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise TypeError(f"{argument} must hold patterns (strings), got {pattern!r}")
    return patterns


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown}, … ({len(names) - 8} more)"
