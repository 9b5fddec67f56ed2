"""The CUDA kernels in the block simulator: strategies, schedules, plans, and mutations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from igfast import _core, reference

ROOT = Path(__file__).resolve().parents[2]
DYADIC = {"grid": _core.GRID_DYADIC}
COUNTERS = {"interleaved": 1, "single": 2, "direct": 3}


def table_of(arrays, starts=None, rows=None) -> np.ndarray:
    starts = starts or [0] * len(arrays)
    rows = rows or range(len(arrays))
    return np.array(
        [
            [a.ctypes.data, a.size, s, _core.DTYPES[a.dtype.name], r]
            for a, s, r in zip(arrays, starts, rows, strict=True)
        ],
        np.int64,
    ).reshape(-1, 5)


class Run:
    """A plan with host outputs, poisoned before each run."""

    def __init__(self, simulator, arrays, bins=256, splits=4, offsets=True, moments=False, **plan):
        self.arrays = arrays
        self.table = table_of(arrays, plan.pop("starts", None))
        self.rows, self.bins, self.splits = len(arrays), bins, splits
        self.counts = np.empty((self.rows, splits, bins), np.int64)
        self.outside = np.empty((self.rows, splits, 2), np.int64)
        self.nan = np.empty(self.rows, np.int64)
        self.offsets = np.empty_like(self.counts) if offsets else None
        self.integers = np.empty((self.rows, 4), np.int64) if moments else None
        self.floats = np.empty((self.rows, 8)) if moments else None
        self.measures = np.empty((self.rows, 4))
        plan = {**DYADIC, **plan}
        self.plan = simulator.library.plan(
            tensors=self.table,
            rows=self.rows,
            bins=bins,
            splits=splits,
            offsets=offsets,
            moments=moments,
            **plan,
        )

    def __call__(self, **given):
        outputs = {"split_counts": self.counts, "split_outside": self.outside, "nan": self.nan}
        outputs |= {"offsets": self.offsets, "measures": given.pop("measures", None)}
        outputs |= {"moment_integers": self.integers, "moment_floats": self.floats}
        outputs = {k: v for k, v in outputs.items() if v is not None}
        for array in outputs.values():
            array.view(np.uint8).fill(0xA5)
        self.plan.run(
            tensors_hash=given.pop("tensors_hash", self.plan.info()["tensors_hash"]),
            **{name: array.ctypes.data for name, array in outputs.items()},
            **given,
        )
        return self

    def bytes(self) -> bytes:
        arrays = [self.counts, self.outside, self.nan, self.offsets, self.integers, self.floats]
        return b"".join(a.tobytes() for a in arrays if a is not None)


def samples(sizes=(0, 1, 300, 5000, 40_001, 17)) -> list[np.ndarray]:
    random = np.random.default_rng(3)
    arrays = []
    for size in sizes:
        x = (random.normal(size=size) * 0.5).astype(np.float32)
        x[::97] = np.nan
        x[1::89] = np.inf
        arrays.append(x)
    return arrays


def bins_of(rows, exponent=-6, origin=-128):
    return {"exponents": np.full(rows, exponent), "origins": np.full(rows, origin)}


def assert_equals_reference(run: Run, starts, exponent=-6, origin=-128) -> None:
    for row, x in enumerate(run.arrays):
        want = reference.dyadic_histogram(
            x.astype(np.float64), run.bins, exponent, origin, run.splits, starts[row]
        )
        np.testing.assert_array_equal(run.counts[row], want.split_counts)
        np.testing.assert_array_equal(run.outside[row], want.split_outside)
        assert run.nan[row] == want.nan
        if run.offsets is not None:
            np.testing.assert_array_equal(run.offsets[row], want.offsets)


@pytest.mark.parametrize("counters", COUNTERS)
@pytest.mark.parametrize("schedule", ["forward", "reverse", "random"])
@pytest.mark.parametrize("offsets", [False, True])
def test_every_strategy_and_schedule(simulator, counters, schedule, offsets):
    arrays = samples()
    starts = [7 * i for i in range(len(arrays))]
    simulator.schedule(schedule, seed=5)
    for splits in (1, 2, 4, 8):
        run = Run(simulator, arrays, splits=splits, offsets=offsets, starts=starts,
                  counters=COUNTERS[counters])  # fmt: skip
        kernel = run.plan.info()["kernel"].lower()
        assert counters in kernel
        run(**bins_of(run.rows))
        assert_equals_reference(run, starts)


def test_results_do_not_depend_on_the_device(simulator):
    """Moments too: the same bits on any number of multiprocessors."""
    seen = set()
    for multiprocessors in (1, 2, 7, 50):
        simulator.device(multiprocessors)
        run = Run(simulator, samples((70_000, 20, 33_000)), moments=True)
        run(**bins_of(run.rows))
        seen.add(run.bytes())
    assert len(seen) == 1


def test_bins_beyond_shared_memory(simulator):
    x = samples((30_000,))
    for bins, kernel in [(256, "Interleaved"), (3000, "Single"), (65_536, "Direct")]:
        run = Run(simulator, x, bins=bins)
        assert kernel in run.plan.info()["kernel"]
        origin = -bins // 2
        run(**bins_of(1, -6, origin))
        assert_equals_reference(run, [0], -6, origin)


def test_packed_counters_are_drained(simulator):
    """Every element in one bin at the largest digit: words of 4,095 elements overflow first."""
    x = np.full(1_000_000, 255 / 256, np.float32)
    for counters in (1, 2):
        run = Run(simulator, [x], bins=4, splits=1, counters=counters)
        run(**bins_of(1, 0, -2))
        assert run.counts.tolist() == [[[0, 0, x.size, 0]]]
        assert run.offsets.tolist() == [[[0, 0, 255 * x.size, 0]]]


def test_a_plan_runs_again_and_follows_its_bins(simulator):
    run = Run(simulator, samples())
    first = run(**bins_of(run.rows)).bytes()
    assert run().bytes() == first  # the last bins, the arrivals back at zero
    run(**bins_of(run.rows, -5, -100))
    assert_equals_reference(run, [0] * run.rows, -5, -100)


def test_a_plan_of_moved_tensors_is_refused(simulator):
    run = Run(simulator, samples())
    moved = run.table.copy()
    moved[3, 0] += 4
    assert simulator.library.hash(run.table) == run.plan.info()["tensors_hash"]
    with pytest.raises(RuntimeError, match="tensors have moved since the plan was made"):
        run(tensors_hash=simulator.library.hash(moved), **bins_of(run.rows))


def test_plans_of_one_kernel_keep_their_shared_memory(simulator):
    large, small = (Run(simulator, samples(), bins=bins) for bins in (600, 8))
    for run in (large, small, large):
        origin = -run.bins // 2
        run(**bins_of(run.rows, -6, origin))
        assert_equals_reference(run, [0] * run.rows, -6, origin)


def test_runs_wait_for_the_last_one_in_whatever_stream(simulator):
    """They share the bins and scratch memory of their plan; what a graph captures is not marked."""
    run = Run(simulator, samples())
    simulator.orders()
    for stream in (0, 7, 9):
        run(**bins_of(run.rows), stream=stream)
    assert simulator.orders() == "mark 0;wait 7;mark 7;wait 9;mark 9;"
    simulator.capture()
    run(stream=11)
    assert simulator.orders() == ""


def test_fused_measures_equal_the_separate_ones(simulator):
    before, now = samples((400, 9000, 50_000)), samples((400, 9000, 50_000))
    now = [x * np.float32(0.9) + np.float32(0.01) for x in now]
    previous, run = Run(simulator, before), Run(simulator, now)
    previous(**bins_of(3))
    run(
        **bins_of(3),
        measures=run.measures,
        previous_counts=previous.counts.ctypes.data,
        previous_outside=previous.outside.ctypes.data,
    )
    _core.use_host_library(None)
    p, q = run.counts.sum(1), previous.counts.sum(1)
    p_outside, q_outside = run.outside.sum(1), previous.outside.sum(1)
    want = np.empty((4, 3))
    _core.divergence("hellinger_squared", 0.0, p, p_outside, q, q_outside, want[0])
    _core.entropy("shannon", p, want[1])
    _core.entropy("complexity", p, want[2])
    _core.divergence("js", 0.0, p, p_outside, q, q_outside, want[3])
    np.testing.assert_allclose(run.measures.T, want, rtol=1e-13)


@pytest.mark.parametrize("kind", ["hellinger_squared", "kl", "js", "fisher_rao", "chi2", "alpha"])
def test_divergences_equal_the_cpu(simulator, kind):
    random = np.random.default_rng(4)
    p, q = random.integers(0, 1000, (2, 5, 77))
    q[1] = 0
    outside = random.integers(1, 9, (5, 2))
    outside[1] = 0
    here, there = np.empty(5), np.empty(5)
    _core.divergence(kind, 0.3, p, outside, q, outside, here)
    _core.use_host_library(None)
    _core.divergence(kind, 0.3, p, outside, q, outside, there)
    np.testing.assert_allclose(here, there, rtol=1e-13)
    assert np.isnan(here[1])


def outcome(simulator, schedule: str) -> bytes:
    """Everything that meeting points protect, in one value; a deadlock is one too."""
    simulator.schedule(schedule, seed=11)
    found = b""
    try:
        simulator.device(multiprocessors=1)
        arrays = [*samples((40_000, 600_000, 0)), np.full(600_000, 255 / 256, np.float32)]
        for counters, moments in [(1, True), (1, False), (2, True)]:
            run = Run(simulator, arrays, moments=moments, counters=counters)
            previous = np.ones_like(run.counts), np.ones_like(run.outside)
            run(**bins_of(4), measures=run.measures, previous_counts=previous[0].ctypes.data,
                previous_outside=previous[1].ctypes.data)  # fmt: skip
            found += run.bytes() + run.measures.tobytes()
    except RuntimeError as error:
        return str(error).encode()
    return found


def test_every_missing_meeting_point_and_wrong_mask_is_noticed(simulator):
    """Barriers, fences and shuffles, in whatever order threads run."""
    right = {s: outcome(simulator, s) for s in ("forward", "reverse", "random")}
    assert len(set(right.values())) == 1
    assert b"deadlock" not in right["forward"]
    assert b"race" not in right["forward"]
    sites = simulator.sites()
    for kind, least in {"barrier": 8, "fence": 2, "shuffle": 3}.items():
        assert sum(site.startswith(kind) for site in sites) >= least
    unnoticed = []
    for index, site in enumerate(sites):
        simulator.disable(index)
        missed = [name for name, value in right.items() if outcome(simulator, name) == value]
        unnoticed += [f"{site} in the {name} schedule" for name in missed]
        simulator.disable(index, False)
    assert not unnoticed, "; ".join(unnoticed)


@pytest.mark.parametrize(
    ("kind", "found"), [("shuffle", b"deadlock in block"), ("barrier", b"race"), ("fence", b"race")]
)
def test_what_a_mutation_looks_like(simulator, kind, found):
    outcome(simulator, "forward")
    site = next(i for i, site in enumerate(simulator.sites()) if site.startswith(kind))
    simulator.disable(site)
    assert outcome(simulator, "forward").startswith(found)
