"""Rényi divergence: one family from the support of a histogram to its most surprising cell."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _arrays
from ..histograms import Histogram, cells
from .divergence import divergence
from .operands import home_of, require_histogram, require_number

Int = NDArray[np.int64]
Float = NDArray[np.float64]

SMALLEST_ORDER, LARGEST_ORDER = 1e-12, 1e12  # but for the limits


def renyi_divergence(h0: Histogram, h1: Histogram, order: float) -> Any:
    """Rényi divergence of ``h0`` from ``h1``.

    R_a(p‖q) = ln(Σ p^a q^(1−a))/(a − 1), p from ``h0``, q from ``h1``, over the B bins, under- and
    overflow, with its limits at a = 0, 1 and ∞.

    Parameters
    ----------
    h0, h1 : Histogram
        Of the same L layers, on grids that can be merged.
    order : float
        0, 1e-12 … 1e12, or ``math.inf``: beyond, doubles do not tell a from the limits.

        =====  =======================================================================
        0      −ln of the mass that q has where p > 0
        ½      −2 ln Σ√(pq), twice the Bhattacharyya distance; the one symmetric order
        1      KL(p‖q)
        2      ln(1 + Σ(p − q)²/q), with Pearson's χ²
        ∞      max ln(p/q) over the cells with p > 0: the max-divergence
        =====  =======================================================================

    Returns
    -------
    (L,) float64
        Nats, 0 … ∞, growing with the order. ``inf`` where the two share no cell, and for a ≥ 1
        where a cell has q = 0 < p. NaN for a layer that is empty on either side.

    Raises
    ------
    TypeError
        If an operand is not a Histogram or ``order`` is not a number.
    ValueError
        If ``order`` is none of these, or the layers or the edges of uniform grids differ.

    Notes
    -----
    *Source.* A. Rényi, Proc. 4th Berkeley Symp. 1 (1961) 547; T. van Erven, P. Harremoës, IEEE
    Trans. Inf. Theory 60 (2014) 3797. With Amari's α = 1 − 2a: R_a = ln(1 − a(1−a) D_α)/(a − 1).
    Between Gaussians R_a = ln(σ_q/σ_p) + ln(σ_q²/s²)/(2(a − 1)) + aΔm²/(2s²),
    s² = aσ_q² + (1 − a)σ_p², where s² > 0.

    *Bias.* Close by R_a is a·Γ²·dt²/2, so two samples of n and m of one distribution give about
    a(K − 1)(1/n + 1/m)/2, K occupied cells; at a = 0 and ∞ the cells of few elements decide.

    *When to use it.* To see how heavy the tail of a change is: R_a that climbs steeply with the
    order says that few elements moved far.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> h0 = igfast.histogram(np.array([0.5, 0.5, 0.5, 1.5]), bins=2, range=(0, 2))
    >>> h1 = igfast.histogram(np.array([0.5, 1.5]), bins=2, range=(0, 2))
    >>> igfast.renyi_divergence(h0, h1, order=2).round(6)  # ln(2·(9 + 1)/16)
    array([0.223144])
    >>> igfast.renyi_divergence(h0, h1, order=np.inf).round(6)  # ln(3/2)
    array([0.405465])
    """
    require_number(order, "order")
    if not (order in (0, math.inf) or SMALLEST_ORDER <= order <= LARGEST_ORDER):
        raise ValueError(
            f"order must be 0, from {SMALLEST_ORDER:g} to {LARGEST_ORDER:g}, or infinity, "
            f"got {order}"
        )
    require_histogram(h0, "h0")
    require_histogram(h1, "h1")
    if order == 1:
        return _arrays.like(home_of(h0), divergence("kl", h0, h1))
    n, m, comparable = cells(h0, h1)
    comparable = comparable & (n.sum(1) > 0) & (m.sum(1) > 0)
    found = np.full(len(n), np.nan)
    if comparable.any():
        n, m = n[comparable], m[comparable]
        if order == 0:
            found[comparable] = _support(n, m)
        elif math.isinf(order):
            found[comparable] = _largest(n, m)
        else:
            found[comparable] = _between(h0, h1, float(order), n, m, comparable)
    return _arrays.like(home_of(h0), found)


def _between(
    h0: Histogram, h1: Histogram, order: float, n: Int, m: Int, rows: NDArray[np.bool_]
) -> Float:
    """ln(1 − x)/(a − 1), by the α-divergence where x is small and all digits are needed."""
    alpha = 1 - 2 * order
    power = (1 - alpha) / 2  # the order that α stands for: for a < ¼ it was rounded
    with np.errstate(divide="ignore", invalid="ignore"):
        x = power * (1 - power) * divergence("alpha", h0, h1, alpha)[rows]
        near = np.abs(x) < 0.5
        close_by = np.log1p(-np.where(near, x, 0.0)) / (order - 1)
        return np.where(near, close_by, _log_sum(n, m, order) / (order - 1))


def _log_sum(n: Int, m: Int, order: float) -> Float:
    """ln Σ p^a q^(1−a), whatever the size of the terms; run with NumPy's warnings off."""
    log_p, log_q = (np.log(c / c.sum(1, keepdims=True)) for c in (n, m))
    terms = np.where((n > 0) & (m > 0), order * log_p + (1 - order) * log_q, -np.inf)
    largest = terms.max(1)
    total = largest + np.log(np.exp(terms - largest[:, None]).sum(1))
    total = np.where(np.isneginf(largest), -np.inf, total)
    return np.where(((n > 0) & (m == 0)).any(1), np.inf, total) if order > 1 else total


def _support(n: Int, m: Int) -> Float:
    missed = np.where(n == 0, m, 0).sum(1) / m.sum(1)
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log1p(-missed))


def _largest(n: Int, m: Int) -> Float:
    """max ln(p/q), from p/q − 1 so that nearly equal histograms keep their digits."""
    total_n, total_m = n.sum(1, keepdims=True), m.sum(1, keepdims=True)
    if float(total_n.max()) * float(total_m.max()) < 2.0**63:
        excess = (n * total_m - m * total_n).astype(np.float64)  # exact
    else:  # of Python's integers, which have no end
        excess = (n.astype(object) * total_m - m.astype(object) * total_n).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log1p(excess / (m * total_n.astype(np.float64)))
    return np.asarray(np.where(n > 0, logs, -np.inf).max(1))
