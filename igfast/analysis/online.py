"""Γ, noise floor and a running length, record by record, for all layers at once.

Cheap and with little memory: it keeps the previous record and two earlier ones of each layer. The
exact analysis of a whole run is :mod:`.split`; this one says how a run that is under way moves, and
is kept of records whose histograms are not.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from .. import _core, merging
from ..histograms import Histogram
from ..measures import shannon_entropy, statistical_complexity

Int = NDArray[np.int64]
Float = NDArray[np.float64]

CLEAR = 6.0  # standard errors above which motion since the anchor ends a segment
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
        Running length: NaN with fewer than four splits.
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
    clear of noise in one half of the splits, and is then measured in the other half, so that
    the choice adds no length; then the halves change places, and the two lengths are averaged.
    It follows the path in chords: on processes of known length it is right within some 6 %, where
    a path turns often, as under the noise of minibatches, it is too short.

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

    def __init__(self) -> None:
        self._previous: _Record | None = None
        self._earlier: _Record | None = None
        self._halves: tuple[_Half, ...] = ()

    def __call__(self, step: int, histogram: Histogram, membership: int = 0) -> Running:
        """Measure a record. Across a change of membership there is no step.

        Steps increase; the last step again is measured against the record before it.
        """
        now = _Record(step, histogram.to_numpy(), membership)
        if self._previous is not None and self._previous.step == step:
            self._previous = self._earlier
            for half in self._halves:
                half.undo()
        before = self._previous
        if before is None or before.membership != membership:
            cross = floor = np.full(len(now.known), np.nan)
            self._begin(now, self._lengths(len(now.known)))
        else:
            interval = step - before.step
            same = now.on_the_grid_of(before)
            matrix = _products(before, now, same)
            cross, floor = (value / interval for value in _cross_and_floor(matrix))
            cross /= interval
            for half in self._halves:
                half.follow(before, now, same, matrix)
        self._previous, self._earlier = now, before
        lengths = [half.reached() for half in self._halves] or [np.full(len(now.known), np.nan)]
        return Running(
            cross,
            floor,
            np.where(now.known, np.mean(lengths, axis=0), np.nan),
            np.asarray(shannon_entropy(now.histogram, normalized=True)),
            np.asarray(statistical_complexity(now.histogram)),
        )

    def resume(self, step: int, histogram: Histogram, membership: int, length: Float) -> None:
        """Go on from a stored record and the (L,) lengths that were known there."""
        self._previous = _Record(step, histogram.to_numpy(), membership)
        self._begin(self._previous, [np.nan_to_num(length)] * 2)

    def _lengths(self, layers: int) -> list[Float]:
        return [half.length for half in self._halves] or [np.zeros(layers)] * 2

    def _begin(self, now: _Record, lengths: list[Float]) -> None:
        splits = now.shares.shape[1]
        if splits < 4:
            return
        first, second = (0, splits // 2), (splits // 2, splits)
        self._halves = (
            _Half(first, second, now, lengths[0]),
            _Half(second, first, now, lengths[1]),
        )


class _Record:
    """Shares of a record in its cells, split by split and of all."""

    def __init__(self, step: int, histogram: Histogram, membership: int) -> None:
        self.step = step
        self.histogram = histogram
        self.membership = membership
        # known: no empty split
        self.shares, self.pooled, self.known = _core.shares(
            np.ascontiguousarray(histogram.split_counts),
            np.ascontiguousarray(histogram.split_outside),
        )

    def on_the_grid_of(self, other: _Record) -> NDArray[np.bool_]:
        """(L,) whether a layer's bins are the same."""
        a, b = self.histogram, other.histogram
        if a.exponents is None or b.exponents is None:
            return np.full(len(self.known), a.grid == b.grid)
        return np.asarray((a.exponents == b.exponents) & (a.origins == b.origins))


class _Half:
    """Segments that one half of the splits ends and the other measures."""

    def __init__(
        self, judges: tuple[int, int], measurers: tuple[int, int], now: _Record, length: Float
    ) -> None:
        self._judges, self._measurers = judges, measurers
        self.length = length.copy()
        self._shares, self._pooled = now.shares.copy(), now.pooled.copy()  # where segments began
        self._known = now.known
        self._judged = np.zeros(len(now.known))  # standard errors of the motion since then
        self._moved = np.zeros(len(now.known))  # its square, as measured
        self._before = self.length.copy(), self._known, self._judged, self._moved
        self._replaced: tuple[NDArray[np.bool_], Float, Float] | None = None

    def follow(
        self, before: _Record, now: _Record, same: NDArray[np.bool_], neighbors: Float
    ) -> None:
        """Take a record in; ``neighbors`` are the products between it and the one before."""
        self._before = self.length.copy(), self._known, self._judged, self._moved
        self._replaced = None
        both = self._known & now.known
        matrix, occupied = _core.motion(self._shares, self._pooled, now.shares, now.pooled)
        # where the grid has changed, a segment ends before the change and takes one step over it
        cut = both & ~same
        if cut.any():
            self._add(cut & (self._judged > LIKELY))
            matrix = np.where(same[:, None, None], matrix, neighbors)
        _, self._judged = _core.judge(matrix, occupied, *self._judges, INDEPENDENT)
        self._moved, _ = _core.judge(matrix, occupied, *self._measurers, INDEPENDENT)
        ended = both & (self._judged > np.where(same, CLEAR, LIKELY))
        self._add(ended)
        begun = ended | cut | (self._known != now.known)
        if begun.any():
            self._replaced = begun, self._shares[begun], self._pooled[begun]
            self._shares[begun], self._pooled[begun] = now.shares[begun], now.pooled[begun]
            self._judged[begun] = self._moved[begun] = 0.0
            self._known = now.known

    def undo(self) -> None:
        """Take the last record back."""
        length, self._known, self._judged, self._moved = self._before
        self.length = length.copy()
        if self._replaced is not None:
            begun, self._shares[begun], self._pooled[begun] = self._replaced

    def reached(self) -> Float:
        """Length of the segments that have ended, and of the last one where it is likely."""
        begun = np.where(self._judged > LIKELY, np.maximum(self._moved, 0.0), 0.0)
        return self.length + np.sqrt(begun)

    def _add(self, layers: NDArray[np.bool_]) -> None:
        self.length[layers] += np.sqrt(np.maximum(self._moved[layers], 0.0))


def _products(before: _Record, now: _Record, same: NDArray[np.bool_]) -> Float:
    """(L, G, G) products Σ_b Δp_b^(g) Δp_b^(h) / p_b; NaN of layers that have an empty split."""
    matrix, _ = _core.motion(before.shares, before.pooled, now.shares, now.pooled)
    for layer in np.flatnonzero(~same & before.known & now.known).tolist():
        first, second, _ = merging.align(
            before.histogram.select([layer]), now.histogram.select([layer])
        )
        a, b = _Record(0, first, 0), _Record(0, second, 0)
        matrix[layer] = _core.motion(a.shares, a.pooled, b.shares, b.pooled)[0][0]
    unknown = ~(before.known & now.known)
    if unknown.any():
        matrix[unknown] = np.nan
    return matrix


def _cross_and_floor(matrix: Float) -> tuple[Float, Float]:
    """Γ²Δt² and ΓΔt of the noise floor; NaN with one split."""
    splits = matrix.shape[1]
    if splits < 2:
        return np.full(len(matrix), np.nan), np.full(len(matrix), np.nan)
    cross, _ = _core.judge(matrix, np.ones(len(matrix), np.int64), 0, splits, INDEPENDENT)
    excess = matrix.sum(axis=(1, 2)) / splits**2 - cross
    return cross, np.asarray(np.sqrt(np.maximum(excess, 0.0)))
