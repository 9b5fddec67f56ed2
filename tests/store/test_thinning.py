"""A bounded number of histograms, closer where a model moves faster; all numbers; the same L."""

from __future__ import annotations

import numpy as np
import pytest

import igfast
from igfast.report import write_report
from igfast.store import RunReader, RunWriter, StoreError
from igfast.store.encoding import moment_arrays
from igfast.store.thinning import TICKS, Kept, Place, budget_of, distance, place_after, places_of

BUDGET = 64
GRID = igfast.Grid.dyadic(256, exponent=-4)
X = np.random.default_rng(0).normal(size=20_000)


def walk(moves, memberships=None):
    """Places of records that are these ticks apart."""
    places = [place_after(None, 0, 0, 0)]
    for step, moved in enumerate(moves, 1):
        places.append(place_after(places[-1], step, moved, 0))
    return places


def kept_along(places, budget=BUDGET):
    """What a writer keeps on the way: dropping what the rule no longer wants."""
    kept, most = Kept(budget), 0
    for place in places:
        for step in kept.surplus(place):
            del kept.places[step]
        if kept.wants(place, place):
            kept.places[place.step] = place
        most = max(most, len(kept.places))
    for step in kept.surplus(places[-1], None):
        del kept.places[step]
    return sorted(kept.places), most


@pytest.mark.parametrize("records", [10, 63, 64, 65, 1000, 4097, 50_000])
def test_the_number_is_bounded_and_follows_from_the_last_record_alone(records):
    chance = np.random.default_rng(records)
    places = walk(chance.integers(0, TICKS // 50, records).tolist())
    steps, most = kept_along(places)
    assert most <= BUDGET
    assert steps[0] == 0
    now = places[-1]
    wanted = Kept(BUDGET)
    assert steps == [p.step for p in places if wanted.wants(p, now)]
    if records > 2 * BUDGET:
        assert len(steps) > BUDGET / 3
        assert max(np.diff([*steps, records])) <= 4 * records / BUDGET


def test_records_lie_closer_where_the_model_moves_faster():
    """A tenth of the run makes nine tenths of the way."""
    moves = [9000] * 1000 + [100] * 10_000
    steps, _ = kept_along(walk(moves))
    fast = np.sum(np.array(steps) < 1000)
    assert fast > 0.4 * len(steps)
    assert len(steps) - fast > 0.2 * len(steps)


def test_a_run_that_stands_still_or_leaps():
    still, _ = kept_along(walk([0] * 1000))
    np.testing.assert_array_equal(np.diff(still), 32)
    leap, most = kept_along(walk([0] * 500 + [TICKS * 10**6] + [1] * 499))
    assert 501 in leap
    assert most <= BUDGET


def test_places_come_back_from_the_file():
    places = walk(np.random.default_rng(0).integers(0, 1000, 300).tolist())
    assert places_of([(p.step, p.ticks, p.membership) for p in places]) == places
    assert places_of([]) == []
    assert places[0] == Place(0, 0, 0, 64, 0)


def test_distance_in_standard_deviations():
    def moments(x):
        layers = {"a": x, "b": 10 * x, "still": np.ones(5), "none": np.empty(0)}
        return moment_arrays(igfast.moments(layers))[1]

    before = moments(X)
    assert distance(before, before) == 0
    # a moves by 0.3 σ, b by 0.03 σ; a layer without spread counts once it has one
    assert distance(before, moments(X + 0.3)) / TICKS == pytest.approx(0.3, rel=0.01)
    assert distance(before, moments(X * 1.1)) / TICKS == pytest.approx(0.1 * 2**0.5 / 1.1, rel=0.01)
    assert distance(before, moments(X + 1e9)) == TICKS


@pytest.mark.parametrize("histograms", [0, 15, -1, "some", None, 64.5, float("nan")])
def test_a_budget_that_cannot_work(histograms, tmp_path):
    with pytest.raises(ValueError, match=r'histograms must be "all" or at least 16'):
        RunWriter(tmp_path / "run.igf", config={}, histograms=histograms)
    assert not (tmp_path / "run.igf").exists()
    assert budget_of("all") is None


def slowing(step: int) -> float:
    """How far an exponentially slowing model has come."""
    return 1.5 * (1 - np.exp(-step / 100))


def record(step: int):
    return igfast.histogram({"w": X + slowing(step)}, grid=GRID, splits=4, moments=True)


def write(path, steps, histograms=BUDGET, resume=False, rewind=None, membership=lambda step: 0):
    with RunWriter(path, config={}, resume=resume, histograms=histograms) as writer:
        writer.define_layers("param", ["w"], [X.shape], ["float64"])
        if rewind is not None:
            writer.rewind(rewind)
        for step in steps:
            given = {"param": record(step)}
            writer.write_record(step, 0.0, given, {"loss": step}, membership=membership(step))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("thinned")
    write(folder / "all.igf", range(400), "all")
    write(folder / "thinned.igf", range(400))
    return folder / "all.igf", folder / "thinned.igf"


def test_numbers_of_every_record_and_histograms_of_some(runs):
    with RunReader(runs[0]) as whole, RunReader(runs[1]) as thin:
        assert whole.steps_of("param").tolist() == list(range(400))
        steps = thin.steps_of("param")
        assert BUDGET / 2 < len(steps) <= BUDGET + 1
        assert steps[0] == 0
        assert steps[-1] == 399
        assert np.sum(steps < 100) > np.sum(steps >= 300)  # it slows down
        assert thin.steps.tolist() == list(range(400))
        assert thin.recorded_steps("param").tolist() == list(range(400))
        for one, other in ((whole.moments(), thin.moments()), (whole.running(), thin.running())):
            for name, values in one.items():
                np.testing.assert_array_equal(values, other[name], err_msg=name)
        some = thin.running("param", np.array([7, 250]), ["w"])
        np.testing.assert_array_equal(some["length"], thin.running()["length"][[7, 250]])
        assert thin.scalars()["loss"][0].tolist() == list(range(400))
        for index in (0, len(steps) // 2, -1):
            found, wanted = thin.histogram("param", index), record(int(steps[index]))[0]
            np.testing.assert_array_equal(found.split_counts, wanted.split_counts)
        assert thin.sizes()["param"] < whole.sizes()["param"] * len(steps) / 380
        assert thin.sizes()["param.columns"] == whole.sizes()["param.columns"]


def test_lengths_agree(runs):
    whole, thin = (igfast.open(path) for path in runs)
    wanted, error = whole.length("w", error=True)
    found = thin.length("w")
    at = np.searchsorted(whole.steps, thin.steps)
    np.testing.assert_allclose(found[1:], wanted[at][1:], atol=2 * error[-1], rtol=0.02)
    assert found[-1] == pytest.approx(1.5 * (1 - np.exp(-3.99)), rel=0.03)
    running = thin.running("w")
    assert running["length"][-1] == pytest.approx(found[-1], rel=0.06)
    np.testing.assert_array_equal(thin.entropy("w"), whole.entropy("w")[at])


def same_runs(left, right) -> None:
    with RunReader(left) as a, RunReader(right) as b:
        assert a.steps.tolist() == b.steps.tolist()
        assert a.steps_of("param").tolist() == b.steps_of("param").tolist()
        pairs = zip(a.histogram_series("param"), b.histogram_series("param"), strict=True)
        for x, y in pairs:
            np.testing.assert_array_equal(x.split_counts, y.split_counts)
        m, n = a.moments("param"), b.moments("param")
        for name in m:
            np.testing.assert_array_equal(m[name], n[name])
    for estimator in ("split", "hellinger"):
        lengths = (igfast.open(path).length("w", estimator) for path in (left, right))
        np.testing.assert_array_equal(*lengths)


@pytest.mark.parametrize("step", [0, 1, 40, 211, 398, 399])
def test_a_resumed_run_keeps_the_same_records(runs, tmp_path, step):
    """Rewound to a checkpoint from any number of records before the end, and gone on."""
    path = tmp_path / "run.igf"
    path.write_bytes(runs[1].read_bytes())
    write(path, range(step + 1, 400), resume=True, rewind=step)
    same_runs(path, runs[1])


def test_interrupted_often(runs, tmp_path):
    """Each time a few steps are taken again; the last record's histograms come and go."""
    path, chance, step = tmp_path / "run.igf", np.random.default_rng(0), -1
    while step < 399:
        start = max(step - int(chance.integers(0, 20)), -1)
        step = min(step + int(chance.integers(1, 90)), 399)
        write(path, range(start + 1, step + 1), resume=True, rewind=start)
    same_runs(path, runs[1])


def test_the_last_record_is_whole_after_a_flush(tmp_path):
    with RunWriter(tmp_path / "run.igf", config={}, histograms=16) as writer:
        writer.define_layers("param", ["w"], [X.shape], ["float64"])
        for step in range(100):
            writer.write_record(step, 0.0, {"param": record(step)})
            if step % 7 == 0:
                writer.flush()
                with RunReader(writer.path) as run:
                    assert run.steps_of("param")[-1] == step
                    assert len(run.steps_of("param")) <= 17


def test_both_sides_of_a_change_of_membership_are_kept(tmp_path):
    write(tmp_path / "run.igf", range(300), 16, membership=lambda step: int(step > 150))
    with RunReader(tmp_path / "run.igf") as run:
        steps = run.steps_of("param").tolist()
        assert {0, 150, 151, 299} <= set(steps)
        assert len(steps) <= 16 + 4
        squares = run.running()["velocity_squared"][:, 0]
    assert np.flatnonzero(np.isnan(squares)).tolist() == [0, 151]


def test_every_quantity_keeps_its_first_record(tmp_path):
    with RunWriter(tmp_path / "run.igf", config={}, histograms=16) as writer:
        for name in ("param", "grad"):
            writer.define_layers(name, ["w"], [X.shape], ["float64"])
        for step in range(120):
            given = record(step)
            late = {"grad": given} if step >= 77 else {}
            writer.write_record(step, 0.0, {"param": given, **late})
    with RunReader(tmp_path / "run.igf") as run:
        assert run.steps_of("grad")[0] == 77
        assert set(run.steps_of("grad")) <= set(run.steps_of("param"))
        assert run.recorded_steps("grad").tolist() == list(range(77, 120))


def test_replaced_records_count_once(tmp_path):
    steps = sorted([*range(200), *range(0, 200, 3)])
    write(tmp_path / "twice.igf", steps, 32)
    write(tmp_path / "once.igf", range(200), 32)
    same_runs(tmp_path / "twice.igf", tmp_path / "once.igf")


def test_moments_at_some_records_only(tmp_path):
    with RunWriter(tmp_path / "run.igf", config={}) as writer:
        writer.define_layers("param", ["w"], [X.shape], ["float64"])
        writer.write_record(0, 0.0, {"param": record(0)})
        with pytest.raises(ValueError, match="moments of 'param' must be given at every record"):
            writer.write_record(1, 0.0, {"param": (record(1)[0], None)})


def test_a_run_is_reported_while_its_writer_thins_it(tmp_path):
    """The state that is measured stays as it is; what was opened before is read anew first."""
    rng, path = np.random.default_rng(0), tmp_path / "run.igf"
    layers = {"w": rng.normal(size=(40, 50))}
    with igfast.Monitor(layers, store=path, histograms=16) as monitor:

        def go(steps):
            for step in steps:
                layers["w"] += 0.05
                monitor.record(step)
            monitor.flush()

        go(range(16))
        run = igfast.open(path)
        go(range(16, 24))
        with pytest.raises(StoreError, match="no longer holds step"):
            run.length("w")
        with run.held():
            steps = run.steps.tolist()
            assert steps[-1] == 23
            go(range(24, 60))
            length = run.length("w")
            assert len(length) == len(run.steps_of())
            assert run.steps.tolist() == steps
        with run.held():
            assert run.steps.tolist()[-1] == 59
            assert run.length("w")[-1] > length[-1]
        go(range(60, 70))
        assert write_report(run, tmp_path / "run.html").exists()
        assert run.steps.tolist()[-1] == 69


def test_a_run_that_was_closed_is_read_anew_once_it_is_resumed(tmp_path):
    layers, path = {"w": np.arange(40.0)}, tmp_path / "run.igf"
    with igfast.Monitor(layers, store=path) as monitor:
        monitor.record(0)
    opened = [igfast.open(path) for _ in range(2)]
    with igfast.Monitor(layers, store=path, resume=True, step=0) as monitor:
        monitor.record(1)
        monitor.flush()
        with opened[0].held():
            assert opened[0].steps.tolist() == [0, 1]
            monitor.record(2)
            monitor.flush()
            assert opened[0].steps.tolist() == [0, 1]
    opened[0].close()
    with opened[1].held():
        assert opened[1].steps.tolist() == [0, 1, 2]
    opened[1].close()
