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
        self._state: _core.Online | None = None

    def __call__(self, step: int, histogram: Histogram, membership: int = 0) -> Running:
        """Measure a record. Across a change of membership there is no step.

        Steps increase; the last step again is measured against the record before it.
        """
        now = _Record(step, histogram.to_numpy(), membership)
        state = self._state or self._begin(now)
        if self._previous is not None and self._previous.step == step:
            self._previous = self._earlier
            state.undo()
        before = self._previous
        if before is None or before.membership != membership:
            cross = floor = np.full(len(histogram), np.nan)
            state.begin(*now.counted, None)
        else:
            same = now.on_the_grid_of(before)
            aligned = None if same.all() else _products(before, now, ~same)
            cross, floor = state.follow(*now.counted, same, aligned) / (step - before.step)
            cross /= step - before.step
        self._previous, self._earlier = now, before
        length, entropy, complexity = state.read()
        return Running(cross, floor, length, entropy, complexity)

    def resume(self, step: int, histogram: Histogram, membership: int, length: Float) -> None:
        """Go on from a stored record and the (L,) lengths that were known there."""
        self._previous = _Record(step, histogram.to_numpy(), membership)
        self._begin(self._previous).begin(
            *self._previous.counted, np.nan_to_num(length).astype(np.float64)
        )

    def _begin(self, now: _Record) -> _core.Online:
        layers, splits, bins = now.counted[0].shape
        self._state = _core.Online(layers, splits, bins, CLEAR, LIKELY, INDEPENDENT)
        return self._state


@dataclass(frozen=True)
class _Record:
    step: int
    histogram: Histogram
    membership: int

    @property
    def counted(self) -> tuple[Int, Int]:
        """(L, G, B) and (L, G, 2), as compiled code takes them."""
        h = self.histogram
        return np.ascontiguousarray(h.split_counts), np.ascontiguousarray(h.split_outside)

    def on_the_grid_of(self, other: _Record) -> NDArray[np.bool_]:
        """(L,) whether a layer's bins are the same."""
        a, b = self.histogram, other.histogram
        if a.exponents is None or b.exponents is None:
            return np.full(len(a), a.grid == b.grid)
        return np.asarray((a.exponents == b.exponents) & (a.origins == b.origins))


def _products(before: _Record, now: _Record, moved: NDArray[np.bool_]) -> Float:
    """(L, G, G) products Σ_b Δp_b^(g) Δp_b^(h) / p_b of layers whose bins moved, on common bins."""
    layers, splits = len(moved), now.histogram.splits
    products = np.zeros((layers, splits, splits))
    rows = np.flatnonzero(moved).tolist()
    for row in rows:
        pair = merging.align(before.histogram.select([row]), now.histogram.select([row]))[:2]
        a, b = (_core.shares(*_Record(0, one, 0).counted) for one in pair)
        products[row] = _core.motion(a[0], a[1], b[0], b[1])[0][0]
    return products
