"""One pass over all tensors: histograms and moments of every layer in one call."""

from __future__ import annotations

from typing import Any

from . import _arrays, _core, config, device_counting
from .grids import Grid
from .outputs import Sums
from .plan import Plan
from .summary import Moments


def histogram(
    tensors: Any,
    bins: int | None = None,
    range: Any = None,
    *,
    grid: Grid | None = None,
    splits: int = 1,
    offsets: bool = False,
    moments: bool = False,
    starts: Any = None,
) -> Any:
    """Exact histograms of all tensors in one call.

    Parameters
    ----------
    tensors : array, sequence of arrays, or mapping of str to array
        Tensors of torch, NumPy and CuPy arrays, or anything with ``__dlpack__`` or
        ``__cuda_array_interface__``, all on one device; float64, float32, float16, bfloat16,
        float8_e4m3fn or float8_e5m2, of any shape, strides and size.
    bins : int, default 256
        From 1 to 65,536.
    range : (low, high), optional
        Uniform bins by NumPy's rule; ``low`` and ``high`` may be (L,) arrays. Without a range the
        bins are dyadic and chosen for each layer (see :meth:`Grid.dyadic`).
    grid : Grid, optional
        Instead of ``bins`` and ``range``.
    splits : {1, 2, 4, 8}
        Deal the elements of every tensor into this many groups by index, counted apart; see
        ``docs/splits.md``.
    offsets : bool
        Also sum the positions of elements within bins (dyadic and log grids).
    moments : bool
        Also return :class:`Moments`, from the same pass.
    starts : (L,) array_like of int, optional
        Flat index of each tensor's first element in the parameter it is a shard of.

    Returns
    -------
    Histogram, or (Histogram, Moments) with ``moments=True``
        Counts live where the input lives: torch tensors on its device for torch, CuPy arrays for
        CuPy, NumPy arrays for NumPy.

    Raises
    ------
    TypeError, ValueError
        For anything that is not a real floating-point array, and for arguments out of range.
    RuntimeError
        For CUDA tensors where igfast has no CUDA library, or it finds no device; says which.

    Warns
    -----
    ResolutionWarning
        If bins are narrower than the spacing of a dtype.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> h = igfast.histogram({"a": np.array([0.1, 0.6, 7.0, np.nan])}, bins=2, range=(0, 1))
    >>> h.counts, h.overflow, h.nan
    (array([[1, 1]]), array([1]), array([1]))
    """
    plan = Plan(
        tensors,
        bins,
        range,
        grid=grid,
        splits=splits,
        offsets=offsets,
        moments=moments,
        starts=starts,
    )
    return plan.run_once()


def moments(tensors: Any) -> Moments:
    """Moments of all tensors in one call.

    Parameters
    ----------
    tensors
        As for :func:`histogram`.

    Returns
    -------
    Moments
        (L,) fields, over the finite elements of each tensor.

    Raises
    ------
    TypeError, ValueError
        If a tensor is none that :func:`histogram` takes.

    Examples
    --------
    >>> import numpy as np, igfast
    >>> m = igfast.moments(np.array([1.0, 2.0, 3.0, 4.0, np.inf]))
    >>> float(m.mean[0]), float(m.variance[0]), int(m.inf[0])
    (2.5, 1.25, 1)
    """
    batch = _arrays.batch(_arrays.named(tensors, "moments"), "moments", ordered=False)
    if batch.device is not None:
        integers, floats = device_counting.moments(batch.device, batch.table, len(batch.names))
        return Moments.from_device_sums(integers, floats, batch.names)
    sums = Sums.zeros(len(batch.names))
    _core.moments(batch.table, sums.integers, sums.floats, config.get_num_threads())
    return Moments.from_sums(sums.integers, sums.floats, batch.names, batch.home)
