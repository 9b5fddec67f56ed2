"""Property-based: any floats, any grid, any start; nothing is lost and bins equal the reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from igfast import _core

from .device import cuda_device

# The fixtures hold no state between examples.
PROFILE = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

SAMPLES = st.one_of(
    hnp.arrays(np.float64, st.integers(0, 600), elements=st.floats(width=64)),
    hnp.arrays(np.float32, st.integers(0, 600), elements=st.floats(width=32)),
    hnp.arrays(np.float16, st.integers(0, 600), elements=st.floats(width=16)),
    hnp.arrays(np.float32, st.integers(0, 600), elements=st.floats(-2, 2, width=32)),
)
SPLITS = st.sampled_from([1, 2, 4, 8])
STARTS = st.integers(0, 2**40)
ISAS = st.sampled_from([*_core.available_isas(), "sim", *(["cuda"] if cuda_device() else [])])


@pytest.fixture
def check(kernel, built_simulator):
    """Function (isa, array, grid, ...): counts on that one equal the reference."""

    def run(isa, x, grid, **options):
        with kernel.on(isa, built_simulator):
            kernel.check(x, grid, **options)

    return run


@PROFILE
@given(x=SAMPLES, splits=SPLITS, start=STARTS, isa=ISAS, data=st.data())
def test_uniform(kernel, check, x, splits, start, isa, data):
    finite = st.floats(-1e300, 1e300)
    low = data.draw(st.one_of(st.floats(-3, 3), finite))
    high = data.draw(st.one_of(st.floats(-3, 3), finite))
    low, high = min(low, high), max(low, high)
    bins = data.draw(st.integers(1, 300))
    edges = np.linspace(low, high, bins + 1)
    if not (np.diff(edges) > 0).all():
        return
    x = np.concatenate([x, edges.astype(x.dtype)]) if abs(low) + abs(high) < 6e4 else x
    check(isa, x, kernel.Uniform(edges), splits=splits, start=start)


@PROFILE
@given(
    x=SAMPLES,
    splits=SPLITS,
    start=STARTS,
    isa=ISAS,
    bins=st.integers(1, 600),
    exponent=st.one_of(st.integers(-12, 12), st.integers(-1100, 1023)),
    origin=st.one_of(st.integers(-600, 0), st.integers(-(2**43), 2**43)),
)
def test_dyadic(kernel, check, x, splits, start, isa, bins, exponent, origin):
    grid = kernel.Dyadic(bins, exponent, origin)
    check(isa, x, grid, splits=splits, start=start)


@PROFILE
@given(
    x=SAMPLES,
    splits=SPLITS,
    start=STARTS,
    isa=ISAS,
    mantissa_bits=st.integers(0, 6),
    min_exponent=st.one_of(st.integers(-20, 9), st.integers(-1100, 950)),
    octaves=st.integers(1, 60),
)
def test_log(kernel, check, x, splits, start, isa, mantissa_bits, min_exponent, octaves):
    grid = kernel.Log(mantissa_bits, min_exponent, min_exponent + octaves)
    check(isa, x, grid, splits=splits, start=start)
