"""Edges of bins where float64 ends: what is computed of them stays finite where it can be."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

LARGEST = np.finfo(np.float64).max
SMALLEST = np.nextafter(0.0, 1.0)
_FAR = 500  # binary exponent; what lies nearer to 1 has squares, and these have products


def finite_edges(edges: Float) -> Float:
    """The same with infinite ones at the largest float64, beyond which there is no value.

    >>> finite_edges(np.array([0.0, np.inf]))
    array([0.00000000e+000, 1.79769313e+308])
    """
    ends = edges[..., :: max(edges.shape[-1] - 1, 1)]
    return edges if np.isfinite(ends).all() else edges.clip(-LARGEST, LARGEST)


def unit_of(edges: Float) -> NDArray[Any]:
    """(...) the least k with no edge of (..., B+1) beyond ±2^k."""
    end = np.maximum(np.abs(edges[..., 0]), np.abs(edges[..., -1]))
    return np.asarray(np.frexp(np.minimum(end, LARGEST))[1])


def far(exponent: NDArray[Any]) -> bool:
    """Whether squares of such numbers may leave float64."""
    return bool(np.abs(exponent).max(initial=0) > _FAR)


def in_units(edges: Float, exponent: NDArray[Any]) -> Float:
    """Finite edges (..., B+1) over 2^k (...): exact but for the smallest of numbers."""
    return np.asarray(np.ldexp(finite_edges(edges), -np.asarray(exponent)[..., None]))


def from_units(values: Any, exponent: Any) -> Any:
    """Values times 2^k, infinite or 0 where float64 ends."""
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(values, exponent)
