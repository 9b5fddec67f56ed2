"""Checks of the Monitor's arguments, and their description for the run's record."""

from __future__ import annotations

import os
import platform
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..choices import check_offsets, choose_grid
from ..config import __version__
from ..grids import Grid, check_splits
from ..health import Rule
from ..store.encoding import grid_json, int64
from .measuring import Settings
from .selection import Patterns

# Frameworks whose optimizers hold another one, for masters of the model's parameters.
KEEP_MASTERS = ("deepspeed", "megatron")
JOURNAL = len("-journal")  # the longest of what SQLite adds to a file's name
MOST_NAME, MOST_PATH = 255, 512  # bytes that file systems and SQLite take
QUANTITIES = ("param", "grad", "update", "second_moment")


def optimizers(value: Any) -> tuple[Any, ...]:
    """The optimizers that step in the end, each with step hooks; the one that counts first."""
    if value is None:
        return ()
    if isinstance(value, type):
        raise TypeError(
            f"optimizer must be an object, got the class {value.__name__}; make one of it"
        )
    several = tuple(value) if isinstance(value, Sequence) else (value,)
    if not several:
        raise ValueError(
            f"optimizer={value!r} holds none; pass one, or None and call monitor.record(step)"
        )
    found = [inner for optimizer in several for inner in _stepping(optimizer)]
    return tuple({id(one): one for one in found}.values())


def _stepping(optimizer: Any) -> tuple[Any, ...]:
    """Those of a container, the one inside a wrapper such as accelerate's, or this one."""
    contained = getattr(optimizer, "optimizers", None)
    if isinstance(contained, Sequence) and contained:
        # containers step them in order, and the last one sees the step complete
        return tuple(inner for one in reversed(contained) for inner in _stepping(one))
    wrapped = getattr(optimizer, "optimizer", None)
    if _steps_copies(optimizer):
        framework = type(optimizer).__module__.partition(".")[0]
        raise _steps_masters(f"optimizer is a {type(optimizer).__name__} of {framework}, which")
    if wrapped is not None and "_optimizer_step_post_hooks" not in vars(optimizer):
        return _stepping(wrapped)
    if not hasattr(optimizer, "register_step_post_hook"):
        raise TypeError(
            "optimizer must be a torch.optim.Optimizer, a sequence or a container of them (with "
            f"register_step_post_hook), got {type(optimizer).__name__}; unwrap it, or call "
            "monitor.record(step) without an optimizer"
        )
    base = getattr(sys.modules.get("torch.optim"), "Optimizer", ())
    if isinstance(optimizer, base) and not hasattr(optimizer, "_optimizer_step_post_hooks"):
        kind = type(optimizer).__name__  # torch's PostLocalSGDOptimizer for one
        raise TypeError(
            f"optimizer is a {kind} without step hooks, for it does not call Optimizer.__init__; "
            "call monitor.record(step) without an optimizer, or pass the one inside, whose steps "
            f"are complete before the {kind} does what it adds"
        )
    return (optimizer,)


def keeps_masters(optimizer: Any) -> bool:
    """Whether this is, or wraps, an optimizer that steps copies of the model's parameters."""
    while optimizer is not None:
        if _steps_copies(optimizer):
            return True
        optimizer = getattr(optimizer, "optimizer", None)
    return False


def _steps_copies(optimizer: Any) -> bool:
    if type(optimizer).__module__.partition(".")[0] not in KEEP_MASTERS:
        return False
    wrapped = getattr(optimizer, "optimizer", None)
    return wrapped is not None or not hasattr(optimizer, "register_step_post_hook")


def check_masters(optimizers: Sequence[Any], tensors: Mapping[str, Any]) -> None:
    """Refuse the optimizer that was handed to such a framework, which steps masters since.

    Raises
    ------
    TypeError
        For one that ZeRO-3 has emptied, or with none of the parameters that ZeRO-1, ZeRO-2 or
        Megatron has linked to masters.
    """
    linked = any(
        hasattr(tensor, "_hp_mapping") or getattr(tensor, "main_param", None) is not None
        for tensor in tensors.values()
    )
    for optimizer in optimizers:
        empty = not any(group["params"] for group in optimizer.param_groups)
        if (empty and "deepspeed" in sys.modules) or (linked and not names_in(optimizer, tensors)):
            raise _steps_masters("optimizer was handed to DeepSpeed or Megatron, and")


def _steps_masters(which: str) -> TypeError:
    return TypeError(
        f"{which} steps copies of the parameters, group by group, before the model has the result; "
        "pass no optimizer, and call monitor.record(step) after the step"
    )


def names_in(optimizer: Any, tensors: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the tensors that an optimizer changes."""
    stepped = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return tuple(name for name, tensor in tensors.items() if id(tensor) in stepped)


def warn_of_strangers(optimizers: Sequence[Any], tensors: Mapping[str, Any]) -> None:
    """Warn of optimizers that hold none of a model's parameters, unless all of them are frozen."""
    if not any(getattr(tensor, "requires_grad", False) for tensor in tensors.values()):
        return
    for optimizer in optimizers:
        if not names_in(optimizer, tensors):
            warnings.warn(
                f"optimizer {type(optimizer).__name__} holds none of the model's {len(tensors)} "
                "parameters: its steps are counted, but change other tensors. Make it of this "
                "model's parameters, after they are moved, sharded or replaced; a model that "
                "follows another one, such as an average, is to be frozen: requires_grad_(False)",
                stacklevel=4,
            )


def check_quantities(
    value: Sequence[str], tensors: Mapping[str, Any], stepping: bool
) -> tuple[str, ...]:
    """Known quantities, each once, that these tensors and optimizers can give."""
    if isinstance(value, str):
        raise TypeError(f"quantities must be a sequence of names, got {value!r}; use ({value!r},)")
    if not isinstance(value, Iterable):
        raise TypeError(f"quantities must be a sequence of names, got {value!r}")
    given = tuple(value)
    for quantity in given:
        if quantity not in QUANTITIES:
            raise ValueError(f"quantities must be among {', '.join(QUANTITIES)}, got {quantity!r}")
    chosen = tuple(dict.fromkeys(given))
    if not chosen:
        raise ValueError(f"quantities needs at least one of {', '.join(QUANTITIES)}, got none")
    # of the type: a tensor with a history warns when it is asked
    plain = [name for name, tensor in tensors.items() if not hasattr(type(tensor), "grad")]
    if "grad" in chosen and plain:
        raise ValueError(
            f'quantities: "grad" needs torch parameters, but {plain[0]!r} has no .grad'
        )
    for quantity in ("update", "second_moment"):
        if quantity in chosen and not stepping:
            raise ValueError(f'quantities: "{quantity}" needs an optimizer, got optimizer=None')
    return chosen


def settings_of(grid: Grid | None, bins: int | None, splits: int, offsets: bool) -> Settings:
    """How histograms are taken."""
    chosen = choose_grid(bins, None, grid)
    return Settings(chosen, check_splits(splits), check_offsets(offsets, chosen))


def check_health(rule: Any) -> None:
    """Refuse what says nothing of when to flag layers."""
    if rule is not None and not isinstance(rule, Rule):
        raise TypeError(f"health must be an igfast.health.Rule or None, got {rule!r}")


def start_step(step: int | None, resume: bool, store: Any) -> int:
    """Optimizer steps completed before this monitor."""
    if resume and store is None:
        raise ValueError("resume=True needs store=, the run to continue; got store=None")
    begun = 0 if step is None else int64("step", step)
    if begun < 0:
        raise ValueError(f"step must not be negative, got {step}")
    return begun


def describe(
    config: Mapping[str, Any] | None,
    every: Any,
    settings: Settings,
    quantities: Sequence[str],
    include: Patterns,
    exclude: Patterns,
    groups: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """What the store keeps as the run's configuration; the caller's versions come on top."""
    versions = {"igfast": __version__, "python": platform.python_version()}
    versions["numpy"] = np.__version__
    torch = sys.modules.get("torch")
    if torch is not None:
        versions["torch"] = str(torch.__version__)
    monitor = {
        "every": every if isinstance(every, int) else getattr(every, "__qualname__", repr(every)),
        "grid": grid_json(settings.grid),
        "splits": settings.splits,
        "offsets": settings.offsets,
        "quantities": list(quantities),
        "include": include if include is None or isinstance(include, str) else list(include),
        "exclude": exclude if exclude is None or isinstance(exclude, str) else list(exclude),
        "groups": {name: list(layers) for name, layers in groups.items()},
    }
    given = dict(config or {})
    versions.update(given.pop("versions", {}))
    return {"versions": versions, "monitor": monitor, **given}


def check_config(config: Any) -> None:
    """Refuse what is no mapping, or would take the place of what the Monitor writes itself."""
    if config is None:
        return
    if not isinstance(config, Mapping):
        raise TypeError(f"config must be a mapping such as a dict, got {config!r}")
    if "monitor" in config:
        raise ValueError(
            f"config['monitor'] = {config['monitor']!r} would take the place of the Monitor's own "
            "settings; rename the key, or nest the configuration: config={'training': ...}"
        )
    if not isinstance(config.get("versions", {}), Mapping):
        raise TypeError(
            f"config['versions'] must be a mapping of names to versions, which those of igfast, "
            f"Python and PyTorch are added to, got {config['versions']!r}"
        )


def store_path(store: Any) -> str | os.PathLike[str] | None:
    """A path that files can have, or None for no store."""
    if store is None:
        return store
    if not isinstance(store, (str, os.PathLike)):
        raise TypeError(f"store must be a path, got {store!r}")
    whole = os.fsencode(os.path.abspath(store))
    for what, given, most in (
        ("name", os.path.basename(whole), MOST_NAME),
        ("path", whole, MOST_PATH),
    ):
        if len(given) + JOURNAL > most:
            raise ValueError(
                f"store={os.fspath(store)!r} has a {what} of {len(given)} bytes, of which "
                f"{most - JOURNAL} fit beside what SQLite adds to it; choose a shorter one"
            )
    return store


def step_to_record(step: int | None, last: int, counted: bool) -> int:
    """The step of a record that was asked for, where an optimizer counts them or nobody does."""
    step = None if step is None else int64("step", step)
    if counted:
        if step is not None and step != last:
            raise ValueError(
                f"the optimizer has made {last} steps, got step={step}; leave step out, or make "
                "the Monitor with step= the steps completed before it"
            )
        return last
    if step is None:
        raise ValueError("record needs step= where no optimizer counts steps")
    if step < last:
        raise ValueError(f"step must not go back, got {step} after {last}")
    return step
