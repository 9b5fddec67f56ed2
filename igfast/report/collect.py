"""Everything a report shows about a run, measured once.

Needs NumPy only. Figures, page, data files and the terminal's table all read from the same
`RunCurves` and `MotionCurves`, so a number on the page is the number in the file beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from igfast.analysis.sampling import FEWEST
from igfast.groups import repeats_layer
from igfast.printing import Tell, silent
from igfast.report.counted import Densities, Float, Int, Layer, counted, spread
from igfast.report.scrutiny import Growth, Scrutiny, growth_of, scrutinize

if TYPE_CHECKING:
    from igfast.trajectory import Trajectory

SPARSE = 4  # the sampling check takes every fourth record
LEAST_SAMPLED = 1000  # elements of a layer from which on its sampling is checked
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

    @property
    def rows(self) -> tuple[Layer, ...]:
        """Everything that has a column."""
        return (*self.layers, *self.pooled)

    @property
    def midpoints(self) -> Float:
        """(T-1,) steps halfway between records, where velocities are drawn."""
        return (self.steps[1:] + self.steps[:-1]) / 2.0

    @cached_property
    def final(self) -> Final:
        """Lengths at the end of the run, or before a record at which a layer has no elements."""
        record = _last_known(self.length_published)
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
        return _is_clear(self.final.length[layer.column], self.final.error[layer.column])

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


def collect(run: Trajectory | RunCurves, tell: Tell = silent) -> RunCurves:
    """Measure everything a report shows; what was collected before is returned as it is.

    ``tell`` is called with a line on every layer, for people who wait.

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
    motions = [moved(run, quantity, tell) for quantity in quantities]
    scalars = logged(run)
    main = motions[0]
    if scrutinized(main):
        main = replace(main, scrutiny=scrutinize(run, main.quantity, scrutinized(main), tell))
    tell("looking for transitions")
    growth = growth_of(run, main.quantity, main.estimator, main.steps, scalars)
    return RunCurves(run, main, tuple(motions[1:]), scalars, growth)


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


def moved(run: Trajectory, quantity: str, tell: Tell = silent) -> MotionCurves:
    """How the layers of a quantity moved, without scrutiny."""
    histograms, layers = run.histograms(quantity), _layers(run, quantity)
    members = run.pooled(quantity)
    every = (*layers, *_pooled(layers, members))
    estimator = estimator_of(histograms[0].splits)
    rows, grids = [], []
    for number, layer in enumerate(every, 1):
        tell(f"measuring {quantity}, {layer.name} ({number} of {len(every)})")
        rows.append(_row(run, quantity, layer, estimator))
        grids.append(str(run.common(layer.name, quantity)))
    columns: dict[str, Any] = {name: np.stack([row[name] for row in rows], -1) for name in rows[0]}
    motion = MotionCurves(
        quantity=quantity,
        layers=layers,
        pooled=every[len(layers) :],
        steps=np.asarray(run.steps_of(quantity), np.int64),
        estimator=estimator,
        great_circle=np.full(len(every), np.nan),
        grids=tuple(grids),
        **columns,
        **counted(histograms, layers, tuple(members.values())),
    )
    return replace(motion, great_circle=_great_circles(run, motion))


def scrutinized(motion: MotionCurves) -> list[Layer]:
    """Resolved layers of some size, weight matrices if there are any: at most `MOST_SCRUTINIZED`.

    Each costs about ten times its length.
    """
    if motion.estimator != "split" or len(motion.steps) < FEWEST:
        return []
    layers = motion.group(True) or motion.layers
    large = [x for x in layers if x.numel >= LEAST_SAMPLED and motion.resolved(x)]
    return list(spread(large, MOST_SCRUTINIZED))


def _row(run: Trajectory, quantity: str, layer: Layer, estimator: str) -> dict[str, Float]:
    """What is measured of a layer, all at once: decoding its records is a good part of the work."""
    name, records = layer.name, len(run.steps_of(quantity))
    found = {
        "entropy": run.entropy(name, quantity),
        "complexity": run.complexity(name, quantity),
        "length_sparse": np.array(np.nan),
    }
    pairs = ("velocity", "velocity_squared", "length")
    if records < 2:
        intervals, still = np.zeros(0), np.zeros(records)
        names = (*pairs[:2], *(f"{one}_error" for one in pairs[:2]), "velocity_published")
        found |= dict.fromkeys((*names, "noise_floor"), intervals)
        return found | dict.fromkeys(("length", "length_error", "length_published"), still)
    for one in pairs:
        found[one], found[f"{one}_error"] = getattr(run, one)(name, estimator, quantity, error=True)
    found["velocity_published"] = run.velocity(name, "hellinger", quantity)
    found["length_published"] = run.length(name, "hellinger", quantity)
    found["noise_floor"] = run.noise_floor(name, quantity)
    last = _last_known(found["length_published"])
    clear = _is_clear(found["length"][last], found["length_error"][last])
    if clear and layer.numel >= LEAST_SAMPLED and records >= 5 * SPARSE:
        thinned = run.thinned_length(SPARSE, name, estimator, quantity)
        found["length_sparse"] = np.array(thinned)
    return found


def _last_known(published: Float) -> Any:
    """Index of the last record at which a published length, (T,) or (T, L), is known."""
    return np.maximum(np.isfinite(published).sum(axis=0) - 1, 0)


def _is_clear(length: float, error: float) -> bool:
    """Whether a length stands clear of zero by two standard errors, if it has any."""
    return bool(length > 2 * np.nan_to_num(error))


def _great_circles(run: Trajectory, motion: MotionCurves) -> Float:
    """(L,) from the first record to the last at which a layer's length is known."""
    histograms, found = run.histograms(motion.quantity), motion.great_circle.copy()
    for record in np.unique(motion.final.record[motion.final.record > 0]).tolist():
        ends = type(run).from_histograms([0, 1], [histograms[0], histograms[record]])
        here = np.flatnonzero(motion.final.record[: len(motion.layers)] == record)
        found[here] = great_circle(ends)[here]
    for row in motion.pooled:
        record = int(motion.final.record[row.column])
        if record:
            of_row = run.records(row.name, motion.quantity)
            found[row.column] = great_circle(
                type(run).from_histograms([0, 1], [of_row[0], of_row[record]])
            )[0]
    return found


def great_circle(ends: Trajectory) -> Float:
    """(L,) Fisher-Rao distance between two records one step apart, without the noise floor.

    With D² = 4 Σ(√p − √q)² the distance on the sphere is 4·arcsin(D/4), equal to 2·arccos Σ√(pq).
    The noise of bin borders adds to D²; where there are splits it is measured and subtracted, so
    that layers at rest have distance zero.
    """
    square = ends.velocity(estimator="hellinger")[0] ** 2
    noise = np.nan_to_num(ends.noise_floor()[0]) ** 2
    return np.asarray(4 * np.arcsin(np.sqrt(np.maximum(square - noise, 0.0)) / 4))


def _layers(run: Trajectory, quantity: str) -> tuple[Layer, ...]:
    first = run.histograms(quantity)[0]
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
