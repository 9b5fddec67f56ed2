"""Bins cut in two, by the mean position of their elements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]

# A density that is a straight line over the bin has 1/2 − 3/2·(m − 1/2) of its elements in the
# lower half if their mean is m. Straight lines reach from m = 1/3 to 2/3; an edge, or many elements
# of one value, lie further out, and the share goes on to all and none: it always falls with m.
_MEAN = (0.0, 1 / 3, 2 / 3, 1.0)
_LOWER = (1.0, 0.75, 0.25, 0.0)


def halved(counts: Float, offsets: Float, one_value: Bool) -> tuple[Float, Bool]:
    """Counts in the lower and upper halves of bins, and whether those hold one value.

    Parameters
    ----------
    counts : (T, G, B+2) float64
        Of bins, and of what lies below and above them, which stays whole.
    offsets : (T, G, B) float64
        Sums of positions in bins.
    one_value : (B+2,) bool
        Elements of one value tell nothing by their position: they stay in one half.

    Returns
    -------
    (T, G, 2B+2) float64, (2B+2,) bool
        Not whole numbers, with the same sums.

    Examples
    --------
    >>> counts, sums = np.array([[[0.0, 8, 8, 8, 0]]]), np.array([[[4.0, 3, 8]]])
    >>> halved(counts, sums, np.zeros(5, dtype=bool))[0][0, 0].tolist()
    [0.0, 4.0, 4.0, 5.5, 2.5, 0.0, 8.0, 0.0]
    """
    inside, single = counts[..., 1:-1], one_value[1:-1]
    mean = np.divide(offsets, inside, out=np.full(inside.shape, 0.5), where=inside > 0)
    lower = inside * np.where(single, 1.0, np.interp(mean, _MEAN, _LOWER))
    halves = np.stack([lower, inside - lower], axis=-1).reshape(*inside.shape[:-1], -1)
    cells = np.concatenate([counts[..., :1], halves, counts[..., -1:]], axis=-1)
    return cells, np.pad(np.repeat(single, 2), 1)
