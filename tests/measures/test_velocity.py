"""Γ between two records: closed forms, estimators against their definitions, bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import igfast
from igfast import reference_measures as reference
from igfast.measures import information_velocity_squared

HISTOGRAM_ESTIMATORS = ("hellinger", "chi2", "fisher_rao", "node", "kde", "split")
ESTIMATORS = (*HISTOGRAM_ESTIMATORS, "gaussian")
DYADIC = igfast.Grid.dyadic(128, exponent=-4)
split_counts = st.lists(
    st.lists(st.integers(0, 500), min_size=6, max_size=6).filter(any), min_size=4, max_size=4
)


def records(x, y, *, grid=DYADIC, splits=4):
    return (igfast.histogram(v, grid=grid, splits=splits, offsets=True) for v in (x, y))


def test_hand_computed(from_counts):
    h0, h1 = from_counts([[3, 1]]), from_counts([[1, 1]])
    overlap = math.sqrt(3 / 8) + math.sqrt(1 / 8)
    expected = {
        "hellinger": math.sqrt(8 * (1 - overlap)),
        "chi2": math.sqrt(1 / 10 + 1 / 6),
        "fisher_rao": 2 * math.acos(overlap),
        # means ¾ and 1, variances 3/16 and 1/4, from bin centers
        "gaussian": math.sqrt((1 / 4 + 1 / 16) * 8 / 3 + (3 / 16 + 1 / 16) * 2 - 1),
    }
    for estimator, value in expected.items():
        found = igfast.information_velocity(h0, h1, estimator=estimator)
        assert found[0] == pytest.approx(value, rel=1e-13)
    assert igfast.information_velocity(h0, h1)[0] == pytest.approx(expected["hellinger"], rel=1e-13)


def test_largest_values(from_counts):
    h0, h1 = from_counts([[[2, 0], [3, 0]]]), from_counts([[[0, 1], [0, 4]]])
    largest = {"hellinger": math.sqrt(8), "chi2": 2.0, "fisher_rao": math.pi, "split": 2.0}
    for estimator, value in largest.items():
        found = igfast.information_velocity(h0, h1, estimator=estimator)
        assert found[0] == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("estimator", ["hellinger", "chi2", "fisher_rao", "gaussian", "kde"])
@pytest.mark.parametrize(("mean", "sigma"), [(1.0, 0.0), (0.0, 1.0), (0.6, -0.3)])
def test_gaussian_closed_form(gaussian, estimator, mean, sigma):
    """Γ² = ṁ²/σ² + 2σ̇²/σ², σ = 1, in the limit of small steps: here dt = 0.01."""
    dt = 0.01
    h0 = gaussian(-mean * dt / 2, 1 - sigma * dt / 2)
    h1 = gaussian(mean * dt / 2, 1 + sigma * dt / 2)
    found = igfast.information_velocity(h0, h1, dt=dt, estimator=estimator)
    assert found[0] == pytest.approx(math.sqrt(mean**2 + 2 * sigma**2), rel=2e-4)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_no_motion_is_exactly_zero(estimator):
    x = np.random.default_rng(0).normal(size=5_000)
    h0, h1 = records(x, x)
    found = igfast.information_velocity(h0, h1, estimator=estimator)[0]
    assert found == pytest.approx(0.0, abs=1e-7 if estimator == "kde" else 0.0)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_dt_divides(estimator):
    x = np.random.default_rng(0).normal(size=(2, 5_000))
    h0, h1 = records(list(x), list(x + 0.2))
    one = igfast.information_velocity(h0, h1, estimator=estimator)
    assert 0.15 < one[0] < 0.35
    ten = igfast.information_velocity(h0, h1, dt=10, estimator=estimator)
    each = igfast.information_velocity(h0, h1, dt=np.array([10, 4]), estimator=estimator)
    np.testing.assert_allclose(ten, one / 10, rtol=1e-15)
    np.testing.assert_allclose(each, one / [10, 4], rtol=1e-15)
    squared = information_velocity_squared(h0, h1, dt=[10, 4], estimator=estimator)
    np.testing.assert_allclose(squared, each**2, rtol=1e-14)


def test_squares_of_times_beyond_float64(from_counts):
    n = 10**12
    h0, h1 = from_counts([[n, n]]), from_counts([[n + 1, n - 1]])
    squared = information_velocity_squared(h0, h1, dt=1e-165, estimator="hellinger")[0]
    assert squared == pytest.approx(1e306, rel=1e-9)  # Σ(Δp)²/p = 1/n²
    assert information_velocity_squared(h0, h0, dt=1e-200, estimator="hellinger")[0] == 0
    assert information_velocity_squared(h0, h1, dt=1e-200, estimator="hellinger")[0] == np.inf


def test_the_trap_and_the_way_out():
    """Motion far below a bin: the published estimate goes as √δ, offsets and splits do not."""
    x = np.random.default_rng(1).normal(size=200_000)
    delta = 0.005
    h0, h1 = records(x, x + delta, splits=8)
    ratio = {
        name: igfast.information_velocity(h0, h1, estimator=name)[0] / delta for name in ESTIMATORS
    }
    assert ratio["hellinger"] > 2
    assert 1 < ratio["node"] < 1.3
    assert 0.6 < ratio["split"] < 1.4
    assert ratio["gaussian"] == pytest.approx(1.0, abs=0.01)


# ---- node ---------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_node_equals_its_definition(from_counts, data):
    masses, hists = [], []
    for _ in range(2):
        counts = np.array(data.draw(st.lists(st.integers(0, 100), min_size=5, max_size=5)))
        outside = np.array(data.draw(st.tuples(st.integers(1, 20), st.integers(0, 20))))
        digits = [data.draw(st.integers(0, 255 * int(n))) for n in counts]
        offsets = np.array(digits) / 256
        masses.append(reference.node_masses(counts, offsets, *outside))
        grid = igfast.Grid.dyadic(5, exponent=0, origin=0)
        place = {"exponents": np.array([0]), "origins": np.array([0])}
        hists.append(
            from_counts(counts[None], [outside], grid=grid, offsets=offsets[None, None], **place)
        )
    expected = 4 * reference.hellinger_squared(*masses)
    found = information_velocity_squared(*hists, estimator="node")[0]
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_node_moves_smoothly_across_a_bin_edge():
    """Two halves of one element's mass travel from edge to edge: no jump between the bins."""
    grid = igfast.Grid.dyadic(8, exponent=0, origin=-4)
    half = 1 / 512  # of a digit, which positions were rounded down by on average
    for x in (0.5, 0.75, 1.0):  # N = (1 − f, f): half, a quarter and none on the edge at 0
        f = x + half
        overlap = math.sqrt((1 - half) * (1 - f)) + math.sqrt(half * f) if x < 1 else math.sqrt(
            half * (1 - half)
        )  # fmt: skip
        h0, h1 = records(np.array([0.0]), np.array([x]), grid=grid, splits=1)
        squared = information_velocity_squared(h0, h1, estimator="node")[0]
        assert squared == pytest.approx(8 * (1 - overlap), rel=1e-14, abs=1e-14)


def test_node_on_different_grids_of_several_layers():
    """Each layer equals the same layer alone: padding of shorter grids moves no edge."""
    rng = np.random.default_rng(0)
    x = [rng.normal(size=500), rng.normal(size=500) * 3]
    early = igfast.Grid.dyadic(32, exponent=(-3, -2), origin=(-16, -16))
    late = igfast.Grid.dyadic(32, exponent=(-2, -2), origin=(-16, -10))
    h0 = igfast.histogram(x, grid=early, offsets=True)
    h1 = igfast.histogram([v * 1.1 for v in x], grid=late, offsets=True)
    both = igfast.information_velocity(h0, h1, estimator="node")
    alone = [igfast.information_velocity(h0[row], h1[row], estimator="node")[0] for row in (0, 1)]
    np.testing.assert_array_equal(both, alone)
    # offsets merge exactly: the coarse histogram made directly says the same, but for digits
    direct = igfast.histogram(x[0], grid=igfast.Grid.dyadic(16, exponent=-2), offsets=True)
    merged = igfast.information_velocity(h0[0], h1[0], estimator="node")[0]
    expected = igfast.information_velocity(direct, h1[0], estimator="node")[0]
    assert merged == pytest.approx(expected, rel=2e-3)


# ---- split --------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=100)
@given(first=split_counts, second=split_counts)
def test_split_equals_its_definition(from_counts, first, second):
    p, q = np.array(first), np.array(second)
    h0, h1 = (from_counts([c[:, 1:-1]], c[:, [0, -1]]) for c in (p, q))
    expected = reference.split_squared(p, q)
    squared = information_velocity_squared(h0, h1)[0]
    assert squared == pytest.approx(expected, rel=1e-11, abs=1e-13)
    velocity = igfast.information_velocity(h0, h1, estimator="split")[0]
    assert velocity == math.sqrt(max(squared, 0.0))


def test_split_of_equal_splits_is_chi2(from_counts):
    h0, h1 = from_counts([[[5, 3, 2]] * 4]), from_counts([[[4, 3, 5]] * 4])
    chi2 = information_velocity_squared(h0, h1, estimator="chi2")
    np.testing.assert_allclose(information_velocity_squared(h0, h1), chi2, rtol=1e-14)


@pytest.mark.parametrize("size", [300, 20_000])  # about one element in a cell, and many
def test_split_is_unbiased_where_nothing_moves(size):
    rng = np.random.default_rng(7)
    repeats = 400
    h0, h1 = (
        igfast.histogram(list(rng.normal(size=(repeats, size))), grid=DYADIC, splits=4)
        for _ in range(2)
    )
    squared = information_velocity_squared(h0, h1)
    error = squared.std() / math.sqrt(repeats)
    assert abs(squared.mean()) < 3 * error
    assert 0.4 < np.mean(squared < 0) < 0.6
    floor = information_velocity_squared(h0, h1, estimator="hellinger").mean()
    assert floor > 50 * error


# ---- gaussian -----------------------------------------------------------------------------------


def test_gaussian_from_moments_and_from_histograms():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=10_000), rng.normal(0.4, 1.5, size=10_000)
    m0, m1 = igfast.moments(x), igfast.moments(y)
    expected = reference.gaussian_squared(x.mean(), x.var(), y.mean(), y.var())
    found = information_velocity_squared(m0, m1, estimator="gaussian")
    assert found[0] == pytest.approx(expected, rel=1e-12)
    h0, h1 = records(x, y, grid=igfast.Grid.dyadic(512, exponent=-4))
    binned = information_velocity_squared(h0, h1, estimator="gaussian")
    assert binned[0] == pytest.approx(expected, rel=1e-3)


def test_gaussian_keeps_its_digits(gaussian):
    m0 = igfast.moments(np.array([-1.0, 1.0]))
    m1 = igfast.moments(np.array([-1.0, 1.0]) + 2.0**-40)
    found = igfast.information_velocity(m0, m1, estimator="gaussian")
    assert found[0] == pytest.approx(2.0**-40, rel=1e-12)


def test_gaussian_needs_two_different_values():
    m0, m1 = igfast.moments([np.ones(4), np.arange(4.0)]), igfast.moments([np.ones(4), np.ones(4)])
    assert np.isnan(igfast.information_velocity(m0, m1, estimator="gaussian")).all()


# ---- shared -------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_empty_layers_are_nan(estimator):
    x = [np.array([]), np.linspace(-1, 1, 64)]
    h0, h1 = records(x, [v + 0.1 for v in x])
    found = igfast.information_velocity(h0, h1, estimator=estimator)
    assert np.isnan(found).tolist() == [True, False]


@pytest.mark.parametrize("estimator", HISTOGRAM_ESTIMATORS)
def test_grids_without_a_common_bin_are_nan(estimator):
    x = np.ones(16)
    h0, _ = records(x, x)
    _, h1 = records(x, x, grid=igfast.Grid.dyadic(4, exponent=-4, origin=10_000))
    assert np.isnan(igfast.information_velocity(h0, h1, estimator=estimator)).all()


def test_torch_in_torch_out():
    torch = pytest.importorskip("torch")
    x = torch.linspace(-1, 1, 1000)
    h0, h1 = records(x, x * 1.1)
    for estimator in ESTIMATORS:
        found = igfast.information_velocity(h0, h1, dt=torch.tensor(2.0), estimator=estimator)
        assert isinstance(found, torch.Tensor)
        assert found.dtype is torch.float64
        expected = igfast.information_velocity(
            h0.to_numpy(), h1.to_numpy(), dt=2.0, estimator=estimator
        )
        np.testing.assert_array_equal(found.numpy(), expected)
    m = igfast.moments(x)
    found = igfast.information_velocity(m, m, estimator="gaussian")
    assert isinstance(found, torch.Tensor)


@pytest.mark.parametrize("dt", [0, -1.0, math.nan, math.inf, [1.0, 0.0]])
def test_dt_must_be_positive(from_counts, dt):
    h = from_counts([[1, 2], [3, 4]])
    with pytest.raises(ValueError, match=r"dt must be finite and positive, got .*; pass the time"):
        igfast.information_velocity(h, h, dt=dt)


def test_dt_must_fit_the_layers(from_counts):
    h = from_counts([[1, 2], [3, 4]])
    with pytest.raises(ValueError, match=r"each of the 2 layers, got shape \(3,\)"):
        igfast.information_velocity(h, h, dt=[1, 2, 3])
    with pytest.raises(TypeError, match=r"dt must be a number .*got 'soon'"):
        igfast.information_velocity(h, h, dt="soon")


def test_bad_estimators(from_counts):
    h = from_counts([[1, 2]])
    with pytest.raises(ValueError, match=r"estimator must be one of 'hellinger', .*got 'magic'"):
        igfast.information_velocity(h, h, estimator="magic")
    with pytest.raises(ValueError, match="needs offsets, h0 has none; make it with"):
        igfast.information_velocity(h, h, estimator="node")
    with pytest.raises(ValueError, match="needs at least 2 splits, the histograms have 1"):
        igfast.information_velocity(h, h, estimator="split")
    with pytest.raises(ValueError, match="needs the same splits in both, got 1 and 2"):
        igfast.information_velocity(h, from_counts([[[1, 1], [1, 1]]]), estimator="split")


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_bad_operands(from_counts, estimator):
    h = from_counts([[1, 2]])
    with pytest.raises(TypeError, match=r"h0 must be an igfast\.Histogram, got ndarray"):
        igfast.information_velocity(np.ones(2), h, estimator=estimator)
    with pytest.raises(TypeError, match=r"h1 must be an igfast\.Histogram, got NoneType"):
        igfast.information_velocity(h, None, estimator=estimator)


@pytest.mark.parametrize("estimator", HISTOGRAM_ESTIMATORS)
def test_moments_only_for_gaussian(estimator):
    m = igfast.moments(np.arange(4.0))
    with pytest.raises(TypeError, match="h0 is Moments; use estimator='gaussian'"):
        igfast.information_velocity(m, m, estimator=estimator)


@pytest.mark.parametrize("estimator", ["hellinger", "chi2", "fisher_rao", "gaussian"])
def test_layers_must_agree(from_counts, estimator):
    with pytest.raises(ValueError, match="same layers, got 1 and 2"):
        igfast.information_velocity(
            from_counts([[1, 2]]), from_counts([[1, 2], [1, 2]]), estimator=estimator
        )


def test_what_is_no_time_or_estimator():
    h0, h1 = (igfast.histogram(np.full(4, x), bins=2, range=(0, 2)) for x in (0.5, 1.5))
    assert igfast.information_velocity(h0, h1, dt=5e-324)[0] == np.inf
    for dt in (1j, 10**400):
        with pytest.raises(TypeError, match="dt must be a number"):
            igfast.information_velocity(h0, h1, dt=dt)
    with pytest.raises(ValueError, match=r"estimator must be one of .*, got \['node'\]"):
        igfast.information_velocity(h0, h1, estimator=["node"])
    with pytest.raises(TypeError, match="bandwidth must be 'silverman' or a number"):
        igfast.information_velocity(h0, h1, estimator="kde", bandwidth=np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match=r"p must be 1 or 2, got array\(\[1, 2\]\)"):
        igfast.wasserstein_distance(h0, h1, p=np.array([1, 2]))
