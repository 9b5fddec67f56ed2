"""Information velocity: how fast a layer's distribution moves, between two records."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _arrays, _core
from ..histograms import Histogram, align
from ..summary import Moments
from . import binned
from .divergence import divergence
from .operands import aligned_layers, centered, home_of, require_histogram

Float = NDArray[np.float64]


def information_velocity(
    h0: Histogram | Moments,
    h1: Histogram | Moments,
    dt: Any = 1.0,
    estimator: str = "hellinger",
    bandwidth: str | float | None = None,
) -> Any:
    """Information velocity Γ of each layer between two records.

    Γ² = ∫ (∂ₜp)²/p dx = 4 ∫ (∂ₜ√p)² dx: the Fisher information of time, the squared speed of the
    distribution in units of its own width. A Gaussian has Γ² = ṁ²/σ² + 2 σ̇²/σ².

    Parameters
    ----------
    h0, h1 : Histogram
        Earlier and later record of the same L layers, on grids that can be merged. For
        ``estimator="gaussian"`` also :class:`~igfast.summary.Moments`.
    dt : float or (L,) array_like, default 1.0
        Time between the two, > 0: steps, epochs, seconds, …
    estimator : str, default "hellinger"
        =============  =====================================================================
        "hellinger"    √(4 Σ(√p − √q)²)/dt, as published; biased upward by sampling noise
        "chi2"         √(Σ(p − q)²/((p + q)/2))/dt; as "hellinger" to second order
        "fisher_rao"   2 arccos Σ√(pq)/dt: arc instead of chord
        "node"         "hellinger" on masses at the bin edges, N_b = n_b − s_b + s_{b−1} with the
                       offsets s and half a digit, 1/512, for each element: positions are rounded
                       down; underflow joins the first edge, overflow the last
        "split"        unbiased: cross product of the changes of different splits
        "gaussian"     from mean m and variance v alone:
                       √([v₂+Δm²]/(2v₁) + [v₁+Δm²]/(2v₂) − 1)/dt
        "kde"          "hellinger" after both are smoothed by one Gaussian kernel, of masses at
                       the bin edges where there are offsets, else at the bin centers; under-
                       and overflow are not smoothed
        =============  =====================================================================
    bandwidth : {"silverman"} or float, optional
        Of "kde" only: standard deviation of the kernel in the unit of the values. By default
        Silverman's 0.9·min(σ, IQR/1.349)·n^(−1/5), the geometric mean of both records'.

    Returns
    -------
    (L,) float64
        Γ ≥ 0 in 1/step, or in 1/(unit of ``dt``); ``inf`` beyond 1.8e308. NaN for a layer that is
        empty on either side; "split": also if one of its splits is; "gaussian": if a variance is
        0. "split" clips a negative Γ² at 0; :func:`information_velocity_squared` keeps its sign.

    Raises
    ------
    TypeError
        If an operand is not a Histogram (or Moments, for "gaussian").
    ValueError
        If ``dt`` is not finite and positive or has the wrong shape, the estimator is unknown,
        offsets or splits that it needs are missing (equal ones, for "split"), "kde" meets bins of
        different widths, or the layers or the edges of uniform grids differ.

    Notes
    -----
    *Source.* J. Thiruthummal, E. Kim, S. Shelyag, Neurocomputing 597 (2024) 128007
    (arXiv:2406.05295); "hellinger" and the Gaussian formula follow the first author's earlier
    estimator, the others are derived in ``docs/measures.md``.

    *Bias.* Two independent samples of n elements of one distribution give
    "hellinger"²·dt² ≈ 2(K − 1)/n, K occupied cells. The parameters of a network are the same
    elements at both times, and the floor is lower: elements that jitter by a small δ cross bin
    edges at random and the estimate goes as √δ instead of δ. So Γ from "hellinger", "chi2" and
    "fisher_rao" grows with the sampling rate. "node" removes this for motion that neighbors
    share (drift), "split" for independent jitter, in the mean. What "split" leaves is the
    scatter of its cross products, smaller than the floor² it removes by √(2G/((G − 1)K)): a tenth
    for G = 4, K = 256. "gaussian" sees the first two moments only: of bin centers inside the grid
    (of bin means, where there are offsets). "kde" at bandwidth b lowers the floor to about
    2R/(3.54·b·n) with R the range that holds data, and its signal with it: Γ of a Gaussian is low
    by 1/√(1 + b²/σ²) for a shift and by 1/(1 + b²/σ²) for a change of scale.

    *When to use it.* "hellinger" to reproduce published figures, "fisher_rao" between distant
    records, "node" for frequent records, "split" wherever steps are small against the noise:
    always on real runs. "gaussian" as a check, and where only moments are kept. "kde" for
    layers of few elements and, with offsets, for smooth motion between frequent records.

    Examples
    --------
    A unit normal distribution that moves by 0.1 standard deviations in one step, Γ = 0.1:

    >>> import numpy as np, igfast
    >>> x = np.random.default_rng(0).normal(size=100_000)
    >>> h0, h1 = (
    ...     igfast.histogram(y, grid=igfast.Grid.dyadic(256, exponent=-4), splits=8, offsets=True)
    ...     for y in (x, x + 0.1)
    ... )
    >>> for estimator in ("hellinger", "node", "split", "gaussian"):
    ...     velocity = igfast.information_velocity(h0, h1, estimator=estimator)
    ...     print(estimator, velocity.round(3))
    hellinger [0.114]
    node [0.109]
    split [0.1]
    gaussian [0.1]
    """
    squared, step = _squared(h0, h1, dt, estimator, bandwidth)
    with np.errstate(over="ignore"):
        return _arrays.like(_home(h0), np.sqrt(np.maximum(squared, 0.0)) / step)


def information_velocity_squared(
    h0: Histogram | Moments,
    h1: Histogram | Moments,
    dt: Any = 1.0,
    estimator: str = "split",
    bandwidth: str | float | None = None,
) -> Any:
    """Γ² of each layer between two records, signed.

    The square of :func:`information_velocity`, before it is clipped: what to average. "split" is
    unbiased, so about half of its values are negative where nothing moves.

    Parameters
    ----------
    h0, h1, dt, estimator, bandwidth
        As for :func:`information_velocity`; "split" by default.

    Returns
    -------
    (L,) float64
        Γ² in 1/step², or in 1/(unit of ``dt``)²; ±``inf`` beyond 1.8e308. NaN as for
        :func:`information_velocity`.

    Raises
    ------
    TypeError, ValueError
        As :func:`information_velocity`.

    Notes
    -----
    *Source.* "split": with c the change of a cell's probability in split g, Γ²·dt² is the mean
    over pairs g ≠ g' of Σ_b c_b^(g) c_b^(g') / p̄_b, p̄ the mean of both records over all splits.
    Noise of different splits is independent and drops out of the mean.

    *Bias.* None where nothing moves, for any count per cell: given a cell's total, its elements
    fall into records and splits by lot, and the weight depends on that total alone. (Weights of
    "hellinger" would not do: they leave +2 per cell of about one element.) Where the distribution
    moves, as "chi2".

    *When to use it.* To sum or average Γ² over records before the square root is taken.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> from igfast import measures
    >>> rng = np.random.default_rng(0)
    >>> h0, h1 = (
    ...     igfast.histogram(rng.normal(size=(2_000, 50)), bins=64, range=(-4, 4), splits=8)
    ...     for _ in range(2)
    ... )
    >>> squared = {
    ...     estimator: measures.information_velocity_squared(h0, h1, estimator=estimator)[0]
    ...     for estimator in ("hellinger", "split")
    ... }
    >>> bool(abs(squared["split"]) < squared["hellinger"] / 3)  # two samples of one distribution
    True
    """
    squared, step = _squared(h0, h1, dt, estimator, bandwidth)
    with np.errstate(over="ignore", under="ignore"):
        return _arrays.like(_home(h0), squared / step / step)  # step² may be 0 or infinite


def _squared(
    h0: Any, h1: Any, dt: Any, estimator: str, bandwidth: str | float | None
) -> tuple[Float, Float]:
    """(L,) squared information length of the step, and (L,) time it took."""
    if not isinstance(estimator, str) or estimator not in _ESTIMATORS:
        raise ValueError(
            f"estimator must be one of {', '.join(map(repr, _ESTIMATORS))}, got {estimator!r}"
        )
    if estimator != "gaussian":
        for value, argument in ((h0, "h0"), (h1, "h1")):
            if isinstance(value, Moments):
                raise TypeError(
                    f"estimator={estimator!r} needs histograms, {argument} is Moments; use "
                    "estimator='gaussian'"
                )
            require_histogram(value, argument)
    if bandwidth is not None and estimator != "kde":
        raise ValueError(f"bandwidth belongs to estimator='kde', got it with {estimator!r}")
    options = {} if bandwidth is None else {"bandwidth": bandwidth}
    squared = _ESTIMATORS[estimator](h0, h1, **options)
    return squared, times(dt, len(squared))


def times(dt: Any, layers: int) -> Float:
    """(L,) times from one record to the next; refuses what is none."""
    try:
        given = _arrays.to_numpy(dt)
        if np.iscomplexobj(given):
            raise TypeError
        given = given.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(
            f"dt must be a number or one number for each layer, got {reprlib.repr(dt)}"
        ) from None
    if given.shape not in ((), (layers,)):
        raise ValueError(
            f"dt must be a number or one number for each of the {layers} layers, got shape "
            f"{given.shape}"
        )
    bad = ~(np.isfinite(given) & (given > 0))
    if bad.any():
        raise ValueError(
            f"dt must be finite and positive, got {given[bad].flat[0]}; pass the time from h0 to "
            "h1, in that order"
        )
    return np.broadcast_to(given, (layers,))


def _hellinger(h0: Histogram, h1: Histogram) -> Float:
    return 4.0 * divergence("hellinger_squared", h0, h1)


def _chi2(h0: Histogram, h1: Histogram) -> Float:
    return divergence("chi2", h0, h1)


def _fisher_rao(h0: Histogram, h1: Histogram) -> Float:
    return np.square(divergence("fisher_rao", h0, h1))


def _node(h0: Histogram, h1: Histogram) -> Float:
    for h, argument in ((h0, "h0"), (h1, "h1")):
        if h.offsets is None:
            raise ValueError(
                f"estimator='node' needs offsets, {argument} has none; make it with "
                "igfast.histogram(..., offsets=True) on a dyadic or log grid"
            )
    out = np.full(len(h0), np.nan)
    outside = np.zeros((1, 2), dtype=np.int64)
    for row, one, other in aligned_layers(centered(h0), centered(h1)):
        _core.divergence(
            "hellinger_squared", 0.0, _nodes(one), outside, _nodes(other), outside, out[row:][:1]
        )
    return 4.0 * out


def _nodes(h: Histogram) -> NDArray[np.int64]:
    """(1, B+1) masses at the edges of one layer with centered offsets, as integers.

    In a unit that is a power of two, so that scaling rounds only below 2^-53 of the whole; the
    kernel normalizes.
    """
    mass = binned.node_masses(_rows(h))
    _, exponent = np.frexp(mass.sum())
    return np.asarray(np.rint(np.ldexp(mass, 61 - exponent)), dtype=np.int64)


def _split(h0: Histogram, h1: Histogram) -> Float:
    if h0.splits != h1.splits:
        raise ValueError(
            f"estimator='split' needs the same splits in both, got {h0.splits} and {h1.splits}"
        )
    h0, h1, comparable = align(h0, h1)
    splits = h0.splits
    if splits < 2:
        raise ValueError(
            "estimator='split' needs at least 2 splits, the histograms have 1; make them with "
            "igfast.histogram(..., splits=4)"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        p, q = _split_probabilities(h0), _split_probabilities(h1)
        change = q - p
        middle = 0.5 * (p + q).mean(1)
        pairs = np.square(change.sum(1)) - np.square(change).sum(1)
        terms = np.where(middle > 0, pairs / middle, middle)  # 0 where empty, NaN where NaN
    return np.where(comparable, terms.sum(1) / (splits * (splits - 1)), np.nan)


def _split_probabilities(h: Histogram) -> Float:
    """(L, G, B+2) frequencies of the cells within each split."""
    counts = np.concatenate([h.split_counts, h.split_outside], axis=2)
    return np.asarray(counts / counts.sum(2, keepdims=True))


def _gaussian(h0: Any, h1: Any) -> Float:
    (m1, v1), (m2, v2) = _mean_and_variance(h0, "h0"), _mean_and_variance(h1, "h1")
    if m1.shape != m2.shape:
        raise ValueError(f"h0 and h1 must have the same layers, got {len(m1)} and {len(m2)}")
    return binned.gaussian_squared(m1, v1, m2, v2)


def _kde(h0: Histogram, h1: Histogram, bandwidth: str | float = "silverman") -> Float:
    binned.require_bandwidth(bandwidth)
    h0, h1, comparable = align(centered(h0), centered(h1))
    found = np.full(len(h0), np.nan)
    if not comparable.any():
        return found
    width = np.broadcast_to(binned.require_equal_bins(h0.edges), (len(h0),))
    wanted = None if isinstance(bandwidth, str) else bandwidth / width
    found = binned.kde_squared(_rows(h0), _rows(h1), wanted)
    return np.where(comparable, found, np.nan)


def _rows(h: Histogram) -> binned.Rows:
    counts = h.counts.astype(np.float64)
    outside = np.stack([h.underflow, h.overflow], axis=1).astype(np.float64)
    return binned.Rows(counts, _inside(h), outside)


def _inside(h: Histogram) -> Float | None:
    return None if h.offsets is None else np.asarray(h.offsets.sum(1))


def _mean_and_variance(source: Any, argument: str) -> tuple[Float, Float]:
    if isinstance(source, Moments):
        return _arrays.to_numpy(source.mean), _arrays.to_numpy(source.variance)
    require_histogram(source, argument)
    h = centered(source).to_numpy()
    return binned.mean_and_variance(h.counts, _inside(h), h.edges)


def _home(source: Any) -> str:
    return _arrays.home_of(source.mean) if isinstance(source, Moments) else home_of(source)


_ESTIMATORS: dict[str, Callable[..., Float]] = {
    "hellinger": _hellinger,
    "chi2": _chi2,
    "fisher_rao": _fisher_rao,
    "node": _node,
    "split": _split,
    "gaussian": _gaussian,
    "kde": _kde,
}
