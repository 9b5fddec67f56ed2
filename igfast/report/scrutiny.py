"""How far a length depends on how one looks, and where its growth slows down.

Needs NumPy only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from igfast.analysis import (
    Derivative,
    Lag,
    LengthByScale,
    Onset,
    Resolution,
    Sampling,
    Transition,
    find_transitions,
    lag,
    overfitting_onset,
)
from igfast.analysis.growth import UnresolvedLength
from igfast.analysis.sampling import FEWEST
from igfast.groups import MODEL
from igfast.printing import Tell, silent
from igfast.report.counted import Float, Int, Layer

if TYPE_CHECKING:
    from igfast.report.collect import MotionCurves
    from igfast.trajectory import Trajectory
    from igfast.workers import Workers

LEAST_EVALUATIONS = 8  # of the test loss, for an onset
OTHER_STRENGTHS = (0.1, 10.0)  # times the chosen λ, at which a transition is looked for again


@dataclass(frozen=True)
class Scrutiny:
    """One layer's length from fewer records, in wider bins, and of its path smoothed over time."""

    sampling: Sampling
    resolution: Resolution
    scales: LengthByScale

    @property
    def judgement(self) -> str:
        """Whether its sampling is "coarse" or "resolved"; "" where too few records know L."""
        if self.sampling.records < FEWEST:
            return ""
        return "coarse" if self.sampling.coarse else "resolved"


class When(NamedTuple):
    """A time and its interval, in optimizer steps.

    >>> str(When(5600.0, 4200.4, 7100.0))
    '5,600 [4,200, 7,100]'
    """

    time: float
    start: float
    stop: float

    def __str__(self) -> str:
        time, start, stop = (f"{step:,.0f}" for step in self)
        return f"{time} [{start}, {stop}]"


@dataclass(frozen=True)
class Growth:
    """d ln L/d ln t and d² ln L/d(ln t)² by layer, and what follows from them.

    "model" is among them where there are several layers. Times are in steps
    since `origin`, the first record, also those of the onset of overfitting;
    `when` gives them as the run counts its steps. The onset is None where no test loss was logged
    often enough; `loss` is that curve's name. `persistence` says of each transition whether one is
    found in its interval at a tenth and at ten times λ.
    """

    origin: int
    exponents: dict[str, Derivative]
    curvatures: dict[str, Derivative]
    transitions: dict[str, tuple[Transition, ...]]
    loss: str
    onset: Onset | None
    persistence: dict[str, tuple[tuple[bool, ...], ...]] = field(default_factory=dict)

    def when(self, one: Transition | Onset) -> When:
        """A transition's or the onset's time, in steps since the training began."""
        return When(*(time + self.origin for time in (one.time, one.start, one.stop)))

    def persists(self, layer: str, number: int) -> tuple[bool, ...]:
        """Whether a layer's transition lives at other λ too; empty where it was not looked for."""
        return self.persistence[layer][number] if layer in self.persistence else ()

    def lags(self, layer: str) -> tuple[Lag, ...]:
        """Of each of a layer's transitions before the onset; empty without an onset to compare."""
        if self.onset is None:
            return ()
        return tuple(lag(one, self.onset) for one in self.transitions[layer])


def scrutinize(
    workers: Workers, quantity: str, layers: Sequence[Layer], tell: Tell = silent
) -> dict[int, Scrutiny]:
    """Sampling, bins and L(τ) by column."""
    parts = [(layer.name, part) for layer in layers for part in ("length_scales", "sampling")]
    found = workers.each(
        partial(_part, quantity=quantity), parts, "sampling and L(τ)", tell, layer_of=itemgetter(0)
    )
    return {
        layer.column: Scrutiny(sampling, workers.run.resolution(layer.name, quantity), scales)
        for layer, scales, sampling in zip(layers, found[::2], found[1::2], strict=True)
    }


def _part(run: Trajectory, part: tuple[str, str], *, quantity: str) -> Any:
    layer, method = part
    return getattr(run, method)(layer, quantity)


def growth_of(
    workers: Workers,
    motion: MotionCurves,
    scalars: Mapping[str, tuple[Int, Float]],
    tell: Tell = silent,
) -> Growth:
    """The growth of a run's lengths; without curves where no layer's length is resolved."""
    names = [row.name for row in motion.rows if row in motion.layers or row.name == MODEL]
    found: dict[str, _Slowing] = {}
    if motion.estimator == "split":
        each = workers.each(
            partial(_slowing, quantity=motion.quantity), names, "looking for transitions", tell
        )
        found = {name: one for name, one in zip(names, each, strict=True) if one is not None}
    origin = int(motion.steps[0])
    loss = held_out_loss(scalars, origin)
    return Growth(
        origin=origin,
        exponents={name: one.exponent for name, one in found.items()},
        curvatures={name: one.curvature for name, one in found.items()},
        transitions={name: one.transitions for name, one in found.items()},
        loss=loss,
        onset=overfitting_onset(scalars[loss][0] - origin, scalars[loss][1]) if loss else None,
        persistence={name: one.persistence for name, one in found.items() if one.transitions},
    )


class _Slowing(NamedTuple):
    """Of one layer."""

    exponent: Derivative
    curvature: Derivative
    transitions: tuple[Transition, ...]
    persistence: tuple[tuple[bool, ...], ...]


def _slowing(run: Trajectory, layer: str, *, quantity: str) -> _Slowing | None:
    """None where the layer's length is not resolved."""
    try:
        exponent = run.log_derivative(layer, quantity=quantity)
        curvature = run.log_derivative(layer, order=2, quantity=quantity)
    except UnresolvedLength:
        return None
    found = find_transitions(curvature)
    others = [
        find_transitions(
            run.log_derivative(
                layer, order=2, quantity=quantity, strength=factor * curvature.strength
            )
        )
        for factor in (OTHER_STRENGTHS if found else ())
    ]
    persistence = tuple(
        tuple(
            any(other.start <= one.stop and other.stop >= one.start for other in some)
            for some in others
        )
        for one in found
    )
    return _Slowing(exponent, curvature, found, persistence)


def onset_sentence(found: Growth) -> str:
    """Whether and when the test loss begins to rise."""
    if found.onset is None:
        return (
            f"No test loss that is positive was logged {LEAST_EVALUATIONS} times or more, to look "
            "for the onset of overfitting."
        )
    if not found.onset.found:
        return (
            f"There is no onset of overfitting: at the last evaluation the smoothed {found.loss} "
            "is not more than three standard errors above its minimum."
        )
    rise = f"until the end it rises by {math.expm1(found.onset.rise):.0%}"
    if math.isinf(found.onset.rise):
        rise = "in the end it is infinite"
    return (
        f"Overfitting begins at step {found.when(found.onset)}, where the smoothed {found.loss} is "
        f"least; {rise}."
    )


def held_out_loss(scalars: Mapping[str, tuple[Int, Float]], origin: int) -> str:
    """Name of a loss on data not trained on, with enough evaluations after the origin, or ""."""
    for part in ("test", "val", "eval"):
        for name, (steps, values) in scalars.items():
            known = np.isfinite(values) & (steps > origin)
            enough = known.sum() >= LEAST_EVALUATIONS and (values[known] > 0).all()
            if part in name.lower() and "loss" in name.lower() and enough:
                return name
    return ""
