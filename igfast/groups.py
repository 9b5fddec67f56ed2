"""Module groups: names for sets of layers, whose histograms are pooled.

A group is a view of the layers' records: its histogram is the sum of theirs, on their finest common
grid, exact to the last count as the row of the whole model is. It costs nothing to record, and a
run can be grouped anew when it is read (:meth:`igfast.Trajectory.grouped`).
"""

from __future__ import annotations

import fnmatch
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

MODEL = "model"  # name of the pooled histogram of all layers

Groups = int | Mapping[str, str | Sequence[str]] | Callable[[str], str | None] | None


def group_layers(groups: Groups, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Layers of each group.

    Parameters
    ----------
    groups : int, mapping or function
        An integer is a depth: layers of one module, named by the first ``groups`` parts of its
        path. A mapping gives every group shell-style patterns of layer names; a layer may be in
        several. A function returns the group of a layer, or None.
    names : sequence of str

    Raises
    ------
    ValueError
        If a group is empty or named like a layer of its own or the whole model.

    Examples
    --------
    >>> names = ["block.0.up.weight", "block.0.down.weight", "block.1.up.weight", "scale"]
    >>> group_layers(2, names)
    {'block.0': ('block.0.up.weight', 'block.0.down.weight'), 'block.1': ('block.1.up.weight',)}
    >>> group_layers({"up": "*.up.*"}, names)
    {'up': ('block.0.up.weight', 'block.1.up.weight')}
    """
    if groups is None:
        return {}
    if isinstance(groups, Mapping):
        found = {str(name): _matching(name, given, names) for name, given in groups.items()}
    else:
        rule = groups if callable(groups) else _at_depth(groups)
        found = {}
        for name in names:
            group = rule(name)
            if group is not None:
                found[str(group)] = (*found.get(str(group), ()), name)
    for group, members in found.items():
        if not group:
            raise ValueError("groups: a name is empty; name every group, or return None for none")
        if not members:
            raise ValueError(f"groups: {group!r} has no layer; the layers are {', '.join(names)}")
        if group == MODEL or group in names:
            taken = "all layers" if group == MODEL else "a layer"
            other = "a larger depth, or a mapping" if isinstance(groups, int) else "another"
            raise ValueError(f"groups: {group!r} is the name of {taken}; choose {other}")
    return found


def _at_depth(value: Any) -> Callable[[str], str | None]:
    try:
        depth = operator.index(value)
    except TypeError:
        raise TypeError(
            "groups must be a depth, a mapping of names to patterns, or a function of a layer's "
            f"name, got {value!r}"
        ) from None
    if depth < 1 or isinstance(value, bool):
        raise ValueError(f"groups: a depth must be at least 1, got {value!r}")

    def group(name: str) -> str | None:
        module = name.rpartition(".")[0]  # without the tensor's own name
        return ".".join(module.split(".")[:depth]) or None

    return group


def _matching(group: str, patterns: Any, names: Sequence[str]) -> tuple[str, ...]:
    wanted = (patterns,) if isinstance(patterns, str) else patterns
    if not isinstance(wanted, Iterable) or not all(isinstance(one, str) for one in wanted):
        raise TypeError(
            f"groups: {group!r} needs a pattern of layer names or a sequence of them, got "
            f"{patterns!r}"
        )
    return tuple(n for n in names if any(fnmatch.fnmatchcase(n, pattern) for pattern in wanted))


def repeats_layer(group: str, layers: Sequence[str]) -> bool:
    """Whether a group is one layer, and its name the first part of that layer's.

    Examples
    --------
    >>> repeats_layer("head", ["head.weight"]), repeats_layer("output", ["head.weight"])
    (True, False)
    """
    return len(layers) == 1 and layers[0].startswith(f"{group}.")


def recorded_groups(
    config: Mapping[str, Any], resumes: Iterable[Mapping[str, Any]] = ()
) -> dict[str, tuple[str, ...]]:
    """Layers of the groups that the newest Monitor of a run was given.

    From the configuration that the run began with, and those that it was resumed with.

    >>> first = {"monitor": {"groups": {"all": ["w", "b"]}}}
    >>> recorded_groups(first), recorded_groups(first, [{"config": {"monitor": {"groups": {}}}}])
    ({'all': ('w', 'b')}, {})
    """
    found: Mapping[str, Any] = {}
    for given in (config, *(resume["config"] for resume in resumes)):
        monitor = given.get("monitor")
        groups = monitor.get("groups") if isinstance(monitor, Mapping) else None
        if isinstance(groups, Mapping):  # a writer of its own says nothing of groups
            found = groups
    return {name: tuple(layers) for name, layers in found.items()}
