"""The tensors of a plan and where they lie, found again when their storage has moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from . import _arrays, automatic


def refuse_copy(self: object, _: object) -> NoReturn:
    """For ``__reduce_ex__``: two copies would find only by turns that tensors have moved."""
    raise TypeError(
        f"a {type(self).__name__} is laid out on tensors in memory and cannot be copied or "
        "pickled; make another of the same tensors"
    )


class BoundTensors:
    """Named tensors, laid out for counting.

    Parameters
    ----------
    tensors, starts
        As for :func:`histogram`.
    operation : str
        What errors name.
    ordered : bool
        Whether elements must be read in the order of their flat index.

    Attributes
    ----------
    batch : Batch
        Where they lay when they were last looked at.
    precision : (L,) int64
        Of their dtypes.
    resized : function, optional
        Called where :meth:`refresh` has found more or fewer elements.
    """

    batch: _arrays.Batch
    precision: NDArray[np.int64]

    def __init__(self, tensors: Any, operation: str, ordered: bool, starts: Any) -> None:
        self.resized: Callable[[], None] | None = None
        self._operation, self._ordered, self._starts = operation, ordered, starts
        self._tensors = _arrays.named(tensors, operation)
        # of the first look to come: a plan that runs once needs none
        self._signature: _arrays.Signature | None = None
        self._lay_out()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers."""
        return self.batch.names

    def rebind(self, tensors: Any) -> None:
        """Take these from now on.

        Raises
        ------
        ValueError
            If names differ.
        """
        given = _arrays.named(tensors, self._operation)
        if tuple(given) != self.names:
            raise ValueError(
                f"rebind needs tensors of the same names in the same order, {self.names}, got "
                f"{tuple(given)}; make a new Plan"
            )
        self._tensors = given

    def release(self) -> None:
        """Keep no tensor alive until the next :meth:`rebind`."""
        self._tensors = {}
        self._signature = None
        self.batch = replace(self.batch, keep=())

    @property
    def in_place(self) -> bool:
        """Whether they lie where the batch says, and can be read there."""
        batch, signature = self.batch, self._signature
        return not batch.copied and signature is not None and signature.holds(self._tensors)

    def refresh(self) -> bool:
        """Find those that moved, copy again what cannot be read in place; whether any has moved.

        Of tensors that are not all :attr:`in_place`.
        """
        if len(self._tensors) != len(self.names):
            raise RuntimeError("this plan has released its tensors; rebind() it first")
        before = self.batch
        self._lay_out()
        self._signature = _arrays.Signature(self._tensors)
        same = before.home == self.batch.home
        if same and np.array_equal(before.table, self.batch.table):
            return False
        numel = before.table[:, 1], self.batch.table[:, 1]
        if self.resized is not None and not np.array_equal(*numel):
            self.resized()
        return True

    def check_capture(self, *, laid_out: bool) -> None:
        """Refuse what a graph would freeze: a table of tensors that have moved, or no table."""
        copied = self.batch.copied
        moved = laid_out and not copied and not self.in_place
        if not laid_out or copied or moved:
            why = "reads a copy of a tensor" if copied else "is not laid out"
            raise RuntimeError(
                f"{self._operation}: this plan {why if not moved else 'has tensors that moved'}; "
                "call it once before the capture, with contiguous tensors that stay where they are"
            )

    def _lay_out(self) -> None:
        self.batch = _arrays.batch(
            self._tensors, self._operation, ordered=self._ordered, starts=self._starts
        )
        self.precision = automatic.precisions(self.batch.dtypes)
