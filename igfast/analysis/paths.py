"""Estimators of velocity and length along one layer's path, by name.

Each takes a :class:`~igfast.analysis.series.LayerSeries` of T records and returns a
:class:`PathEstimate`. Γ² = 4 Σ (∂ₜ√p)², L = ∫ Γ dt (Thiruthummal, Kim, Shelyag 2024,
arXiv 2406.05295); the estimators differ in what they make of a finite number of elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from .series import LayerSeries
from .simple import PathEstimate, chi2, fisher_rao, gaussian, hellinger, kde, node
from .split import split_length, split_velocity_squared

Float = NDArray[np.float64]


def split(series: LayerSeries) -> PathEstimate:
    """Cross products between splits: noise does not add length.

    See :func:`igfast.analysis.split.split_length` for the method and its error.
    """
    found = split_length(series.steps, series.split_counts, series.split_outside, series.offsets)
    return PathEstimate(
        found.velocity_squared, found.velocity_squared_error, found.length, found.standard_error
    )


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
    if isinstance(estimator, str) and estimator not in ESTIMATORS:
        raise ValueError(
            f"estimator must be one of {', '.join(map(repr, ESTIMATORS))}, got {estimator!r}"
        )
    one = ESTIMATORS[estimator] if isinstance(estimator, str) else estimator
    squared, squared_error = np.full((2, max(records - 1, 0)), np.nan)
    steps, variance = np.zeros((2, records))
    for part in series:
        found = one(part)
        here = slice(part.first + part.counted.start, part.first + part.counted.stop)
        after = slice(here.start + 1, here.stop + 1)
        squared[here] = found.velocity_squared[part.counted]
        squared_error[here] = found.velocity_squared_error[part.counted]
        steps[after] = np.diff(found.length)[part.counted]
        variance[after] = np.diff(found.length_error**2)[part.counted]
    return PathEstimate(
        squared, squared_error, np.cumsum(steps), np.sqrt(np.maximum(np.cumsum(variance), 0.0))
    )
