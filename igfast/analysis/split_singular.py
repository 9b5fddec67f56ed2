"""Leading singular vectors of matrices, and how far noise has turned them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import split_tuning as tuning

Float = NDArray[np.float64]

_TINY = 1e-30
_DIRECT = 400  # up to this size a symmetric matrix is diagonalized, beyond subspaces are iterated
_ITERATIONS = 6
_LOOKED_AT = 6  # columns that look for the largest singular value alone
_SPARE = 8  # columns beyond those wanted, which speed up convergence


def squared_overlap(left: Float, values: Float, right: Float, noise: Float) -> tuple[Float, Float]:
    """(G, k) squared cosines of estimated and true modes, and singular values without noise.

    By the theory of spiked matrices. With e, f the energies of noise along a left and a right
    vector, measured on the contrasts, a spike l (squared) is seen as s² = (l + e)(l + f)/l, and
    c² = (1 − ef/l²)/(1 + e/l)
    (F. Benaych-Georges, R. R. Nadakuditi, J. Multivar. Anal. 111 (2012) 120).
    """
    energies = np.empty((2, *values.shape))
    for split in range(len(values)):  # of all splits at once, contrasts would not fit a cache
        rows, columns = left[split].T @ noise, right[split].T @ noise.transpose(0, 2, 1)
        both = np.square((rows * right[split].T).sum(axis=-1))
        for side, part in enumerate((rows, columns)):
            energies[side, split] = (np.square(part).sum(axis=-1) - both).mean(axis=0)
    e, f = np.maximum(energies, 0.0)
    excess = values**2 - e - f
    root = np.sqrt(np.maximum(excess**2 - 4 * e * f, 0.0))
    spike = np.maximum(0.5 * (excess + root), _TINY)
    seen = (excess > 2 * np.sqrt(e * f)) & (values > 0)
    cosine = (1 - e * f / spike**2) / (1 + e / spike)
    return np.where(seen, cosine, 0.0), np.where(seen, np.sqrt(spike), 0.0)


def largest(matrices: Float) -> Float:
    """(J,) largest singular values of (J, T, B) matrices, within a few per cent from below."""
    columns = min(_LOOKED_AT, *matrices.shape[1:])
    start = np.random.default_rng(0).standard_normal((matrices.shape[2], columns))
    image = matrices @ start
    for _ in range(_ITERATIONS):
        image = matrices @ (matrices.transpose(0, 2, 1) @ np.linalg.qr(image)[0])
    basis = np.linalg.qr(image)[0]
    inside = np.linalg.norm(basis.transpose(0, 2, 1) @ matrices, ord=2, axis=(1, 2))
    return np.asarray(inside)


def leading(matrices: Float, count: int) -> tuple[Float, Float, Float]:
    """Leading singular triples (J, T, k), (J, k), (J, B, k) of (J, T, B), largest first."""
    rows, columns = matrices.shape[1:]
    count = min(count, rows, columns)
    turned = matrices.transpose(0, 2, 1)
    basis: Float
    if min(rows, columns) <= _DIRECT:
        if columns <= rows:
            basis = np.linalg.eigh(turned @ matrices)[1][..., ::-1][..., :count]
        else:
            vectors = np.linalg.eigh(matrices @ turned)[1][..., ::-1][..., :count]
            basis = np.linalg.qr(turned @ vectors)[0]
    else:
        tried = min(max(count, tuning.MOST_MODES) + _SPARE, rows)
        basis = np.random.default_rng(0).standard_normal((columns, tried))
        for _ in range(_ITERATIONS):
            basis = np.linalg.qr(turned @ (matrices @ basis))[0]
    left, values, right = np.linalg.svd(matrices @ basis, full_matrices=False)
    right = basis @ right.transpose(0, 2, 1)
    return left[..., :count], values[:, :count], right[..., :count]
