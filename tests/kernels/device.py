"""The CUDA library behind the interface of igfast._core: copies there, a plan, copies back.

IGFAST_TEST_DEVICE_LIBRARY names another library whose memory is the host's: a rehearsal.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from igfast import _core

ITEM_SIZES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}
ITEM_SIZES |= {"float8_e4m3fn": 1, "float8_e5m2": 1}
ALIGNMENT = 16  # of a vector, the widest access of a kernel


class Device:
    """Histograms and moments of host arrays by plans on one CUDA device."""

    def __init__(self, library: _core.DeviceLibrary, memory: str) -> None:
        self._torch = pytest.importorskip("torch")
        self._library = library
        self._memory = memory  # torch's name of it

    @property
    def rehearses(self) -> bool:
        return self._memory == "cpu"

    @staticmethod
    def isa() -> str:
        return "cuda"

    def histogram(
        self,
        tensors,
        grid,
        bins,
        splits,
        edges,
        exponents,
        origins,
        log,
        split_counts,
        split_outside,
        nan,
        offsets,
        moments,
        threads,
        extents=None,
    ) -> tuple[str, int]:
        outputs = {"split_counts": split_counts, "split_outside": split_outside, "nan": nan}
        outputs["offsets"] = offsets
        outputs["moment_integers"], outputs["moment_floats"] = moments or (None, None)
        outputs["zeros"], outputs["extremes"] = extents or (None, None)
        plan = {"grid": grid, "bins": bins, "splits": splits, "edges": edges, "log": log}
        plan["offsets"] = offsets is not None
        plan["moments"] = moments is not None or extents is not None
        bins_now = {"exponents": exponents, "origins": origins}
        return self._run(tensors, nan.size, plan, bins_now, outputs)

    def moments(self, tensors, integers, floats, threads) -> tuple[str, int]:
        outputs = {"moment_integers": integers, "moment_floats": floats}
        return self._run(tensors, len(integers), {"moments": True}, {}, outputs)

    def _run(self, tensors, rows, plan, bins, outputs) -> tuple[str, int]:
        there, table = self._copy(tensors)
        made = self._library.plan(tensors=table, rows=rows, **plan)
        outputs = {name: array for name, array in outputs.items() if array is not None}
        buffers = {name: self._upload(array) for name, array in outputs.items()}
        made.run(
            tensors_hash=made.info()["tensors_hash"],
            **bins,
            **{name: buffer.data_ptr() for name, buffer in buffers.items()},
        )
        if self._memory == "cuda":
            self._torch.cuda.synchronize()
        for name, array in outputs.items():
            array.reshape(-1).view(np.uint8)[:] = buffers[name].cpu().numpy()
        del there
        return "cuda", made.info()["blocks"]

    def _upload(self, array: np.ndarray):
        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        return self._torch.from_numpy(flat.copy()).to(self._memory)

    def _copy(self, tensors: np.ndarray):
        """One buffer with every tensor, each as far from an aligned address as it was."""
        sizes = {tag: ITEM_SIZES[name] for name, tag in _core.DTYPES.items()}
        nbytes = np.array([numel * sizes[tag] for _, numel, _, tag, _ in tensors.tolist()], int)
        rooms = -(-(nbytes + ALIGNMENT) // ALIGNMENT) * ALIGNMENT
        begins = np.cumsum(rooms) - rooms + tensors[:, 0] % ALIGNMENT
        host = np.zeros(int(rooms.sum()) + ALIGNMENT, np.uint8)
        for pointer, begin, size in zip(tensors[:, 0].tolist(), begins, nbytes, strict=True):
            host[begin : begin + size] = np.frombuffer(ctypes.string_at(pointer, size), np.uint8)
        buffer = self._upload(host)
        assert buffer.data_ptr() % ALIGNMENT == 0
        table = tensors.copy()
        table[:, 0] = buffer.data_ptr() + begins
        return buffer, table


@cache
def cuda_device() -> Device | None:
    """The device of the CUDA library, or None: no library was built, or no driver loads."""
    rehearsal = os.environ.get("IGFAST_TEST_DEVICE_LIBRARY")
    path = Path(rehearsal or Path(_core.__file__).parent / "libigfast_cuda.so")
    if not path.exists():
        return None
    library = _core.DeviceLibrary(str(path))
    usable, _ = library.describe()
    return Device(library, "cpu" if rehearsal else "cuda") if usable else None
