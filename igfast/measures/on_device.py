"""Measures of histograms on a device by its kernels: L numbers come to the host, and no counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _arrays, _core, cuda_library, device_counting
from .._devices import Device, device_of
from ..histograms import Histogram

Float = NDArray[np.float64]


def divergence(kind: str, parameter: float, h0: Histogram, h1: Histogram) -> Float | None:
    """(L,) divergences; None where the two are not on one device and the same bins."""
    home = _arrays.home_of(h0.split_counts)
    device = device_of(home)
    if device is None or home != _arrays.home_of(h1.split_counts) or len(h0) != len(h1):
        return None
    if h0.covered is not None or h1.covered is not None:
        return None
    if not device_counting.on_bins(h1, h0.grid, h0.exponents, h0.origins, h0.uniform_edges):
        return None
    p, q = _whole(h0.counts), _whole(h1.counts)
    p_outside, q_outside = _whole(h0.split_outside.sum(1)), _whole(h1.split_outside.sum(1))
    out = _results(device, len(h0))
    cuda_library.library().divergence(
        kind=_core.DIVERGENCES[kind],
        parameter=parameter,
        p=device.pointer(p),
        p_outside=device.pointer(p_outside),
        q=device.pointer(q),
        q_outside=device.pointer(q_outside),
        rows=len(h0),
        bins=h0.bins,
        out=device.pointer(out),
        device=device.index,
        stream=device.stream(),
    )
    return _arrays.to_numpy(out)


def entropy(kind: str, h: Histogram) -> Float | None:
    """(L,) entropies or complexities; None on the host, and where layers have bins of their own."""
    device = device_of(_arrays.home_of(h.split_counts))
    if device is None or h.covered is not None:
        return None
    counts, out = _whole(h.counts), _results(device, len(h))
    cuda_library.library().entropy(
        kind=_core.ENTROPIES[kind],
        counts=device.pointer(counts),
        rows=len(h),
        bins=h.bins,
        out=device.pointer(out),
        device=device.index,
        stream=device.stream(),
    )
    return _arrays.to_numpy(out)


def _results(device: Device, rows: int) -> Any:
    return device.floats(device.empty(rows))


def _whole(array: Any) -> Any:
    """Contiguous, as the kernels read it: torch's sums may keep the order of their input."""
    return array.contiguous() if hasattr(array, "contiguous") else array.copy(order="C")
