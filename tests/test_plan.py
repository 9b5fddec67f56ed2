"""Plans: automatic bins, repeated calls, moments, and arguments that are refused."""

import copy
import importlib.util
import os
import pickle
import signal
import sys
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import igfast
from igfast import Grid, automatic

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=100_000).astype(np.float32)


def describe(x, bins=256):
    h = igfast.histogram({"w": np.asarray(x)}, bins=bins)
    outside = int(h.underflow[0] + h.overflow[0])
    return h, outside / max(int(h.numel[0]), 1), int((h.counts[0] > 0).sum())


def test_automatic_bins_for_real_shapes():
    """Layers for which min–max or a fixed range would leave a handful of bins."""
    with_outlier = np.append(0.02 * NORMAL, np.float32(8.5))
    layers = {
        "normal": 0.02 * NORMAL,
        "norm gain": 1 + 0.01 * NORMAL,
        "one outlier": with_outlier,
        "uniform": RNG.uniform(-0.05, 0.05, 100_000).astype(np.float32),
        "Student t": RNG.standard_t(2, 100_000).astype(np.float32),
        "Cauchy": RNG.standard_cauchy(100_000).astype(np.float32),
        "two peaks": np.concatenate([NORMAL - 50, NORMAL + 50]),
        "huge": NORMAL.astype(np.float64) * 1e300,
        "tiny": NORMAL.astype(np.float64) * 1e-290,
    }
    for name, x in layers.items():
        _, outside, occupied = describe(x)
        assert outside <= 2 / 128, name
        minimum = 20 if name == "two peaks" else 80
        assert occupied >= minimum, (name, occupied)
    assert describe(layers["normal"])[1] < 1e-3


def test_automatic_bins_without_a_scale():
    for x in (np.zeros(1000), np.full(10, -3.7), np.ones(5, np.float32), np.full(3, 1e-30)):
        h, outside, occupied = describe(x)
        assert (outside, occupied) == (0, 1)
        assert h.edges[0, 0] <= x[0] < h.edges[0, -1]
    h, _, _ = describe(np.array([]))
    assert h.counts.sum() == 0
    h, outside, _ = describe(np.array([np.nan, np.inf, -np.inf]))
    assert (h.nan[0], h.underflow[0], h.overflow[0]) == (1, 1, 1)


def test_mostly_zeros_are_seen_beside_the_rest():
    """A sparse layer: half zeros must not set the scale, nor fall outside."""
    x = np.concatenate([np.zeros(50_000), 1 + 0.01 * NORMAL[:50_000]])
    h, outside, _ = describe(x)
    assert outside < 0.02
    assert h.edges[0, 0] <= 0 < h.edges[0, -1]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=30),
    st.sampled_from([1, 2, 3, 5, 100, 256, 1000]),
)
def test_automatic_bins_never_fail(values, bins):
    x = np.array(values, dtype=np.float64)
    h = igfast.histogram({"w": x}, bins=bins)
    assert h.counts.sum() + h.underflow[0] + h.overflow[0] + h.nan[0] == len(x)
    assert not np.isnan(h.edges).any()
    near = 2.0**1023 if bins.bit_count() == 1 else 2.0**1021
    if not (np.isfinite(x) & (np.abs(x) >= near)).any():
        assert np.isfinite(h.edges).all()


def test_automatic_bins_do_not_depend_on_the_sharding():
    x = 0.03 * NORMAL
    whole = igfast.histogram({"w": x})
    shuffled = igfast.histogram({"w": x[::-1].copy()})
    assert whole.exponents == shuffled.exponents
    assert whole.origins == shuffled.origins


def test_automatic_bins_stay_and_follow():
    weights = 0.02 * NORMAL
    start = weights.copy()
    plan = igfast.Plan({"w": weights})
    seen = []
    for t in range(60):
        weights[:] = start * (1 + 9 * t / 59)  # grows tenfold
        h = plan()
        seen.append((int(h.exponents[0]), int(h.origins[0])))
        assert h.underflow[0] + h.overflow[0] <= 0.06 * h.numel[0]
    assert 2 <= len(set(seen)) <= 4
    assert seen[-1][0] - seen[0][0] in (2, 3, 4)


def test_a_constant_layer_that_starts_to_move():
    bias = np.zeros(1000, np.float32)
    plan = igfast.Plan({"b": bias})
    plan()
    bias[:] = 1e-6 * NORMAL[:1000]
    occupied = [int((plan().counts[0] > 0).sum()) for _ in range(12)]
    assert occupied[-1] > 80


def test_resume_continues_the_bins():
    plan = igfast.Plan({"w": 0.02 * NORMAL})
    plan()
    again = igfast.Plan({"w": 0.02 * NORMAL})
    again.resume(*plan.bins)
    np.testing.assert_array_equal(again().exponents, plan().exponents)
    with pytest.raises(ValueError, match=r"shape \(2,\), got \(1,\) and \(1,\)"):
        igfast.Plan({"v": NORMAL, "w": NORMAL}).resume(*plan.bins)
    with pytest.raises(ValueError, match="needs an automatic grid"):
        igfast.Plan({"w": NORMAL}, range=(-1, 1)).resume(*plan.bins)


def rule_in_plain_python():
    """The rule as the decision wrote it down, one layer at a time."""
    path = Path(__file__).parents[1] / "docs" / "decisions" / "scripts" / "grid_rule.py"
    spec = importlib.util.spec_from_file_location("grid_rule", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["grid_rule"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


RULE = rule_in_plain_python()
SHAPES = {
    "normal": NORMAL[:2000],
    "uniform": RNG.uniform(-1, 1, 500),
    "Cauchy": RNG.standard_cauchy(3000),
    "sparse": np.where(np.arange(1000) % 10, 0.0, NORMAL[:1000]),
    "constant": np.ones(7),
    "zeros": np.zeros(5),
    "few": NORMAL[:3],
    "empty": NORMAL[:0],
    "infinite": np.array([np.inf, -np.inf, 1.0, 2.0]),
}


@settings(max_examples=200, deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted(SHAPES)), min_size=1, max_size=4),
    scales=st.lists(st.floats(1e-30, 1e30), min_size=4, max_size=4),
    shifts=st.lists(st.sampled_from([0.0, 1.0, -30.0]), min_size=4, max_size=4),
    bins=st.sampled_from([1, 5, 64, 256]),
    exponent=st.integers(-100, 100),
    origin=st.integers(-500, 500),
    first=st.booleans(),
)
def test_rule_against_plain_python(names, scales, shifts, bins, exponent, origin, first):
    layers = [
        ((SHAPES[n] + t) * s).astype(np.float64)
        for n, s, t in zip(names, scales, shifts, strict=False)
    ]
    grid = Grid.dyadic(bins, exponent=exponent, origin=origin)
    h, m = igfast.histogram(layers, grid=grid, moments=True)
    low = np.where(m.count > 0, m.min, np.inf)
    high = np.where(m.count > 0, m.max, -np.inf)
    precision = np.full(len(layers), 53)
    seen = automatic.Observed(h.split_counts, h.split_outside, m.zeros, low, high)
    exponents, origins = automatic.follow(h.exponents, h.origins, seen, precision, first=first)
    start_exponents, start_origins = automatic.start(low, high, bins, precision)
    for row in range(len(layers)):
        expected = RULE.next_grid(
            (exponent, origin),
            h.counts[row],
            int(h.underflow[row]),
            int(h.overflow[row]),
            int(m.zeros[row]),
            float(low[row]),
            float(high[row]),
            53,
            refine=1 if first else None,
        )
        assert (exponents[row], origins[row]) == expected
        started = RULE.start_grid(float(low[row]), float(high[row]), bins, 53)
        assert (start_exponents[row], start_origins[row]) == started


def test_start_grid_of_zeros_is_the_documented_one():
    k, o = automatic.start(np.zeros(1), np.zeros(1), 256, np.array([24]))
    assert (int(k[0]), int(o[0])) == (-12, -128)


def test_a_moved_storage_is_found():
    layer = torch.nn.Linear(10, 10)
    plan = igfast.Plan(dict(layer.named_parameters()), bins=4, range=(-1, 1))
    plan()
    layer.weight.data = torch.full((10, 10), 0.75)
    assert plan().counts[0].tolist() == [0, 0, 0, 100]


def test_a_storage_that_changed_its_shape_is_found():
    x = np.zeros(100)
    plan = igfast.Plan({"w": x[:50]}, bins=4, range=(-1, 1))
    plan()
    plan.rebind({"w": x})
    assert plan().numel.tolist() == [100]


def test_released_tensors_are_not_kept_alive():
    gradient = torch.zeros(100)
    alive = weakref.ref(gradient)
    plan = igfast.Plan({"w": gradient}, bins=4, range=(-1, 1))
    plan()
    plan.release()
    del gradient
    assert alive() is None
    with pytest.raises(RuntimeError, match="released its tensors; rebind"):
        plan()
    plan.rebind({"w": torch.ones(3)})
    assert plan().counts.tolist() == [[0, 0, 0, 3]]
    with pytest.raises(ValueError, match="rebind needs tensors of the same names"):
        plan.rebind({"v": torch.ones(3)})


def test_moments_beside_the_histogram():
    h, m = igfast.histogram({"w": NORMAL}, bins=64, moments=True)
    alone = igfast.moments({"w": NORMAL})
    for field in ("count", "min", "max", "sum", "variance", "kurtosis"):
        assert getattr(m, field)[0] == getattr(alone, field)[0]
    x = NORMAL.astype(np.float64)
    assert m.mean[0] == pytest.approx(x.mean(), rel=1e-12)
    assert m.variance[0] == pytest.approx(x.var(), rel=1e-12)
    assert m.skewness[0] == pytest.approx(((x - x.mean()) ** 3).mean() / x.std() ** 3, rel=1e-9)
    assert m.kurtosis[0] == pytest.approx(((x - x.mean()) ** 4).mean() / x.var() ** 2 - 3, rel=1e-9)
    assert m.l2[0] == pytest.approx(np.linalg.norm(x), rel=1e-12)
    assert h.numel[0] == m.count[0]


def test_moments_of_nothing():
    m = igfast.moments({"empty": np.array([]), "bad": np.array([np.nan, np.inf, 0.0, -0.0])})
    assert m.count.tolist() == [0, 2]
    assert m.nan.tolist() == [0, 1]
    assert m.inf.tolist() == [0, 1]
    assert m.zeros.tolist() == [0, 2]
    assert np.isnan([m.mean[0], m.min[0], m.max[0], m.variance[0], m.skewness[1]]).all()
    assert (m.sum[0], m.min[1], m.max[1], m.variance[1]) == (0, 0, 0, 0)


BAD = [
    ({"bins": 0}, ValueError, "bins must be from 1"),
    ({"bins": 4, "range": (1, 0)}, ValueError, "low < high"),
    ({"bins": 4, "range": (0, 10**400)}, ValueError, "high must be finite and within float64"),
    ({"bins": 4, "range": 3}, ValueError, r"range must be a pair \(low, high\), got 3"),
    ({"bins": 4, "range": ([0, 0], [1, 1])}, ValueError, "range has 2 rows for 1 tensors"),
    ({"grid": "log"}, TypeError, "grid must be an igfast.Grid, got 'log'"),
    ({"grid": Grid.log(), "range": (0, 1)}, ValueError, "already says bins and range"),
    ({"grid": Grid.dyadic(8), "bins": 4}, ValueError, "already says bins and range"),
    ({"grid": Grid.dyadic(8, exponent=[0, 1])}, ValueError, "exponent has 2 values for 1 tensors"),
    ({"splits": 3}, ValueError, "splits must be 1, 2, 4 or 8, got 3"),
    ({"bins": 4, "range": (0, 1), "offsets": True}, ValueError, "needs a dyadic or log grid"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD, ids=[m for _, _, m in BAD])
def test_bad_arguments(options, error, message):
    with pytest.raises(error, match=message):
        igfast.histogram(np.zeros(3), **options)


@pytest.mark.parametrize(
    "options",
    [
        {"bins": 512, "range": (-1, 1)},
        {"grid": Grid.dyadic(512, exponent=-9)},
        {"grid": Grid.log(mantissa_bits=8, min_exponent=-4, max_exponent=4)},
    ],
    ids=["uniform", "dyadic", "log"],
)
def test_combs_are_warned_about(options):
    x = torch.zeros(3, dtype=torch.bfloat16)
    with pytest.warns(igfast.ResolutionWarning, match="spacing of bfloat16 .*tensor 'w'") as seen:
        igfast.histogram({"w": x}, **options)
    assert seen[0].filename == __file__
    igfast.histogram({"w": x.float()}, **options)


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_plan_cannot_be_copied(make):
    with pytest.raises(TypeError, match=r"a Plan is laid out on tensors .* make another"):
        make(igfast.Plan(np.zeros(3), bins=2))


def test_threads_are_an_integer():
    with pytest.raises(TypeError, match=r"threads must be an integer, got 1\.5 \(float\)"):
        igfast.set_num_threads(1.5)


@pytest.mark.parametrize("threads", [0, -1, 2000])
def test_bad_threads(threads):
    with pytest.raises(ValueError, match="threads must be from 1 to 1024"):
        igfast.set_num_threads(threads)


def test_moments_beyond_float64():
    m = igfast.moments({"huge": np.full(5000, 1.7e308), "wide": np.array([1e100, -1e100] * 50)})
    assert m.sum_squares[0] == np.inf
    assert m.l2[0] == np.inf
    assert not m.kurtosis[1] < -2  # NaN rather than an impossible number


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process")
def test_a_fork_during_a_call_does_not_hang_the_child():
    layers = {str(i): NORMAL for i in range(32)}
    plan = igfast.Plan(layers, grid=Grid.dyadic(256, exponent=-5), splits=8, offsets=True)
    stop = threading.Event()

    def count():
        while not stop.is_set():
            plan()

    thread = threading.Thread(target=count)
    thread.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                igfast.histogram(layers, grid=plan.grid, splits=8, offsets=True)
                os._exit(0)
            end = time.monotonic() + 60
            while (done := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < end:
                time.sleep(0.005)
            if done == (0, 0):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            assert done == (child, 0)
    finally:
        stop.set()
        thread.join()
