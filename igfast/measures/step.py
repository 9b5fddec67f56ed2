"""One step of a run measured as it is counted: a plan's next histogram against the one before."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .. import _arrays
from ..histograms import Histogram
from ..plan import Plan
from .divergence import js_divergence
from .entropy import shannon_entropy, statistical_complexity
from .operands import home_of, require_histogram
from .velocity import information_velocity_squared, times


@dataclass(frozen=True, eq=False)
class StepMeasures:
    """Measures of a step, (L,) float64 each, where the histograms live.

    Attributes
    ----------
    velocity_squared : Γ² of the "hellinger" estimator, 1/step² (1/unit of ``dt``²)
    entropy : Shannon entropy of the new histogram, nats
    complexity : its statistical complexity
    js_divergence : from the earlier histogram to the new one, nats
    """

    velocity_squared: Any
    entropy: Any
    complexity: Any
    js_divergence: Any


def measure_step(plan: Plan, previous: Histogram, dt: Any = 1.0) -> tuple[Histogram, StepMeasures]:
    """Count a plan's tensors now and measure the step from an earlier histogram.

    On a device, and where both are on the same bins, the launch that counts also measures: nothing
    waits and nothing is copied to the host.

    Parameters
    ----------
    plan : Plan
    previous : Histogram
        Of the same layers, such as the plan's last result.
    dt : float or (L,) array_like
        Time between the two.

    Returns
    -------
    Histogram, StepMeasures

    Raises
    ------
    TypeError, ValueError
        As :func:`information_velocity`.

    Notes
    -----
    *Source.* As :func:`information_velocity` (``estimator="hellinger"``),
    :func:`shannon_entropy`, :func:`statistical_complexity` and :func:`js_divergence`.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> weights = np.linspace(0, 1, 100, endpoint=False)
    >>> plan = igfast.Plan(weights, bins=4, range=(0, 4))
    >>> previous = plan()
    >>> weights += 1.0
    >>> _, step = igfast.measure_step(plan, previous)
    >>> step.js_divergence.round(6)  # nothing in common: ln 2
    array([0.693147])
    """
    if not isinstance(plan, Plan):
        raise TypeError(
            f"plan must be an igfast.Plan, got {type(plan).__name__}; make one with "
            "igfast.Plan(tensors, ...)"
        )
    require_histogram(previous, "previous")
    simple = isinstance(dt, (int, float)) and 0 < dt < math.inf  # nothing goes to the device
    steps = dt if simple else times(dt, len(previous))
    histogram, fused = plan.count_against(previous)
    if fused is None:
        return histogram, StepMeasures(
            information_velocity_squared(previous, histogram, dt, "hellinger"),
            shannon_entropy(histogram),
            statistical_complexity(histogram),
            js_divergence(previous, histogram),
        )
    factor: Any = 2.0 / steps
    if not simple:
        alike = len(steps) > 0 and (steps == steps[0]).all()
        factor = float(factor[0]) if alike else _arrays.like(home_of(histogram), factor)
    return histogram, StepMeasures(
        fused[:, 0] * factor * factor, fused[:, 1], fused[:, 2], fused[:, 3]
    )
