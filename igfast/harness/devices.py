"""Where a run computes: its device, and the threads of the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def find_device(name: str) -> torch.device:
    """The device, or a ValueError that says what this computer has."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device={name!r}: choose cpu, cuda or cuda:1, ...") from error
    if device.type == "cpu":
        return device
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type != "cuda" or (device.index or 0) >= count:
        raise ValueError(
            f"device={name!r}: PyTorch {torch.__version__} sees {count} CUDA devices here; "
            "use cpu" + (f" or cuda:0 to cuda:{count - 1}" if count else "")
        )
    return device


@contextmanager
def threads(count: int | None) -> Iterator[int]:
    """Let PyTorch use ``count`` CPU threads, as many as now if None; then as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
