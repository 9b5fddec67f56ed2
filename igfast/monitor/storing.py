"""Beginning a run file for a Monitor, and taking one up where training goes on."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..automatic import Bins
from ..health import SUMMED, Flag, flags_of
from ..health_history import SEARCHED, History, Sums, beginnings
from ..store import BackgroundWriter, RunReader
from .measuring import Measurement

Layers = Mapping[str, tuple[tuple[str, ...], list[tuple[int, ...]], list[str]]]
Earlier = tuple[History, Bins | None]  # what health goes on from, and the bins that follow
Known = tuple[int | None, dict[str, Earlier]]


@dataclass(frozen=True)
class Begun:
    """A run file to write to; where it is resumed, its last step and the last record there."""

    writer: BackgroundWriter | None = None
    known: Known | None = None


def begin(
    path: str | os.PathLike[str],
    config: Mapping[str, Any],
    measurements: Mapping[str, Measurement],
    layers: Layers,
    resume: bool,
    step: int | None,
    histograms: int | str,
    memory: int,
) -> Begun:
    """Open a run file for writing; of one that is resumed, read the last ``memory`` moments.

    Raises
    ------
    ValueError, FileExistsError, StoreError
        If it cannot be begun, or resumed by this Monitor; then no new file is left.
    """
    new = not os.path.exists(path)
    writer = BackgroundWriter(path, config=config, resume=resume, histograms=histograms)
    try:
        for quantity, (names, shapes, dtypes) in layers.items():
            writer.define_layers(quantity, names, shapes, dtypes)
        if resume and writer.last_step is not None:
            earlier = take_up(writer, measurements, layers, step, memory)
            return Begun(writer, (writer.last_step, earlier))
    except BaseException:
        try:
            writer.close()
        finally:
            if new:  # it would be in the way of the next try
                for suffix in ("", "-wal", "-shm", "-journal"):
                    Path(f"{writer.path}{suffix}").unlink(missing_ok=True)
        raise
    return Begun(writer)


def layers_of(
    measurements: Mapping[str, Measurement],
    shapes: Mapping[str, tuple[int, ...]],
    dtypes: Mapping[str, str],
) -> Layers:
    """Names of every quantity's layers, shapes of the whole tensors, and dtypes."""
    found = {}
    for quantity, measurement in measurements.items():
        names = measurement.layers
        kept = [dtypes[name] for name in names]
        if quantity == "update":  # as updates.Updates takes differences
            kept = [dtype if dtype == "float64" else "float32" for dtype in kept]
        found[quantity] = names, [shapes[name] for name in names], kept
    return found


def take_up(
    writer: BackgroundWriter,
    measurements: Mapping[str, Measurement],
    layers: Layers,
    step: int | None,
    memory: int,
) -> dict[str, Earlier]:
    """Rewind a run to where training goes on; what is known of the last records there.

    Raises
    ------
    ValueError
        Without a step, or if the records were taken in another way.
    """
    if step is None:
        raise ValueError(
            "resume=True needs step=, the optimizer steps that the loaded checkpoint had "
            f"completed; the last record in the store is at step {writer.last_step}"
        )
    earlier: dict[str, Earlier] = {}
    with contextlib.closing(RunReader(writer.path)) as reader:
        recorded = [name for name in measurements if len(reader.recorded_steps(name))]
        for quantity in recorded:
            measurements[quantity].check(reader.histogram(quantity, -1))
            _warn_of_dtypes(reader, quantity, layers[quantity])
        writer.rewind(step)  # only now: nothing is dropped for a run that cannot go on
        reader.refresh()
        flags = flags_of(reader.scalars())
        for quantity in recorded:
            if len(reader.moment_steps(quantity)):
                own = [flag for flag in flags if flag.quantity == quantity]
                history = _history(reader, quantity, memory, own)
                earlier[quantity] = history, reader.next_bins(quantity)
    return earlier


def _history(reader: RunReader, quantity: str, memory: int, flags: list[Flag]) -> History:
    steps = reader.moment_steps(quantity)
    last = steps[-memory:] if len(steps) > SEARCHED else steps
    searched = _sums(reader, quantity, steps[: len(steps) - len(last)][:SEARCHED])
    begun = beginnings(searched)
    first = searched[0][begun], searched[1][begun]
    names, found = reader.layers(quantity), _sums(reader, quantity, last)
    return History(names, len(steps), first, found, last.tolist(), flags)


def _sums(reader: RunReader, quantity: str, steps: NDArray[np.int64]) -> Sums:
    found = reader.moments(quantity, steps)
    integers, floats = (
        np.stack([found[name] for name in part], axis=2) for part in (SUMMED[:4], SUMMED[4:])
    )
    return integers, floats


def _warn_of_dtypes(reader: RunReader, quantity: str, layers: tuple[Any, ...]) -> None:
    names, _, dtypes = layers
    for name, before, now in zip(names, reader.dtypes(quantity), dtypes, strict=True):
        if before != now:
            warnings.warn(
                f"{name!r} was recorded as {before} in {str(reader.path)!r} and is {now} now: what "
                "rounding changes counts as motion; choose another path for a run of its own",
                stacklevel=6,
            )
            return
