"""Which layers are trained: as ``requires_grad`` has it at a record, for it changes in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .group import LEAST

Int = NDArray[np.int64]
_trained = attrgetter("requires_grad")


class Trained:
    """Asks the tensors of a model, at every record.

    Parameters
    ----------
    layers : sequence of str
        Of all ranks.
    tensors : mapping of str to array
        This rank's; those that are no torch tensors are never frozen.
    said : mapping of str to bool, optional
        In their place, what an adapter has said at the newest record.
    """

    def __init__(
        self,
        layers: Sequence[str],
        tensors: Mapping[str, Any],
        said: Mapping[str, bool] | None = None,
    ) -> None:
        self._layers, self._said = tuple(layers), said
        asked = {
            name: tensor for name, tensor in tensors.items() if hasattr(tensor, "requires_grad")
        }
        self._names, self._tensors = tuple(asked), tuple(asked.values())
        self._known: list[bool] = []
        self._frozen: frozenset[str] = frozenset()

    def here(self) -> Int:
        """(L,) 1 where this rank trains a layer, 0 where it has frozen it; LEAST for the others."""
        found = self._said
        if found is None:
            found = dict(zip(self._names, map(_trained, self._tensors), strict=True))
        return np.array([found.get(name, LEAST) for name in self._layers], dtype=np.int64)

    def frozen(self, agreed: Int | None = None) -> frozenset[str]:
        """Layers that are not trained now: here, or, as :meth:`here` says it, on any rank."""
        if agreed is not None:
            return frozenset(self._layers[row] for row in np.flatnonzero(agreed == 0))
        now = list(map(_trained, self._tensors))
        if now != self._known:
            self._known = now
            pairs = zip(self._names, now, strict=True)
            self._frozen = frozenset(name for name, trained in pairs if not trained)
        return self._frozen
