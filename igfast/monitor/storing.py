"""Beginning a run file for a Monitor, and taking one up where training goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from ..store import BackgroundWriter, RunReader
from .measuring import Measured, Measurement


def define_layers(
    writer: BackgroundWriter,
    measurements: Mapping[str, Measurement],
    shapes: Mapping[str, tuple[int, ...]],
    dtypes: Mapping[str, str],
) -> None:
    """Name the layers of every quantity, with the shapes of the whole tensors."""
    for quantity, measurement in measurements.items():
        names = measurement.layers
        kept = [dtypes[name] for name in names]
        if quantity == "update":  # as measuring.Updates takes differences
            kept = [dtype if dtype == "float64" else "float32" for dtype in kept]
        writer.define_layers(quantity, names, [shapes[name] for name in names], kept)


def resume(
    writer: BackgroundWriter, measurements: Mapping[str, Measurement], step: int | None
) -> dict[str, Measured]:
    """Rewind a run to where training goes on; the last record there, whose bins are taken up.

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
    earlier: dict[str, Measured] = {}
    with contextlib.closing(RunReader(writer.path)) as reader:
        recorded = [quantity for quantity in measurements if len(reader.steps_of(quantity))]
        for quantity in recorded:
            measurements[quantity].check(reader.histogram(quantity, -1))
        writer.rewind(step)  # only now: nothing is dropped for a run that cannot go on
        reader.refresh()
        for quantity in recorded:
            if len(reader.steps_of(quantity)):
                moments = reader.last_moments(quantity)
                if moments is not None:
                    earlier[quantity] = reader.histogram(quantity, -1), moments
    return earlier
