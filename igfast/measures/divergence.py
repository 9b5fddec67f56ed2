"""Divergences and distances between two histograms, cell by cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _arrays, _core
from ..histograms import Histogram, cells
from . import on_device
from .operands import home_of, require_histogram, require_number

Int = NDArray[np.int64]

LARGEST_ALPHA = 1e6  # powers beyond overflow, whatever the histograms


def kl_divergence(h0: Histogram, h1: Histogram) -> Any:
    """Kullback–Leibler divergence of ``h0`` from ``h1``.

    KL(p‖q) = Σ p ln(p/q), p from ``h0``, q from ``h1``, over the B bins, under- and overflow.

    Parameters
    ----------
    h0, h1 : Histogram
        Of the same L layers, on grids that can be merged.

    Returns
    -------
    (L,) float64
        Nats, 0 … ∞; ``inf`` where a cell has q = 0 < p: nothing is smoothed. NaN for a layer that
        is empty on either side. Exact to a few ulp also where p and q nearly agree.

    Raises
    ------
    TypeError
        If an operand is not a Histogram.
    ValueError
        If the layers or the edges of uniform grids differ.

    Notes
    -----
    *Source.* S. Kullback, R. A. Leibler, Ann. Math. Stat. 22 (1951) 79.

    *Bias.* Two samples of n and m of one distribution give about (K − 1)(1/n + 1/m)/2, K
    occupied cells.

    *When to use it.* Where ``h1`` is a reference with mass in every cell that matters. Between
    the records of a run :func:`js_divergence` is the safer choice: it is always finite.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> h0 = igfast.histogram(np.array([0.5, 0.5, 0.5, 1.5]), bins=2, range=(0, 2))
    >>> h1 = igfast.histogram(np.array([0.5, 1.5]), bins=2, range=(0, 2))
    >>> igfast.kl_divergence(h0, h1).round(6)  # ¾ ln(3/2) + ¼ ln(1/2)
    array([0.130812])
    """
    return _public("kl", h0, h1)


def js_divergence(h0: Histogram, h1: Histogram, weight: float = 0.5) -> Any:
    """Jensen–Shannon divergence.

    JS_w(p, q) = w·KL(p‖m) + (1 − w)·KL(q‖m) with m = w·p + (1 − w)·q, over the B bins, under- and
    overflow: what one element, drawn from p with probability w and else from q, tells about which
    of the two it came from.

    Parameters
    ----------
    h0, h1 : Histogram
        Of the same L layers, on grids that can be merged.
    weight : float, default 0.5
        w, the weight of ``h0``, between 0 and 1. n/(n + m) gives every element the same weight.

    Returns
    -------
    (L,) float64
        Nats, from 0 to −w ln w − (1 − w) ln(1 − w) (no cell in common), which is ln 2 = 0.693 for
        w = ½. NaN for a layer that is empty on either side. For w = ½ symmetric, and its square
        root is a metric; in general JS_w(p, q) = JS_{1−w}(q, p).

    Raises
    ------
    TypeError
        If an operand is not a Histogram or ``weight`` is not a number.
    ValueError
        If ``weight`` is not between 0 and 1, or the layers or the edges of uniform grids differ.

    Notes
    -----
    *Source.* J. Lin, IEEE Trans. Inf. Theory 37 (1991) 145.

    *Bias.* Two samples of n and m of one distribution give about (K − 1)(1/n + 1/m)/8, K
    occupied cells.

    *When to use it.* As the bounded, always finite distance between any two records. Close by it
    is Γ²·dt²/8, and w(1 − w)·Γ²·dt²/2 with weights; w → 0 gives w·KL(p‖q).

    Examples
    --------
    >>> import numpy as np, igfast
    >>> h0 = igfast.histogram(np.array([0.5]), bins=2, range=(0, 2))
    >>> h1 = igfast.histogram(np.array([1.5]), bins=2, range=(0, 2))
    >>> igfast.js_divergence(h0, h1).round(6)  # disjoint: ln 2
    array([0.693147])
    """
    require_number(weight, "weight")
    if not 0 < weight < 1:
        raise ValueError(
            f"weight must be between 0 and 1, both excluded, got {weight}; the limits are KL "
            "divergences"
        )
    if weight == 0.5:
        return _public("js", h0, h1)
    return _public("js_weighted", h0, h1, float(weight))


def hellinger_distance(h0: Histogram, h1: Histogram) -> Any:
    """Hellinger distance.

    H(p, q) = √(½ Σ(√p − √q)²) = √(1 − Σ√(pq)), over the B bins, under- and overflow.

    Parameters
    ----------
    h0, h1 : Histogram
        Of the same L layers, on grids that can be merged.

    Returns
    -------
    (L,) float64
        Dimensionless, from 0 to 1 (no cell in common). NaN for a layer that is empty on either
        side. A metric.

    Raises
    ------
    TypeError
        If an operand is not a Histogram.
    ValueError
        If the layers or the edges of uniform grids differ.

    Notes
    -----
    *Source.* E. Hellinger, J. reine angew. Math. 136 (1909) 210; with the factor ½ that makes
    the largest distance 1. :func:`information_velocity` is √8·H/dt.

    *Bias.* H² of two samples of n and m of one distribution is about (K − 1)(1/n + 1/m)/8, K
    occupied cells.

    *When to use it.* As a bounded metric; it is the chord under the arc that
    :func:`fisher_rao_distance` measures.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> h0 = igfast.histogram(np.array([0.5]), bins=2, range=(0, 2))
    >>> h1 = igfast.histogram(np.array([0.5, 1.5]), bins=2, range=(0, 2))
    >>> igfast.hellinger_distance(h0, h1).round(6)  # √(1 − √½)
    array([0.541196])
    """
    distance = np.sqrt(0.5 * divergence("hellinger_squared", h0, h1))
    return _arrays.like(home_of(h0), distance)


def fisher_rao_distance(h0: Histogram, h1: Histogram) -> Any:
    """Fisher–Rao distance: the shortest information length between two histograms.

    d(p, q) = 2 arccos Σ√(pq), the great-circle distance of √p and √q on a sphere of radius 2, over
    the B bins, under- and overflow. Computed as 4 arcsin(½√Σ(√p − √q)²), which stays accurate
    where the arccos loses all its digits.

    Parameters
    ----------
    h0, h1 : Histogram
        Of the same L layers, on grids that can be merged.

    Returns
    -------
    (L,) float64
        Radians, from 0 to π (no cell in common). NaN for a layer that is empty on either side. A
        metric.

    Raises
    ------
    TypeError
        If an operand is not a Histogram.
    ValueError
        If the layers or the edges of uniform grids differ.

    Notes
    -----
    *Source.* C. R. Rao, Bull. Calcutta Math. Soc. 37 (1945) 81; A. Bhattacharyya, ibid. 35 (1943)
    99. This is the distance among all distributions over the cells; within a family such as the
    Gaussians the shortest path, and the distance along it, is longer.

    *Bias.* d² of two samples of n and m of one distribution is about (K − 1)(1/n + 1/m), K
    occupied cells.

    *When to use it.* As the lower bound of the information length of a run: L divided by the
    distance between first and last record says how straight the path was.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> h0 = igfast.histogram(np.array([0.5]), bins=2, range=(0, 2))
    >>> h1 = igfast.histogram(np.array([0.5, 1.5]), bins=2, range=(0, 2))
    >>> igfast.fisher_rao_distance(h0, h1).round(6)  # 2 arccos √½ = π/2
    array([1.570796])
    """
    return _public("fisher_rao", h0, h1)


def alpha_divergence(h0: Histogram, h1: Histogram, alpha: float) -> Any:
    """Amari's α-divergence.

    D_α(p‖q) = 4/(1 − α²) · (1 − Σ p^((1−α)/2) q^((1+α)/2)), p from ``h0``, q from ``h1``, over
    the B bins, under- and overflow; the limits α → −1 and α → +1 are KL(p‖q) and KL(q‖p).

    Parameters
    ----------
    h0, h1 : Histogram
        Of the same L layers, on grids that can be merged.
    alpha : float
        Any finite number. −1: KL(p‖q). 0: 4·(squared Hellinger distance). +1: KL(q‖p).
        −3: ½ Σ(p − q)²/q; +3: ½ Σ(p − q)²/p (Pearson's and Neyman's χ², halved).

    Returns
    -------
    (L,) float64
        Nats, from 0 to 4/(1 − α²) for |α| < 1, otherwise to ∞: ``inf`` where p > 0 = q for α ≤ −1
        and where q > 0 = p for α ≥ 1. NaN for a layer that is empty on either side. Accurate to
        about |α|·1e-15 for every α, including those next to ±1.

    Raises
    ------
    TypeError
        If an operand is not a Histogram or ``alpha`` is not a number.
    ValueError
        If ``alpha`` is beyond ±1e6, or the layers or the edges of uniform grids differ.

    Notes
    -----
    *Source.* S. Amari, H. Nagaoka, Methods of Information Geometry (2000); S. Amari, IEEE Trans.
    Inf. Theory 55 (2009) 4925, whose sign of α is used here. Duality: D_α(p‖q) = D_{−α}(q‖p).
    Others write a for (1 − α)/2 (Chernoff, Rényi) or use −α; check before comparing numbers.

    *Bias.* To second order every member equals Γ²·dt²/2, so two samples of n and m of one
    distribution give about (K − 1)(1/n + 1/m)/2, K occupied cells.

    *When to use it.* To see which cells drive a change: α → −3 weighs cells that ``h1`` empties,
    α → +3 cells that ``h1`` fills.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> h0 = igfast.histogram(np.array([0.5]), bins=2, range=(0, 2))
    >>> h1 = igfast.histogram(np.array([0.5, 1.5]), bins=2, range=(0, 2))
    >>> igfast.alpha_divergence(h0, h1, alpha=0.0).round(6)  # 4 (1 − √½)
    array([1.171573])
    >>> igfast.alpha_divergence(h0, h1, alpha=-1.0).round(6)  # KL(p‖q) = ln 2
    array([0.693147])
    """
    require_number(alpha, "alpha")
    if not abs(alpha) <= LARGEST_ALPHA:
        raise ValueError(
            f"alpha must be within ±{LARGEST_ALPHA:g}, got {alpha}; alpha=-1 and alpha=1 are the "
            "KL divergences"
        )
    return _public("alpha", h0, h1, float(alpha))


def divergence(
    kind: str, h0: Histogram, h1: Histogram, parameter: float = 0.0
) -> NDArray[np.float64]:
    """(L,) sum of a kernel's terms over the B + 2 cells of the common grid."""
    require_histogram(h0, "h0")
    require_histogram(h1, "h1")
    found = on_device.divergence(kind, parameter, h0, h1)
    if found is not None:
        return found
    p, q, comparable = cells(h0, h1)
    out = np.full(len(p), np.nan)
    if comparable.any():
        _core.divergence(kind, parameter, *_inside_and_outside(p), *_inside_and_outside(q), out)
    return np.where(comparable, out, np.nan)


def _inside_and_outside(c: Int) -> tuple[Int, Int]:
    """(L, B) and (L, 2), as the kernels take them."""
    return np.ascontiguousarray(c[:, 1:-1]), np.ascontiguousarray(c[:, [0, -1]])


def _public(kind: str, h0: Histogram, h1: Histogram, parameter: float = 0.0) -> Any:
    found = divergence(kind, h0, h1, parameter)
    return _arrays.like(home_of(h0), found)
