"""Sums and coarser bins of layers whose grids differ: each layer keeps all that it knows."""

import numpy as np
import pytest
import torch
from hypothesis import given, reject, settings
from hypothesis import strategies as st

import igfast
from igfast import Grid
from igfast.histograms import align
from igfast.store import RunWriter

VALUES = np.random.default_rng(8).normal(0, 2, (3, 2, 400))  # of three shards and two layers


def shard(number, exponents, origins, bins, **options):
    grid = Grid.dyadic(bins, exponent=exponents, origin=origins)
    return igfast.histogram(dict(zip("ab", VALUES[number], strict=True)), grid=grid, **options)


def assert_counted_directly(h, values):
    """Every layer, on the bins it covers; those behind them are empty."""
    for row, name in enumerate(h.names):
        bins = h.bins if h.covered is None else int(h.covered[row])
        grid = Grid.dyadic(bins, exponent=int(h.exponents[row]), origin=int(h.origins[row]))
        direct = igfast.histogram(values[row], grid=grid, splits=h.splits)
        np.testing.assert_array_equal(h.split_counts[row, :, :bins].sum(0), direct.counts[0])
        assert not h.split_counts[row, :, bins:].any()
        assert (h.underflow[row], h.overflow[row]) == (direct.underflow[0], direct.overflow[0])
        one = h[name]
        assert (one.bins, one.covered, one.grid.bins) == (bins, None, bins)
        np.testing.assert_array_equal(one.edges, direct.edges)
        np.testing.assert_array_equal(one.counts, direct.counts)


def test_a_layer_keeps_its_bins_where_another_has_fewer_in_common():
    rng = np.random.default_rng(1)
    x, y = ({"a": rng.normal(size=10_000), "b": f * rng.normal(size=10_000)} for f in (1, 4))
    left, right = igfast.histogram(x), igfast.histogram(y)
    total = left + right
    assert total.counts.sum(axis=1).tolist() == [20_000, 19_548]
    assert total.overflow.tolist() == [0, 216]
    assert total.bins == 256
    assert total.covered.tolist() == [256, 64]
    assert_counted_directly(total, [np.append(x[name], y[name]) for name in "ab"])
    for name in "ab":
        alone = left[name] + right[name]
        assert alone.bins == total[name].bins
        np.testing.assert_array_equal(alone.counts, total[name].counts)


GRIDS = st.tuples(
    st.lists(st.integers(-3, 1), min_size=2, max_size=2),
    st.lists(st.integers(-12, 2), min_size=2, max_size=2),
    st.integers(8, 40),
)


@settings(max_examples=150, deadline=None)
@given(grids=st.lists(GRIDS, min_size=3, max_size=3), factor=st.sampled_from([1, 2, 4]))
def test_sums_in_any_order_equal_a_direct_count(grids, factor):
    """Padding of a sum is not taken for bins it has seen by the next sum, nor by a rebin."""
    one, two, three = (shard(number, *grid) for number, grid in enumerate(grids))
    try:
        total = (one + two) + three
        coarse = total.rebin(factor)
    except ValueError as error:
        if "no bin in common" not in str(error) and "no whole bin" not in str(error):
            raise
        reject()
    everything = np.concatenate(VALUES, axis=1)
    assert_counted_directly(total, everything)
    assert_counted_directly(coarse, everything)
    other = one + (two + three)
    for field in ("counts", "exponents", "origins", "underflow", "overflow"):
        np.testing.assert_array_equal(getattr(other, field), getattr(total, field))
    assert (total.counts.sum(1) + total.underflow + total.overflow).tolist() == [1200, 1200]


def test_padding_is_no_bin_for_comparisons(tmp_path):
    total = shard(0, [0, 0], [-8, -8], 16) + shard(1, [0, 0], [-8, -12], 16)
    assert total.covered.tolist() == [16, 12]
    assert total.origins.tolist() == [-8, -8]
    whole = shard(2, [0, 0], [-8, -8], 16)  # lies on the same bins, padding included
    other = align(total, whole)[1]
    assert other.covered.tolist() == [16, 12]
    assert_counted_directly(other, VALUES[2])
    wanted = [igfast.js_divergence(total[name], whole[name])[0] for name in "ab"]
    assert igfast.js_divergence(total, whole).tolist() == wanted
    total.save(tmp_path / "h.npz")
    assert igfast.Histogram.load(tmp_path / "h.npz").covered.tolist() == [16, 12]
    for measure in (
        igfast.statistical_complexity,
        lambda h: igfast.statistical_complexity(h, correction="miller_madow"),
        lambda h: igfast.shannon_entropy(h, normalized=True),
        igfast.differential_entropy,
        lambda h: igfast.wasserstein_distance(h, h.rebin(2)),
    ):
        alone = [measure(total[name])[0] for name in "ab"]
        np.testing.assert_array_equal(measure(total), alone)
    assert igfast.shannon_entropy(total[1], normalized=True)[0] == pytest.approx(
        igfast.shannon_entropy(total[1])[0] / np.log(12), rel=1e-15
    )


def test_a_layer_without_common_bins_is_named():
    with pytest.raises(ValueError, match=r"layer 'b' have no bin in common; count both on one"):
        shard(0, [0, 0], [-8, -8], 16) + shard(1, [0, 0], [-8, 100], 16)


def test_rebinning_keeps_the_whole_bins_of_every_layer():
    grid = Grid.dyadic(8, exponent=0, origin=[0, 1])
    h = igfast.histogram([np.arange(8.0) + 0.5, np.arange(1, 9.0) + 0.5], grid=grid, offsets=True)
    coarse = h.rebin(4)
    assert coarse.counts.tolist() == [[4, 4], [4, 0]]
    assert coarse.underflow.tolist() == [0, 3]
    assert coarse.overflow.tolist() == [0, 1]
    assert coarse.covered.tolist() == [2, 1]
    assert coarse["0"].counts.tolist() == h["0"].rebin(4).counts.tolist() == [[4, 4]]
    assert coarse["1"].counts.tolist() == h["1"].rebin(4).counts.tolist() == [[4]]
    assert coarse["1"].edges.tolist() == [[4, 8]]
    assert coarse["1"].offsets.tolist() == [[[2.0]]]  # positions 1/8, 3/8, 5/8 and 7/8


def test_a_rebinned_uniform_grid_says_what_its_edges_are():
    x = np.round(np.random.default_rng(0).uniform(-0.1, 0.3, 3000), 3)  # many on edges
    fine, direct = (igfast.histogram(x, bins=bins, range=(-0.1, 0.3)) for bins in (300, 100))
    rebinned = fine.rebin(3)
    assert np.abs(rebinned.edges - direct.edges).max() < 1e-16
    assert rebinned.counts.tolist() != direct.counts.tolist()
    assert rebinned.grid != direct.grid
    assert str(rebinned.grid) == "uniform, 100 bins of 3 merged on [-0.1, 0.3]"
    np.testing.assert_array_equal(rebinned.grid.edges(), rebinned.edges)
    np.testing.assert_array_equal(fine.rebin(15).edges, rebinned.rebin(5).edges)
    assert fine.rebin(15).grid == rebinned.rebin(5).grid
    for compare in (igfast.js_divergence, lambda p, q: p + q):
        with pytest.raises(ValueError, match=r"100 bins of 3 merged .* count one on the grid of"):
            compare(rebinned, direct)
    again = igfast.histogram(x, grid=rebinned.grid)
    assert again.counts.tolist() == rebinned.counts.tolist()
    assert igfast.js_divergence(rebinned, again).tolist() == [0]
    halves = igfast.histogram(x, bins=64, range=(-1, 1)).rebin(2)
    assert halves.grid == Grid.uniform(32, low=-1, high=1)


def test_sums_live_where_the_first_does():
    x = np.linspace(-1, 1, 100)
    options = {"grid": Grid.dyadic(8, exponent=-2), "offsets": True}
    plain, tensors = (
        igfast.histogram(x, **options),
        igfast.histogram(torch.from_numpy(x), **options),
    )
    other = igfast.histogram(torch.from_numpy(x), grid=Grid.dyadic(8, exponent=-1), offsets=True)
    twice = (2 * plain.counts).tolist()
    for first, second, kind in ((plain, tensors, np.ndarray), (tensors, plain, torch.Tensor)):
        total = first + second
        for field in ("split_counts", "split_outside", "nan", "offsets"):
            assert type(getattr(total, field)) is kind
        assert total.counts.tolist() == twice
        assert total.numel.tolist() == [200]
    assert type((plain + other).counts) is np.ndarray
    assert type((tensors + other).nan) is torch.Tensor


def test_sum_of_shards_and_what_is_none():
    h = igfast.histogram(np.zeros(3), bins=2, range=(-1, 1))
    assert sum([h, h, h]).counts.tolist() == [[0, 9]]
    for wrong in (1, 0, "a", None):
        with pytest.raises(TypeError, match="unsupported operand"):
            h + wrong
    with pytest.raises(TypeError, match="unsupported operand"):
        1 + h
    with pytest.raises(TypeError, match=r"merge takes Histograms, got 5 \(int\)"):
        h.merge(h, 5)


def test_sums_on_different_numbers_of_bins_are_neither_stored_nor_mixed(tmp_path):
    """What a padded row is cut to would be lost."""
    x, y = ({"a": VALUES[0, 0], "b": factor * VALUES[0, 1]} for factor in (1, 4))
    total = igfast.histogram(x) + igfast.histogram(y)
    assert total.covered is not None
    with RunWriter(tmp_path / "run.igf", config={}) as writer:
        writer.define_layers("param", ("a", "b"), [(400,), (400,)], ["float64", "float64"])
        with pytest.raises(ValueError, match="cannot be stored, got covered="):
            writer.write_record(0, 0.0, {"param": (total, None)})
    plain = igfast.histogram(x, bins=total.bins)
    with pytest.raises(ValueError, match=r"of step 1 covers \[\d+, \d+\] of its layers' bins"):
        igfast.Trajectory.from_histograms([0, 1], [plain, total])
