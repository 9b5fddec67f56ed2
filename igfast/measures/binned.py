"""Histograms as densities: the moments of binned data, and its smoothed density.

Rows are layers, or the records of one layer; bins have one width where a kernel is involved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..extremes import far, from_units, in_units, unit_of
from ..grids import MAX_BINS

Float = NDArray[np.float64]

# Offsets are sums of positions rounded down to 256ths of a bin: they are low by half of that.
HALF_DIGIT = 0.5 / 256
_REACH = 6.0  # bandwidths of room on either side; the kernel has fallen by e^-18 there
_POINT = 1e-3  # bins; a narrower kernel moves nothing into the next bin


@dataclass(frozen=True)
class Rows:
    """R histograms of B bins.

    ``counts`` (R, B); ``inside`` (R, B), the sum of the elements' positions in their bins, 0 to 1,
    or None where they are unknown; ``outside`` (R, 2) under- and overflow. All float64.
    """

    counts: Float
    inside: Float | None
    outside: Float

    def part(self, rows: slice) -> Rows:
        """Some of the rows."""
        inside = None if self.inside is None else self.inside[rows]
        return Rows(self.counts[rows], inside, self.outside[rows])


def centered_offsets(offsets: Float, counts: NDArray[Any]) -> Float:
    """Offsets with half a digit added for every element, whose position was rounded down.

    To be done before bins are merged: a digit of a coarser bin is larger.
    """
    return np.asarray(offsets + HALF_DIGIT * counts)


def node_masses(rows: Rows) -> Float:
    """(R, B+1) cloud-in-cell masses at the bin edges, N_b = n_b − s_b + s_{b−1}.

    Underflow joins the first, overflow the last. Rows with positions only.
    """
    masses = _edge_masses(rows)
    masses[:, 0] += rows.outside[:, 0]
    masses[:, -1] += rows.outside[:, 1]
    return masses


def mean_and_variance(counts: Float, inside: Float | None, edges: Float) -> tuple[Float, Float]:
    """(R,) mean and variance of elements in range, each at its bin's mean position or center.

    A variance that float64 has no number for is infinite, or 0.
    """
    edges = np.broadcast_to(edges, (len(counts), counts.shape[1] + 1))
    exponent = unit_of(edges)
    if far(exponent):
        mean, variance = mean_and_variance(counts, inside, in_units(edges, exponent))
        return from_units(mean, exponent), from_units(variance, 2 * exponent)
    width = np.diff(edges)
    with np.errstate(divide="ignore", invalid="ignore"):
        place = 0.5 if inside is None else inside / counts
        position = np.where(counts > 0, edges[:, :-1] + width * place, 0.0)
        p = counts / counts.sum(1, keepdims=True)
    mean = (p * position).sum(1)
    return mean, (p * np.square(position - mean[:, None])).sum(1)


def gaussian_squared(m1: Float, v1: Float, m2: Float, v2: Float) -> Float:
    """Γ²·dt² between Gaussians, [v₂+Δm²]/(2v₁) + [v₁+Δm²]/(2v₂) − 1; NaN without variance."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        # The published sum of ratios minus 1, with the 1 taken out before anything is rounded.
        growth, shift = v2 - v1, np.square(m2 - m1)
        squared = 0.5 * (growth / v1 * (growth / v2) + shift / v1 + shift / v2)
    return np.where((v1 > 0) & (v2 > 0), squared, np.nan)


def require_bandwidth(bandwidth: Any) -> None:
    """Refuse anything but "silverman" and a positive number."""
    if isinstance(bandwidth, str) and bandwidth == "silverman":
        return
    number = isinstance(bandwidth, (int, float, np.integer, np.floating))
    if isinstance(bandwidth, bool) or not number:
        raise TypeError(
            f"bandwidth must be 'silverman' or a number in the unit of the values, got "
            f"{bandwidth!r}"
        )
    if not (math.isfinite(bandwidth) and bandwidth > 0):
        raise ValueError(f"bandwidth must be finite and positive, got {bandwidth}")


def require_equal_bins(edges: Float) -> Float:
    """(R,) or () width of the bins, which must be equal."""
    with np.errstate(invalid="ignore"):
        width = np.diff(edges, axis=-1)
    known = np.isfinite(width)  # others end where float64 does
    narrow = width.min(-1, initial=np.inf, where=known)
    wide = width.max(-1, initial=0.0, where=known)
    if (wide > narrow * (1 + 1e-6)).any():
        raise ValueError(
            "estimator='kde' needs bins of one width, these grow with |x|; record on a dyadic or "
            "uniform grid, or use estimator='hellinger'"
        )
    return np.asarray(wide)


def silverman(rows: Rows) -> Float:
    """(R,) Silverman's bandwidth 0.9 min(σ, IQR/1.349) n^(−1/5), in bins, from the bins alone.

    B. W. Silverman, Density Estimation for Statistics and Data Analysis (1986), section 3.4.2.
    """
    n = rows.counts.sum(1)
    bins = np.arange(rows.counts.shape[1] + 1.0)
    _, variance = mean_and_variance(rows.counts, rows.inside, bins)
    low, high = _quantile(rows.counts, 0.25), _quantile(rows.counts, 0.75)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.minimum(np.sqrt(variance), (high - low) / 1.349)
        return np.asarray(0.9 * spread * n**-0.2)


def kde_squared(first: Rows, second: Rows, bandwidth: Float | None) -> Float:
    """(R,) 4 Σ(√p − √q)² of two records, smoothed by one Gaussian kernel.

    Parameters
    ----------
    first, second : Rows
        On one grid of equal bins.
    bandwidth : (R,) float64 or None
        In bins; None: the geometric mean of the two records' Silverman bandwidths.
    """
    if bandwidth is None:
        bandwidth = np.sqrt(silverman(first) * silverman(second))
    elif (bandwidth > MAX_BINS).any():
        raise ValueError(
            f"bandwidth must be at most {MAX_BINS:,} bins wide, got {bandwidth.max():.3g} bins; is "
            "it in the unit of the values?"
        )
    linear = first.inside is not None and second.inside is not None
    p, q = (
        _smooth(_edge_masses(rows) if linear else rows.counts, bandwidth)
        for rows in (first, second)
    )
    with np.errstate(invalid="ignore"):
        total = [rows.counts.sum(1) + rows.outside.sum(1) for rows in (first, second)]
        p, q = p / total[0][:, None], q / total[1][:, None]
        a, b = first.outside / total[0][:, None], second.outside / total[1][:, None]
    inside = np.square(np.sqrt(p) - np.sqrt(q)).sum(1)
    return np.asarray(4.0 * (inside + np.square(np.sqrt(a) - np.sqrt(b)).sum(1)))


def _edge_masses(rows: Rows) -> Float:
    """(R, B+1) masses in range at the bin edges: linear binning."""
    assert rows.inside is not None
    masses = np.zeros((len(rows.counts), rows.counts.shape[1] + 1))
    masses[:, :-1] = rows.counts - rows.inside
    masses[:, 1:] += rows.inside
    return masses


def _smooth(masses: Float, bandwidth: Float) -> Float:
    """Circular convolution of each row with its own sampled Gaussian, with room on both sides."""
    reach = math.ceil(_REACH * np.nanmax(bandwidth, initial=0.0))
    size = -(-(masses.shape[1] + 2 * reach) // 32) * 32  # a length that the FFT likes
    steps = np.minimum(np.arange(size), size - np.arange(size))
    kernel = np.exp(-0.5 * np.square(steps / np.maximum(bandwidth, _POINT)[:, None]))
    kernel /= kernel.sum(1, keepdims=True)
    smooth = np.fft.irfft(np.fft.rfft(masses, size) * np.fft.rfft(kernel), size)
    return np.maximum(smooth, 0.0)  # the FFT leaves ±1e-16 of the whole in empty cells


def _quantile(counts: Float, q: float) -> Float:
    """(R,) quantile in bins from the first edge, linear within a bin."""
    running = np.cumsum(counts, axis=1)
    target = q * counts.sum(1)
    bin = np.minimum((running < target[:, None]).sum(1), counts.shape[1] - 1)
    held = np.take_along_axis(counts, bin[:, None], axis=1)[:, 0]
    above = np.take_along_axis(running, bin[:, None], axis=1)[:, 0] - target
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(bin + 1 - above / held)
