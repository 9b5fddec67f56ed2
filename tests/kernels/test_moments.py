"""Moments against compensated sums; the tolerance counts in units of the last place.

Errors are measured against the sum of the absolute terms: |x| for the sum, |d|^3 for the third
central sum, whose terms cancel. EPSILON = 2**-52 is one unit of the last place of 1.
"""

from __future__ import annotations

import numpy as np
import pytest

from igfast import _core, reference

EPSILON = 2.0**-52
TOLERANCE = 64 * EPSILON

random = np.random.default_rng(11)
SAMPLES = {
    "normal": random.normal(size=300_001),
    "shifted": random.normal(1.0, 0.01, size=200_000),
    "far": random.normal(1000.0, 1e-3, size=100_000),
    "very far": random.normal(1e10, 1.0, size=100_000),
    "farthest": random.normal(-1e15, 20.0, size=70_000),
    "heavy": random.standard_t(3, size=100_003),
    "outlier": np.concatenate([random.normal(0, 0.02, 99_999), [8.5]]),
    "step": np.concatenate([np.zeros(70_000), np.full(70_000, 5.0)]),
    "outlier first": np.concatenate([[1000.0], random.normal(size=20_000)]),
    "block first": np.concatenate([np.full(256, 1000.0), random.normal(size=20_000)]),
    "not finite first": np.concatenate([np.full(256, np.nan), random.normal(3.0, size=20_000)]),
    "outlier column": (random.normal(size=(640, 224)) + 100.0 * (np.arange(224) == 0)).ravel(),
    "mean too small to shift": random.normal(0.24, 1.0, size=50_000),
    "mean large enough to shift": random.normal(0.26, 1.0, size=50_000),
    "exponential": random.exponential(size=65_536 * 2),
    "one": np.array([0.1]),
    "two": np.array([-3.0, 4.0]),
    "few": random.normal(size=77),
}

FAR = {"far", "very far", "farthest"}  # beyond the range of float16

# A GPU's shift is of the first values of a tensor: where those lie far off, two bits are lost.
FIRST = {"block first", "not finite first"}


def check(floats: np.ndarray, x: np.ndarray, tolerance: float = TOLERANCE) -> None:
    expected = reference.moments(x)
    finite = x[np.isfinite(x)]
    deviation = np.abs(finite - expected.mean)
    m2, m3, m4 = expected.central_sums
    assert floats[0] == expected.min
    assert floats[1] == expected.max
    scale = np.abs(finite).sum()
    assert abs(floats[2] - expected.sum) <= tolerance * scale
    assert abs(floats[3] - expected.sum_squares) <= tolerance * expected.sum_squares
    assert abs(floats[4] - expected.mean) <= tolerance * scale / expected.count
    # The rounding of float64 data about a far mean is not the kernel's.
    far = abs(expected.mean) * EPSILON
    assert abs(floats[5] - m2) <= tolerance * m2 + 2 * far * deviation.sum()
    assert abs(floats[6] - m3) <= tolerance * (deviation**3).sum() + 8 * far * m2
    assert abs(floats[7] - m4) <= tolerance * m4 + 8 * far * (deviation**3).sum()


@pytest.mark.parametrize("name", sorted(SAMPLES))
@pytest.mark.parametrize("width", ["float32", "float64"])
def test_against_compensated_sums(kernel, isa, name, width):
    x = SAMPLES[name].astype(width)
    integers, floats, used, _ = kernel.moments([x])
    assert used == isa
    nan = int(np.isnan(x).sum())
    assert integers[0].tolist() == [x.size - nan, nan, 0, int((x == 0).sum())]
    check(floats[0], x.astype(np.float64), TOLERANCE * (4 if name in FIRST else 1))


def test_every_dtype(kernel, isa, dtype):
    x = np.random.default_rng(12).normal(size=30_000).astype(dtype)
    integers, floats, _, _ = kernel.moments([x])
    wide = x.astype(np.float64)
    assert integers[0].tolist() == [x.size, 0, 0, int((wide == 0).sum())]
    check(floats[0], wide)


def test_not_finite_values_are_counted_apart(kernel, isa):
    x = np.random.default_rng(13).normal(size=10_000)
    x[::7], x[::11], x[::13] = np.nan, np.inf, -np.inf
    x[5000:5600] = np.nan
    x[-300:] = 0.0
    x[-100:] = -0.0
    for width in ("float32", "float64"):
        sample = x.astype(width)
        integers, floats, _, _ = kernel.moments([sample])
        wide = sample.astype(np.float64)
        expected = reference.moments(wide)
        assert integers[0].tolist() == [
            expected.count,
            expected.nan,
            expected.inf,
            expected.zeros,
        ]
        assert expected.zeros >= 300
        check(floats[0], wide)


def test_integers_are_exact(kernel, isa):
    """Sums and squares of 1 .. n in closed form, without a rounding."""
    n = 100_000
    _, floats, _, _ = kernel.moments([np.arange(1, n + 1, dtype=np.float64)])
    assert floats[0, 2] == n * (n + 1) // 2
    assert floats[0, 3] == n * (n + 1) * (2 * n + 1) // 6
    assert floats[0, 4] == (n + 1) / 2
    assert floats[0, 5] == pytest.approx(n * (n * n - 1) / 12, rel=4 * EPSILON)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -3.3e-5, 1e30, 1e-40])
def test_constant_tensors_have_no_spread(kernel, isa, value):
    for width in ("float32", "float64"):
        x = np.full(70_001, value, width)
        _, floats, _, _ = kernel.moments([x])
        assert floats[0, 0] == floats[0, 1] == floats[0, 4] == x[0]
        assert floats[0, 5:].tolist() == [0.0, 0.0, 0.0]


def test_zero_has_one_sign(kernel, isa):
    """min and max of zeros are +0 whatever order the signs come in."""
    for x in (np.array([0.0, -0.0] * 600), np.array([-0.0, 0.0] * 600), np.full(512, -0.0)):
        _, floats, _, _ = kernel.moments([x.astype(np.float32)])
        assert not np.signbit(floats[0, [0, 1, 4]]).any()


def test_empty_and_only_nan(kernel, isa):
    integers, floats, _, _ = kernel.moments([np.empty(0), np.full(300, np.nan)])
    assert integers.tolist() == [[0, 0, 0, 0], [0, 300, 0, 0]]
    assert floats.tolist() == [[np.inf, -np.inf, 0, 0, 0, 0, 0, 0]] * 2


def test_fused_equals_separate_bit_for_bit(kernel, isa):
    arrays = [SAMPLES[name].astype(np.float32) for name in sorted(SAMPLES)]
    integers, floats, _, _ = kernel.moments(arrays, threads=1)
    for grid in (kernel.Uniform(np.linspace(-1, 1, 8)), kernel.Dyadic(256, -5, -128)):
        fused = kernel.histogram(arrays, grid, moments=True, threads=2)
        assert fused.integers.tobytes() == integers.tobytes()
        assert fused.floats.tobytes() == floats.tobytes()


@pytest.mark.parametrize("width", ["float16", "float32", "float64"])
def test_same_bits_for_threads_and_isa(kernel, width):
    arrays = [SAMPLES[name].astype(width) for name in sorted(SAMPLES) if name not in FAR]
    starts = [3 * i for i in range(len(arrays))]
    seen = set()
    for name in _core.available_isas():
        _core.set_isa(name)
        try:
            for threads in (1, 2, 3, 7):
                _, floats, used, _ = kernel.moments(arrays, starts=starts, threads=threads)
                assert used == name
                seen.add(floats.tobytes())
        finally:
            _core.set_isa("auto")
    assert len(seen) == 1


def test_a_row_of_several_tensors_is_their_concatenation(kernel, isa):
    x = np.random.default_rng(14).normal(0.3, 1.0, size=100_000).astype(np.float32)
    parts = [x[:10], x[10:70_000], x[70_000:]]
    integers, floats, _, _ = kernel.moments(parts, rows=[0, 0, 0], row_count=1)
    assert integers[0, 0] == x.size
    check(floats[0], x.astype(np.float64))
