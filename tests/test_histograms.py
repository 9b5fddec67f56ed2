"""Histogram objects: merging, rebinning, quantiles, pooling, saving."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import igfast
from igfast import Grid
from igfast.histograms import align, cells


def histogram(x, exponent, origin, bins=16, splits=2, **options):
    grid = Grid.dyadic(bins, exponent=exponent, origin=origin)
    return igfast.histogram(x, grid=grid, splits=splits, offsets=True, **options)


@pytest.fixture
def sample():
    return {"a": np.random.default_rng(0).normal(size=5000), "b": np.linspace(-1, 1, 777)}


def test_nothing_is_lost(sample):
    sample["b"][:5] = np.nan, np.inf, -np.inf, 99, -99
    h = igfast.histogram(sample, bins=8, range=(-1, 1), splits=4)
    total = h.counts.sum(axis=1) + h.underflow + h.overflow + h.nan
    np.testing.assert_array_equal(total, h.numel)
    assert h.nan.tolist() == [0, 1]
    assert (h.underflow[1], h.overflow[1]) == (2, 2)
    assert len(h) == 2
    assert (h.bins, h.splits) == (8, 4)


def test_one_layer(sample):
    h = igfast.histogram(sample, bins=8, splits=2)
    one = h["b"]
    assert one.names == ("b",)
    np.testing.assert_array_equal(one.counts[0], h.counts[1])
    np.testing.assert_array_equal(one.edges[0], h.edges[1])
    np.testing.assert_array_equal(h[-1].counts, one.counts)
    with pytest.raises(KeyError, match="no layer 'c'; the layers are a, b"):
        h["c"]
    with pytest.raises(IndexError, match="no layer 2: there are 2"):
        h[2]
    for wrong in (slice(0, 1), True, None, 0.0):
        with pytest.raises(TypeError, match=r"named or numbered, got .*select\(\) takes a list"):
            h[wrong]


def test_some_layers(sample):
    h = igfast.histogram({**sample, "c": np.zeros(3), "d": np.ones(4)}, bins=8, range=(-2, 2))
    for layers in ([3, 1], (3, 1), np.array([3, 1]), ["d", "b"], [-1, "b"], iter([3, 1])):
        some = h.select(layers)
        assert some.names == ("d", "b")
        assert some.numel.tolist() == [4, 777]
        np.testing.assert_array_equal(some.split_counts, h.split_counts[[3, 1]])
    for mask in ([True, False, True, True], np.array([True, False, True, True])):
        with pytest.raises(TypeError, match=r"got .*True.* numpy\.flatnonzero makes of a mask"):
            h.select(mask)


def test_shards_add_up(sample):
    whole = histogram(sample, -3, -8)
    left = histogram({k: x[:300] for k, x in sample.items()}, -3, -8)
    right = histogram({k: x[300:] for k, x in sample.items()}, -3, -8, starts=[300, 300])
    total = left + right
    np.testing.assert_array_equal(total.split_counts, whole.split_counts)
    np.testing.assert_array_equal(total.offsets, whole.offsets)
    np.testing.assert_array_equal(total.split_outside, whole.split_outside)
    np.testing.assert_array_equal(total.numel, whole.numel)
    with pytest.raises(ValueError, match="merge needs the same layers"):
        whole + whole["a"]


@pytest.mark.parametrize(("exponent", "origin", "bins"), [(-3, -11, 23), (-4, -32, 64), (0, 1, 8)])
@pytest.mark.parametrize("factor", [1, 2, 4])
def test_rebinning_a_dyadic_grid_is_exact(sample, exponent, origin, bins, factor):
    """As if counted on the coarse grid at once; offsets keep the finer position."""
    fine = histogram(sample, exponent, origin, bins)
    coarse = fine.rebin(factor)
    octaves = factor.bit_length() - 1
    direct = histogram(sample, int(coarse.exponents[0]), int(coarse.origins[0]), coarse.bins)
    assert coarse.exponents.tolist() == [exponent + octaves] * 2
    np.testing.assert_array_equal(coarse.split_counts, direct.split_counts)
    np.testing.assert_array_equal(coarse.split_outside, direct.split_outside)
    np.testing.assert_array_equal(coarse.edges, direct.edges)
    # floor(256·position)/256 of the fine bin is within 1/256 of a fine bin below the position
    gap = coarse.offsets - direct.offsets
    assert (gap >= 0).all()
    assert (gap <= coarse.split_counts / 256).all()


def test_rebinning_a_uniform_grid_keeps_its_edges(sample):
    h = igfast.histogram(sample, bins=60, range=(-0.7, 0.9))
    r = h.rebin(4)
    np.testing.assert_array_equal(r.counts, h.counts.reshape(2, 15, 4).sum(axis=2))
    np.testing.assert_array_equal(r.edges, h.edges[::4])
    np.testing.assert_array_equal(r.underflow, h.underflow)
    with pytest.raises(ValueError, match="factor must divide the 60 bins"):
        h.rebin(7)


def test_rebinning_a_log_grid_is_exact(sample):
    fine = igfast.histogram(sample, grid=Grid.log(3, -6, 1), splits=2, offsets=True)
    coarse = fine.rebin(4)
    direct = igfast.histogram(sample, grid=Grid.log(1, -6, 1), splits=2, offsets=True)
    np.testing.assert_array_equal(coarse.split_counts, direct.split_counts)
    np.testing.assert_array_equal(coarse.edges, direct.edges)
    assert coarse.grid == direct.grid
    with pytest.raises(ValueError, match="factor must be a power of two"):
        fine.rebin(3)
    with pytest.raises(ValueError, match="at most 8, the bins per octave"):
        fine.rebin(16)


@settings(max_examples=60, deadline=None)
@given(
    exponents=st.tuples(*[st.integers(-8, 3)] * 2),
    origins=st.tuples(*[st.integers(-300, 300)] * 2),
    bins=st.tuples(*[st.integers(1, 70)] * 2),
    center=st.floats(-3, 3),
)
def test_aligned_histograms_equal_a_direct_count(exponents, origins, bins, center):
    x = np.random.default_rng(5).normal(center, 1, 500)
    h0, h1 = (histogram(x, k, o, b) for k, o, b in zip(exponents, origins, bins, strict=True))
    a0, a1, comparable = align(h0, h1)
    if not comparable[0]:
        lows = [o * 2.0**k for k, o in zip(exponents, origins, strict=True)]
        highs = [low + b * 2.0**k for low, b, k in zip(lows, bins, exponents, strict=True)]
        assert min(highs) - max(lows) < 2 * 2.0 ** max(exponents)
        return
    for a, h in ((a0, h0), (a1, h1)):
        np.testing.assert_array_equal(a.edges, a0.edges)
        direct = histogram(x, int(a.exponents[0]), int(a.origins[0]), a.bins)
        np.testing.assert_array_equal(a.split_counts, direct.split_counts)
        np.testing.assert_array_equal(a.split_outside, direct.split_outside)
        assert a.counts.sum() + a.underflow + a.overflow == 500 == h.numel[0]


def test_cells_pads_layers_with_fewer_common_bins():
    x = {"a": np.array([0.5, 1.5]), "b": np.array([0.5, 1.5])}
    h0 = igfast.histogram(x, grid=Grid.dyadic(4, exponent=[0, 0], origin=[0, 0]))
    h1 = igfast.histogram(x, grid=Grid.dyadic(4, exponent=[0, 0], origin=[0, 1]))
    c0, c1, comparable = cells(h0, h1)
    assert comparable.all()
    assert c0.tolist() == [[0, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0]]
    assert c1.tolist() == [[0, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0]]


def test_grids_without_common_bins_are_not_comparable():
    x = {"w": np.array([0.5])}
    h0, h1 = histogram(x, 0, 0, 4), histogram(x, 0, 100, 4)
    assert not cells(h0, h1)[2][0]
    with pytest.raises(ValueError, match="layer 'w' have no bin in common"):
        h0 + h1


def test_what_cannot_be_compared():
    x = np.array([0.5])
    uniform = igfast.histogram(x, bins=4, range=(0, 1))
    with pytest.raises(ValueError, match="different edges cannot be compared"):
        align(uniform, igfast.histogram(x, bins=4, range=(0, 2)))
    with pytest.raises(ValueError, match="same kind of grid, got uniform and dyadic"):
        align(uniform, histogram(x, 0, 0))
    with pytest.raises(ValueError, match="same splits, got 1 and 2"):
        uniform + igfast.histogram(x, bins=4, range=(0, 1), splits=2)
    logs = [igfast.histogram(x, grid=Grid.log(1, k, k + 1)) for k in (0, 1)]
    with pytest.raises(ValueError, match="no octave in common"):
        align(*logs)
    with pytest.raises(ValueError, match="leaves no whole bin of 5 in layer '0'"):
        histogram(x, 0, 1, 5).rebin(4)


def test_quantiles():
    x = np.random.default_rng(0).normal(size=200_001)
    h = igfast.histogram({"w": x, "empty": x[:0]}, bins=2048, range=(-6, 6))
    q = [0.0, 0.01, 0.5, 0.9, 1.0]
    found = h.quantile(q)
    assert found.shape == (5, 2)
    np.testing.assert_allclose(found[1:4, 0], np.quantile(x, q[1:4]), atol=12 / 2048)
    assert np.isnan(found[:, 1]).all()
    assert h.quantile(0.5).shape == (2,)
    few = igfast.histogram(np.array([5.2, 5.4, 6.7]), bins=10, range=(0, 10))
    assert few.quantile([0, 1 / 3, 0.5, 1]).tolist() == [[5], [5.5], [5.75], [7]]
    beyond = igfast.histogram([np.full(2, 99.0), np.full(2, -9.0)], bins=10, range=(0, 10))
    for q in (0, 0.5, 1):
        assert beyond.quantile(q).tolist() == [np.inf, -np.inf]
    one_below = igfast.histogram(np.array([-1.0, 3.5, 3.6, 3.7]), bins=10, range=(0, 10))
    assert one_below.quantile([0, 0.25, 1]).tolist() == [[-np.inf], [-np.inf], [4]]
    half_outside = igfast.histogram([-5.0 * np.ones(3), 5 * np.ones(3)], bins=2, range=(-1, 1))
    assert half_outside.quantile(0.5).tolist() == [-np.inf, np.inf]
    with pytest.raises(ValueError, match=r"in \[0, 1\], got 2"):
        h.quantile(2)


def test_pooled_dyadic_layers():
    x = {"wide": np.array([-3.0, 0.25, 7.5]), "narrow": np.array([1.001, 1.002])}
    h = igfast.histogram(x, grid=Grid.dyadic(16, exponent=[0, -10], origin=[-8, 1024]), splits=2)
    pool = h.pooled()
    assert pool.names == ("model",)
    assert pool.exponents.tolist() == [0]
    assert pool.origins.tolist() == [-8]
    assert pool.counts[0, [5, 8, 9, 15]].tolist() == [1, 1, 2, 1]
    assert pool.numel.tolist() == [5]
    assert pool.counts.sum() + pool.underflow[0] + pool.overflow[0] == 5


def test_pooled_keeps_positions():
    x = np.random.default_rng(2).uniform(0, 4, 1000)
    h = igfast.histogram(
        {"a": x, "b": x}, grid=Grid.dyadic(64, exponent=[-4, -2], origin=[0, 0]), offsets=True
    )
    pool = h.pooled()
    width = 2.0 ** pool.exponents[0]
    left = pool.edges[0, :-1]
    total = (pool.counts[0] * left + pool.offsets[0, 0] * width).sum()
    assert total == pytest.approx(2 * x.sum(), abs=2 * 1000 * width / 256)


@pytest.mark.parametrize(
    "options",
    [
        {"bins": 8, "range": (-1, 1)},
        {"bins": 8, "range": ([-1, -2], [1, 2])},
        {"bins": 8, "offsets": True, "splits": 4},
        {"grid": Grid.log(1, -4, 2), "offsets": True},
    ],
    ids=str,
)
def test_saved_and_loaded(sample, tmp_path, options):
    h = igfast.histogram(sample, **options)
    h.save(tmp_path / "h.npz")
    back = igfast.Histogram.load(tmp_path / "h.npz")
    assert back.names == h.names
    assert back.grid == h.grid
    for field in ("split_counts", "split_outside", "nan", "numel", "edges"):
        np.testing.assert_array_equal(getattr(back, field), getattr(h, field), strict=True)
    if h.offsets is None:
        assert back.offsets is None
    else:
        np.testing.assert_array_equal(back.offsets, h.offsets)


def test_a_foreign_archive_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.zeros(3))
    with pytest.raises(ValueError, match=r"x\.npz is not a saved Histogram: it lacks grid"):
        igfast.Histogram.load(tmp_path / "x.npz")


def archive(path, **changes):
    """A saved histogram with some arrays changed."""
    igfast.histogram({"a": np.zeros(3), "b": np.zeros(2)}, bins=2, range=(0, 1)).save(path)
    with np.load(path) as saved:
        arrays = dict(saved)
    np.savez(path, **{**arrays, **changes})
    return path


@pytest.mark.parametrize("content", [b"", b"junk", "half", "array"])
def test_a_damaged_archive_is_no_histogram(tmp_path, content):
    path = tmp_path / "h.npz"
    if content == "array":
        np.save(tmp_path / "h.npy", np.zeros(3))
        content = (tmp_path / "h.npy").read_bytes()
    elif content == "half":
        whole = archive(path).read_bytes()
        content = whole[: len(whole) // 2]
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"h\.npz is not a saved Histogram: it is no NumPy archive"
    ):
        igfast.Histogram.load(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nan": np.zeros(1, np.int64)}, r"its arrays do not fit 2 layers: .* nan \(1,\)"),
        ({"split_counts": np.zeros(2, np.int64)}, r"do not fit 2 layers: split_counts \(2,\)"),
        ({"names": np.array(["a"])}, "do not fit 1 layers"),
        ({"grid": np.array('{"kind": "log"}')}, "its grid is"),
        ({"grid": np.array("grid")}, "its grid is 'grid'"),
    ],
)
def test_an_archive_that_does_not_fit_together_is_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        igfast.Histogram.load(archive(tmp_path / "h.npz", **changes))


def test_a_missing_archive_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.npz"):
        igfast.Histogram.load(tmp_path / "gone.npz")


def test_a_histogram_is_no_array():
    h = igfast.histogram({"a": np.zeros(3), "b": np.zeros(2)}, bins=2, range=(0, 1))
    with pytest.raises(TypeError, match=r"a Histogram is no array; its counts are, h\.counts"):
        np.asarray(h)
    for add in (lambda: h + np.zeros(3), lambda: np.zeros(3) + h, lambda: np.int64(0) + h):
        with pytest.raises(TypeError):
            add()


def test_layers_are_looked_up():
    h = igfast.histogram({"a": np.zeros(3), "b": np.zeros(2)}, bins=2, range=(0, 1))
    assert "a" in h
    assert "c" not in h
    for layers in ("ab", 1):
        with pytest.raises(TypeError, match=r"select takes a list of layers, got .*; h\["):
            h.select(layers)
    with pytest.raises(TypeError, match=r"factor must be an integer, got 2\.0"):
        h.rebin(2.0)
    with pytest.raises(ValueError, match=r"q must be a number .*, got 'half'"):
        h.quantile("half")


def test_torch_in_torch_out(sample):
    tensors = {name: torch.from_numpy(x) for name, x in sample.items()}
    h = igfast.histogram(tensors, bins=8, splits=2, offsets=True)
    for field in ("counts", "split_counts", "split_outside", "underflow", "overflow", "nan"):
        assert getattr(h, field).dtype == torch.int64
    assert h.offsets.dtype == torch.float64
    for derived in (h + h, h.rebin(2), h["a"], h.pooled()):
        assert isinstance(derived.counts, torch.Tensor)
    plain = h.to_numpy()
    np.testing.assert_array_equal(plain.counts, igfast.histogram(sample, bins=8, splits=2).counts)


def test_pooled_layers_far_apart_share_coarser_bins():
    x = {"far": 1e6 + np.linspace(-0.1, 0.1, 500), "near": np.linspace(-1, 1, 500)}
    pool = igfast.histogram(x, bins=256).pooled()
    assert pool.bins <= 8192
    assert pool.counts.sum() + pool.underflow[0] + pool.overflow[0] == 1000
    with pytest.raises(ValueError, match="at least one layer"):
        igfast.histogram({}, bins=4).pooled()


def test_factors_of_any_integer_type():
    h = histogram({"w": np.arange(16.0)}, 0, 0)
    assert h.rebin(np.int64(4)).bins == 4
    with pytest.raises(TypeError):
        h.rebin(2.0)
