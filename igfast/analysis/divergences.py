"""Divergences along a run: every record against the one before it, or against one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import measures
from ..histograms import Histogram
from ..merging import align_all

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Divergence:
    """A measure of two histograms, and the parameters it must and may be given."""

    measure: Callable[..., Any]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


def _reversed(measure: Callable[..., Any]) -> Callable[..., Any]:
    return lambda p, q: measure(q, p)


def _pearson(p: Histogram, q: Histogram) -> Any:
    return 2.0 * measures.alpha_divergence(p, q, alpha=-3.0)


# p is the earlier record (or the reference), q the other one.
DIVERGENCES: dict[str, Divergence] = {
    "kl": Divergence(measures.kl_divergence),
    "reverse_kl": Divergence(_reversed(measures.kl_divergence)),
    "js": Divergence(measures.js_divergence, optional=("weight",)),
    "hellinger": Divergence(measures.hellinger_distance),
    "fisher_rao": Divergence(measures.fisher_rao_distance),
    "chi2": Divergence(_pearson),
    "reverse_chi2": Divergence(_reversed(_pearson)),
    "alpha": Divergence(measures.alpha_divergence, required=("alpha",)),
    "renyi": Divergence(measures.renyi_divergence, required=("order",)),
    "bregman": Divergence(measures.bregman_divergence, required=("generator",)),
    "wasserstein": Divergence(measures.wasserstein_distance, optional=("p",)),
}


def divergence_along(
    records: Sequence[Histogram], kind: str, reference: str | int, parameters: dict[str, Any]
) -> Float:
    """One layer's divergences from record to record, or from one record to each.

    Every pair is compared on the finest grid that both know, as by the measure itself.

    Parameters
    ----------
    records : sequence of T Histogram
        Of one layer.
    kind : str
        One of :data:`DIVERGENCES`.
    reference : "previous", "first" or int
        The record that is p; an index may count from the end.
    parameters : dict
        Of the measure.

    Returns
    -------
    (T−1,) float64 for "previous", else (T,)

    Raises
    ------
    TypeError, ValueError, IndexError
        If kind, parameters or reference are none of these, or there is no record.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> from igfast import analysis
    >>> records = [igfast.histogram(np.full(3, x), bins=2, range=(0, 2)) for x in (0.5, 1.5)]
    >>> analysis.divergence_along(records, "js", "previous", {}).round(6)  # ln 2
    array([0.693147])
    """
    found = DIVERGENCES.get(kind) if isinstance(kind, str) else None
    if found is None:
        raise ValueError(f"kind must be one of {', '.join(map(repr, DIVERGENCES))}, got {kind!r}")
    _check(kind, found, parameters)
    count = len(records)
    if not count:
        raise ValueError("a divergence needs at least one record; this run has none yet")
    if reference == "previous":
        p, q = np.arange(count - 1), np.arange(1, count)
    else:
        p, q = np.full(count, _index(reference, count)), np.arange(count)
    whole = stack(records)
    value = found.measure(whole.select(p.tolist()), whole.select(q.tolist()), **parameters)
    return np.asarray(value, dtype=np.float64)


def stack(records: Sequence[Histogram]) -> Histogram:
    """Records of one layer as the rows of one histogram, each on its own grid where it can be.

    Splits are summed. Log grids are first merged to the coarsest among them.

    Raises
    ------
    ValueError
        If the edges of uniform grids differ, or log grids have no octave in common.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> from igfast import analysis
    >>> records = [igfast.histogram(np.full(3, x), bins=2, range=(0, 2)) for x in (0.5, 1.5)]
    >>> analysis.stack(records).counts
    array([[3, 0],
           [0, 3]])
    """
    records = align_all(records)
    head = records[0]
    return replace(
        head,
        split_counts=np.concatenate([r.split_counts.sum(1, keepdims=True) for r in records]),
        split_outside=np.concatenate([r.split_outside.sum(1, keepdims=True) for r in records]),
        nan=np.concatenate([r.nan for r in records]),
        numel=np.concatenate([r.numel for r in records]),
        names=tuple(map(str, range(len(records)))),
        offsets=None,
        exponents=_places([r.exponents for r in records]),
        origins=_places([r.origins for r in records]),
        uniform_edges=None if head.uniform_edges is None else np.ravel(head.uniform_edges),
    )


def _places(parts: list[Any]) -> NDArray[np.int64] | None:
    return None if parts[0] is None else np.concatenate(parts)


def _check(kind: str, divergence: Divergence, parameters: dict[str, Any]) -> None:
    known = (*divergence.required, *divergence.optional)
    for name in parameters:
        if name not in known:
            allowed = f"takes {', '.join(known)}" if known else "takes no parameters"
            raise TypeError(f"divergence {kind!r} {allowed}, got {name}={parameters[name]!r}")
    for name in divergence.required:
        if name not in parameters:
            raise TypeError(f"divergence {kind!r} needs {name}=")


def _index(reference: str | int, count: int) -> int:
    if reference == "first":
        return 0
    if isinstance(reference, bool) or not isinstance(reference, (int, np.integer)):
        raise ValueError(
            f"reference must be 'previous', 'first' or the index of a record, got {reference!r}"
        )
    if not -count <= reference < count:
        raise IndexError(f"reference={reference} is not one of the {count} records")
    return int(reference) % count
