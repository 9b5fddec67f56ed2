"""Measuring one quantity: one batched call for all layers, whatever their storage does."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from .. import _arrays
from ..automatic import Bins, FirstBins
from ..counted import Counted
from ..grids import Grid
from ..histograms import Histogram
from ..outputs import Outputs
from ..plan import Plan
from .replacing import first_of
from .sharding import Layout, local_of

Tensors = Mapping[str, Any]
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Settings:
    """How histograms are taken."""

    grid: Grid
    splits: int
    offsets: bool


class Others(FirstBins, Protocol):
    """The other ranks."""

    def any(self, here: bool) -> bool: ...


class Measurement:
    """Histograms and moments of one quantity, record after record.

    Parameters
    ----------
    read : function
        Returns the tensors now, the same names each time, or None where there is nothing to
        measure at this record.
    layout : Layout, optional
        Where other ranks hold other parts of the layers.
    whole : bool
        Whether the parts must be all elements of every layer, and not fewer.
    lasting : bool
        Whether ``read`` returns the same tensors each time, which may be held between records.
    """

    def __init__(
        self,
        read: Callable[[], Tensors | None],
        layers: tuple[str, ...],
        settings: Settings,
        layout: Layout | None = None,
        whole: bool = False,
        lasting: bool = False,
    ) -> None:
        self.layers = layers
        self._read = read
        self._settings = settings
        self._layout = layout
        self._whole = whole
        self._lasting = lasting and layout is None
        self._plan: Plan | None = None
        self._shapes: Shapes = {}  # of tensors that last, until one has another size
        self._first_bins: Bins | None = None

    def check(self, histogram: Histogram) -> None:
        """Refuse to go on from a record that was taken in another way.

        Raises
        ------
        ValueError
            If grid, splits or offsets differ.
        """
        there = Settings(histogram.grid, histogram.splits, histogram.offsets is not None)
        pairs = {
            field.name: (getattr(there, field.name), getattr(self._settings, field.name))
            for field in fields(Settings)
        }
        differing = [
            f"{name} {old} there, {new} here" for name, (old, new) in pairs.items() if old != new
        ]
        if differing:
            raise ValueError(
                f"the stored run was taken otherwise ({'; '.join(differing)}); resume with the "
                "same grid, bins, splits and offsets"
            )

    def resume(self, bins: Bins) -> None:
        """Go on with these automatic bins."""
        self._first_bins = bins

    def begin(self) -> Counted | Callable[[], Counted] | None:
        """Measure now; on a device, begin to: call what is returned before the next record."""
        plan = self._plan
        if plan is not None and self._lasting and not plan.on_device:
            return plan.take()
        tensors = self._read()
        if tensors is None:
            return None
        plan = self._bound(tensors)
        if plan.on_device:
            counts = plan.begin()
            self._release()
            return lambda: plan.settle(counts())
        counted = plan.take()
        self._release()
        return counted

    def count_part(self, first: Others) -> tuple[Outputs, bool] | None:
        """Count this rank's part; None if it begins with this record and no rank has anything.

        Returns
        -------
        Outputs, bool
            Counts for :meth:`finish`, and whether this rank has anything to measure.
        """
        assert self._layout is not None
        tensors = self._read()
        plan = self._bound(self._layout.local(self.layers, tensors))
        if plan.unsettled and not first.any(tensors is not None):
            return None
        found = plan.count(first=first)
        self._release()
        return found, tensors is not None

    def finish(self, found: Outputs) -> Counted:
        """What has been counted, to which other ranks' counts were added."""
        assert self._plan is not None
        assert self._layout is not None
        wanted = self._layout.numel(self.layers)
        if self._whole and found.numel is not None and (found.numel != wanted).any():
            row = int(np.argmax(found.numel != wanted))
            raise ValueError(
                f"the ranks' parts of {self.layers[row]!r} have {found.numel[row]} elements, the "
                f"whole has {wanted[row]}; all ranks of its mesh must be in the Monitor's group, "
                "and a parameter that was resized needs a new Monitor, with a store of its own"
            )
        return self._plan.settle(found)

    def bins(self) -> bytes:
        """The automatic bins that the last count was on."""
        bins = None if self._plan is None else self._plan.bins
        return b"" if bins is None else bins[0].tobytes() + bins[1].tobytes()

    def _bound(self, tensors: Tensors) -> Plan:
        """The plan for these tensors."""
        if self._plan is not None:
            if not self._lasting:
                self._plan.rebind(tensors)
            return self._plan
        s = self._settings
        starts = None if self._layout is None else self._layout.starts(self.layers)
        self._plan = Plan(
            tensors, grid=s.grid, splits=s.splits, offsets=s.offsets, moments=True, starts=starts
        )
        self._plan.reuse(self._warn_of_sizes if self._lasting else None)
        if self._lasting:
            self._shapes = _shapes_of(tensors)
        if self._first_bins is not None:
            self._plan.resume(*self._first_bins)
            self._first_bins = None
        return self._plan

    def _warn_of_sizes(self) -> None:
        """Tell, once, which tensors have more or fewer elements than at the first record."""
        now = _shapes_of(self._read() or {})
        other = [
            name for name, shape in self._shapes.items() if math.prod(shape) != math.prod(now[name])
        ]
        if other:
            before, self._shapes = self._shapes[other[0]], {}
            warnings.warn(
                f"parameter {first_of(other)} has the shape {now[other[0]]} now, and had {before} "
                "at the first record: it is recorded as it is, and its change of size counts as "
                "motion; make a new Monitor, with a store of its own, after resizing",
                stacklevel=10,
            )

    def _release(self) -> None:
        assert self._plan is not None
        if not self._lasting:
            self._plan.release()  # gradients and updates must not outlive their step


def _shapes_of(tensors: Tensors) -> Shapes:
    return {name: tuple(getattr(tensor, "shape", ())) for name, tensor in tensors.items()}


def read_parameters(parameters: Tensors) -> Tensors | None:
    """The parameters themselves, read in place."""
    return parameters


def read_gradients(parameters: Tensors) -> Tensors | None:
    """``p.grad``, an empty tensor where it is None; None while no parameter has one."""
    gradients = {name: p.grad for name, p in parameters.items()}
    if all(gradient is None for gradient in gradients.values()):
        return None
    return {
        name: empty_like(parameters[name]) if gradient is None else _dense(gradient)
        for name, gradient in gradients.items()
    }


def empty_like(tensor: Any) -> Any:
    """No element, of the same dtype and on the same device."""
    return local_of(tensor).detach().new_empty(0)


def _dense(gradient: Any) -> Any:
    # an embedding's sparse gradient: zeros are part of its distribution
    return gradient.to_dense() if gradient.is_sparse else gradient


def check_tensors(tensors: Tensors) -> tuple[str, ...]:
    """Refuse what cannot be measured, at construction; returns the dtypes."""
    for name, tensor in tensors.items():
        if type(tensor).__name__ == "UninitializedParameter":
            raise ValueError(
                f"{name!r} belongs to a lazy module and has no shape yet; make the Monitor after a "
                "first forward pass, or exclude= it"
            )
        if getattr(tensor, "is_nested", False):  # it has no shape
            raise TypeError(
                f"Monitor: tensor {name!r} is a nested tensor; pass its values(), or exclude= it"
            )
    parts = {name: local_of(tensor) for name, tensor in tensors.items()}
    try:
        return _arrays.batch(parts, "Monitor", ordered=False).dtypes
    except TypeError as error:
        raise TypeError(f"{error}; exclude= leaves tensors out") from error
