"""What every measure means: slow float64 definitions, written from the formulas.

Nothing here shares code with the kernels or with ``igfast.measures``; tests hold those to this.
Arguments are the counts of one layer. ``p`` and ``q`` hold the B + 2 cells of a divergence
(underflow, bins, overflow), ``counts`` the B bins of an entropy. Written for reading: a difference
of nearly equal numbers loses digits here that the kernels keep.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Float = NDArray[np.float64]


def probabilities(counts: Counts) -> Float:
    """Frequencies; NaN for an empty layer."""
    with np.errstate(invalid="ignore"):
        return np.asarray(counts / np.sum(counts, dtype=np.float64))


def shannon_entropy(counts: Counts) -> float:
    """−Σ p ln p, in nats, with 0 ln 0 = 0."""
    return _entropy(probabilities(counts))


def miller_madow(counts: Counts) -> float:
    """(K − 1)/(2n), K occupied bins, n elements: what a sample's entropy lacks, in nats."""
    return float((np.count_nonzero(counts) - 1) / (2 * np.sum(counts)))


def differential_entropy(counts: Counts, edges: Float) -> float:
    """−Σ p ln(p/w), w the width of a bin, in nats."""
    total = 0.0
    for p, left, right in zip(probabilities(counts), edges[:-1], edges[1:], strict=True):
        if p != 0:
            total -= p * np.log(p / (right - left))
    return float(total)


def statistical_complexity(counts: Counts) -> float:
    """C = Q₀ · JS(p, u) · H(p)/ln N, u uniform over the N bins."""
    p = probabilities(counts)
    bins = len(p)
    if bins < 2:
        return float("nan")
    u = np.full(bins, 1 / bins)
    js = _entropy((p + u) / 2) - _entropy(p) / 2 - _entropy(u) / 2
    braces = (bins + 1) / bins * np.log(bins + 1) - 2 * np.log(2 * bins) + np.log(bins)
    return float(-2 / braces * js * _entropy(p) / np.log(bins))


def corrected_complexity(counts: Counts) -> float:
    """C of the entropies that the distribution has from which n elements were drawn.

    Each entropy S of q = a·p̂ + b lacks ½ Σ var(q)/q of the elements' noise, var(p̂) = p(1 − p)/n.
    """
    p, n = probabilities(counts), np.sum(counts)
    bins = len(p)
    u = np.full(bins, 1 / bins)
    mixed = (p + u) / 2
    entropy = _entropy(p) + miller_madow(counts)
    of_mixed = _entropy(mixed) + float(np.sum(p * (1 - p) / (4 * n) / mixed) / 2)
    js = of_mixed - entropy / 2 - _entropy(u) / 2
    braces = (bins + 1) / bins * np.log(bins + 1) - 2 * np.log(2 * bins) + np.log(bins)
    return float(-2 / braces * js * entropy / np.log(bins))


def hellinger_squared(p: Counts, q: Counts) -> float:
    """Σ (√p − √q)²: twice the squared Hellinger distance, a quarter of (Γ·dt)²."""
    return float(np.sum((np.sqrt(probabilities(p)) - np.sqrt(probabilities(q))) ** 2))


def kl_divergence(p: Counts, q: Counts) -> float:
    """Σ p ln(p/q), in nats; infinite where q = 0 < p."""
    total = 0.0
    for a, b in zip(probabilities(p), probabilities(q), strict=True):
        if np.isnan(a) or np.isnan(b):
            return float("nan")
        if a > 0:
            total += a * np.log(a / b) if b > 0 else np.inf
    return float(total)


def js_divergence(p: Counts, q: Counts, weight: float = 0.5) -> float:
    """S(w p + (1−w) q) − w S(p) − (1−w) S(q), in nats."""
    a, b = probabilities(p), probabilities(q)
    rest = 1 - weight
    return _entropy(weight * a + rest * b) - weight * _entropy(a) - rest * _entropy(b)


def fisher_rao_distance(p: Counts, q: Counts) -> float:
    """2 arccos Σ √(p q)."""
    overlap = np.sum(np.sqrt(probabilities(p) * probabilities(q)))
    return float(2 * np.arccos(np.minimum(overlap, 1.0)))


def chi2(p: Counts, q: Counts) -> float:
    """Σ (p − q)² / ((p + q)/2) over the occupied cells."""
    a, b = probabilities(p), probabilities(q)
    occupied = (a + b) != 0  # NaN counts as occupied, and stays NaN
    return float(np.sum((a - b)[occupied] ** 2 / ((a + b)[occupied] / 2)))


def alpha_divergence(p: Counts, q: Counts, alpha: float) -> float:
    """4/(1 − α²) · (1 − Σ p^((1−α)/2) q^((1+α)/2)); KL(p‖q) at α = −1, KL(q‖p) at α = 1."""
    if alpha == -1:
        return kl_divergence(p, q)
    if alpha == 1:
        return kl_divergence(q, p)
    total = 0.0
    for a, b in zip(probabilities(p), probabilities(q), strict=True):
        if np.isnan(a) or np.isnan(b):
            return float("nan")
        if (a == 0 and b > 0 and alpha > 1) or (b == 0 and a > 0 and alpha < -1):
            return float("inf")
        if a > 0 and b > 0:
            total += a ** ((1 - alpha) / 2) * b ** ((1 + alpha) / 2)
    return float(4 / (1 - alpha**2) * (1 - total))


def renyi_divergence(p: Counts, q: Counts, order: float) -> float:
    """ln(Σ p^a q^(1−a))/(a − 1), in nats, and its limits at 0, 1 and ∞."""
    if order == 1:
        return kl_divergence(p, q)
    a, b = probabilities(p), probabilities(q)
    if np.isnan(a).any() or np.isnan(b).any():
        return float("nan")
    if order > 1 and ((a > 0) & (b == 0)).any():
        return float("inf")
    both = (a > 0) & (b > 0)
    if not both.any():
        return float("inf")
    if np.isinf(order):
        return float(np.log(np.max(a[both] / b[both])))
    largest = np.max(a[both] / b[both]) if order > 1 else 1.0
    # The largest ratio is taken out of the powers: 300 of them would overflow.
    total = np.sum(b[both] * (a[both] / b[both] / largest) ** order)
    return float((np.log(total) + order * np.log(largest)) / (order - 1))


def bregman_divergence(
    p: Counts, q: Counts, function: Callable[[float], float], slope: Callable[[float], float]
) -> float:
    """Σ F(p) − F(q) − F′(q)(p − q) over the cells that are occupied in p or q."""
    total = 0.0
    for a, b in zip(probabilities(p).tolist(), probabilities(q).tolist(), strict=True):
        if a != 0 or b != 0:
            total += function(a) - function(b) - slope(b) * (a - b)
    return total


def node_masses(counts: Counts, offsets: Float, underflow: int, overflow: int) -> Float:
    """(B+1,) mass at the bin edges: each element shared between its two edges by its position.

    Offsets are sums of positions rounded down to 1/256: on average 1/512 is missing of each.
    """
    masses = np.zeros(len(counts) + 1)
    for b in range(len(counts)):
        inside = offsets[b] + counts[b] / 512
        masses[b] += counts[b] - inside
        masses[b + 1] += inside
    masses[0] += underflow
    masses[-1] += overflow
    return masses


def split_squared(p: Counts, q: Counts) -> float:
    """Γ²·dt² without noise bias, from counts (G, cells) by split.

    Mean over pairs of splits g ≠ g' of Σ Δp^(g) Δp^(g') / p̄, p̄ the mean over records and splits.
    """
    a = np.stack([probabilities(row) for row in p])
    b = np.stack([probabilities(row) for row in q])
    middle = (a.mean(axis=0) + b.mean(axis=0)) / 2
    occupied = middle != 0
    pairs = [
        np.sum((b[g] - a[g])[occupied] * (b[k] - a[k])[occupied] / middle[occupied])
        for g in range(len(a))
        for k in range(len(a))
        if g != k
    ]
    return float(np.mean(pairs))


def kde_squared(p: Counts, q: Counts, bandwidth: float) -> float:
    """4 Σ (√p − √q)² of cells whose inner ones are smoothed by a Gaussian, bandwidth in bins.

    The kernel is sampled at whole bins, and smoothed mass may lie beyond the grid.
    """
    reach = int(np.ceil(12 * bandwidth)) + 1
    smoothed = []
    for cells in (p, q):
        inner = np.zeros(len(cells) - 2 + 2 * reach)
        for b, mass in enumerate(probabilities(cells)[1:-1]):
            distance = np.arange(len(inner)) - reach - b
            kernel = np.exp(-0.5 * (distance / bandwidth) ** 2)
            inner += mass * kernel / kernel.sum()
        smoothed.append(np.concatenate([probabilities(cells)[[0, -1]], inner]))
    return float(4 * np.sum((np.sqrt(smoothed[0]) - np.sqrt(smoothed[1])) ** 2))


def gaussian_squared(m1: float, v1: float, m2: float, v2: float) -> float:
    """Γ²·dt² of two Gaussians of means m and variances v."""
    shift = (m2 - m1) ** 2
    return (v2 + shift) / (2 * v1) + (v1 + shift) / (2 * v2) - 1


def wasserstein_distance(p: Counts, q: Counts, edges: Float, order: int) -> float:
    """(∫₀¹ |F⁻¹(u) − G⁻¹(u)|^order du)^(1/order), mass spread evenly over each bin.

    Two pointers walk up both distributions; the smaller remainder of the two current cells is
    carried in one go, from one short interval to another.
    """
    starts = [edges[0], *edges[:-1], edges[-1]]
    ends = [edges[0], *edges[1:], edges[-1]]
    a, b = probabilities(p), probabilities(q)
    if np.isnan(a).any() or np.isnan(b).any():
        return float("nan")
    i = j = 0
    used_a = used_b = 0.0
    total = 0.0
    while i < len(a) and j < len(b):
        if a[i] - used_a <= 0:
            i, used_a = i + 1, 0.0
            continue
        if b[j] - used_b <= 0:
            j, used_b = j + 1, 0.0
            continue
        mass = min(a[i] - used_a, b[j] - used_b)
        x, y = (
            [start + (end - start) * share for share in (used / whole, (used + mass) / whole)]
            for start, end, used, whole in (
                (starts[i], ends[i], used_a, a[i]),
                (starts[j], ends[j], used_b, b[j]),
            )
        )
        total += mass * _mean_power(x[0] - y[0], x[1] - y[1], order)
        used_a, used_b = used_a + mass, used_b + mass
    return float(total ** (1 / order))


def _mean_power(first: float, last: float, order: int) -> float:
    """Mean of |z|^order while z goes linearly from first to last, by two-point Gauss rules."""
    if order == 1 and first * last < 0:
        return (first * first + last * last) / (2 * (abs(first) + abs(last)))
    middle, half = (first + last) / 2, (last - first) / 2
    points = (middle - half / np.sqrt(3), middle + half / np.sqrt(3))
    return float(np.mean(np.abs(points) ** order))


def _entropy(p: Float) -> float:
    if np.isnan(p).any():
        return float("nan")
    occupied = p[p > 0]
    return float(-np.sum(occupied * np.log(occupied)))
