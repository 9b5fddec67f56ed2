"""Total variation of the derivative as penalty: Chartrand's lagged diffusivity, in our basis.

λ ∫ |z| ds = λ Σ g_j |z_j| with g_j = √h_j, since the coefficients are scaled by √h_j. |z| ≤
z²/(2w) + w/2 with equality at w = |z|, so each round solves a Tikhonov problem with weights
λ g_j/(2 w_j) from the round before (Vogel and Oman 1996, doi:10.1137/0917016).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .smoothing import CRITERIA, Fit, Float

ROUNDS = 30
TOLERANCE = 1e-3  # change of z, relative to the largest, that ends the rounds
FLOOR = 1e-5  # of the largest |z|: weights go no lower
TRIED = 20  # strengths
SPAN = 5.0  # decades of them, down from the least that leaves a plain polynomial
REFITS = 48  # for the band
SEED = 0


@dataclass(frozen=True)
class Variation:
    """A solution: coefficients, sum of squared residuals, degrees of freedom."""

    fixed: Float
    free: Float
    residual: float
    freedom: float


class Variations:
    """min |residual|² + λ Σ gaps·|z| for whitened data, for many λ."""

    def __init__(self, fit: Fit, gaps: Float) -> None:
        self._fit = fit
        self._gaps = gaps
        self._design = fit.free - fit.q @ (fit.q.T @ fit.free)
        self._gram = self._design.T @ self._design

    def solve(self, strength: float, data: Float, start: Float | None = None) -> Variation:
        """The solution for data (n,); ``start`` is z of one with a smaller λ."""
        fit = self._fit
        rest = data - fit.q @ (fit.q.T @ data)
        pull = self._design.T @ rest
        ridge = 1e-9 * float(np.trace(self._gram))
        z = start if start is not None else self._ridge(np.full(pull.size, ridge), pull)
        for _ in range(ROUNDS):
            size = np.abs(z)
            largest = max(float(size.max()), 1e-300)
            weights = strength * self._gaps / (2 * np.maximum(size, FLOOR * largest))
            previous, z = z, self._ridge(weights, pull)
            if np.abs(z - previous).max() < TOLERANCE * largest:
                break
        residual = rest - self._design @ z
        free = np.trace(np.linalg.solve(self._gram + np.diag(weights), self._gram))
        fixed = np.linalg.solve(fit.triangle, fit.q.T @ (data - fit.free @ z))
        freedom = fit.triangle.shape[0] + float(free)
        return Variation(
            np.asarray(fixed, dtype=np.float64),
            z,
            float(residual @ residual) + fit.floor,
            freedom,
        )

    def best(self, criterion: str) -> float:
        """The λ that a criterion prefers, degrees of freedom from the last round."""
        data = self._fit.data
        pull = self._design.T @ (data - self._fit.q @ (self._fit.q.T @ data))
        high = 2 * float(np.abs(pull / self._gaps).max())
        start, best, least = None, high, np.inf
        for strength in high * 10.0 ** np.linspace(-SPAN, 0, TRIED):
            found = self.solve(float(strength), data, start)
            start = found.free
            if found.freedom > data.size / 2:
                continue
            score = CRITERIA[criterion](data.size, found.residual, found.freedom)
            if score < least:
                best, least = float(strength), score
        return best

    def root(self, strength: float, spread: float, fixed: Float, free: Float) -> Float:
        """(N, REFITS + 1) root of the covariance of fixed·c + free·z by parametric bootstrap.

        Refits to the fitted data plus fresh noise; the last column is their mean shift, which
        stands for the bias.
        """
        found = self.solve(strength, self._fit.data)
        smooth = self._fit.q @ (self._fit.triangle @ found.fixed) + self._fit.free @ found.free
        rng = np.random.default_rng(SEED)
        first = fixed @ found.fixed + free @ found.free
        refits = np.empty((REFITS, first.size))
        for row in refits:
            again = self.solve(strength, smooth + spread * rng.standard_normal(smooth.size))
            row[:] = fixed @ again.fixed + free @ again.free
        shift = refits.mean(axis=0) - first
        scattered = (refits - refits.mean(axis=0)) / np.sqrt(REFITS - 1)
        return np.concatenate([scattered, shift[None]]).T

    def _ridge(self, weights: Float, pull: Float) -> Float:
        found = np.linalg.solve(self._gram + np.diag(weights), pull)
        return np.asarray(found, dtype=np.float64)
