"""Γ, noise floor and a running length, record by record, for all layers at once.

Cheap and with little memory: it keeps the previous record and an earlier one of each layer. The
exact analysis of a whole run is :mod:`.split`; this one says how a run that is under way moves, and
is kept of records whose histograms are not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core, merging
from ..grids import Grid
from ..histograms import Histogram

Int = NDArray[np.int64]
Float = NDArray[np.float64]

Cells = _core.Block | tuple[Int, Int]  # counts (L, G, B) and counts outside (L, G, 2), or a block
# A record and, where there is one to compare with: steps since then, (L,) whether a layer's bins
# are the same (None: all), and (L, G, G) products of those whose bins are others.
Motion = tuple[Cells, float | None, NDArray[np.bool_] | None, Float | None]

CLEAR = 3.5  # standard errors above which motion since the anchor ends a segment
LIKELY = 2.0  # and above which it counts where a segment ends for another reason
INDEPENDENT = 0.5  # of the occupied cells, in the error of a product: noise is not equal in all


@dataclass(frozen=True)
class Running:
    """What is known of L layers at a record, (L,) float64 each.

    Attributes
    ----------
    velocity_squared
        Unbiased signed Γ² since the previous record, in 1/step²: mean over pairs of splits of
        Σ_b Δp_b Δp_b' / p_b. NaN at the first record, with one split, and of empty layers.
    noise_floor
        Γ that noise alone gives the published estimator, in 1/step.
    length
        Running length: NaN with one split.
    entropy, complexity
        H normalized, C in [0, 1], both on the record's own bins.
    """

    velocity_squared: Float
    noise_floor: Float
    length: Float
    entropy: Float
    complexity: Float


RUNNING_FIELDS = tuple(field.name for field in fields(Running))


class Online:
    """Measures each record against earlier ones, in one pass.

    The length is that of segments: a segment ends where the motion since its first record stands
    clear of noise. What noise adds to a chord that passed makes up for some of the corners that
    chords cut: on processes of known length, 10⁵ elements, it is right within some 9 %. Of fewer
    elements more is lost, and so is motion that is not likely where bins change; where a path turns
    often, as under the noise of minibatches, it is too short. A segment that is not clear yet
    counts where it is likely, and is taken back if the next record says otherwise: a length may
    fall.

    Parameters
    ----------
    likely : float
        Standard errors above which it counts. As many as end a segment: what is clear, alone.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> from igfast.analysis.online import Online
    >>> x = np.random.default_rng(0).normal(size=100_000)
    >>> grid = igfast.Grid.dyadic(256, exponent=-4)
    >>> online = Online()
    >>> for step in range(201):
    ...     found = online(step, igfast.histogram({"w": x + step / 200}, grid=grid, splits=4))
    >>> bool(abs(found.length[0] - 1) < 0.1)  # moved by one standard deviation
    True
    """

    def __init__(self, likely: float = LIKELY) -> None:
        self._likely = likely
        self._previous: _Record | None = None
        self._earlier: _Record | None = None
        self._state: _core.Online | None = None

    def __call__(self, step: int, histogram: Histogram, membership: int = 0) -> Running:
        """Measure a record. Across a change of membership there is no step.

        Steps increase; the last step again is measured against the record before it.
        """
        return Running(*self.measure(step, Counts.of(histogram), membership))

    def measure(self, step: int, counts: Counts, membership: int = 0) -> Float:
        """As when it is called, by ``RUNNING_FIELDS`` (5, L)."""
        state, (_, interval, same, aligned) = self.take(step, counts, membership)
        if interval is None:
            return state.begin(*counts.arrays, None)
        return state.follow(*counts.arrays, interval, same, aligned)

    def take(self, step: int, counts: Counts, membership: int = 0) -> tuple[_core.Online, Motion]:
        """What is to measure a record next, and its arguments."""
        state = self._state or self._begin(counts)
        if self._previous is not None and self._previous.step == step:
            self._previous = self._earlier
            state.undo()
        before = self._previous
        self._previous, self._earlier = _Record(step, counts, membership), before
        interval = same = aligned = None
        if before is not None and before.membership == membership:
            interval = float(step - before.step)
            same = counts.on_the_bins_of(before.counts)
            if same is not None:
                aligned = _products(before.counts.histogram(), counts.histogram(), ~same)
        return state, (counts.cells, interval, same, aligned)

    def resume(self, step: int, histogram: Histogram, membership: int, length: Float) -> None:
        """Go on from a stored record and the (L,) lengths that were known there."""
        counts = Counts.of(histogram)
        self._previous = _Record(step, counts, membership)
        lengths = np.nan_to_num(length).astype(np.float64)
        self._begin(counts).begin(*counts.arrays, lengths)

    def _begin(self, counts: Counts) -> _core.Online:
        self._state = _core.Online(*counts.shape, CLEAR, self._likely, INDEPENDENT)
        return self._state


class Counts(NamedTuple):
    """What is measured of a record.

    Attributes
    ----------
    shape : L, G, B
    cells : Block, or counts and counts outside
    bins : Grid, and (L,) exponents and origins where it has them
    histogram : function
        The record as a histogram, which is asked for where bins moved.
    """

    shape: tuple[int, int, int]
    cells: Cells
    bins: tuple[Grid, Int | None, Int | None]
    histogram: Callable[[], Histogram]

    @classmethod
    def of(cls, histogram: Histogram) -> Counts:
        """Of a histogram, wherever it lives."""
        h = histogram.to_numpy()
        cells = np.ascontiguousarray(h.split_counts), np.ascontiguousarray(h.split_outside)
        layers, splits, bins = cells[0].shape
        return cls((layers, splits, bins), cells, (h.grid, h.exponents, h.origins), lambda: h)

    @property
    def arrays(self) -> tuple[Int, Int]:
        """Counts and counts outside."""
        return self.cells if isinstance(self.cells, tuple) else self.cells.arrays()[:2]

    def on_the_bins_of(self, other: Counts) -> NDArray[np.bool_] | None:
        """(L,) whether a layer's bins are the same; None where all are."""
        (grid, exponents, origins), (old, before, start) = self.bins, other.bins
        if exponents is None or before is None:
            same = np.full(self.shape[0], grid == old)
        elif exponents is before and origins is start:
            return None
        else:
            same = np.asarray((exponents == before) & (origins == start))
        return None if same.all() else same


class _Record(NamedTuple):
    step: int
    counts: Counts
    membership: int


def _products(before: Histogram, now: Histogram, moved: NDArray[np.bool_]) -> Float:
    """(L, G, G) products Σ_b Δp_b^(g) Δp_b^(h) / p_b of layers whose bins moved, on common bins."""
    layers, splits = len(moved), now.splits
    products = np.zeros((layers, splits, splits))
    rows = np.flatnonzero(moved).tolist()
    for row in rows:
        pair = merging.align(before.select([row]), now.select([row]))[:2]
        a, b = (Counts.of(one) for one in pair)
        first, second = _core.shares(*a.arrays), _core.shares(*b.arrays)
        products[row] = _core.motion(first[0], first[1], second[0], second[1])[0][0]
    return products
