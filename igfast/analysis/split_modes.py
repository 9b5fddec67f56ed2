"""The few directions in which a path moves, told from those of noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import split_tuning as tuning
from .split_cells import Roots

Float = NDArray[np.float64]

_TINY = 1e-30
_ROUNDING = 1e-9  # singular values below are those of a path that does not move at all
_DIRECT = 400  # up to this size a symmetric matrix is diagonalized, beyond subspaces are iterated
_ITERATIONS = 6
_LOOKED_AT = 6  # columns that look for the largest singular value alone
_SPARE = 8  # columns beyond those wanted, which speed up convergence


@dataclass(frozen=True)
class Modes:
    """Leading directions of the paths of pooled other splits, for each of G splits.

    Attributes
    ----------
    directions : (G, B, R) float64
        Orthonormal columns.
    overlap : (G, R) float64
        Squared cosine between an estimated mode and the true one.
    energy : float
        Squared singular values of the R modes (at least of one), mean over splits.
    noise : float
        Largest singular value of pure noise.
    """

    directions: Float
    overlap: Float
    energy: float
    noise: float

    @property
    def rank(self) -> int:
        """R."""
        return int(self.overlap.shape[1])


def find_modes(curve: Roots) -> Modes:
    """Modes that stand clear of noise in most of the splits."""
    noise = float(_largest(curve.noise).max())
    values, directions, overlap = [], [], []
    for others in curve.others:
        left, value, right = leading(others - others.mean(axis=0), tuning.MOST_MODES)
        values.append(value)
        directions.append(right)
        overlap.append(_squared_overlap(left, value, right, curve.noise))
    value, share = np.array(values), np.array(overlap)
    real = (value > max(tuning.NOISE_MARGIN * noise, _ROUNDING)) & (share > tuning.LEAST_OVERLAP)
    rank = int(np.median(np.cumprod(real, axis=1).sum(axis=1)))
    return Modes(
        np.array(directions)[:, :, :rank],
        np.maximum(share[:, :rank], tuning.LEAST_OVERLAP),
        float(np.square(value[:, : max(rank, 1)]).sum(axis=1).mean()),
        noise,
    )


def _squared_overlap(left: Float, value: Float, right: Float, noise: Float) -> Float:
    """Squared cosine of estimated and true modes, by the theory of spiked matrices.

    With e, f the energies of noise along a left and a right vector, measured on the contrasts, a
    spike l is seen as s² = (l + e)(l + f)/l, and c² = (1 − ef/l²)/(1 + e/l)
    (F. Benaych-Georges, R. R. Nadakuditi, J. Multivar. Anal. 111 (2012) 120).
    """
    rows = np.matmul(left.T, noise)
    columns = noise @ right
    both = np.square(np.einsum("jib,bi->ji", rows, right))
    e = np.maximum((np.square(rows).sum(axis=-1) - both).mean(axis=0), 0.0)
    f = np.maximum((np.square(columns).sum(axis=1) - both).mean(axis=0), 0.0)
    excess = value**2 - e - f
    root = np.sqrt(np.maximum(excess**2 - 4 * e * f, 0.0))
    spike = np.maximum(0.5 * (excess + root), _TINY)
    seen = (excess > 2 * np.sqrt(e * f)) & (value > 0)
    return np.where(seen, (1 - e * f / spike**2) / (1 + e / spike), 0.0)


def _largest(matrices: Float) -> Float:
    """(J,) largest singular values of (J, T, B) matrices, within a few per cent from below."""
    columns = min(_LOOKED_AT, *matrices.shape[1:])
    start = np.random.default_rng(0).standard_normal((matrices.shape[2], columns))
    image = matrices @ start
    for _ in range(_ITERATIONS):
        image = matrices @ (matrices.transpose(0, 2, 1) @ np.linalg.qr(image)[0])
    basis = np.linalg.qr(image)[0]
    inside = np.linalg.norm(basis.transpose(0, 2, 1) @ matrices, ord=2, axis=(1, 2))
    return np.asarray(inside)


def leading(matrix: Float, count: int) -> tuple[Float, Float, Float]:
    """Leading singular triples (T, k), (k,), (B, k) of a (T, B) matrix, largest first."""
    rows, columns = matrix.shape
    count = min(count, rows, columns)
    basis: Float
    if min(rows, columns) <= _DIRECT:
        if columns <= rows:
            basis = np.linalg.eigh(matrix.T @ matrix)[1][:, ::-1][:, :count]
        else:
            vectors = np.linalg.eigh(matrix @ matrix.T)[1][:, ::-1][:, :count]
            basis = np.linalg.qr(matrix.T @ vectors)[0]
    else:
        start = np.random.default_rng(0).standard_normal((columns, count + _SPARE))
        basis = start[:, : min(count + _SPARE, rows)]
        for _ in range(_ITERATIONS):
            basis = np.linalg.qr(matrix.T @ (matrix @ basis))[0]
    left, values, right = np.linalg.svd(matrix @ basis, full_matrices=False)
    return left[:, :count], values[:count], (basis @ right.T)[:, :count]
