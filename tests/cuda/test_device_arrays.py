"""Device arrays through the whole Python path: the same numbers as on the host, living there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import igfast
from igfast import Grid, _arrays, cuda_library

# NumPy arrays that play CuPy's warn as CuPy's do not.
pytestmark = pytest.mark.filterwarnings("ignore:(invalid value|divide by zero):RuntimeWarning")

RNG = np.random.default_rng(1)
SIZES = {"a": 700, "empty": 0, "b": 5000, "c": 33}


def layers(scale: float = 1.0) -> dict[str, np.ndarray]:
    found = {name: (scale * RNG.normal(size=n)).astype(np.float32) for name, n in SIZES.items()}
    found["a"][:3] = np.nan, np.inf, 0.0
    return found


def on(framework, tensors):
    return {name: framework.put(x) for name, x in tensors.items()}


def home(framework) -> str:
    return f"{framework.name} cuda:0"


def assert_same(found, expected):
    """Bit for bit."""
    found = found.to_numpy()
    for name in (
        "split_counts",
        "split_outside",
        "nan",
        "numel",
        "offsets",
        "exponents",
        "origins",
    ):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    assert found.names == expected.names


SAME = ("split_counts", "split_outside", "nan", "numel", "offsets", "exponents", "origins")
GRIDS = [
    {"bins": 40, "range": (-2, 2)},
    {"grid": Grid.dyadic(64, exponent=-4), "offsets": True},
    {"grid": Grid.log(2, -8, 2), "offsets": True},
    {"bins": 128, "offsets": True},
]


@pytest.mark.parametrize("options", GRIDS, ids=["uniform", "dyadic", "log", "automatic"])
def test_histograms_equal_the_host_and_stay_on_the_device(framework, options):
    tensors = layers()
    h, m = igfast.histogram(on(framework, tensors), splits=4, moments=True, **options)
    expected, moments = igfast.histogram(tensors, splits=4, moments=True, **options)
    assert_same(h, expected)
    assert {_arrays.home_of(x) for x in (h.split_counts, h.counts, m.mean)} == {home(framework)}
    for field in ("count", "nan", "inf", "zeros", "min", "max"):
        np.testing.assert_array_equal(getattr(m.to_numpy(), field), getattr(moments, field))
    for field in ("sum", "mean", "variance", "skewness", "kurtosis", "l2"):
        np.testing.assert_allclose(
            getattr(m.to_numpy(), field), getattr(moments, field), rtol=1e-12, atol=1e-14
        )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_dtypes_and_layouts(framework, dtype):
    x = torch.from_numpy(RNG.normal(size=(40, 30))).to(dtype)
    if framework.name == "cupy":
        if dtype is torch.bfloat16:
            pytest.skip("CuPy arrays have no bfloat16")
        x = x.numpy()
    for view in (lambda t: t.T, lambda t: t[::2, 1::3], lambda t: t[3]):
        found = igfast.histogram(view(framework.put(x)), bins=16, range=(-2, 2), splits=4)
        assert_same(found, igfast.histogram(view(x), bins=16, range=(-2, 2), splits=4).to_numpy())


def test_moments_alone(framework):
    tensors = layers()
    found, expected = igfast.moments(on(framework, tensors)), igfast.moments(tensors)
    assert _arrays.home_of(found.mean) == home(framework)
    assert found.names == expected.names
    np.testing.assert_allclose(found.to_numpy().variance, expected.variance, rtol=1e-12)


def test_automatic_bins_follow_one_step_late_as_on_the_host(framework):
    """Every record is on the bins that the host's would be on."""
    scales = [1.0, 1.01, 3.0, 3.0, 0.01, 0.01]
    here, there = layers(), None
    there = on(framework, here)
    plan, expected = igfast.Plan(there, bins=64), igfast.Plan(here, bins=64)
    for scale in scales:
        for name, x in here.items():
            x *= np.float32(scale)
            there[name] *= np.float32(scale)
        assert_same(plan(), expected())
    assert [b.tolist() for b in plan.bins] == [b.tolist() for b in expected.bins]


def test_a_plan_reuses_results_and_finds_tensors_that_moved(framework):
    tensors = layers()
    plan = igfast.Plan(on(framework, tensors), bins=8, range=(-1, 1))
    first = plan()
    block, before = first._block, first.counts
    again = plan(out=first)
    assert again is first
    assert again._block is block
    assert again.counts is not before
    assert_same(again, igfast.histogram(tensors, bins=8, range=(-1, 1)))
    moved = layers(0.5)
    plan.rebind(on(framework, moved))
    assert_same(plan(), igfast.histogram(moved, bins=8, range=(-1, 1)))
    same_size = igfast.Plan(on(framework, tensors), bins=3, range=(-1, 1), splits=2)()
    assert len(same_size._block) == len(first._block)
    for other in (first["a"], same_size):
        with pytest.raises(ValueError, match="out must be an earlier result of this plan"):
            plan(out=other)


@pytest.mark.parametrize("options", GRIDS, ids=["uniform", "dyadic", "log", "automatic"])
def test_a_reused_result_says_what_it_now_holds(framework, options):
    here = layers()
    there = on(framework, here)
    plan = igfast.Plan(there, splits=2, **options)
    h = plan()
    assert h.counts.sum() + h.underflow.sum() + h.overflow.sum() + h.nan.sum() == h.numel.sum()
    before = [h.split_counts, h.edges]
    for name in here:
        here[name] *= np.float32(0.25)
        there[name] *= np.float32(0.25)
    again = plan(out=h)
    assert again is h
    assert h.split_counts.shape == before[0].shape
    on_its_bins = options
    if h.exponents is not None:
        grid = Grid.dyadic(h.bins, exponent=h.exponents, origin=h.origins)
        on_its_bins = {"grid": grid, "offsets": True}
    expected = igfast.histogram(here, splits=2, **on_its_bins)
    assert_same(h, expected)
    np.testing.assert_array_equal(_arrays.to_numpy(h.counts), expected.counts)
    np.testing.assert_array_equal(_arrays.to_numpy(h.overflow), expected.overflow)
    np.testing.assert_array_equal(h.edges, expected.edges)


def test_out_that_is_no_result_of_the_plan_is_refused(framework):
    tensors = layers()
    options = {"bins": 8, "range": (-1, 1), "moments": True}
    plan = igfast.Plan(on(framework, tensors), **options)
    on_host = igfast.Plan(tensors, **options)
    for wrong in (plan(), 5):  # a pair
        with pytest.raises(TypeError, match=r"out must be a Histogram.*of a pair with moments"):
            plan(out=wrong)
    with pytest.raises(ValueError, match=f"on {home(framework)}, got Histogram.* on numpy"):
        plan(out=on_host()[0])
    with pytest.raises(ValueError, match=f"on the host, got Histogram.* on {home(framework)}"):
        on_host(out=plan()[0])


@pytest.mark.parametrize("dt", [1.0, 2.0])
def test_a_step_is_measured_in_the_launch_that_counts(framework, dt):
    grid = {"grid": Grid.dyadic(64, exponent=-4), "splits": 2}
    before, after = layers(), layers(1.1)
    tensors = on(framework, before)
    plan = igfast.Plan(tensors, **grid)
    previous = plan()
    plan.rebind(on(framework, after))
    h, step = igfast.measure_step(plan, previous, dt)
    h0, h1 = igfast.histogram(before, **grid), igfast.histogram(after, **grid)
    assert_same(h, h1)
    assert _arrays.home_of(step.entropy) == home(framework)
    expected = {
        "velocity_squared": igfast.information_velocity(h0, h1, dt) ** 2,
        "entropy": igfast.shannon_entropy(h1),
        "complexity": igfast.statistical_complexity(h1),
        "js_divergence": igfast.js_divergence(h0, h1),
    }
    for name, value in expected.items():
        found = _arrays.to_numpy(getattr(step, name))
        np.testing.assert_allclose(found, value, rtol=1e-12, err_msg=name)
    _, elsewhere = igfast.measure_step(plan, h0, dt)  # on the host: measured there
    np.testing.assert_allclose(
        _arrays.to_numpy(elsewhere.js_divergence), expected["js_divergence"], rtol=1e-12
    )


def test_public_measures_take_device_histograms(framework):
    options = {"grid": Grid.dyadic(64, exponent=-4), "splits": 4, "offsets": True}
    pair = layers(), layers(1.2)
    expected = [igfast.histogram(x, **options) for x in pair]
    found = [igfast.histogram(on(framework, x), **options) for x in pair]
    for estimator in ("hellinger", "split", "node"):
        there = igfast.information_velocity(*found, estimator=estimator)
        assert _arrays.home_of(there) == home(framework)
        here = igfast.information_velocity(*expected, estimator=estimator)
        np.testing.assert_allclose(_arrays.to_numpy(there), here, rtol=1e-12)
    for measure in (igfast.shannon_entropy, igfast.statistical_complexity):
        there = measure(found[1])
        assert _arrays.home_of(there) == home(framework)
        np.testing.assert_allclose(_arrays.to_numpy(there), measure(expected[1]), rtol=1e-12)
    for measure in (igfast.kl_divergence, igfast.js_divergence, igfast.hellinger_distance):
        np.testing.assert_allclose(
            _arrays.to_numpy(measure(*found)), measure(*expected), rtol=1e-12
        )
    elsewhere = igfast.histogram(on(framework, pair[1]), grid=Grid.dyadic(64, exponent=-3))
    mixed = igfast.js_divergence(found[0], elsewhere)  # other bins: aligned on the host
    here = igfast.histogram(pair[1], grid=Grid.dyadic(64, exponent=-3))
    np.testing.assert_array_equal(_arrays.to_numpy(mixed), igfast.js_divergence(expected[0], here))
    assert_same(found[0] + found[1], expected[0] + expected[1])
    assert_same(found[0].rebin(2), expected[0].rebin(2))
    np.testing.assert_array_equal(found[0].quantile(0.5), expected[0].quantile(0.5))


def test_a_monitor_of_device_tensors(framework, tmp_path):
    here = layers()
    for options, path in ((here, "host.igf"), (on(framework, here), "device.igf")):
        with igfast.Monitor(options, store=tmp_path / path, bins=64) as monitor:
            for step in range(4):
                monitor.record(step)
                for x in options.values():
                    x *= np.float32(1.5)
        for x in here.values():
            x /= np.float32(1.5) ** 4
    host, device = (igfast.open(tmp_path / name) for name in ("host.igf", "device.igf"))
    for a, b in zip(host.histograms("param"), device.histograms("param"), strict=True):
        assert_same(b, a)


def test_a_monitor_waits_for_counts_one_step_late(framework):
    """The record is passed on when the next step is done, or when somebody asks."""
    steps = []

    class Sink:
        def write(self, step, record):
            steps.append(step)

        def flush(self): ...
        def close(self): ...

    tensors = on(framework, layers())
    with igfast.Monitor(tensors, sinks=[Sink()]) as monitor:
        monitor.record(1)
        assert steps == []
        monitor.record(2)
        assert steps == [1]
        assert monitor.last["param"].names == tuple(SIZES)
        assert steps == [1, 2]
        monitor.record(3)
        monitor.flush()
        assert steps == [1, 2, 3]
        monitor.record(4)
    assert steps == [1, 2, 3, 4]


def test_devices_are_not_mixed(framework):
    x = np.zeros(3, np.float32)
    with pytest.raises(ValueError, match="must share one framework and device"):
        igfast.histogram([framework.put(x), x])
    h = igfast.histogram([framework.put(x), np.empty(0, np.float32)], bins=2, range=(-1, 1))
    assert _arrays.home_of(h.counts) == home(framework)


def test_results_follow_the_current_stream(framework, monkeypatch):
    if framework.stream is None:
        pytest.skip("the GPU has tests of its own")
    library, streams = cuda_library.library(), []

    class Plan:
        def __init__(self, plan):
            self.info, self._plan = plan.info, plan

        def run(self, tensors_hash, stream, *arguments):
            streams.append(stream)
            self._plan.run(tensors_hash, stream, *arguments)

    class Library:
        def plan(self, **arguments):
            streams.append(arguments["stream"])
            return Plan(library.plan(**arguments))

        def capturing(self, device, stream):
            return library.capturing(device, stream)

    monkeypatch.setattr(cuda_library, "library", Library)
    plan = igfast.Plan(framework.put(np.zeros(9, np.float32)), bins=2, range=(-1, 1))
    for handle in (7, 9):
        set_stream(framework, handle)
        plan()
    assert streams == [7, 7, 9]


def set_stream(framework, handle):
    setattr(framework.stream, "stream_handle" if framework.name == "torch" else "ptr", handle)


def test_capture_needs_a_plan_that_is_laid_out(framework):
    if framework.stream is None:
        pytest.skip("the GPU has tests of its own")
    tensors = on(framework, layers())
    plan = igfast.Plan(tensors, bins=64)
    framework.capture()
    with pytest.raises(RuntimeError, match="is not laid out; call it once before the capture"):
        plan()
    framework.capture(False)
    plan()
    last = plan()
    for x in tensors.values():
        x *= np.float32(100)
    framework.capture()
    captured = plan()
    np.testing.assert_array_equal(captured.exponents, last.exponents)  # bins stay, as in a replay
    assert captured.overflow[0] > last.overflow[0]
    plan.rebind(on(framework, layers()))
    with pytest.raises(RuntimeError, match="has tensors that moved; call it once before"):
        plan()
    strided = igfast.Plan(framework.put(np.zeros(8, np.float32))[::2], bins=2, range=(-1, 1))
    with pytest.raises(RuntimeError, match="reads a copy of a tensor"):
        strided()


class Foreign:
    """A CUDA array of some other library."""

    def __init__(self, memory: np.ndarray) -> None:
        self.memory = memory

    @property
    def __cuda_array_interface__(self):
        return {**self.memory.__array_interface__, "version": 3, "stream": None}


def test_foreign_arrays_are_adopted(framework, monkeypatch):
    if framework.name == "torch":
        pytest.skip("torch adopts them where it has CUDA")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)  # their memory is the host's
    found = igfast.histogram(Foreign(np.array([0.5, 1.5, 1.6])), bins=2, range=(0, 2))
    assert found.counts.tolist() == [[1, 2]]
    assert _arrays.home_of(found.counts) == "cupy cuda:0"
