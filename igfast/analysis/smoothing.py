"""Functions with a penalty on their m-th derivative, fitted to values at uneven times.

f(s) = Σ_{k<m} c_k s^k/k! + ∫ (s−τ)₊^{m−1}/(m−1)! z(τ) dτ, with z = f⁽ᵐ⁾ constant between knots, so
that integrals over uneven intervals are exact. Coefficients of z are scaled to make ∫ z² ds their
sum of squares: Tikhonov regularization then is in its standard form, and one singular value
decomposition serves every strength λ.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

INFLATION = 1.4  # of degrees of freedom: without it one data set in ten is fitted far too closely
LARGEST_SHARE = 0.5  # of the data that degrees of freedom may use up: beyond, criteria degenerate
STEPS_PER_DECADE = 10  # of λ that are tried


@dataclass(frozen=True)
class Noise:
    """How values scatter: y_i = f(s_i) + e_i/scale_i.

    Attributes
    ----------
    variance : (T,) or (T, T) float64
        Of e; a square one is its covariance.
    scale : (T,) float64
    cumulative : bool
        e is a sum of independent increments, so cov(e_i, e_j) = variance[min(i, j)].
    """

    variance: Float
    scale: Float
    cumulative: bool

    def white(self, rows: Float) -> Float:
        """Rows (T, ...) turned so that the noise in them is independent with variance 1.

        With a cumulative error that starts at 0 the first value is exact, and its row is gone.
        """
        scaled = (rows.T * self.scale).T
        if self.variance.ndim == 2:
            return np.linalg.solve(np.linalg.cholesky(self.variance), scaled)
        spread = self.variance
        if self.cumulative:
            first = 1 if self.variance[0] == 0 else 0
            scaled = np.concatenate([scaled[:1], np.diff(scaled, axis=0)])[first:]
            spread = np.diff(self.variance, prepend=0.0)[first:]
        return np.asarray((scaled.T / np.sqrt(spread)).T)

    @property
    def starts_exact(self) -> bool:
        """Whether only differences to the first value are measured."""
        return self.cumulative and bool(self.variance[0] == 0)


def basis(at: Float, knots: Float, degree: int, derivative: int = 0) -> tuple[Float, Float]:
    """Polynomials (N, m) and m-fold integrals of z (N, K), or a derivative of them, at times."""
    fixed = np.zeros((at.size, degree))
    for power in range(degree - derivative):
        fixed[:, power + derivative] = at**power / math.factorial(power)
    power = degree - derivative
    ramps = np.maximum(at[:, None] - knots, 0.0) ** power / math.factorial(power)
    return fixed, -np.diff(ramps, axis=1) / np.sqrt(np.diff(knots))


def knots_for(times: Float, most: int) -> Float:
    """At most ``most`` knots from 0 to 1, half of them even, half where the data are."""
    even = np.linspace(0.0, 1.0, most // 2)
    dense = times if times.size <= most // 2 else np.quantile(times, even)
    knots = np.union1d(even, dense)
    return np.concatenate([knots[:-1][np.diff(knots) > 1e-6], [1.0]])


def hidden_between(at: Float, knots: Float, free: Float) -> Float:
    """(N,) what straight pieces between knots miss of a curve, at most: a kink times h/8.

    Next to nothing but where the data are so exact that the knots' distance h limits the fit.
    """
    gaps = np.diff(knots)
    kinks = np.abs(np.diff(free / np.sqrt(gaps))) * (gaps[1:] + gaps[:-1]) / 16
    return np.interp(at, knots[1:-1], kinks)


@dataclass(frozen=True)
class Fit:
    """Whitened data y = fixed·c + free·z + noise, decomposed once for every λ.

    ``left`` (n, r), ``singular`` (K,) padded with zeros and ``right`` (K, K) decompose what of
    ``free`` the polynomials leave; ``q`` (n, m) and ``triangle`` (m, m) decompose ``fixed``.
    ``floor`` is the sum of squares that rounding of the data leaves of any residuals: what is below
    it is not noise that could be told from signal.
    """

    data: Float
    free: Float
    q: Float
    triangle: Float
    left: Float
    singular: Float
    right: Float
    floor: float

    @cached_property
    def rest(self) -> Float:
        """(n,) what the polynomials leave of the data; once leaves rounding of the data in it."""
        once = self.data - self.q @ (self.q.T @ self.data)
        return np.asarray(once - self.q @ (self.q.T @ once))

    @cached_property
    def spectrum(self) -> Float:
        """(r,) data in the directions of the singular values.

        Of what polynomials leave: directions of small singular values are orthogonal to them but
        for rounding, and of curves that are nearly polynomials that would be all there is.
        """
        return np.asarray(self.left.T @ self.rest)

    @cached_property
    def unreached(self) -> float:
        """Sum of squares that neither polynomials nor z can reach."""
        beyond = self.rest - self.left @ self.spectrum
        return float(beyond @ beyond)

    def freedom(self, strength: float) -> float:
        """Degrees of freedom, the trace of the matrix that maps data to fit."""
        squared = self.singular**2
        return len(self.triangle) + float((squared / (squared + strength)).sum())

    def residual(self, strength: float) -> float:
        """Sum of squared whitened residuals, no less than rounding leaves."""
        squared = self.singular[: self.spectrum.size] ** 2
        reached = strength / (squared + strength) * self.spectrum
        return float((reached**2).sum()) + self.unreached + self.floor

    def coefficients(self, strength: float) -> tuple[Float, Float]:
        """c (m,) and z (K,) that minimize |residual|² + λ|z|²."""
        s = self.singular[: self.spectrum.size]
        z = self.right[:, : s.size] @ (s / (s**2 + strength) * self.spectrum)
        c = np.linalg.solve(self.triangle, self.q.T @ (self.data - self.free @ z))
        return np.asarray(c, dtype=np.float64), z

    def roots(self, strength: float, fixed: Float, free: Float) -> tuple[Float, Float]:
        """Roots R of covariances R·Rᵀ of fixed·c + free·z, per unit noise variance.

        The first is that of the noise alone; the second is the posterior under the prior that the
        penalty stands for, which counts what smoothing leaves out too (Wahba 1983).
        """
        sure = np.linalg.solve(self.triangle.T, fixed.T).T
        turned = (free - sure @ (self.q.T @ self.free)) @ self.right
        squared = self.singular**2
        noise = turned * (self.singular / (squared + strength))
        posterior = turned / np.sqrt(squared + strength)
        return np.hstack([sure, noise]), np.hstack([sure, posterior])


def decompose(data: Float, fixed: Float, free: Float, floor: float) -> Fit:
    """A fit of whitened data (n,) by whitened polynomials (n, m) and integrals (n, K)."""
    q, triangle = np.linalg.qr(fixed)
    left, singular, right = np.linalg.svd(free - q @ (q.T @ free), full_matrices=False)
    full = np.linalg.qr(right.T, mode="complete")[0]
    full[:, : right.shape[0]] = right.T
    useful = singular > 1e-12 * singular[0]
    left, singular = left[:, useful], np.where(useful, singular, 0.0)
    padded = np.zeros(free.shape[1])
    padded[: singular.size] = singular
    return Fit(data, free, q, triangle, left, padded, full, floor)


def generalized_cross_validation(count: int, residual: float, freedom: float) -> float:
    """n·RSS/(n − 1.4·df)² (Craven and Wahba 1979, Kim and Gu 2004): the noise may be unknown."""
    return count * residual / (count - INFLATION * freedom) ** 2


def unbiased_risk(count: int, residual: float, freedom: float) -> float:
    """RSS + 1.4·2·df (Mallows 1973): expected loss where the errors are known."""
    return residual + 2 * INFLATION * freedom


CRITERIA: dict[str, Callable[[int, float, float], float]] = {
    "gcv": generalized_cross_validation,
    "risk": unbiased_risk,
}


def strengths(fit: Fit) -> Float:
    """Strengths worth trying, ascending: from half the data's freedom to a plain polynomial."""
    squared = fit.singular[fit.singular > 0] ** 2
    high = math.log10(squared[0]) + 3
    low = math.log10(squared[-1]) - 1
    grid = 10.0 ** np.arange(high, low, -1 / STEPS_PER_DECADE)
    most = fit.triangle.shape[0] + LARGEST_SHARE * (fit.data.size - fit.triangle.shape[0])
    return np.array([value for value in grid if fit.freedom(value) <= most][::-1])


def best_strength(fit: Fit, criterion: str) -> float:
    """The strength at which a criterion is least; of equal ones, as of zeros, the largest."""
    grid = strengths(fit)[::-1]
    score = CRITERIA[criterion]
    count = fit.data.size
    return float(
        grid[np.argmin([score(count, fit.residual(value), fit.freedom(value)) for value in grid])]
    )
