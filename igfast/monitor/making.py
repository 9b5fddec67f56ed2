"""What a Monitor is made of, from its arguments; on several ranks by all of them, or by none."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..config import get_num_threads
from ..grids import Grid
from ..groups import Groups, group_layers
from ..health import Examiner, Rule
from ..schedules import Schedule, resolve
from ..sinks.outlets import Outlets
from ..store.thinning import budget_of
from . import arguments, parts, reduction, sharding, storing
from .group import Group, together
from .logged import Logged
from .measuring import check_tensors
from .quantities import Quantities
from .recording import Recorder
from .replacing import Replaced
from .selection import Patterns, named_tensors, select
from .trained import Trained
from .updates import Updates


@dataclass(frozen=True)
class Made:
    """Parts of a Monitor.

    Attributes
    ----------
    schedule : function
    optimizers : tuple of optimizers
        The one that counts first.
    stepped : list of tuple of str
        Names of what each of them changes.
    recorder : Recorder
    logged : Logged
    updates : Updates, optional
        Where updates are measured.
    replaced : Replaced, optional
        Warns of parameters that the model has got since, but for an adapter's.
    step : int
        Optimizer steps completed.
    resumed : bool
        Whether records before were found.
    """

    schedule: Schedule
    optimizers: tuple[Any, ...]
    stepped: list[tuple[str, ...]]
    recorder: Recorder
    logged: Logged
    updates: Updates | None
    replaced: Replaced | None
    step: int
    resumed: bool


def make(
    group: Group | None,
    model: Any,
    optimizer: Any,
    *,
    every: int | Schedule,
    quantities: Sequence[str],
    include: Patterns,
    exclude: Patterns,
    groups: Groups,
    grid: Grid | None,
    bins: int | None,
    splits: int,
    offsets: bool,
    store: str | os.PathLike[str] | None,
    histograms: int | str,
    sinks: Sequence[Any],
    health: Rule | None,
    config: Mapping[str, Any] | None,
    resume: bool,
    step: int | None,
) -> Made:
    """Check a Monitor's arguments, agree on its layers with the other ranks, begin its store."""
    layout: sharding.Layout | None = None
    with together(group):
        schedule = resolve(every)
        if not callable(every):
            every = operator.index(every)  # as text, NumPy's integers differ from Python's
        optimizers = arguments.optimizers(optimizer)
        path = arguments.store_path(store)
        budget_of(histograms)  # refused without a store too: a trial shall not hide it
        arguments.check_config(config)
        get_num_threads()  # refuses what is wrong with its variable before training begins
        adapter = parts.adapter_of(model)
        if adapter is not None:
            parts.check_quantities(quantities, group)
            model = parts.tensors_of(adapter, "param")
        whole = sharding.unwrapped(model)
        everything = named_tensors(whole)
        tensors = select(everything, include, exclude)
        replaced: Replaced | None = None
        if adapter is None:  # whose parts come and go
            replaced = Replaced(whole, tensors, include, exclude)
        dtypes = dict(zip(tensors, check_tensors(tensors), strict=True))
        own = tensors if adapter is None else {}  # an adapter has gradients of its own
        chosen = arguments.check_quantities(quantities, own, bool(optimizers))
        settings = arguments.settings_of(grid, bins, splits, offsets)
        arguments.check_masters(optimizers, tensors)
        stepped_by = [arguments.names_in(one, tensors) for one in optimizers]
        outlets = Outlets(sinks)
        arguments.check_health(health)
        begun_at = arguments.start_step(step, resume, path)
        if group is not None:
            shares = (
                sharding.shares_of(tensors, dtypes, group.number)
                if adapter is None
                else parts.entries_of(adapter, dtypes)
            )
    if group is not None:
        interval = "a function" if callable(every) else every
        where = {"resume": bool(resume), "step": begun_at}
        group.check_same(every=interval, quantities=chosen, **where, **vars(settings))
        layout = sharding.agreed(group, shares)
    names = tuple(tensors) if layout is None else layout.names
    stepped = {name for of_one in stepped_by for name in of_one}
    source = Quantities(tensors, optimizers, stepped, adapter, group, layout)
    measurements = {name: source.measurement(name, settings) for name in chosen}
    if group is not None:
        reduction.make_room(group, measurements, len(names))
    begun = storing.Begun()
    with together(group):
        if adapter is None:
            arguments.warn_of_strangers(optimizers, everything)
        grouped = group_layers(groups, names)
        outlets.group(grouped)
        described = arguments.describe(config, every, settings, chosen, include, exclude, grouped)
        if path is not None and (group is None or group.rank == 0):
            shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
            if layout is not None:
                shapes, dtypes = layout.shapes, layout.dtypes
            layers = storing.layers_of(measurements, shapes, dtypes)
            memory = 1 if health is None else health.memory
            begun = storing.begin(
                path, described, measurements, layers, resume, step, histograms, memory
            )
    writer, known = begun.writer, begun.known
    if group is not None and resume:
        known = group.from_first(known)
    examiner = None if health is None else Examiner(health)
    trained = Trained(names, tensors, None if adapter is None else adapter.trained)
    recorder = Recorder(measurements, outlets, examiner, trained, writer, group, layout)
    with together(group):  # what sinks say, if it is an error, is one of all
        if known is not None:
            recorder.resume(*known)
            if path is not None and writer is not None:
                outlets.resume(path)
        if (known is not None or begun_at > 0) and (group is None or group.rank == 0):
            outlets.rewind(begun_at + 1)
    return Made(
        schedule,
        optimizers,
        stepped_by,
        recorder,
        Logged(chosen, {*names, *grouped}),
        source.updates,
        replaced,
        begun_at,
        known is not None,
    )
