"""How far a length depends on how one looks, and where its growth slows down.

Needs NumPy only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

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
from igfast.analysis.sampling import FEWEST
from igfast.groups import MODEL
from igfast.printing import Tell, silent
from igfast.report.counted import Float, Int, Layer

if TYPE_CHECKING:
    from igfast.trajectory import Trajectory

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
    run: Trajectory, quantity: str, layers: Sequence[Layer], tell: Tell = silent
) -> dict[int, Scrutiny]:
    """Sampling, bins and L(τ) by column."""
    found = {}
    for number, layer in enumerate(layers, 1):
        tell(f"sampling and L(τ), {layer.name} ({number} of {len(layers)})")
        found[layer.column] = Scrutiny(
            run.sampling(layer.name, quantity),
            run.resolution(layer.name, quantity),
            run.length_scales(layer.name, quantity),
        )
    return found


def growth_of(
    run: Trajectory,
    quantity: str,
    estimator: str,
    steps: Int,
    scalars: Mapping[str, tuple[Int, Float]],
) -> Growth:
    """The growth of a run's lengths; without curves where no layer's length is resolved."""
    exponents: dict[str, Derivative] = {}
    curvatures: dict[str, Derivative] = {}
    if estimator == "split":
        exponents = run.log_derivative(None, 1, estimator, quantity)
        curvatures = run.log_derivative(None, 2, estimator, quantity)
    if MODEL not in run.pooled(quantity) and MODEL not in run.histograms(quantity)[0].names:
        for curves in (exponents, curvatures):  # it would be the only layer once more
            curves.pop(MODEL, None)
    transitions = {name: find_transitions(one) for name, one in curvatures.items()}
    origin = int(steps[0])
    loss = held_out_loss(scalars, origin)
    return Growth(
        origin=origin,
        exponents=exponents,
        curvatures=curvatures,
        transitions=transitions,
        loss=loss,
        onset=overfitting_onset(scalars[loss][0] - origin, scalars[loss][1]) if loss else None,
        persistence={
            name: _persistence(run, quantity, estimator, name, curvatures[name].strength, found)
            for name, found in transitions.items()
            if found
        },
    )


def _persistence(
    run: Trajectory,
    quantity: str,
    estimator: str,
    layer: str,
    strength: float,
    found: Sequence[Transition],
) -> tuple[tuple[bool, ...], ...]:
    """Of each transition, whether its interval meets that of one at each of the other λ."""
    others = [
        find_transitions(
            run.log_derivative(layer, 2, estimator, quantity, strength=factor * strength)
        )
        for factor in OTHER_STRENGTHS
    ]
    return tuple(
        tuple(
            any(other.start <= one.stop and other.stop >= one.start for other in some)
            for some in others
        )
        for one in found
    )


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
