"""Estimators of velocity and length that compare neighboring records, one pair at a time.

Γ² = ∫ (∂ₜp)²/p dx. Each takes a :class:`~igfast.analysis.series.LayerSeries` of T records and
returns a :class:`PathEstimate` without standard errors: Γ·Δt is the distance of two neighbors, and
L the sum of these. All of them add up what sampling noise they have, record by record; only
``split`` (:mod:`igfast.analysis.paths`) does not. They differ in the distance, and are called as
:func:`hellinger` is. Where two records
have no bin in common, ``hellinger``, ``chi2`` and ``fisher_rao`` compare what lies below and above,
so that a path that jumps goes on; of two such histograms alone all measures are NaN.

In the notes σ is the layer's own width, b a kernel's, w a bin's, K counts occupied cells, and n is
the number of elements.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..measures import binned
from .series import LayerSeries

Float = NDArray[np.float64]


@dataclass(frozen=True)
class PathEstimate:
    """Velocity and length along T records.

    Attributes
    ----------
    velocity_squared : (T−1,) float64
        Γ² in 1/step²; unbiased estimates may be negative.
    velocity_squared_error : (T−1,) float64
        Standard error; NaN where the estimator has none.
    length : (T,) float64
        L, ``length[0] = 0``.
    length_error : (T,) float64
    """

    velocity_squared: Float
    velocity_squared_error: Float
    length: Float
    length_error: Float

    @property
    def known(self) -> int:
        """Records, from the first on, at which the length is known: before one without elements."""
        return int(np.isfinite(self.length).sum())


def hellinger(series: LayerSeries) -> PathEstimate:
    """Published estimator: Γ·Δt = 2·√(Σ (√p' − √p)²), over the bins, under- and overflow.

    *Source.* J. Thiruthummal, E. Kim, S. Shelyag, Neurocomputing 597 (2024) 128007.

    *Bias.* Upward, by elements that cross bin borders: (Γ·Δt)² by up to 2(K − 1)/n per record, so
    that L grows with the number of records where steps are small (``docs/length.md``). Downward by
    chord against arc where steps are large: 3 % for a shift by σ.

    *When to use it.* To compare with published curves.

    Parameters
    ----------
    series : LayerSeries
        T records on one grid.

    Returns
    -------
    PathEstimate
        NaN from and to a record without elements, and L after it.

    Examples
    --------
    Four elements that all change their bin in the second of two steps; the distance is √8 at most:

    >>> import numpy as np, igfast
    >>> from igfast.analysis import hellinger
    >>> from igfast.analysis.series import cut
    >>> values = np.array([[0.5] * 4, [0.5] * 4, [1.5] * 4])
    >>> records = [igfast.histogram(x, bins=2, range=(0, 2)) for x in values]
    >>> (series,) = cut(np.array([0, 10, 20]), records)
    >>> found = hellinger(series)
    >>> found.length.round(4), found.velocity_squared  # 8/10²
    (array([0.    , 0.    , 2.8284]), array([0.  , 0.08]))
    """
    p = _probabilities(series.cells())
    return _path(4.0 * np.square(np.diff(np.sqrt(p), axis=0)).sum(axis=1), series)


def chi2(series: LayerSeries) -> PathEstimate:
    """Symmetric χ² between neighbors: (Γ·Δt)² = Σ (p' − p)²/((p' + p)/2).

    *Source.* Γ² = ∫ (∂ₜp)²/p dx with p at the middle of the step; also known as twice the
    triangular discrimination (F. Topsøe, IEEE Trans. Inf. Theory 46 (2000) 1602).

    *Bias.* Upward by noise as :func:`hellinger`; downward at large steps, more than that: 10 % for
    a shift by σ, and never above 2 per step.

    *When to use it.* As the noisy counterpart of ``split``, which estimates the same sum without
    the noise: the difference of their squares is the noise.
    """
    p = _probabilities(series.cells())
    middle = 0.5 * (p[1:] + p[:-1])
    change = np.square(np.diff(p, axis=0))
    terms = np.divide(change, middle, out=np.zeros_like(change), where=middle != 0)
    return _path(terms.sum(axis=1), series)


def fisher_rao(series: LayerSeries) -> PathEstimate:
    """Great-circle distance between neighbors: Γ·Δt = 2 arccos Σ√(p'p) = 4 arcsin(½√Σ(√p' − √p)²).

    *Source.* C. R. Rao, Bull. Calcutta Math. Soc. 37 (1945) 81: the shortest length between the
    two, among all distributions over the cells.

    *Bias.* Upward by noise as :func:`hellinger`; no chord error along a straight path, 2 % for a
    Gaussian shifted by σ, because a shift is not the shortest path.

    *When to use it.* On sparse records, far apart, of many elements.
    """
    p = _probabilities(series.cells())
    chord = np.square(np.diff(np.sqrt(p), axis=0)).sum(axis=1)
    return _path(np.square(4.0 * np.arcsin(np.minimum(0.5 * np.sqrt(chord), 1.0))), series)


def gaussian(series: LayerSeries) -> PathEstimate:
    """From mean m and variance v alone: (Γ·Δt)² = [v'+Δm²]/(2v) + [v+Δm²]/(2v') − 1.

    Mean and variance are the recorded moments of all finite elements if every record has them,
    else those of the elements in range of each record's own bins, taken at their bin's mean
    position (offsets) or center.

    *Source.* The symmetrized KL divergence between N(m, v) and N(m', v'), to second order
    Γ² = ṁ²/σ² + 2σ̇²/σ²; J. Thiruthummal's SDE-Sim (2022) has the same form.

    *Bias.* Noise adds only 4/n to (Γ·Δt)² between independent samples, but a change that keeps
    mean and variance is not seen, and a heavy tail makes the variance jump: for a distribution
    that is not Gaussian it is another quantity. Slightly upward at large steps (0 for a shift, 8 %
    for σ doubled). NaN where a variance is 0.

    *When to use it.* As a check for layers that are close to Gaussian, and as the least noisy
    estimate there.
    """
    if series.moments is not None and np.isfinite(series.moments).all() and not series.far:
        mean, variance = series.moments.T
    elif series.binned_moments is not None:
        mean, variance = series.binned_moments.T
    else:
        rows = _rows(series)
        mean, variance = binned.mean_and_variance(rows.counts, rows.inside, series.edges)
    squared = binned.gaussian_squared(mean[:-1], variance[:-1], mean[1:], variance[1:])
    return _path(squared, series)


def node(series: LayerSeries) -> PathEstimate:
    """Hellinger distance between masses at bin edges, made from counts and offsets.

    N_b = n_b − s_b + s_{b−1} with the offsets s (cloud-in-cell) is continuous in every element.
    Underflow joins the first node, overflow the last.

    *Source.* Cloud-in-cell weighting as in particle simulation: C. K. Birdsall, D. Fuss, J.
    Comput. Phys. 3 (1969) 494.

    *Bias.* Upward, but for motion that neighbors share it stays finite however often one samples:
    a shift by σ of 1e5 elements gets L = 1.05 from bins of σ/8 and 1.31 from bins of σ/16, whose
    tails hold single elements; twice σ gets 1.44 and 2.89 instead of 0.98. Independent jitter adds
    noise at every record. Downward by chord against arc as :func:`hellinger`.

    *When to use it.* For frequent records of a smooth motion, where ``split`` has too few elements
    to say anything.

    Raises
    ------
    ValueError
        If the records hold no offsets.
    """
    if series.offsets is None:
        raise ValueError(
            'estimator="node" needs offsets, which these records lack; record them with '
            'offsets=True on a dyadic grid, or use estimator="split"'
        )
    masses = binned.node_masses(_rows(series))
    squared = 4.0 * np.square(np.diff(np.sqrt(_probabilities(masses)), axis=0)).sum(axis=1)
    return _path(_known(squared, series), series)


def kde(series: LayerSeries, bandwidth: str | float = "silverman") -> PathEstimate:
    """Hellinger distance between densities smoothed by one Gaussian kernel, by FFT on the bins.

    Masses at the bin edges (where there are offsets) or at the bin centers are convolved with a
    Gaussian of standard deviation b, the same for both records of a pair; under- and overflow are
    compared as they are.

    Parameters
    ----------
    series : LayerSeries
        On bins of one width.
    bandwidth : {"silverman"} or float
        b in the unit of the values; by default 0.9·min(σ, IQR/1.349)·n^(−1/5) from the bins, the
        geometric mean of both records'. Another than the default is given along a run as
        ``estimator=functools.partial(igfast.analysis.kde, bandwidth=0.01)``.

    *Source.* B. W. Silverman, Density Estimation (1986), sections 3.4.2 and 3.5 (FFT); M. C. Jones
    and H. W. Lotwick, Appl. Stat. 33 (1984) 120 (linear binning).

    *Bias.* Smoothing both with one kernel can only bring them closer: for a Gaussian Γ is low by
    1/√(1 + b²/σ²) for a shift and by 1/(1 + b²/σ²) for a change of scale, 0.4 and 0.8 % at n = 1e5.
    Noise adds about 2R/(3.54·b·n) instead of 2K/n to (Γ·Δt)², R the range that holds data; with
    offsets jitter by ε ≪ b adds (ε/b)² of that, and smooth motion of 1e5 elements is right within
    1 to 4 % at any sampling rate. Without offsets elements cross bin borders one by one, and L
    grows with the number of records again, if slowly. FFT rounding is a floor of Γ·Δt of 1e-7.

    *When to use it.* On records with offsets, for smooth motion and for layers of few elements; to
    compare with work that smooths.

    Raises
    ------
    TypeError, ValueError
        If the bandwidth is neither "silverman" nor positive, or bins differ in width (log grid).
    """
    binned.require_bandwidth(bandwidth)
    width = binned.require_equal_bins(series.edges)
    rows = _rows(series)
    pairs = max(len(rows.counts) - 1, 0)
    if not rows.counts.shape[1]:
        return _path(np.full(pairs, np.nan), series)
    first, second = rows.part(slice(None, -1)), rows.part(slice(1, None))
    wanted = None if isinstance(bandwidth, str) else np.full(pairs, bandwidth / width)
    return _path(binned.kde_squared(first, second, wanted), series)


def _rows(series: LayerSeries) -> binned.Rows:
    cells = series.cells()
    inside = None if series.offsets is None else series.offsets.sum(axis=1)
    return binned.Rows(cells[:, 1:-1], inside, cells[:, [0, -1]])


def _probabilities(masses: Float) -> Float:
    with np.errstate(invalid="ignore"):
        return np.asarray(masses / masses.sum(axis=1, keepdims=True))  # an empty layer: NaN


def _known(squared: Float, series: LayerSeries) -> Float:
    """NaN where the records have no bin in common, and nodes say nothing."""
    return squared if len(series.edges) > 1 else np.full_like(squared, np.nan)


def _path(squared: Float, series: LayerSeries) -> PathEstimate:
    """From (T−1,) squared distances between neighbors."""
    length = np.concatenate([[0.0], np.cumsum(np.sqrt(squared))])
    interval = np.diff(series.steps).astype(np.float64)
    nothing = np.full(len(squared), np.nan)
    return PathEstimate(squared / interval**2, nothing, length, np.concatenate([[0.0], nothing]))
