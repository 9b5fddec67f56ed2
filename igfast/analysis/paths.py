"""Estimators of velocity and length along one layer's path, by name.

Each takes a :class:`~igfast.analysis.series.LayerSeries` of T records and returns a
:class:`PathEstimate`. Γ² = 4 Σ (∂ₜ√p)², L = ∫ Γ dt (Thiruthummal, Kim, Shelyag 2024,
arXiv 2406.05295); the estimators differ in what they make of a finite number of elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .one_thread import on_one_thread
from .series import LayerSeries
from .simple import PathEstimate, chi2, fisher_rao, gaussian, hellinger, kde, node
from .split import split_length, split_velocity_squared

Float = NDArray[np.float64]


@dataclass(frozen=True)
class SplitEstimate(PathEstimate):
    """What ``split`` says of a path beyond velocity and length.

    Attributes
    ----------
    independent_error : (T,) float64
        Standard error of L apart from a factor that all of L shares, as what cells lose is taken
        to be: it changes no logarithmic derivative.
    noise_floor : (T−1,) float64
        Velocity that noise alone gives the published estimator.
    turning : (T−1,) float64
        Angle per record in radians; NaN where single records do not resolve the motion.
    added : float
        Relative length added for arcs against chords.
    lost_in_bins : float
        Relative length that bins lose: it is added, and half of it, or all, is in the error.
    hidden_in_bins : float
        Relative length that ever narrower bins may show beyond it: it is in the error.
    hidden_in_steps : float
        Relative length that long steps between records, or a start of infinite speed, may hide: it
        is in the error.
    outside : float
        Largest share of elements outside the bins in a record.
    """

    independent_error: Float
    noise_floor: Float
    turning: Float
    added: float
    lost_in_bins: float
    hidden_in_bins: float
    hidden_in_steps: float
    outside: float


@on_one_thread
def split(series: LayerSeries) -> SplitEstimate:
    """Cross products between splits: noise does not add length.

    See :func:`igfast.analysis.split.split_length` for the method and its error.
    """
    found = split_length(series.steps, series.split_counts, series.split_outside, series.offsets)
    independent = np.square(found.standard_error) - np.square(found.proportional * found.length)
    return SplitEstimate(
        found.velocity_squared,
        found.velocity_squared_error,
        found.length,
        found.standard_error,
        np.sqrt(np.maximum.accumulate(np.maximum(independent, 0.0))),
        found.noise_floor,
        found.turning,
        found.added,
        found.lost_in_cells,
        found.hidden_in_cells,
        found.hidden_in_steps,
        found.outside,
    )


@on_one_thread
def noise_floor(series: LayerSeries) -> Float:
    """(T−1,) velocity that noise alone gives the published estimator: √(square − cross product)."""
    return split_velocity_squared(series.steps, series.split_counts, series.split_outside)[2]


Estimator = Callable[[LayerSeries], PathEstimate]
ESTIMATORS: dict[str, Estimator] = {
    "hellinger": hellinger,
    "chi2": chi2,
    "fisher_rao": fisher_rao,
    "gaussian": gaussian,
    "kde": kde,
    "node": node,
    "split": split,
}


def estimate(
    series: Sequence[LayerSeries], estimator: str | Estimator, records: int
) -> PathEstimate:
    """One estimate for a run of ``records`` records from the series it was cut into."""
    one = chosen(estimator)
    return joined(series, [one(part) for part in series], records)


def chosen(estimator: str | Estimator) -> Estimator:
    """The estimator of a name, or a function as it is; refuses what is neither."""
    if isinstance(estimator, str) and estimator in ESTIMATORS:
        return ESTIMATORS[estimator]
    if not callable(estimator):
        raise ValueError(
            f"estimator must be one of {', '.join(map(repr, ESTIMATORS))}, or a function of "
            f"igfast.analysis, got {estimator!r}"
        )
    return estimator


def split_estimate(series: Sequence[LayerSeries], records: int) -> SplitEstimate:
    """As :func:`estimate` by "split", with all that it says."""
    found = [split(part) for part in series]
    whole = joined(series, found, records)
    floor, turning = np.full((2, max(records - 1, 0)), np.nan)
    for part, one in zip(series, found, strict=True):
        here = part.place
        floor[here], turning[here] = one.noise_floor[part.counted], one.turning[part.counted]
    shares = np.zeros(4)
    moved = [one for one in found if one.length[-1] > 0]
    if moved:
        each = [
            (one.added, one.lost_in_bins, one.hidden_in_bins, one.hidden_in_steps) for one in moved
        ]
        shares = np.average(each, axis=0, weights=[one.length[-1] for one in moved])
    added, lost, hidden_in_bins, hidden_in_steps = shares.tolist()
    return SplitEstimate(
        whole.velocity_squared,
        whole.velocity_squared_error,
        whole.length,
        whole.length_error,
        _independent_error(series, found, records),
        floor,
        turning,
        added,
        lost,
        hidden_in_bins,
        hidden_in_steps,
        max((one.outside for one in found), default=0.0),
    )


def _independent_error(
    series: Sequence[LayerSeries], found: Sequence[SplitEstimate], records: int
) -> Float:
    """Of a run that was cut into series: the longest one's factor is the common one.

    The others' may differ from it, by as much as both are uncertain.
    """
    variance = np.zeros(records)
    moved = [np.diff(one.length)[part.counted] for part, one in zip(series, found, strict=True)]
    longest = int(np.argmax([np.nan_to_num(steps.sum()) for steps in moved])) if moved else 0
    scale = [_scale_error(one) for one in found]
    for number, (part, one) in enumerate(zip(series, found, strict=True)):
        after = slice(part.place.start + 1, part.place.stop + 1)
        variance[after] = np.diff(one.independent_error**2)[part.counted]
        if number != longest:
            doubt = scale[number] ** 2 + scale[longest] ** 2
            variance[after] += doubt * np.diff(np.square(np.cumsum(moved[number])), prepend=0.0)
    return np.sqrt(np.cumsum(variance))


def _scale_error(one: SplitEstimate) -> float:
    """Relative error of the factor that all of a length shares."""
    shared = one.length_error[-1] ** 2 - one.independent_error[-1] ** 2
    return float(np.sqrt(shared) / one.length[-1]) if shared > 0 and one.length[-1] > 0 else 0.0


def joined(
    series: Sequence[LayerSeries], found: Sequence[PathEstimate], records: int
) -> PathEstimate:
    """The estimates of the series, each for the steps that are counted in it."""
    squared, squared_error = np.full((2, max(records - 1, 0)), np.nan)
    steps, variance = np.zeros((2, records))
    for part, one in zip(series, found, strict=True):
        here = part.place
        after = slice(here.start + 1, here.stop + 1)
        squared[here] = one.velocity_squared[part.counted]
        squared_error[here] = one.velocity_squared_error[part.counted]
        steps[after] = np.diff(one.length)[part.counted]
        variance[after] = np.diff(one.length_error**2)[part.counted]
    return PathEstimate(
        squared, squared_error, np.cumsum(steps), np.sqrt(np.maximum(np.cumsum(variance), 0.0))
    )
