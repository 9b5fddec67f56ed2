"""What is read for each quantity, and for which layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from . import parts
from .group import Group
from .measuring import Measurement, Settings, Tensors, read_gradients, read_parameters
from .replacing import Joined
from .second_moments import SecondMoments
from .sharding import Layout
from .updates import Updates


class Quantities:
    """Where measurements come from.

    Parameters
    ----------
    tensors : mapping of str to array
        This rank's selected ones.
    optimizers : sequence of optimizers
    stepped : set of str
        Names of what they change.
    adapter : Parts, optional
    group, layout : Group, Layout, optional
        Where several ranks train together.

    Attributes
    ----------
    updates : Updates, optional
        Takes copies before a step, once "update" is measured.
    """

    def __init__(
        self,
        tensors: Mapping[str, Any],
        optimizers: Sequence[Any],
        stepped: set[str],
        adapter: parts.Parts | None,
        group: Group | None,
        layout: Layout | None,
    ) -> None:
        self._tensors, self._optimizers, self._stepped = tensors, optimizers, stepped
        self._adapter, self._group, self._layout = adapter, group, layout
        self.updates: Updates | None = None
        self._joined = Joined(tensors, optimizers)

    def measurement(self, quantity: str, settings: Settings) -> Measurement:
        """Measures a quantity, record after record; every rank asks for the same ones.

        Raises
        ------
        ValueError
            For "update" and "second_moment" where no selected parameter is changed by the
            optimizer, on any rank.
        """
        layout = self._layout
        layers = tuple(self._tensors) if layout is None else layout.names
        read: Callable[[], Tensors | None] = partial(read_parameters, self._tensors)
        if quantity in ("update", "second_moment"):
            layers = self._changing(quantity, layers)
            own = {name: self._tensors[name] for name in layers if name in self._tensors}
            if quantity == "update":
                self.updates = Updates(own, None if layout is None else layout.part)
                read = self.updates.read
            else:
                read = SecondMoments(own, self._optimizers).read
            read = partial(self._of_those_known, read)
        elif self._adapter is not None:
            read = partial(parts.tensors_of, self._adapter, quantity)
        elif quantity == "grad":
            read = partial(read_gradients, self._tensors)
        whole = quantity == "param"
        return Measurement(read, layers, settings, layout, whole=whole, lasting=whole)

    def _of_those_known(self, read: Callable[[], Tensors | None]) -> Tensors | None:
        self._joined()
        return read()

    def _changing(self, quantity: str, layers: tuple[str, ...]) -> tuple[str, ...]:
        changes = np.array([name in self._stepped for name in layers], dtype=np.int64)
        if self._group is not None:
            changes = self._group.agree(changes)
        if not changes.any():
            raise ValueError(
                f'quantities: "{quantity}" needs parameters that the optimizer changes, but it has '
                "none of the selected ones"
            )
        return tuple(name for name, there in zip(layers, changes, strict=True) if there)
