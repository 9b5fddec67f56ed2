"""Other libraries' histograms, called as their documentation says, and checked against ours.

Every peer takes a float32 tensor and returns its counts as an int64 array. `agrees` says how its
counts must compare: peers that promise NumPy's edges may still differ next to an edge.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np
import torch

from .cases import RANGE

Counter = Callable[[torch.Tensor, int], np.ndarray]


def numpy_histogram(values: torch.Tensor, bins: int) -> np.ndarray:
    return np.histogram(values.numpy(), bins, RANGE)[0]


def torch_histc(values: torch.Tensor, bins: int) -> np.ndarray:
    return torch.histc(values, bins, *RANGE).numpy().astype(np.int64)


def torch_histogram(values: torch.Tensor, bins: int) -> np.ndarray:
    return torch.histogram(values, bins, range=RANGE).hist.numpy().astype(np.int64)


def fast_histogram(values: torch.Tensor, bins: int) -> np.ndarray:
    from fast_histogram import histogram1d

    return histogram1d(values.numpy(), bins, RANGE).astype(np.int64)


def boost_histogram(values: torch.Tensor, bins: int) -> np.ndarray:
    import boost_histogram as bh

    found = bh.Histogram(bh.axis.Regular(bins, *RANGE), storage=bh.storage.Int64())
    return found.fill(values.numpy()).view()


PEERS: dict[str, Counter] = {
    "numpy": numpy_histogram,
    "torch.histc": torch_histc,
    "torch.histogram": torch_histogram,
}
if importlib.util.find_spec("fast_histogram"):
    PEERS["fast-histogram"] = fast_histogram
if importlib.util.find_spec("boost_histogram"):
    PEERS["boost-histogram"] = boost_histogram


# ---- loggers: what they do to a tensor before anything is written ----
# SummaryWriter's default edges: powers of 1.1 from 1e-12 below 1e20, mirrored, and 0.
_POWERS = 1e-12 * 1.1 ** np.arange(774)
TENSORBOARD_EDGES = np.concatenate([-_POWERS[::-1], [0.0], _POWERS]).tolist()


def tensorboard(values: torch.Tensor) -> object:
    """SummaryWriter.add_histogram up to the protocol buffer."""
    from torch.utils.tensorboard.summary import histogram

    return histogram("w", values.numpy(), TENSORBOARD_EDGES)


def wandb(values: torch.Tensor) -> object:
    """wandb.Histogram, 64 bins between minimum and maximum."""
    from wandb import Histogram

    return Histogram(values.numpy())


LOGGERS: dict[str, Callable[[torch.Tensor], object]] = {}
if importlib.util.find_spec("tensorboard"):
    LOGGERS["TensorBoard"] = tensorboard
if importlib.util.find_spec("wandb"):
    LOGGERS["W&B"] = wandb


def disagreement(theirs: np.ndarray, ours: np.ndarray) -> float:
    """Share of the elements that the two put into different bins."""
    return float(np.abs(theirs - ours).sum() / 2 / max(1, ours.sum()))
