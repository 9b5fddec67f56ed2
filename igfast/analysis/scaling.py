"""Finite-size scaling: curves of runs of several sizes brought onto one by power laws of the size.

y = N^a f(x·N^b). In ln x and ln y the collapse is a shift of each curve by −a ln N and +b ln N, so
power-law pieces are straight lines and interpolation between points costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .derivative_arguments import real_numbers
from .scaling_curves import Curves, checked_curves

Float = NDArray[np.float64]

LEAST_OVERLAP = 0.3  # share of points that another size must reach: curves torn apart fit trivially
REACH, STEP = 3.0, 0.25  # of b, looked at on either side of the start
BETTER = 0.5  # of the least distance near the start: a minimum farther away must go below
WIDER = 0.5  # and leave this share of points within the range of another size
AWAY = (0.5, 1.0)  # of b: an exponent that may as well be this much larger or smaller is not known
NEARLY = 2.0  # times the least distance
EXACT = 1e-12  # a distance that is rounding
SIMPLEX = 0.15  # first steps in a and b
NEAR = 0.03  # the same for bootstrap samples, which start at the best fit
TOLERANCE = 1e-5
NEAR_TOLERANCE = 1e-3
SEED = 0


@dataclass(frozen=True)
class Collapse:
    """Exponents of y = N^a f(x·N^b).

    Attributes
    ----------
    a, b : float
    a_error, b_error : float
        Standard errors from the bootstrap; infinite where b may be larger or smaller by a half and
        the curves agree nearly as well, as with a master curve that is a power law.
    correlation : float
        Of a and b; near ±1 where f is close to a power law, which fixes a + b·(its exponent) only.
    quality : float
        With errors Houdayer and Hartmann's S, about 1 for a perfect collapse; without them the
        root mean square distance of points from the master curve, in ln y.
    with_errors : bool
        Which of the two.
    overlap : float
        Share of points that lie within the range of another size.
    resampled : {"runs", "points"}
    draws : (D, 2) float64
        Bootstrap values of (a, b).
    sizes : (R,) float64
    x, y : tuple of R arrays
        The curves as given.
    """

    a: float
    b: float
    a_error: float
    b_error: float
    correlation: float
    quality: float
    with_errors: bool
    overlap: float
    resampled: str
    draws: Float = field(repr=False)
    sizes: Float = field(repr=False)
    x: tuple[Float, ...] = field(repr=False)
    y: tuple[Float, ...] = field(repr=False)

    def scaled(self, index: int) -> tuple[Float, Float]:
        """x·N^b and y/N^a of one run: the coordinates in which all runs agree."""
        size = self.sizes[index]
        return self.x[index] * size**self.b, self.y[index] / size**self.a


def collapse(
    sizes: ArrayLike,
    x: Sequence[ArrayLike],
    y: Sequence[ArrayLike],
    *,
    errors: Sequence[ArrayLike] | None = None,
    start: tuple[float, float] = (0.0, 0.0),
    draws: int = 100,
    resample: str = "auto",
) -> Collapse:
    """Fit data collapse y = N^a f(x·N^b) to curves of runs of several sizes.

    Every point is compared with the master curve: the weighted straight line through the points
    that bracket it on every curve of another size (Houdayer and Hartmann 2004,
    doi:10.1103/PhysRevB.70.014418, in logarithms). Without errors all points weigh the same, which
    is the measure of Bhattacharjee and Seno (2001, doi:10.1088/0305-4470/34/33/302) with q = 2.

    Parameters
    ----------
    sizes : (R,) array_like
        Size N of each run, for example the width; two sizes at least, several runs of a size are
        welcome.
    x, y : sequence of R array_like
        One curve per run, positive, at least 3 points each.
    errors : sequence of R array_like, optional
        Standard errors of y.
    start : (float, float)
        Where the search for (a, b) starts; what is clearly better up to 3 away in b is found too.
    draws : int
        Bootstrap samples.
    resample : {"auto", "runs", "points"}
        What is drawn with replacement: runs of each size, or points of each curve. "auto" takes
        runs where every size has at least 3. Points understate the errors where noise is shared
        along a curve, as in an information length.

    Returns
    -------
    Collapse

    Raises
    ------
    ModuleNotFoundError
        If SciPy is not installed: ``pip install 'igfast[analysis]'``.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.geomspace(1, 1e4, 60)
    >>> sizes = [64, 128, 256, 512]
    >>> curves = [n**-0.5 * (t / n) / (1 + t / n) for n in sizes]  # a = −0.5, b = −1
    >>> found = collapse(sizes, [t] * 4, curves, draws=10)
    >>> round(found.a, 2), round(found.b, 2)
    (-0.5, -1.0)
    """
    curves, given = checked_curves(sizes, x, y, errors)
    labels = real_numbers("sizes", sizes)
    several = min(np.unique(labels, return_counts=True)[1]) >= 3
    if resample not in ("auto", "runs", "points"):
        raise ValueError(f'resample must be "auto", "runs" or "points", got {resample!r}')
    resampled = ("runs" if several else "points") if resample == "auto" else resample
    if not isinstance(draws, (int, np.integer)) or isinstance(draws, bool):
        raise TypeError(f"draws must be an integer, got {draws!r}")
    if draws < 0:
        raise ValueError(f"draws must be 0 bootstrap samples or more, got {draws}")
    near = real_numbers("start", start)
    if near.shape != (2,) or not np.isfinite(near).all():
        raise ValueError(f"start must be two finite numbers (a, b), got {start!r}")
    best = _best(curves, near)
    value, overlap = _distance(curves, best)
    if not math.isfinite(value):
        raise ValueError(
            f"no power law of the size brings the curves together: from start={start!r} fewer than "
            f"{LEAST_OVERLAP:.0%} of the points come within the range of another size; give curves "
            "that overlap, or a start where they do"
        )
    rng = np.random.default_rng(SEED)
    found = np.array(
        [
            _minimize(_redrawn(curves, resampled, rng), best, NEAR, NEAR_TOLERANCE)
            for _ in range(draws)
        ]
    ).reshape(draws, 2)
    spread = found.std(axis=0, ddof=1) if draws > 1 else np.full(2, np.nan)
    if resampled == "runs":  # k of k runs drawn with replacement spread by (k − 1)/k too little
        fewest = np.unique(labels, return_counts=True)[1].min()
        spread *= math.sqrt(fewest / (fewest - 1)) if fewest > 1 else math.nan
    if _slides(curves, best):
        spread = np.full(2, np.inf)
    moved = draws > 1 and (found.std(axis=0) > 0).all()
    related = np.corrcoef(found.T)[0, 1] if moved else math.nan
    return Collapse(
        a=float(best[0]),
        b=float(best[1]),
        a_error=float(spread[0]),
        b_error=float(spread[1]),
        correlation=float(related),
        quality=value if errors is not None else math.sqrt(value),
        with_errors=errors is not None,
        overlap=overlap,
        resampled=resampled,
        draws=found,
        sizes=labels,
        x=given[0],
        y=given[1],
    )


def _best(curves: Curves, start: Float) -> Float:
    """The minimum near the start, or one that is clearly better, of a scan over b."""
    near = _minimize(curves, start, SIMPLEX, TOLERANCE)
    scanned = [_with_best_a(curves, b) for b in start[1] + np.arange(-REACH, REACH + STEP, STEP)]
    seed = min(scanned, key=lambda point: _distance(curves, point)[0])
    if not math.isfinite(_distance(curves, seed)[0]):
        return near
    far = _minimize(curves, seed, SIMPLEX, TOLERANCE)
    distance, overlap = _distance(curves, far)
    better = distance < BETTER * _distance(curves, near)[0] and overlap > WIDER
    return far if better else near


def _slides(curves: Curves, best: Float) -> bool:
    """Whether other exponents, far from the best, do nearly as well: only a mixture is fixed."""
    value = _distance(curves, best)[0]
    for away in AWAY:
        for b in (best[1] - away, best[1] + away):
            distance, overlap = _distance(curves, _with_best_a(curves, b))
            if distance < max(NEARLY * value, EXACT) and overlap > WIDER:
                return True
    return False


def _with_best_a(curves: Curves, b: float) -> Float:
    """(a, b) with the a that suits b best: for one b the distance is a parabola in a."""
    low, middle, high = (_distance(curves, np.array([a, b]))[0] for a in (-1.0, 0.0, 1.0))
    bend = low - 2 * middle + high if math.isfinite(middle) else 0.0
    return np.array([(low - high) / (2 * bend) if bend > 0 else 0.0, b])


def _minimize(curves: Curves, start: Float, step: float, tolerance: float) -> Float:
    try:
        from scipy.optimize import minimize
    except ModuleNotFoundError as problem:
        raise ModuleNotFoundError(
            "finite-size scaling needs SciPy, which is not installed: pip install "
            "'igfast[analysis]'",
            name="scipy",
        ) from problem
    simplex = start + step * np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    ends = {"xatol": tolerance, "fatol": math.inf, "maxiter": 400}
    with np.errstate(invalid="ignore"):  # of infinite distances
        found = minimize(
            lambda point: _distance(curves, point)[0],
            start,
            method="Nelder-Mead",
            options={"initial_simplex": simplex, **ends},
        )
    return np.asarray(found.x, dtype=np.float64)


def _distance(curves: Curves, point: Float) -> tuple[float, float]:
    """Mean squared distance from the master curve, and the share of points that have one."""
    a, b = point
    shifted = [x + b * s for x, s in zip(curves.x, curves.log_size, strict=True)]
    level = [y - a * s for y, s in zip(curves.y, curves.log_size, strict=True)]
    at, value = np.concatenate(shifted), np.concatenate(level)
    size = np.repeat(curves.log_size, [x.size for x in shifted])
    sums = np.zeros((5, at.size))  # Σw, Σwx, Σwy, Σwx², Σwxy of the brackets, x counted from ``at``
    for other, (x, y) in enumerate(zip(shifted, level, strict=True)):
        right = np.searchsorted(x, at)
        inside = np.flatnonzero((right > 0) & (right < x.size) & (size != curves.log_size[other]))
        for index in (right[inside] - 1, right[inside]):
            d, near = x[index] - at[inside], y[index]
            terms = curves.times[other][index] * np.stack(
                [np.ones(d.size), d, near, d**2, d * near]
            )
            if curves.error is not None:
                terms /= curves.error[other][index] ** 2
            sums[:, inside] += terms
    w, wx, wy, wxx, wxy = sums
    determinant = w * wxx - wx**2
    known = determinant > 0
    if known.mean() < LEAST_OVERLAP:
        return math.inf, float(known.mean())
    line = (wxx * wy - wx * wxy)[known] / determinant[known]
    squared = (value[known] - line) ** 2
    if curves.error is not None:
        own = np.concatenate(curves.error)[known] ** 2
        squared /= own + wxx[known] / determinant[known]
    times = np.concatenate(curves.times)[known]
    return float(np.average(squared, weights=times)), float(known.mean())


def _redrawn(curves: Curves, what: str, rng: np.random.Generator) -> Curves:
    """A bootstrap sample: runs of each size, or points of each curve, with replacement."""
    chosen = np.arange(len(curves.x))
    if what == "runs":
        for size in np.unique(curves.log_size):
            same = np.flatnonzero(curves.log_size == size)
            chosen[same] = rng.choice(same, same.size)
        drawn = [np.ones(curves.x[i].size) for i in chosen]
    else:
        counts = [np.bincount(rng.integers(0, x.size, x.size), minlength=x.size) for x in curves.x]
        drawn = [count.astype(np.float64) for count in counts]
    pairs = [(i, np.flatnonzero(n)) for i, n in zip(chosen, drawn, strict=True)]
    return Curves(
        curves.log_size[chosen],
        [curves.x[i][k] for i, k in pairs],
        [curves.y[i][k] for i, k in pairs],
        None if curves.error is None else [curves.error[i][k] for i, k in pairs],
        [n[n > 0] for n in drawn],
    )
