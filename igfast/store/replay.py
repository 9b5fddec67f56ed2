"""The running length of a run that goes on: followed again over what is stored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..analysis.online import CLEAR, LIKELY, Online
from .reader import RunReader

Float = NDArray[np.float64]

WHOLE = 1 << 16  # layers times records that are followed from the first one: some seconds
TAIL = 1 << 14  # and from a later one, twice or three times
SUMMED = 1 - 1e-9  # of a sum, where the other order of its terms may round it up


def replayed(reader: RunReader, quantity: str, resharded: bool = True) -> Online:
    """What an :class:`Online` knows after the last record that has histograms.

    Where every record has them, and they are not too many, it is what the run itself knew, to the
    last bit. Else the last of them are followed, from where a segment is taken to begin, and the
    length is the one that is stored; but not less than what is not clear yet in these records, for
    it may be taken back, and a length is never negative.

    Parameters
    ----------
    reader : RunReader
    quantity : str
        With at least one histogram.
    resharded : bool
        Whether there is no motion across a change of membership.
    """
    steps = reader.steps_of(quantity)
    layers = len(reader.layers(quantity))
    whole = len(steps) == len(reader.recorded_steps(quantity))
    if whole and len(steps) * layers <= WHOLE:
        return _followed(reader, quantity, range(len(steps)), None, resharded)[0]
    indices = range(len(steps))[-max(TAIL // layers, 2) :]
    known = np.nan_to_num(reader.running_length(quantity))
    nothing = np.zeros(layers)
    found = _followed(reader, quantity, indices, nothing, resharded)[1]
    begin = known - found
    if (begin < 0).any():
        clear = _followed(reader, quantity, indices, nothing, resharded, likely=CLEAR)[1]
        begin = np.maximum(begin, -SUMMED * clear)
    return _followed(reader, quantity, indices, begin, resharded)[0]


def _followed(
    reader: RunReader,
    quantity: str,
    indices: Sequence[int],
    lengths: Float | None,
    resharded: bool,
    likely: float = LIKELY,
) -> tuple[Online, Float]:
    """After some records, from lengths at the first of them; and the lengths that are known then.

    Layers without elements have no length at a record: the last one that they had counts.
    """
    online = Online(likely)
    found = np.zeros(len(reader.layers(quantity))) if lengths is None else lengths
    steps, memberships = reader.steps_of(quantity), reader.memberships_of(quantity)
    histograms = reader.histograms(quantity, indices)
    for index, histogram in zip(indices, histograms, strict=True):
        step, membership = int(steps[index]), int(memberships[index]) if resharded else 0
        if lengths is not None and index == indices[0]:
            online.resume(step, histogram, membership, lengths)
        else:
            length = online(step, histogram, membership).length
            found = np.where(np.isfinite(length), length, found)
    return online, found
