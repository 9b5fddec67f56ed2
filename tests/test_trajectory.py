"""Trajectories: known lengths, shapes, cuts between grids and memberships."""

import numpy as np
import pytest
import torch

import igfast
from igfast import Grid, Trajectory
from igfast.analysis.series import cut

N = 100_000
X = np.random.default_rng(0).normal(size=N)


def record(layers, grid=None, splits=8):
    grid = Grid.dyadic(256, exponent=-4) if grid is None else grid
    return igfast.histogram(layers, grid=grid, splits=splits, offsets=grid.kind != "uniform")


@pytest.fixture(scope="module")
def drift():
    """N(0, 1) moved by one standard deviation in 100 steps: true length 1."""
    steps = np.arange(0, 101)
    return Trajectory.from_histograms(
        steps,
        [record({"w": X + t / 100, "still": X[:5000]}) for t in steps],
        scalars={"loss": ([0, 50], [2.0, 1.0])},
        config={"model": "drift"},
    )


def test_shapes_and_units(drift):
    assert drift.steps.shape == (101,)
    assert drift.layers == ("w", "still")
    for estimator in ("split", "node", "hellinger"):
        assert drift.velocity(estimator=estimator).shape == (100, 2)
        assert drift.velocity(layer="w", estimator=estimator).shape == (100,)
        length, error = drift.length(estimator=estimator, error=True)
        assert length.shape == error.shape == (101, 2)
        assert length.dtype == np.float64
        assert (length[0] == 0).all()
        assert (np.diff(length, axis=0) >= 0).all()
    assert drift.entropy().shape == drift.complexity().shape == (101, 2)
    assert drift.noise_floor().shape == (100, 2)
    assert drift.scalars()["loss"][1].tolist() == [2.0, 1.0]
    assert drift.config == {"model": "drift"}


def test_the_length_of_a_known_path(drift):
    length, error = drift.length(layer="w", error=True)
    assert length[-1] == pytest.approx(1.0, abs=0.03)
    assert length[50] == pytest.approx(0.5, abs=0.03)
    assert 0 < error[-1] < 0.03
    # the trap: the published estimator adds noise at every record
    assert drift.length(layer="w", estimator="hellinger")[-1] > 1.3
    assert 1.0 < drift.length(layer="w", estimator="node")[-1] < 1.3


def test_methods_take_layer_estimator_and_quantity_in_one_order(drift):
    assert drift.log_derivative("w", "node", "param", 2).order == 2
    expected = drift.log_derivative("w", estimator="node", order=2).value
    assert drift.log_derivative("w", "node", order=2).value.tolist() == expected.tolist()
    assert drift.transitions("w", "node", "param") == drift.transitions("w", estimator="node")
    for method in (drift.velocity, drift.length, drift.log_derivative, drift.transitions):
        with pytest.raises(KeyError, match="momentum"):
            method("w", "split", "momentum")
        with pytest.raises(ValueError, match=r"estimator must be one of .*, got 'grad'"):
            method("w", "grad")


def test_a_layer_that_does_not_move(drift):
    length, error = drift.length(layer="still", error=True)
    assert length[-1] <= 2 * error[-1] + 1e-12
    assert drift.length(layer="still", estimator="hellinger")[-1] == 0


def test_velocity_is_per_step():
    steps = np.arange(0, 101, 5)
    run = Trajectory.from_histograms(steps, [record({"w": X + t / 100}) for t in steps])
    signed, error = run.velocity_squared(layer="w", error=True)
    assert signed.mean() == pytest.approx(1e-4, rel=0.2)
    assert (error > 0).all()
    velocity, spread = run.velocity(layer="w", error=True)
    assert velocity.mean() == pytest.approx(0.01, rel=0.1)
    assert (spread > 0).all()
    np.testing.assert_allclose(velocity**2, np.maximum(signed, 0), rtol=1e-12)


def test_entropy_of_a_layer_on_one_grid():
    uniform = np.linspace(0, 16, 160_000, endpoint=False)
    records = [
        record({"w": x}, Grid.dyadic(16, exponent=k, origin=0))
        for x, k in ((uniform, 0), (uniform / 16, -4), (uniform, 0))
    ]
    run = Trajectory.from_histograms([0, 1, 2], records)
    assert run.common("w").exponent == 0
    assert run.common("w").counts.shape == (3, 16)
    np.testing.assert_allclose(run.entropy(layer="w"), [1, 0, 1], atol=1e-12)
    np.testing.assert_allclose(run.entropy(layer="w", normalized=False)[0], np.log(16))
    np.testing.assert_allclose(run.complexity(layer="w"), [0, 0, 0], atol=1e-12)
    assert str(run.common("w")) == "16 dyadic bins of 2^0 on [0, 16)"


@pytest.mark.parametrize(
    "grid",
    [Grid.uniform(256, low=-8, high=8), Grid.log(4, -6, 4), Grid.dyadic(256)],
    ids=["uniform", "log", "automatic"],
)
def test_every_kind_of_grid(grid):
    steps = np.arange(0, 101, 4)
    w = X.copy()
    plan = igfast.Plan({"w": w}, grid=grid, splits=8)
    records = []
    for t in steps:
        w[:] = X + t / 100
        records.append(plan())
    run = Trajectory.from_histograms(steps, records)
    assert run.length(layer="w")[-1] == pytest.approx(1.0, abs=0.05)
    assert run.entropy().shape == (len(steps), 1)


def test_a_layer_that_outgrows_its_grid():
    """σ grows from 1 to 8: L = √2·ln 8, whatever the grids on the way."""
    steps = np.arange(0, 121)
    w = X.copy()
    plan = igfast.Plan({"w": w}, grid=Grid.dyadic(256), splits=8)
    records = []
    for t in steps:
        w[:] = X * 8 ** (t / 120)
        records.append(plan())
    assert len({int(r.exponents[0]) for r in records}) >= 2
    run = Trajectory.from_histograms(steps, records)
    assert run.length(layer="w")[-1] == pytest.approx(np.sqrt(2) * np.log(8), rel=0.03)


def test_cuts_pass_through_every_record_once():
    x = X[:1000]
    grids = [(-4, -128)] * 5 + [(-5, -128)] * 3 + [(-8, -128)] * 4
    records = [record({"w": x}, Grid.dyadic(256, exponent=k, origin=o)) for k, o in grids]
    parts = cut(np.arange(12), records)
    covered = sorted(
        i
        for part in parts
        for i in range(part.first + part.counted.start, part.first + part.counted.stop)
    )
    assert covered == list(range(11))
    for part in parts:
        assert (
            part.split_counts.sum(axis=(1, 2)) + part.split_outside.sum(axis=(1, 2)) == 1000
        ).all()


def test_nothing_is_differenced_across_a_change_of_membership():
    records = [record({"w": X + t}) for t in range(6)]
    parts = cut(np.arange(6), records, np.array([0, 0, 0, 1, 1, 1]))
    assert [part.steps.tolist() for part in parts] == [[0, 1, 2], [3, 4, 5]]


def test_the_pooled_model(drift):
    alone = Trajectory.from_histograms([0, 100], [record({"w": X}), record({"w": X + 1})])
    np.testing.assert_allclose(
        alone.length(layer="model", estimator="hellinger"),
        alone.length(layer="w", estimator="hellinger"),
    )
    assert 0.9 < drift.length(layer="model")[-1] < 1.0  # the layer that stands still weighs in


def test_the_pooled_model_while_layers_change_their_grids():
    first, second = (Grid.dyadic(256, exponent=-4, origin=[-128, start]) for start in (200, 220))
    grids = [first, second, first, second, first]
    records = [record({"w": X + t / 10, "v": X + 20}, grid) for t, grid in enumerate(grids)]
    assert {one.pooled().bins for one in records} == {584, 604}
    run = Trajectory.from_histograms(range(5), records)
    alike = [record({"w": X + t / 10, "v": X + 20}, second) for t in range(5)]
    fixed = Trajectory.from_histograms(range(5), alike)
    for curve in (lambda t: t.length("model", estimator="node"), lambda t: t.complexity("model")):
        np.testing.assert_allclose(curve(run), curve(fixed), rtol=1e-9)


def test_one_record_and_empty_layers():
    run = Trajectory.from_histograms([7], [record({"w": X[:100], "empty": X[:0]})])
    assert run.length().tolist() == [[0, 0]]
    assert run.velocity().shape == (0, 2)
    two = Trajectory.from_histograms([0, 1], [record({"empty": X[:0]})] * 2)
    assert np.isnan(two.velocity(estimator="hellinger")).all()
    assert np.isnan(two.entropy()).all()


BAD = [
    (lambda r: Trajectory.from_histograms([0], [r, r]), "one step for each of the 2"),
    (lambda r: Trajectory.from_histograms([], []), "at least one"),
    (lambda r: Trajectory.from_histograms([1, 1], [r, r]), "steps must increase"),
    (lambda r: Trajectory.from_histograms([0, 1], [r, record({"v": X[:9]})]), "step 1 has layers"),
    (lambda r: Trajectory.from_histograms([0, 1], [r, r]).length(estimator="x"), "estimator must"),
    (lambda r: Trajectory.from_histograms([0], [r], {"loss": 3}), r"scalars\['loss'\] must be a"),
    (lambda r: Trajectory.from_histograms([0], [r], {"loss": ([0, 1], [2.0])}), "of one length"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[m for _, m in BAD])
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(record({"w": X[:9]}))


def test_records_are_histograms_one_by_one():
    one = record({"w": X[:9]})
    with pytest.raises(TypeError, match=r"histograms\[1\] must be a Histogram, .* got None"):
        Trajectory.from_histograms([0, 1], [one, None])
    for several in (one, None):
        with pytest.raises(TypeError, match="histograms must be a sequence of a Histogram for"):
            Trajectory.from_histograms([0], several)
    assert len(Trajectory.from_histograms([0, 1], (r for r in [one, one])).steps) == 2


def test_layers_are_named_and_the_run_file_is_safe(drift, tmp_path):
    with pytest.raises(TypeError, match="layer must be a name, got 0; the layers are w, still"):
        drift.length(layer=0)
    for method in (drift.running, drift.log_derivative, drift.transitions):
        with pytest.raises(TypeError, match="layer must be a name, got 0"):
            method(0)
    with pytest.raises(KeyError, match="no layer ''"):
        drift.log_derivative("")
    with pytest.raises(TypeError, match="steps must be integers, got float64"):
        Trajectory.from_histograms([0.5], [record({"w": X[:9]})])
    path = tmp_path / "run.html"
    with igfast.Monitor({"w": X[:100]}, store=path) as monitor:
        monitor.record(0)
    before = path.read_bytes()
    for write in (igfast.open(path).report, igfast.open(path).to_parquet):
        with pytest.raises(ValueError, match="is the run file itself"):
            write(path)
    assert path.read_bytes() == before
    other = tmp_path / "other.igf"
    other.write_bytes(before)
    for write in (igfast.open(path).report, igfast.open(path).to_parquet):
        with pytest.raises(ValueError, match="holds a run, or another database"):
            write(other)
        with pytest.raises(ValueError, match="is a folder; name the file to write in it"):
            write(tmp_path)
    assert other.read_bytes() == before


def test_unknown_layers_and_missing_offsets(drift):
    with pytest.raises(KeyError, match="no layer 'v'; the layers are w, still"):
        drift.length(layer="v")
    uniform = record({"w": X[:9]}, Grid.uniform(8, low=-1, high=1))
    run = Trajectory.from_histograms([0, 1], [uniform, uniform])
    with pytest.raises(ValueError, match="needs offsets, which these records lack"):
        run.length(estimator="node")


@pytest.mark.parametrize("name", ["length", "velocity", "transitions", "noise_floor", "sampling"])
def test_unknown_layers_of_a_stored_run(name, tmp_path):
    weights = X[:100].copy()
    with igfast.Monitor({"w": weights}, store=tmp_path / "run.igf") as monitor:
        for step in range(3):
            monitor.record(step)
            weights += 0.1
    with pytest.raises(KeyError, match="no layer 'v'; the layers are w"):
        getattr(igfast.open(tmp_path / "run.igf"), name)("v")


def test_a_run_without_records(tmp_path):
    model = torch.nn.Linear(3, 2)
    with igfast.Monitor(model, store=tmp_path / "empty.igf"):
        pass
    run = igfast.open(tmp_path / "empty.igf")
    assert run.length().shape == (0, 2)
    assert run.velocity().shape == (0, 2)
    assert repr(run) == "Trajectory(0 records of 2 layers)"
    for measure in (run.entropy, run.complexity, run.differential_entropy):
        assert measure().shape == (0, 2)
        assert measure(layer="weight").shape == measure(layer="model").shape == (0,)
    with pytest.raises(KeyError, match="no layer 'v'; the layers are weight, bias"):
        run.entropy(layer="v")
    with pytest.raises(ValueError, match="the run holds no record of 'param' yet"):
        run.common("weight")


def test_what_callers_do_to_records_changes_no_measure(tmp_path):
    """Of layers read one by one and together, of the model, in memory and from a file."""
    x = np.random.default_rng(0).normal(size=2000)
    records = [record({"a": x + t / 10, "b": x * (1 + t / 10)}) for t in range(6)]
    alone = [record({"a": x + t / 10}) for t in range(6)]
    for held in (records, alone):
        first = Trajectory.from_histograms(range(6), held)
        wanted = first.length("a")
        spoiled = Trajectory.from_histograms(range(6), held)
        names = ["a", *spoiled.pooled()]
        for name in names:
            for one in spoiled.records(name):
                one.split_counts[:] = 1
        np.testing.assert_array_equal(spoiled.length("a"), wanted)
        for name in names[1:]:
            np.testing.assert_array_equal(spoiled.length(name), first.length(name))


def test_where_no_length_is_known_no_number_says_zero():
    """Two elements in eight splits, of which six are empty."""
    records = [record({"w": np.array([0.1, 0.2]) * (1 + t)}) for t in range(20)]
    run = Trajectory.from_histograms(range(20), records)
    assert np.isnan(run.length("w")[1:]).all()
    sampling, scales = run.sampling("w"), run.length_scales("w")
    for value in (sampling.length, sampling.error, sampling.length_every_second, sampling.added):
        assert np.isnan(value)
    assert not sampling.coarse
    assert "cannot be judged" in sampling.statement
    assert np.isnan(scales.lengths).all()
    assert np.isnan(scales.errors).all()
    assert "not known" in scales.statement
