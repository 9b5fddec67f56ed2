"""Measuring one quantity: one batched call for all layers, whatever their storage does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import _arrays
from ..grids import Grid
from ..histograms import Histogram
from ..plan import Plan
from ..summary import Moments

Tensors = Mapping[str, Any]
Measured = tuple[Histogram, Moments]


@dataclass(frozen=True)
class Settings:
    """How histograms are taken."""

    grid: Grid
    splits: int
    offsets: bool


class Measurement:
    """Histograms and moments of one quantity, record after record.

    Parameters
    ----------
    read : function
        Returns the tensors now, the same names each time, or None where there is nothing to
        measure at this record.
    """

    def __init__(
        self, read: Callable[[], Tensors | None], layers: tuple[str, ...], settings: Settings
    ) -> None:
        self.layers = layers
        self._read = read
        self._settings = settings
        self._plan: Plan | None = None
        self._earlier: Measured | None = None

    def check(self, histogram: Histogram) -> None:
        """Refuse to go on from a record that was taken in another way.

        Raises
        ------
        ValueError
            If grid, splits or offsets differ.
        """
        there = Settings(histogram.grid, histogram.splits, histogram.offsets is not None)
        if there != self._settings:
            raise ValueError(
                f"the stored run was taken with {there}, this one with {self._settings}; resume "
                "with the same grid, bins, splits and offsets"
            )

    def resume(self, histogram: Histogram, moments: Moments | None) -> None:
        """Go on with the automatic bins that follow from a stored record."""
        if moments is not None:
            self._earlier = histogram, moments

    def __call__(self) -> Measured | None:
        """Measure now."""
        tensors = self._read()
        if tensors is None:
            return None
        if self._plan is None:
            s = self._settings
            self._plan = Plan(
                tensors, grid=s.grid, splits=s.splits, offsets=s.offsets, moments=True
            )
            if self._earlier is not None:
                self._plan.resume(*self._earlier)
                self._earlier = None
        else:
            self._plan.rebind(tensors)
        histogram, moments = self._plan()
        self._plan.release()  # gradients and updates must not outlive their step
        return histogram, moments


def read_parameters(parameters: Tensors) -> Tensors | None:
    """The parameters themselves, read in place."""
    return parameters


def read_gradients(parameters: Tensors) -> Tensors | None:
    """``p.grad``, an empty tensor where it is None; None while no parameter has one."""
    gradients = {name: p.grad for name, p in parameters.items()}
    if all(gradient is None for gradient in gradients.values()):
        return None
    return {
        name: parameters[name].detach().new_empty(0) if gradient is None else _dense(gradient)
        for name, gradient in gradients.items()
    }


def _dense(gradient: Any) -> Any:
    # an embedding's sparse gradient: zeros are part of its distribution
    return gradient.to_dense() if gradient.is_sparse else gradient


class Updates:
    """Δθ of the step that is being recorded, from copies made just before it.

    Differences of 16- and 8-bit parameters are taken in float32, of others in their own dtype.
    """

    def __init__(self, parameters: Tensors) -> None:
        self._parameters = parameters
        self._before: dict[str, Any] = {}

    def copy(self, names: tuple[str, ...]) -> None:
        """Copy these parameters, unless this step's copy is already there."""
        for name in names:
            if name not in self._before:
                self._before[name] = _wide(self._parameters[name].detach()).clone()

    def read(self) -> Tensors | None:
        """Δθ; an empty tensor for a parameter whose optimizer did not step. Drops the copies."""
        before, self._before = self._before, {}
        if not before:
            return None
        updates = {}
        for name, parameter in self._parameters.items():
            now = parameter.detach()
            if name in before:
                # after − before, written over the copy
                updates[name] = before.pop(name).neg_().add_(_wide(now))
            else:
                updates[name] = now.new_empty(0)
        return updates

    def drop(self) -> None:
        """Forget copies that will not be read."""
        self._before = {}


def _wide(tensor: Any) -> Any:
    return tensor.float() if tensor.element_size() < 4 else tensor


def check_tensors(tensors: Tensors) -> tuple[str, ...]:
    """Refuse what cannot be measured, at construction; returns the dtypes."""
    return _arrays.batch(tensors, "Monitor", ordered=False).dtypes
