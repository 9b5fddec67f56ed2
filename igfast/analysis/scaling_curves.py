"""Curves of runs of several sizes, checked and in the logarithms in which they are collapsed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .derivative_arguments import real_numbers

Float = NDArray[np.float64]

# Errors of ln y: none is less than its rounding, and from weights of such as are larger than the
# other no line can be computed.
LEAST_ERROR, LARGEST_ERROR = float(np.finfo(np.float64).eps), 1e50


@dataclass(frozen=True)
class Curves:
    """Curves in logarithms, x ascending; ``error`` is None or that of ln y.

    ``times`` is how often a point counts, as often as it was drawn.
    """

    log_size: Float
    x: list[Float]
    y: list[Float]
    error: list[Float] | None
    times: list[Float]


def checked_curves(
    sizes: ArrayLike,
    x: Sequence[ArrayLike],
    y: Sequence[ArrayLike],
    errors: Sequence[ArrayLike] | None,
) -> tuple[Curves, tuple[tuple[Float, ...], tuple[Float, ...]]]:
    size = real_numbers("sizes", sizes)
    if size.ndim != 1 or np.unique(size).size < 2 or not (np.isfinite(size) & (size > 0)).all():
        raise ValueError(f"sizes must hold two different positive sizes at least, got {sizes!r}")
    if not len(x) == len(y) == size.size or (errors is not None and len(errors) != size.size):
        raise ValueError(
            f"x, y and errors must hold one curve for each of the {size.size} sizes, got "
            f"{len(x)}, {len(y)} and {'none' if errors is None else len(errors)}"
        )
    xs, ys, es = [], [], []
    for run in range(size.size):
        at, value = real_numbers(f"x[{run}]", x[run]), real_numbers(f"y[{run}]", y[run])
        spread = (
            np.ones(at.shape) if errors is None else real_numbers(f"errors[{run}]", errors[run])
        )
        if at.ndim != 1 or at.size < 3 or not at.shape == value.shape == spread.shape:
            raise ValueError(
                f"curve {run} must have x, y (and errors) of one shape (T,), T ≥ 3, got "
                f"{at.shape}, {value.shape}, {spread.shape}"
            )
        for name, given in (("x", at), ("y", value), ("errors", spread)):
            wrong = given[~(np.isfinite(given) & (given > 0))]
            if wrong.size:
                raise ValueError(
                    f"{name} of curve {run} must be positive and finite, got {wrong[0]:.6g}: the "
                    "collapse is fitted in logarithms; leave out such points"
                )
        with np.errstate(over="ignore", under="ignore"):
            relative = np.maximum(spread / value, LEAST_ERROR)
        if errors is not None and relative.max() > LARGEST_ERROR:
            most = int(np.argmax(relative))
            raise ValueError(
                f"errors of curve {run} must be comparable with y, got {spread[most]:.6g} of a y "
                f"of {value[most]:.6g}; leave out points that weigh nothing"
            )
        order = np.argsort(at)
        xs.append(at[order])
        ys.append(value[order])
        es.append(relative[order])
    logs = Curves(
        np.log(size),
        [np.log(v) for v in xs],
        [np.log(v) for v in ys],
        None if errors is None else es,
        [np.ones(v.size) for v in xs],
    )
    return logs, (tuple(xs), tuple(ys))
