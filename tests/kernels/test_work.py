"""The same integers for every thread count, instruction set, alignment and cut of the data."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from igfast import _core

SIZES = [0, 1, 7, 8, 9, 255, 256, 257, 4096, 28_671, 28_672, 28_673, 65_535, 65_537, 200_003]


def ragged(dtype: np.dtype) -> list[np.ndarray]:
    random = np.random.default_rng(7)
    arrays = []
    for size in SIZES:
        x = random.normal(size=size) * 0.4
        x[: size // 50] = np.nan
        arrays.append(random.permutation(x).astype(dtype))
    return arrays


def grids(kernel):
    return [
        kernel.Uniform(np.linspace(-0.7, 0.9, 201)),
        kernel.Dyadic(256, -7, -128),
        kernel.Log(3, -10, 0),
    ]


@pytest.mark.parametrize("splits", [1, 2, 4, 8])
@pytest.mark.parametrize("start", [0, 1, 5, 255, 256, 1000, 2**33 + 77])
def test_splits_follow_the_flat_index(kernel, isa, splits, start):
    x = np.random.default_rng(start).normal(size=3001).astype(np.float32)
    for grid in grids(kernel):
        kernel.check(x, grid, splits=splits, start=start)


def test_threads_and_isa_give_the_same_bits(kernel, dtype):
    arrays = ragged(dtype)
    starts = [13 * i for i in range(len(arrays))]
    for grid in grids(kernel):
        offsets = not isinstance(grid, kernel.Uniform)
        results = []
        for name in _core.available_isas():
            _core.set_isa(name)
            try:
                for threads in (1, 2, 3, 7):
                    result = kernel.histogram(
                        arrays,
                        grid,
                        splits=4,
                        offsets=offsets,
                        moments=True,
                        starts=starts,
                        threads=threads,
                    )
                    assert result.isa == name
                    assert 1 <= result.threads <= threads
                    results.append(result)
            finally:
                _core.set_isa("auto")
        assert results[0].total() == sum(SIZES)
        for other in results[1:]:
            for a, b in zip(results[0].arrays(), other.arrays(), strict=True):
                assert a.tobytes() == b.tobytes()


def test_several_threads_do_run(kernel):
    x = np.zeros(1_000_000, np.float32)
    result = kernel.histogram([x], kernel.Dyadic(4, 0, -2), threads=2)
    assert result.threads == 2


def test_rows_are_sums_of_their_tensors(kernel, isa):
    arrays = ragged(np.dtype(np.float32))
    grid = kernel.Dyadic(64, -5, -32)
    apart = kernel.histogram(arrays, grid, splits=2, offsets=True)
    rows = [4, 0, 1, 1, 4, 0, 0, 4, 1, 0, 4, 1, 0, 4, 1]  # rows 2 and 3 get none
    joint = kernel.histogram(
        arrays, grid, splits=2, offsets=True, rows=rows, row_count=5, moments=True, threads=2
    )
    for row in range(5):
        members = [i for i, r in enumerate(rows) if r == row]
        np.testing.assert_array_equal(joint.split_counts[row], apart.split_counts[members].sum(0))
        np.testing.assert_array_equal(joint.split_outside[row], apart.split_outside[members].sum(0))
        np.testing.assert_array_equal(joint.offsets[row], apart.offsets[members].sum(0))
        assert joint.nan[row] == apart.nan[members].sum()
    assert joint.integers[2].tolist() == [0, 0, 0, 0]
    assert joint.floats[3].tolist() == [np.inf, -np.inf, 0, 0, 0, 0, 0, 0]


def test_calls_of_all_sizes_leave_nothing_behind(kernel, isa):
    x = np.random.default_rng(8).normal(size=20_000).astype(np.float32)
    for bins in (256, 32_768, 65_536, 2, 16_384, 256):  # the larger ones in memory of their own
        exponent = 2 - int(np.log2(bins))
        for threads in (1, 2):
            kernel.check(x, kernel.Dyadic(bins, exponent, -bins // 2), splits=8, threads=threads)
            kernel.check(x, kernel.Uniform(np.linspace(-1.7, 1.9, bins + 1)), threads=threads)


def test_mixed_dtypes_in_one_row(kernel, isa):
    random = np.random.default_rng(8)
    arrays = [random.normal(size=5000).astype(t) for t in kernel.floats.values()]
    grid = kernel.Uniform(np.linspace(-1, 1, 51))
    result = kernel.histogram(arrays, grid, rows=[0] * len(arrays), row_count=1)
    expected = sum(grid.reference(a.astype(np.float64)).split_counts for a in arrays)
    np.testing.assert_array_equal(result.split_counts[0], expected)


def test_no_tensors_and_no_rows(kernel, isa):
    grid = kernel.Dyadic(3, 0, 0)
    assert kernel.histogram([], grid, row_count=2, offsets=True, moments=True).total() == 0
    assert kernel.histogram([], grid, row_count=0).split_counts.shape == (0, 1, 3)


@pytest.mark.parametrize("shift", [1, 2, 3])
def test_unaligned_pointers(kernel, isa, dtype, shift):
    x = np.random.default_rng(9).normal(size=1000).astype(dtype)
    room = np.empty(x.nbytes + 64, np.uint8)
    room[shift : shift + x.nbytes] = x.view(np.uint8)
    unaligned = room[shift : shift + x.nbytes].view(dtype)
    assert unaligned.ctypes.data % 8 == (room.ctypes.data + shift) % 8
    for grid in grids(kernel):
        kernel.check(unaligned, grid, splits=2)
    integers, floats, _, _ = kernel.moments([unaligned])
    expected = kernel.moments([x])
    assert floats.tobytes() == expected[1].tobytes()
    assert integers.tolist() == expected[0].tolist()


def test_calls_from_several_python_threads(kernel):
    x = np.random.default_rng(10).normal(size=400_000).astype(np.float32)
    grid = kernel.Dyadic(256, -6, -128)
    expected = kernel.histogram([x], grid, offsets=True)
    wrong = []

    def repeat() -> None:
        for _ in range(10):
            result = kernel.histogram([x], grid, offsets=True, threads=2)
            if result.offsets.tobytes() != expected.offsets.tobytes():
                wrong.append(result)

    callers = [threading.Thread(target=repeat) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_threads_work_in_a_forked_child():
    program = """
import os
import numpy as np
from igfast import _core

x = np.zeros(1_000_000, np.float32)
table = np.array([[x.ctypes.data, x.size, 0, _core.DTYPES["float32"], 0]])
integers, floats = np.empty((1, 4), np.int64), np.empty((1, 8))
assert _core.moments(table, integers, floats, 2)[1] == 2
child = os.fork()
if child == 0:
    ok = _core.moments(table, integers, floats, 2)[1] == 2 and integers[0, 0] == x.size
    os._exit(0 if ok else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_environment_forces_the_isa():
    program = "from igfast import _core; print(_core.isa())"
    for name in [*_core.available_isas(), "auto"]:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "IGFAST_ISA": name},
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        expected = _core.available_isas()[0] if name == "auto" else name
        assert done.stdout.strip() == expected


def test_flush_to_zero_mode_changes_nothing():
    """Counts with subnormals are right in flush-to-zero mode, and the mode is restored."""
    pytest.importorskip("torch")
    program = """
import numpy as np
import torch
from igfast import _core

patterns = np.arange(-300, 300, dtype=np.int64)
x = np.where(patterns < 0, 0x80000000 | -patterns, patterns).astype(np.uint32).view(np.float32)
x = np.tile(x, 500)
edges = np.ldexp(np.arange(-256.0, 257.0, 2.0), -149)[None]
expected = np.histogram(x.astype(np.float64), bins=edges[0])[0]
table = np.array([[x.ctypes.data, x.size, 0, _core.DTYPES["float32"], 0]])
counts, outside = np.empty((1, 1, 256), np.int64), np.empty((1, 1, 2), np.int64)
nan, offsets = np.empty(1, np.int64), np.empty((1, 1, 256), np.int64)
integers, floats = np.empty((1, 4), np.int64), np.empty((1, 8))
tiny = torch.tensor([1e-40])
assert torch.set_flush_denormal(True)
assert float(tiny * 1) == 0.0
for name in _core.available_isas():
    _core.set_isa(name)
    for threads in (1, 2):
        _core.histogram(table, _core.GRID_UNIFORM, 256, 1, edges, None, None, None, counts,
                        outside, nan, None, (integers, floats), threads)
        assert counts[0, 0].tolist() == expected.tolist()
        assert integers[0].tolist() == [x.size, 0, 0, 500], integers
        _core.histogram(table, _core.GRID_DYADIC, 2, 1, None, np.array([-141]), np.array([-1]),
                        None, counts[..., :2].copy(), outside, nan, offsets[..., :2].copy(), None,
                        threads)
        assert outside[0, 0].tolist() == [44 * 500, 44 * 500], outside
        assert float(tiny * 1) == 0.0
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
