"""Everything a report shows about a run, measured once.

Needs NumPy only. Figures, page, data files and the terminal's table all read from the same
`RunCurves` and `MotionCurves`, so a number on the page is the number in the file beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from igfast.analysis.sampling import FEWEST
from igfast.groups import repeats_layer
from igfast.printing import Tell, silent
from igfast.report.counted import (
    Densities,
    Float,
    Int,
    Layer,
    drawn_layers,
    losses,
    name_of,
    spread,
)
from igfast.report.layerwise import LEAST_SAMPLED, is_clear, last_known, measured
from igfast.report.scrutiny import Growth, Scrutiny, growth_of, scrutinize
from igfast.workers import Workers

if TYPE_CHECKING:
    from igfast.histograms import Histogram
    from igfast.trajectory import Trajectory

MOST_SCRUTINIZED = 6  # layers whose length is compared at several scales
LEAST_LIMITED = 200  # elements from which on a length that is not resolved has an upper limit
LEAST_SPLITS = 4  # from which on Γ and L are the split estimates


@dataclass(frozen=True)
class Final:
    """(L,) index of the last record at which each length is known, and what it is there."""

    record: Int
    length: Float
    error: Float
    published: Float


@dataclass(frozen=True)
class MotionCurves:
    """How the layers of one quantity moved: T records of L rows.

    Rows are layers, and what pools them: module groups and the whole model.

    Velocities are per interval, in 1/step; lengths, entropy (divided by ln(bins)), complexity and
    `outside` (fraction of the elements beyond the grid) per record. Errors are standard errors;
    NaN where the estimator gives none. `length_sparse` (L,) is the final length from every fourth
    record only, NaN for layers under 1,000 elements or of unresolved length, `great_circle` (L,)
    the distance from the first to the last record, as far as the length is known.
    `scrutiny` says of chosen columns how their length depends on sampling and on the scale of time.
    `grids` names the grid of each layer's entropy and complexity, `regrids` the records at which
    its automatic grid changed.
    """

    quantity: str
    layers: tuple[Layer, ...]
    pooled: tuple[Layer, ...]
    steps: Int
    estimator: str
    velocity: Float
    velocity_error: Float
    velocity_squared: Float
    velocity_squared_error: Float
    noise_floor: Float
    velocity_published: Float
    length: Float
    length_error: Float
    length_published: Float
    length_sparse: Float
    great_circle: Float
    entropy: Float
    complexity: Float
    outside: Float
    nan: Int
    grids: tuple[str, ...]
    recorded_grid: str
    regrids: tuple[tuple[int, ...], ...]
    densities: dict[int, Densities] = field(repr=False)
    scrutiny: dict[int, Scrutiny] = field(default_factory=dict, repr=False)

    @cached_property
    def rows(self) -> tuple[Layer, ...]:
        """Everything that has a column."""
        return (*self.layers, *self.pooled)

    @cached_property
    def columns(self) -> dict[str, int]:
        """Column by name."""
        return {one.name: one.column for one in self.rows}

    @property
    def midpoints(self) -> Float:
        """(T-1,) steps halfway between records, where velocities are drawn."""
        return (self.steps[1:] + self.steps[:-1]) / 2.0

    @cached_property
    def final(self) -> Final:
        """Lengths at the end of the run, or before a record at which a layer has no elements."""
        record = last_known(self.length_published)
        at = (record, np.arange(len(record)))
        return Final(record, self.length[at], self.length_error[at], self.length_published[at])

    def last_step(self, layer: Layer) -> int | None:
        """Step at which the layer's length ends, None where that is the run's last one."""
        record = int(self.final.record[layer.column])
        return int(self.steps[record]) if 0 < record < len(self.steps) - 1 else None

    def until(self, layer: Layer) -> str:
        """Where the layer's length ends, if not with the run, as in "L = 0.7 until step 600"."""
        step = self.last_step(layer)
        return "" if step is None else f" until step {step:,}"

    @cached_property
    def clear(self) -> NDArray[np.bool_]:
        """(T, L) whether the length so far stands clear of zero by two standard errors."""
        return np.asarray(self.length > 2 * np.nan_to_num(self.length_error))

    def resolved(self, layer: Layer) -> bool:
        """Whether the layer's length stands clear of zero by two standard errors, if it has any."""
        return is_clear(self.final.length[layer.column], self.final.error[layer.column])

    def limit(self, layer: Layer) -> float:
        """Two standard errors above an unresolved length; NaN without them, and for tiny layers."""
        length, error = self.final.length[layer.column], self.final.error[layer.column]
        if self.resolved(layer) or layer.numel < LEAST_LIMITED or not error > 0:
            return float("nan")
        return float(length + 2 * error)

    def group(self, matrices: bool) -> tuple[Layer, ...]:
        """Weight matrices, or everything else: biases, normalization weights and the like."""
        return tuple(layer for layer in self.layers if layer.matrix is matrices)

    def shown(self, matrices: bool) -> tuple[Layer, ...]:
        """At most `MOST_LAYERS` of a group: first, last and evenly spaced between."""
        return spread(self.group(matrices))


@dataclass(frozen=True)
class RunCurves:
    """A run as the report sees it. `main` is the quantity whose motion is told in full.

    `growth` is that of its layers' lengths.
    """

    run: Trajectory
    main: MotionCurves
    others: tuple[MotionCurves, ...]
    scalars: dict[str, tuple[Int, Float]]
    growth: Growth

    @property
    def motions(self) -> tuple[MotionCurves, ...]:
        """All quantities, the main one first."""
        return (self.main, *self.others)

    def motion(self, quantity: str = "") -> MotionCurves:
        """The motion of a quantity, by default of the main one."""
        for motion in self.motions:
            if motion.quantity == (quantity or self.main.quantity):
                return motion
        known = ", ".join(motion.quantity for motion in self.motions)
        raise ValueError(f"quantity={quantity!r} was not recorded; there is {known}")


def collect(
    run: Trajectory | RunCurves,
    tell: Tell = silent,
    jobs: int = 1,
    main: MotionCurves | None = None,
) -> RunCurves:
    """Measure everything a report shows; what was collected before is returned as it is.

    ``tell`` is called with a line on how far it has come, for people who wait. ``jobs`` processes
    share the work: see :class:`igfast.workers.Workers`. ``main`` is what :func:`moved` has measured
    of the first quantity.

    Raises
    ------
    ValueError
        If the run holds no record.
    """
    if isinstance(run, RunCurves):
        return run
    quantities = recorded(run)
    if not quantities:
        raise ValueError(
            "the run holds no record, so there is nothing to report; "
            "record at least once, for example with igfast.Monitor"
        )
    with Workers(run, jobs) as workers:
        if main is None:
            main = moved(workers, quantities[0], tell)
        others, scalars = [moved(workers, one, tell) for one in quantities[1:]], logged(run)
        if scrutinized(main):
            scrutiny = scrutinize(workers, main.quantity, scrutinized(main), tell)
            main = replace(main, scrutiny=scrutiny)
        growth = growth_of(workers, main, scalars, tell)
    return RunCurves(run, main, tuple(others), scalars, growth)


def recorded(run: Trajectory) -> list[str]:
    """Quantities that have records, parameters first: the first one is told in full."""
    found = [quantity for quantity in run.quantities if len(run.steps_of(quantity))]
    return sorted(found, key=lambda name: name != "param")


def logged(run: Trajectory) -> dict[str, tuple[Int, Float]]:
    """Scalars with a value or more: steps and values."""
    return {
        name: (np.asarray(steps, np.int64), np.asarray(values, np.float64))
        for name, (steps, values) in run.scalars().items()
        if len(steps)
    }


def estimator_of(splits: int) -> str:
    """What Γ and L are measured with: the published estimate where there are too few splits."""
    return "split" if splits >= LEAST_SPLITS else "hellinger"


def moved(workers: Workers, quantity: str, tell: Tell = silent) -> MotionCurves:
    """How the layers of a quantity moved, without scrutiny."""
    run = workers.run
    first, steps = run.histograms(quantity)[0], np.asarray(run.steps_of(quantity), np.int64)
    layers, members = _layers(run, first, quantity), run.pooled(quantity)
    every = (*layers, *_pooled(layers, members))
    estimator = estimator_of(first.splits)
    measure = partial(measured, quantity=quantity, estimator=estimator, drawn=drawn_layers(layers))
    rows = workers.each(measure, every, f"measuring {quantity}", tell, layer_of=name_of)
    curves: dict[str, Any] = {
        name: np.stack([row.curves[name] for row in rows], -1) for name in rows[0].curves
    }
    counts = [row.counts for row in rows[: len(layers)]]
    return MotionCurves(
        quantity=quantity,
        layers=layers,
        pooled=every[len(layers) :],
        steps=steps,
        estimator=estimator,
        grids=tuple(row.grid for row in rows),
        recorded_grid=str(first.grid),
        regrids=tuple(one.regrids for one in counts) + ((),) * len(members),
        densities={
            layer.column: one.densities
            for layer, one in zip(layers, counts, strict=True)
            if one.densities is not None
        },
        **curves,
        **losses(counts, [[first.index(name) for name in own] for own in members.values()]),
    )


def scrutinized(motion: MotionCurves) -> list[Layer]:
    """Resolved layers of some size, weight matrices if there are any: at most `MOST_SCRUTINIZED`.

    Each costs about ten times its length.
    """
    if motion.estimator != "split" or len(motion.steps) < FEWEST:
        return []
    layers = motion.group(True) or motion.layers
    large = [x for x in layers if x.numel >= LEAST_SAMPLED and motion.resolved(x)]
    return list(spread(large, MOST_SCRUTINIZED))


def _layers(run: Trajectory, first: Histogram, quantity: str) -> tuple[Layer, ...]:
    shapes = run.shapes(quantity)
    return tuple(
        Layer(name, column, int(first.numel[column]), shapes[column])
        for column, name in enumerate(first.names)
    )


def _pooled(layers: Sequence[Layer], members: Mapping[str, Sequence[str]]) -> tuple[Layer, ...]:
    numel = {layer.name: layer.numel for layer in layers}
    return tuple(
        Layer(name, column, sum(numel[one] for one in own), None, repeats_layer(name, own))
        for column, (name, own) in enumerate(members.items(), len(layers))
    )
