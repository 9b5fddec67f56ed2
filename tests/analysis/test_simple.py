"""Estimators that compare neighbors: exact where they should be, biased as they say they are."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest

import igfast
from igfast import Grid, Trajectory, analysis
from igfast import reference_measures as reference
from igfast.analysis.series import cut, recorded_moments
from igfast.measures import information_velocity_squared

N = 100_000
X = np.random.default_rng(0).normal(size=N)
SIMPLE = ("hellinger", "chi2", "fisher_rao", "gaussian", "kde", "node")
DOUBLING = math.sqrt(2) * math.log(2)


def record(x, grid=None, splits=2, offsets=True):
    grid = Grid.dyadic(256, exponent=-4) if grid is None else grid
    return igfast.histogram({"w": x}, grid=grid, splits=splits, offsets=offsets)


def shifted(steps, **options):
    """N(0, 1) moved by one σ: L = 1."""
    times = np.arange(steps + 1)
    return Trajectory.from_histograms(times, [record(X + t / steps, **options) for t in times])


def doubled(steps):
    """σ from 1 to 2: L = √2 ln 2."""
    times = np.arange(steps + 1)
    return Trajectory.from_histograms(times, [record(X * 2 ** (t / steps)) for t in times])


def lengths(run):
    return {e: run.length(layer="w", estimator=e)[-1] for e in SIMPLE}


def test_one_large_step():
    """Chord, arc and Gaussian: closed forms of a shift by σ (bins of σ/16 cost 1e-3)."""
    found = lengths(shifted(1))
    overlap = math.exp(-1 / 8)
    assert found["hellinger"] == pytest.approx(math.sqrt(8 * (1 - overlap)), abs=4e-3)
    assert found["fisher_rao"] == pytest.approx(2 * math.acos(overlap), abs=4e-3)
    assert found["chi2"] == pytest.approx(0.905, abs=4e-3)
    assert found["gaussian"] == pytest.approx(1.0, abs=2e-3)
    assert found["node"] == pytest.approx(math.sqrt(8 * (1 - overlap)), abs=4e-3)
    assert found["kde"] == pytest.approx(0.966, abs=4e-3)
    found = lengths(doubled(1))
    overlap = math.sqrt(2 * 2 / 5)
    assert found["hellinger"] == pytest.approx(math.sqrt(8 * (1 - overlap)), abs=6e-3)
    assert found["fisher_rao"] == pytest.approx(2 * math.acos(overlap), abs=6e-3)
    assert found["gaussian"] == pytest.approx(math.sqrt(4 / 2 + 1 / 8 - 1), abs=2e-3)


def test_moderate_steps_are_right_within_the_documented_bias():
    shift = lengths(shifted(10))
    assert shift["gaussian"] == pytest.approx(1.0, abs=2e-3)
    assert shift["kde"] == pytest.approx(1.005, abs=5e-3)
    assert shift["node"] == pytest.approx(1.09, abs=0.02)
    assert shift["hellinger"] == pytest.approx(1.14, abs=0.02)
    scale = lengths(doubled(10))
    assert scale["gaussian"] == pytest.approx(DOUBLING, abs=3e-3)
    assert scale["kde"] == pytest.approx(0.993, abs=0.01)


def test_many_small_steps_measure_the_noise():
    """The trap, in absolute numbers: only the last two stay near 1."""
    found = lengths(shifted(300))
    assert found["hellinger"] == pytest.approx(3.95, abs=0.15)
    assert found["chi2"] == pytest.approx(3.8, abs=0.15)
    assert found["fisher_rao"] == pytest.approx(found["hellinger"], rel=1e-3)
    assert found["node"] == pytest.approx(1.30, abs=0.03)
    assert found["kde"] == pytest.approx(1.007, abs=5e-3)
    assert found["gaussian"] == pytest.approx(1.0, abs=2e-3)


def test_kde_needs_offsets_to_stay_right():
    with_offsets, without = shifted(300), shifted(300, offsets=False)
    assert with_offsets.length(layer="w", estimator="kde")[-1] < 1.02
    assert without.length(layer="w", estimator="kde")[-1] == pytest.approx(1.16, abs=0.06)


@pytest.mark.parametrize("estimator", SIMPLE)
def test_equal_the_measure_of_each_pair(estimator):
    rng = np.random.default_rng(1)
    steps = [0, 2, 3, 7]
    records = [record(X[:3_000] * s + m) for s, m in rng.uniform(0.5, 1.5, size=(4, 2))]
    run = Trajectory.from_histograms(steps, records)
    found = run.velocity_squared(layer="w", estimator=estimator)
    expected = [
        information_velocity_squared(a, b, dt=t, estimator=estimator)[0]
        for a, b, t in zip(records[:-1], records[1:], np.diff(steps), strict=True)
    ]
    # the room that the kernel gets around the grid goes by the widest of a batch
    np.testing.assert_allclose(found, expected, rtol=1e-7 if estimator == "kde" else 1e-9)
    length = run.length(layer="w", estimator=estimator)
    np.testing.assert_allclose(np.diff(length), np.sqrt(found) * np.diff(steps), rtol=1e-12)
    assert length[0] == 0


def test_node_masses_on_merged_grids():
    """A finer record and a coarser one of the same values: no motion between them.

    Positions are rounded down by 1/512 of their own bin on average. Without that much added before
    merging, the two would seem to be shifted by 1/1024 of the coarse bin.
    """
    x = np.random.default_rng(3).uniform(-3, 3, size=400_000)
    records = [record(x, Grid.dyadic(256, exponent=k), splits=1) for k in (-4, -3, -4, -3)]
    (part,) = cut(np.arange(4), records)
    assert part.edges[1] - part.edges[0] == 1 / 8
    counts, inside = part.split_counts[:, 0], part.offsets[:, 0]
    assert (counts == counts[0]).all()
    gap = (inside[0] - inside[1]).sum() / len(x)
    assert abs(gap) < 2e-5  # of a bin; 1/1024 would be 98e-5
    digits = inside - counts / 512  # which the definition adds itself
    masses = [reference.node_masses(counts[t], digits[t], 0, 0) for t in range(4)]
    expected = [
        4 * np.sum(np.diff(np.sqrt(np.array(masses) / len(x)), axis=0)[t] ** 2) for t in range(3)
    ]
    found = analysis.node(part).velocity_squared
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-18)


def test_outside_joins_the_end_nodes():
    grid = Grid.dyadic(2, exponent=0, origin=0)
    run = Trajectory.from_histograms(
        [0, 1], [record(np.array([-5.0, 9.0, 9.0, 9.0]), grid), record(np.array([9.0] * 4), grid)]
    )
    found = run.velocity_squared(layer="w", estimator="node")[0]
    assert found == pytest.approx(4 * (0.25 + (1 - math.sqrt(0.75)) ** 2), rel=1e-12)


def test_records_without_a_common_bin():
    """Disjoint grids: what lies below and above is compared, nodes and densities say nothing, and
    means and variances are known of each by itself."""
    records = [record(X[:100] + m, Grid.dyadic(64, exponent=-3)) for m in (0, 0)]
    far = Grid.dyadic(64, exponent=-3, origin=8_000)
    records += [record(X[:100] + 1_004, far) for _ in range(2)]
    run = Trajectory.from_histograms(range(4), records)
    assert run.velocity_squared(layer="w", estimator="hellinger").tolist() == [0, 8, 0]
    assert run.velocity(layer="w", estimator="fisher_rao")[1] == pytest.approx(math.pi)
    moved = run.velocity(layer="w", estimator="gaussian")[1]
    assert moved == pytest.approx(1_004 / X[:100].std(), rel=1e-2)
    for estimator in ("node", "kde"):
        found = run.velocity(layer="w", estimator=estimator)
        assert np.isnan(found).tolist() == [False, True, False]


def test_a_cut_is_informed_by_records_that_have_bins_in_common():
    """A fast drift: records far from the cut share no bin, those next to it do."""
    exponent, steps = -3, 12
    records = [
        record(X[:20_000] + 8 * t, Grid.dyadic(128, exponent=exponent, origin=64 * t - 64))
        for t in range(steps)
    ]
    run = Trajectory.from_histograms(range(steps), records)
    found = run.length(layer="w", estimator="fisher_rao")[-1]
    assert found == pytest.approx((steps - 1) * math.pi, rel=0.01)  # 8 σ apart: nearly disjoint
    parts = cut(np.arange(steps), records)
    assert all(len(part.edges) > 1 for part in parts)


@pytest.mark.parametrize("estimator", SIMPLE)
def test_grids_of_every_kind(estimator):
    for grid in (Grid.uniform(256, low=-8, high=8), Grid.log(5, -6, 4)):
        run = shifted(4, grid=grid, offsets=grid.kind == "log")
        if estimator == "node" and grid.kind == "uniform":
            continue
        if estimator == "kde" and grid.kind == "log":
            with pytest.raises(ValueError, match="needs bins of one width"):
                run.length(estimator="kde")
            continue
        tolerance = 0.1 if grid.kind == "log" else 0.03
        assert run.length(layer="w", estimator=estimator)[-1] == pytest.approx(1.0, abs=tolerance)


def test_options_by_partial():
    run = shifted(10)
    wide = functools.partial(analysis.kde, bandwidth=1.0)
    found = run.length(layer="w", estimator=wide)[-1]
    assert found == pytest.approx(1 / math.sqrt(2), abs=5e-3)  # 1/√(1 + b²/σ²)
    assert run.length(layer="w", estimator="kde")[-1] > 0.99
    with pytest.raises(ValueError, match="bandwidth must be finite and positive"):
        run.length(estimator=functools.partial(analysis.kde, bandwidth=-1.0))
    with pytest.raises(ValueError, match=r"estimator must be one of 'hellinger', .*got 'magic'"):
        run.length(estimator="magic")
    for wrong in (None, ["split"]):
        with pytest.raises(ValueError, match=r"estimator must be one of .*, or a function"):
            run.length(estimator=wrong)


def test_mixed_splits_merge_to_the_fewest():
    """A run continued with other splits: the counts are the same, 8 splits merge into 4."""
    records = [record(X + t / 4, splits=g) for t, g in enumerate((8, 4, 8, 8))]
    (part,) = cut(np.arange(4), records)
    assert part.split_counts.shape[1] == 4
    again = record(X, splits=4)
    np.testing.assert_array_equal(part.split_counts[0], again.split_counts[0])
    np.testing.assert_allclose(
        part.offsets[0].sum(), (again.offsets + again.split_counts / 512).sum()
    )
    run = Trajectory.from_histograms(range(4), records)
    assert run.length(layer="w", estimator="fisher_rao")[-1] == pytest.approx(0.75, abs=0.03)


# ---- gaussian from recorded moments -------------------------------------------------------------


def moments_of(parts):
    found = [igfast.moments(part) for part in parts]
    return {
        name: np.stack([getattr(m, name) for m in found]) for name in ("count", "mean", "variance")
    }


def test_moments_of_pooled_layers():
    rng = np.random.default_rng(0)
    parts = [[rng.normal(t, 1, 300), rng.normal(5, 2, 700), np.zeros(0)] for t in range(3)]
    pooled = recorded_moments(moments_of(parts), [0, 1, 2])
    for row, (a, b, _) in zip(pooled, parts, strict=True):
        whole = np.concatenate([a, b])
        assert row == pytest.approx([whole.mean(), whole.var()], rel=1e-12)
    alone = recorded_moments(moments_of(parts), [1])
    assert alone[2] == pytest.approx([parts[2][1].mean(), parts[2][1].var()], rel=1e-12)
    assert np.isnan(recorded_moments(moments_of(parts), [2])).all()


def test_gaussian_prefers_recorded_moments():
    """One element at 1e3 is beyond the grid: the moments see it, the bins do not."""
    x = np.concatenate([X[:10_000], [1e3]])
    values = [x, x * 1.1]
    records = [record(v) for v in values]
    fields = moments_of([[v] for v in values])
    steps = np.array([0, 1])
    moments = recorded_moments(fields, [0])
    (part,) = cut(steps, records, moments=moments)
    (m0, v0), (m1, v1) = moments
    expected = reference.gaussian_squared(m0, v0, m1, v1)
    assert analysis.gaussian(part).velocity_squared[0] == pytest.approx(expected, rel=1e-9)
    (bare,) = cut(steps, records)
    inside = [v[:-1] for v in values]
    expected = reference.gaussian_squared(*(f(v) for v in inside for f in (np.mean, np.var)))
    assert analysis.gaussian(bare).velocity_squared[0] == pytest.approx(expected, rel=1e-2)


def test_gaussian_of_a_stored_run(tmp_path):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = torch.nn.Linear(64, 64)
    path = tmp_path / "run.igf"
    means = []
    with igfast.Monitor(model, store=path, every=1) as monitor:
        for step in range(1, 4):
            with torch.no_grad():
                model.weight.mul_(1.5)
            monitor.record(step)
            means.append(float(model.weight.detach().double().mean()))
    run = igfast.open(path)
    found = run.length(layer="weight", estimator="gaussian")
    mean, variance = (run.moments("param")[name][:, 0] for name in ("mean", "variance"))
    assert mean.tolist() == pytest.approx(means, rel=1e-6)
    steps = [
        math.sqrt(reference.gaussian_squared(mean[t], variance[t], mean[t + 1], variance[t + 1]))
        for t in range(len(mean) - 1)
    ]
    np.testing.assert_allclose(found, np.concatenate([[0], np.cumsum(steps)]), rtol=1e-9)


@pytest.mark.parametrize("estimator", SIMPLE)
def test_empty_layers_and_single_records(estimator):
    empty = Trajectory.from_histograms([0, 1], [record(X[:0])] * 2)
    assert np.isnan(empty.velocity(layer="w", estimator=estimator)).all()
    one = Trajectory.from_histograms([3], [record(X[:100])])
    assert one.length(layer="w", estimator=estimator).tolist() == [0.0]
    assert one.velocity(layer="w", estimator=estimator).shape == (0,)
