"""Shannon entropy, differential entropy and statistical complexity of histograms."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _arrays, _core
from ..extremes import SMALLEST, finite_edges
from ..histograms import Histogram
from ..merging import covered_bins
from . import on_device
from .operands import home_of, require_histogram

Float = NDArray[np.float64]


def shannon_entropy(h: Histogram, normalized: bool = False, correction: str | None = None) -> Any:
    """Shannon entropy of the distribution over a layer's bins.

    H = −Σ_b p_b ln p_b over the B in-range bins, p_b = n_b/Σn; under- and overflow and NaN do not
    take part.

    Parameters
    ----------
    h : Histogram
        Of L layers.
    normalized : bool, default False
        Divide by ln B, the entropy of the uniform distribution.
    correction : {None, "miller_madow"}
        "miller_madow" adds (K − 1)/(2n) nats, K occupied bins, n elements in range.

    Returns
    -------
    (L,) float64
        Nats, from 0 (one occupied bin) to ln B; from 0 to 1 if ``normalized``; a correction may
        carry it beyond the upper end. NaN for a layer without elements in range and, if
        ``normalized``, for B = 1.

    Raises
    ------
    TypeError
        If ``h`` is not a Histogram.
    ValueError
        If the correction is unknown.

    Notes
    -----
    *Source.* C. E. Shannon, Bell Syst. Tech. J. 27 (1948) 379.

    *Bias.* From n independent samples the entropy comes out low by (K − 1)/(2n), K occupied bins
    (G. A. Miller, in Information Theory in Psychology, 1955): 0.0013 nats for K = 256, n = 1e5.
    The correction leaves a bias of order 1/n², as long as n is well above K. A network's
    parameters are all there is, not a sample: correct H to compare layers of different sizes.

    *When to use it.* To follow one layer on one grid. Halving the bin width adds about ln 2 and
    moves the normalized value too, so compare only values of the same grid;
    ``Trajectory.entropy`` takes care of that along a run.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> h = igfast.histogram(np.arange(8.0), bins=4, range=(0, 8))
    >>> igfast.shannon_entropy(h).round(6)  # uniform over 4 bins: ln 4
    array([1.386294])
    >>> igfast.shannon_entropy(h, normalized=True)
    array([1.])
    """
    require_histogram(h, "h")
    entropy = _entropy("shannon", h) + _correction(h, correction)
    if normalized:
        bins = covered_bins(h)
        entropy = np.where(bins > 1, entropy / np.log(np.maximum(bins, 2)), np.nan)
    return _arrays.like(home_of(h), entropy)


def differential_entropy(h: Histogram, correction: str | None = None) -> Any:
    """Differential entropy of a layer's values, from their histogram.

    h = −Σ_b p_b ln(p_b/w_b) over the B in-range bins of widths w_b, p_b = n_b/Σn: the entropy of
    the density that is constant within each bin. Values outside the grid do not take part: it is
    the entropy of the distribution given that a value lies on the grid.

    Parameters
    ----------
    h : Histogram
        Of L layers, on a grid of any kind.
    correction : {None, "miller_madow"}
        "miller_madow" adds (K − 1)/(2n) nats, K occupied bins, n elements in range.

    Returns
    -------
    (L,) float64
        Nats, relative to the unit of the values: c·x has h + ln|c|. Any real number; at most
        the ln of the grid's width. NaN for a layer without elements in range.

    Raises
    ------
    TypeError
        If ``h`` is not a Histogram.
    ValueError
        If the correction is unknown.

    Notes
    -----
    *Source.* C. E. Shannon, Bell Syst. Tech. J. 27 (1948) 623, section 20; T. M. Cover, J. A.
    Thomas, Elements of Information Theory (2006), theorem 8.3.1. N(m, σ²): ½ ln(2πeσ²); uniform on
    an interval: ln(its width).

    *Bias.* Bins of width w raise it by w²J/24 with J = ∫ f′²/f dx, which is w²/(24σ²) for a
    Gaussian: 0.00016 at w = σ/16, 0.04 at w = σ. A sample of n lowers it by (K − 1)/(2n). With a
    share ε outside the grid it is that of the truncated distribution: N(0, 1) on ±3 has 1.403
    (ε = 0.0027) instead of 1.419. All values in one bin give ln w: the grid shows nothing finer.

    *When to use it.* To compare layers, runs and grids: unlike :func:`shannon_entropy` it tends
    to a limit as bins get narrower, and a rebin changes it by the small terms above only.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> x = np.linspace(0, 3, 3000, endpoint=False)  # uniform on [0, 3)
    >>> for grid in (igfast.Grid.dyadic(64, exponent=-3), igfast.Grid.dyadic(512, exponent=-5)):
    ...     print(igfast.differential_entropy(igfast.histogram(x, grid=grid)).round(3))  # ln 3
    [1.099]
    [1.099]
    """
    require_histogram(h, "h")
    counts = _arrays.to_numpy(h.counts)
    width = np.maximum(np.diff(finite_edges(h.edges)), SMALLEST)  # beyond float64 none has any
    log_width = np.broadcast_to(np.log(width), counts.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (counts * log_width).sum(1) / counts.sum(1)
    return _arrays.like(home_of(h), _entropy("shannon", h) + mean + _correction(h, correction))


def statistical_complexity(h: Histogram, correction: str | None = None) -> Any:
    """Jensen–Shannon statistical complexity of the distribution over a layer's bins.

    C = Q₀ · JS(p, u) · H(p)/ln B with the uniform distribution u over the B in-range bins, the
    Jensen–Shannon divergence JS(p, u) = S((p+u)/2) − S(p)/2 − S(u)/2, S Shannon's entropy, and
    Q₀ = −2/{((B+1)/B) ln(B+1) − 2 ln(2B) + ln B}, which makes Q₀·JS equal to 1 for a distribution
    on a single bin.

    Parameters
    ----------
    h : Histogram
        Of L layers.
    correction : {None, "miller_madow"}
        "miller_madow" adds (K − 1)/(2n) nats to H and takes
        [(K − 1) − Σ p(1 − p)/(p + u)]/(4n) nats off JS, K occupied bins, n elements in range.

    Returns
    -------
    (L,) float64
        Dimensionless, from 0 to 1: 0 both for a single occupied bin (perfect order) and for
        uniform counts (perfect disorder); a correction may carry it below 0. NaN for a layer
        without elements in range, and for B = 1.

    Raises
    ------
    TypeError
        If ``h`` is not a Histogram.
    ValueError
        If the correction is unknown.

    Notes
    -----
    *Source.* R. López-Ruiz, H. L. Mancini, X. Calbet, Phys. Lett. A 209 (1995) 321, with the
    Jensen–Shannon form of P. W. Lamberti, M. T. Martin, A. Plastino, O. A. Rosso, Physica A 334
    (2004) 119.

    *Bias.* Sampling noise moves p away from u: JS comes out high by
    [(K − 1) − Σ p(1 − p)/(p + u)]/(4n), K occupied bins (near (B − 1)/(8n) for uniform data), and
    H low by (K − 1)/(2n); in C the two partly cancel, and the correction undoes both (to second
    order in the noise of p, as Miller's for H; numbers: ``docs/entropy.md``).
    The grid matters far more: the same N(0, 0.02) weights give (H, C) = (.80, .35) on one dyadic
    grid and (.68, .43) on the next coarser.

    *When to use it.* With the normalized entropy, as a point in the entropy–complexity plane. At
    a given H the complexity lies between two curves; only the place between them says more than H.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> counts = [5, 1, 4, 2, 3, 0]
    >>> values = np.repeat(np.arange(6.0) + 0.5, counts)
    >>> h = igfast.histogram(values, bins=6, range=(0, 6))
    >>> igfast.statistical_complexity(h).round(6)
    array([0.165767])
    """
    require_histogram(h, "h")
    complexity = _entropy("complexity", h)
    lacking = _correction(h, correction)
    if correction is not None:
        complexity = _corrected(complexity, _entropy("shannon", h), lacking, h)
    return _arrays.like(home_of(h), complexity)


def _corrected(complexity: Float, entropy: Float, lacking: Float, h: Histogram) -> Float:
    """(L,) Q₀ (JS − its bias)(H + what it lacks)/ln B, from C and H of the frequencies."""
    counts, bins = _arrays.to_numpy(h.counts), covered_bins(h)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = (bins + 1) / bins * np.log(bins + 1) - 2 * np.log(2 * bins) + np.log(bins)
        n = counts.sum(1)
        p = counts / n[:, None]
        gained = lacking / 2 - (p * (1 - p) / (p + 1 / bins[:, None])).sum(1) / (4 * n)
        unit = -2 / scale / np.log(bins)  # Q₀/ln B
        found = complexity * (1 + lacking / entropy) - unit * gained * (entropy + lacking)
    return np.where(entropy > 0, found, complexity)  # a single occupied bin has no bias


def _correction(h: Histogram, correction: str | None) -> Any:
    """(L,) nats to add to the entropy of the frequencies."""
    if correction is None:
        return 0.0
    if correction != "miller_madow":
        raise ValueError(f"correction must be None or 'miller_madow', got {correction!r}")
    counts = _arrays.to_numpy(h.counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        return ((counts > 0).sum(1) - 1) / (2 * counts.sum(1))


def _entropy(kind: str, h: Histogram) -> Float:
    found = on_device.entropy(kind, h)
    if found is not None:
        return found
    out = np.empty(len(h))
    counts = np.ascontiguousarray(_arrays.to_numpy(h.counts))
    if h.covered is None:
        _core.entropy(kind, counts, out)
        return out
    for row, bins in enumerate(h.covered.tolist()):
        _core.entropy(kind, np.ascontiguousarray(counts[row:, :bins][:1]), out[row:][:1])
    return out
