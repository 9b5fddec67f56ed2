"""``torch.ops.igfast``: histograms and moments as operators that ``torch.compile`` can see.

Importing this module registers them. Each takes a list of L tensors, counts all of them in one
call, and returns tensors where the inputs are; none can be differentiated.

>>> import torch, igfast.operators
>>> counts, outside, nan = torch.ops.igfast.histogram([torch.tensor([0.1, 0.6, 7.0])], 2, 0.0, 1.0)
>>> counts, outside, nan
(tensor([[1, 1]]), tensor([[0, 1]]), tensor([0]))

The Monitor does not need them: it reads tensors between compiled regions. They are for histograms
within one, such as of activations.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from . import _arrays, binning
from .grids import Grid

Counts = tuple[Tensor, Tensor, Tensor]

_UNIFORM = "(Tensor[] tensors, int bins, float low, float high) -> (Tensor, Tensor, Tensor)"
_DYADIC = "(Tensor[] tensors, int bins, int exponent, int origin) -> (Tensor, Tensor, Tensor)"
_LOG = (
    "(Tensor[] tensors, int mantissa_bits, int min_exponent, int max_exponent)"
    " -> (Tensor, Tensor, Tensor)"
)


@torch.library.custom_op("igfast::histogram", mutates_args=(), schema=_UNIFORM)
def histogram(tensors: Sequence[Tensor], bins: int, low: float, high: float) -> Counts:
    """Counts on ``Grid.uniform(bins, low, high)``.

    Returns
    -------
    counts : (L, bins) int64
    outside : (L, 2) int64
        Underflow and overflow.
    nan : (L,) int64
    """
    return _count(tensors, Grid.uniform(bins, low=low, high=high))


@torch.library.custom_op("igfast::dyadic_histogram", mutates_args=(), schema=_DYADIC)
def dyadic_histogram(tensors: Sequence[Tensor], bins: int, exponent: int, origin: int) -> Counts:
    """Counts on ``Grid.dyadic(bins, exponent, origin)``; returns what :func:`histogram` does."""
    return _count(tensors, Grid.dyadic(bins, exponent=exponent, origin=origin))


@torch.library.custom_op("igfast::log_histogram", mutates_args=(), schema=_LOG)
def log_histogram(
    tensors: Sequence[Tensor],
    mantissa_bits: int = 3,
    min_exponent: int = -20,
    max_exponent: int = 4,
) -> Counts:
    """Counts on ``Grid.log(...)``; returns what :func:`histogram` does."""
    return _count(tensors, Grid.log(mantissa_bits, min_exponent, max_exponent))


@torch.library.custom_op(
    "igfast::moments", mutates_args=(), schema="(Tensor[] tensors) -> (Tensor, Tensor)"
)
def moments(tensors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Moments over finite elements.

    Returns
    -------
    (L, 4) int64
        count, nan, inf, zeros
    (L, 9) float64
        min, max, sum, sum_squares, mean, variance, skewness, kurtosis, l2
    """
    found = binning.moments(_plain(tensors))
    integers = (found.count, found.nan, found.inf, found.zeros)
    floats = (found.min, found.max, found.sum, found.sum_squares, found.mean)
    shapes = (found.variance, found.skewness, found.kurtosis, found.l2)
    device = _device(tensors)
    columns = torch.stack([_tensor(x) for x in integers], dim=1)
    return columns.to(device), torch.stack([_tensor(x) for x in (*floats, *shapes)], 1).to(device)


def _count(tensors: Sequence[Tensor], grid: Grid) -> Counts:
    found = binning.histogram(_plain(tensors), grid=grid)
    outside = torch.stack([_tensor(found.underflow), _tensor(found.overflow)], dim=1)
    device = _device(tensors)
    return _tensor(found.counts).to(device), outside.to(device), _tensor(found.nan).to(device)


def _plain(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.detach() for tensor in tensors]


def _device(tensors: Sequence[Tensor]) -> torch.device:
    return tensors[0].device if tensors else torch.device("cpu")


def _tensor(array: object) -> Tensor:
    # NumPy where there was no tensor to tell the framework by
    return array if isinstance(array, Tensor) else torch.from_numpy(_arrays.to_numpy(array))


def _fake_counts(tensors: Sequence[Tensor], bins: int) -> Counts:
    rows, device = len(tensors), _device(tensors)
    return (
        torch.empty((rows, bins), dtype=torch.int64, device=device),
        torch.empty((rows, 2), dtype=torch.int64, device=device),
        torch.empty((rows,), dtype=torch.int64, device=device),
    )


@histogram.register_fake
def _(tensors: Sequence[Tensor], bins: int, low: float, high: float) -> Counts:
    return _fake_counts(tensors, bins)


@dyadic_histogram.register_fake
def _(tensors: Sequence[Tensor], bins: int, exponent: int, origin: int) -> Counts:
    return _fake_counts(tensors, bins)


@log_histogram.register_fake
def _(
    tensors: Sequence[Tensor],
    mantissa_bits: int = 3,
    min_exponent: int = -20,
    max_exponent: int = 4,
) -> Counts:
    return _fake_counts(tensors, 2 * (max_exponent - min_exponent) * 2**mantissa_bits + 1)


@moments.register_fake
def _(tensors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    rows, device = len(tensors), _device(tensors)
    return (
        torch.empty((rows, 4), dtype=torch.int64, device=device),
        torch.empty((rows, 9), dtype=torch.float64, device=device),
    )
