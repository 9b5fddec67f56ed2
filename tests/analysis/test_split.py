"""The split estimator of length against known lengths: its errors, and what it cannot see."""

from __future__ import annotations

import math

import numpy as np
import pytest

from igfast.analysis.split import split_length, split_velocity_squared

from .blind_processes import BLIND
from .fresh_processes import FRESH, UNTOUCHED
from .held_out_processes import HELD_OUT
from .known_processes import KNOWN
from .last_processes import LAST
from .later_processes import LATER
from .processes import simulate
from .skeptical_processes import SKEPTICAL
from .unseen_processes import UNSEEN

N = 100_000
MOVING = [
    *("shift", "relaxation", "scale", "diffusion", "return", "breathing", "Student shift"),
    *("Cauchy scale", "modes part", "circle", "exponential scale", "start and stop"),
]


@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize("intervals", [10, 40])
def test_known_lengths(name, intervals):
    """Within 2 % of the truth and within 3 errors (one seed: 2 errors miss one in twenty)."""
    process = KNOWN[name]
    found = split_length(*simulate(process, N, intervals))
    assert found.length[0] == 0
    assert found.length[-1] == pytest.approx(process.truth, rel=0.02)
    assert abs(found.length[-1] - process.truth) < 3 * found.standard_error[-1]
    assert found.standard_error[-1] < 0.04 * process.truth


@pytest.mark.parametrize("name", [*HELD_OUT, *UNSEEN])
def test_lengths_that_chose_no_number(name):
    process = {**HELD_OUT, **UNSEEN}[name]
    found = split_length(*simulate(process, N, 30))
    assert found.length[-1] == pytest.approx(process.truth, rel=0.03)
    assert abs(found.length[-1] - process.truth) < 3 * found.standard_error[-1]


@pytest.mark.parametrize("name", [*FRESH, *UNTOUCHED])
def test_lengths_within_five_percent(name):
    process = {**FRESH, **UNTOUCHED}[name]
    found = split_length(*simulate(process, N, 30))
    assert abs(found.length[-1] - process.truth) < 0.05 * (process.truth or 0.5)


@pytest.mark.parametrize("name", [*LATER, *LAST, *SKEPTICAL])
def test_later_lengths_within_their_errors(name):
    """Of 20,000 elements: within 3 errors, and these are no more than 15 %."""
    process = {**LATER, **LAST, **SKEPTICAL}[name]
    found = split_length(*simulate(process, 20_000, 20))
    assert abs(found.length[-1] - process.truth) < 3 * found.standard_error[-1]
    assert found.standard_error[-1] < 0.15 * process.truth


def test_a_thousand_records():
    found = split_length(*simulate(KNOWN["shift"], 30_000, 1000))
    assert found.length[-1] == pytest.approx(1.0, abs=0.04)
    assert abs(found.length[-1] - 1) < 3 * found.standard_error[-1]


def test_records_need_not_be_evenly_spaced():
    """A short first interval is no sign of a reversal: once 0.1 was added here."""
    records = simulate(KNOWN["shift"], N, 64)
    kept = [0, 2, 16, 24, 32, 40, 48, 64]
    found = split_length(*(part[kept] for part in records))
    assert found.length[-1] == pytest.approx(1.0, abs=0.015)
    assert found.added < 0.01
    assert abs(found.length[-1] - 1) < 3 * found.standard_error[-1]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_fast_start_is_not_lost_among_later_records(seed):
    """16 fast records and 800 slow ones: were all to count the same, 5 % of the start were lost."""
    rng = np.random.default_rng(seed)
    z, cell = rng.standard_normal(20_000), np.arange(20_000) % 8 * 258 + 1
    turn = 2 * np.pi * np.minimum(np.arange(817) / 16, 1)
    drift = np.maximum(np.arange(817) / 16 - 1, 0) / 100
    counts = np.empty((817, 8, 258))
    for record, (angle, shift) in enumerate(zip(turn, drift, strict=True)):
        bend = 0.5 * np.sin(angle) + 0.15 * np.sin(3 * angle) * np.tanh(2 * z)
        x = z * np.exp(0.2 * (1 - np.cos(2 * angle))) + bend + shift
        position = np.clip((x + 5) * 256 / 11, -1, 256)
        cells = np.floor(position).astype(np.int64) + cell
        counts[record] = np.bincount(cells, minlength=8 * 258).reshape(8, 258)
    start = slice(0, 17)
    parts = counts[:, :, 1:-1], counts[:, :, [0, -1]]
    alone = split_length(range(17), *(part[start] for part in parts))
    whole = split_length(range(817), *parts)
    assert whole.length[16] == pytest.approx(alone.length[-1], rel=0.03)


def test_length_grows_with_the_path():
    process = KNOWN["return"]
    found = split_length(*simulate(process, N, 40))
    assert found.length[20] == pytest.approx(1.0, abs=0.03)
    assert (np.diff(found.length) >= 0).all()
    assert (np.diff(found.segments) > 0).all()
    assert found.segments[[0, -1]].tolist() == [0, 40]


@pytest.mark.parametrize("name", ["stationary", "slow stationary", "frozen"])
@pytest.mark.parametrize("n", [1_000, 100_000])
def test_no_motion(name, n):
    found = split_length(*simulate(KNOWN[name], n, 50))
    assert found.length[-1] <= 2 * found.standard_error[-1]
    assert 0 < found.standard_error[-1] < 0.15


@pytest.mark.parametrize("records", [300, 512])
def test_a_fast_end_is_not_lost_among_earlier_records(records):
    """A slow shift by ½, then σ × 1.5 in the last four of many intervals."""
    rng = np.random.default_rng(1)
    z, cell = rng.standard_normal(20_000), np.arange(20_000) % 8 * 258 + 1
    place = np.arange(records) / (records - 1)
    wider = np.clip((np.arange(records) - (records - 5)) / 4, 0, 1)
    counts = np.empty((records, 8, 258))
    for record, (shift, scale) in enumerate(zip(0.5 * place, 1.5**wider, strict=True)):
        cells = np.floor(np.clip((scale * z + shift + 8) * 16, -1, 256)).astype(np.int64) + cell
        counts[record] = np.bincount(cells, minlength=8 * 258).reshape(8, 258)
    found = split_length(range(records), counts[:, :, 1:-1], counts[:, :, [0, -1]])
    truth = 0.5 + np.sqrt(2) * np.log(1.5)
    assert found.length[-1] == pytest.approx(truth, rel=0.06)
    assert abs(found.length[-1] - truth) <= 2 * found.standard_error[-1]


def steps_of(place, intervals, n=N, seed=0):
    """Split counts of normal values moved by ``place`` of the time from 0 to 1."""
    rng = np.random.default_rng(seed)
    values, splits, width = rng.normal(size=n), rng.permutation(n) % 8, 16 / 256
    found = []
    for time in np.linspace(0, 1, intervals + 1):
        cells = ((values + place(time) + 7) / width).astype(np.int64).clip(0, 255)
        found.append(np.bincount(splits * 256 + cells, minlength=8 * 256).reshape(8, 256))
    return range(intervals + 1), np.array(found), np.zeros((intervals + 1, 8, 2))


def test_ways_to_and_fro_that_are_not_seen_are_in_the_error():
    """Of 200 elements that move by half of σ and return half of the seeds show no direction, but
    that there is motion: L = 1 is two errors away.
    """
    there = [steps_of(lambda t: 0.5 - abs(t - 0.5), 30, n=200, seed=seed) for seed in range(24)]
    found = [split_length(*one) for one in there]
    unseen = [one.standard_error[-1] for one in found if one.length[-1] == 0]
    assert len(unseen) >= 6
    assert np.median(unseen) == pytest.approx(0.55, abs=0.15)
    still = [split_length(*simulate(KNOWN["stationary"], 100, 30, seed=s)) for s in range(20)]
    assert np.median([one.standard_error[-1] for one in still]) < 0.4


JUMPY = {
    "jump by 2.4": (lambda t: 2.4 * (t > 0.5), 30, N, 2.4, 0.15),
    "jump by 3.5": (lambda t: 3.5 * (t > 0.5), 30, N, 3.5, 0.25),
    "jump of few": (lambda t: 2.5 * (t > 0.5), 30, 300, 2.5, 0.25),
    "start at once": (lambda t: 2 * (1 - np.exp(-50 * t)), 10, N, 2.0, 0.1),
    "rest between jumps": (lambda t: 0.8 * (t > 0.2) - 1.2 * (t > 0.5) + (t > 0.7), 10, N, 3, 0.4),
}


@pytest.mark.parametrize("name", JUMPY)
def test_jumps_are_in_doubt(name):
    """Elements that keep their order go further than a great circle; two jumps hide no wave."""
    place, intervals, n, truth, most = JUMPY[name]
    found = split_length(*steps_of(place, intervals, n))
    assert abs(found.length[-1] - truth) <= 2 * found.standard_error[-1]
    assert found.standard_error[-1] < most * truth


def test_two_cells_that_changed_alike():
    """Pooled, nothing changed: rounding must not turn the square of that negative."""
    before, after = (
        [[30, 45], [40, 35], [39, 36], [35, 40]],
        [[34, 41], [35, 40], [39, 36], [36, 39]],
    )
    found = split_length(range(2), [before, after], np.zeros((2, 4, 2)))
    assert found.length.tolist() == [0, 0]
    assert 0 < found.standard_error[-1] < 0.5


def test_a_jump_between_rests_may_be_any_arc():
    """From one cell to another: a quarter circle, π, whose chord is 2√2; nothing tells more."""
    counts = np.zeros((10, 8, 6), dtype=np.int64)
    counts[:5, :, 1] = counts[5:, :, 4] = 12_500
    found = split_length(range(10), counts, np.zeros((10, 8, 2)))
    assert found.length[-1] == pytest.approx(np.pi, abs=0.01)
    assert found.standard_error[-1] > np.pi - 2 * np.sqrt(2)
    assert found.length[4] == 0
    assert found.standard_error[4] < 0.001


@pytest.mark.parametrize(("n", "least"), [(1_000, 0.93), (10_000, 0.93)])
def test_errors_hold_the_truth(n, least):
    """Few elements: the length comes out low, by hidden modes, and the error says so."""
    inside = []
    for name in ("shift", "scale", "relaxation", "return", "small shift", "stationary"):
        process = KNOWN[name]
        for seed in range(8):
            found = split_length(*simulate(process, n, 20, seed=seed))
            off = abs(found.length[-1] - process.truth)
            inside.append(off <= 2 * found.standard_error[-1])
    assert np.mean(inside) >= least


def test_coverage_of_many_elements():
    process = KNOWN["shift"]
    found = [split_length(*simulate(process, N, 10, seed=seed)) for seed in range(40)]
    length = np.array([one.length[-1] for one in found])
    error = np.array([one.standard_error[-1] for one in found])
    assert np.mean(abs(length - 1) <= 2 * error) >= 0.9
    assert 0.5 < error.mean() / length.std(ddof=1) < 3  # neither lying nor useless


@pytest.mark.parametrize("splits", [2, 4])
def test_fewer_splits_are_less_sure(splits):
    records = simulate(KNOWN["shift"], N, 30)
    joined = records.counts.reshape(31, 8 // splits, splits, -1).sum(axis=1)
    outside = records.outside.reshape(31, 8 // splits, splits, 2).sum(axis=1)
    found = split_length(records.steps, joined, outside)
    assert abs(found.length[-1] - 1) < 2 * found.standard_error[-1]
    assert found.length[-1] == pytest.approx(1, abs=0.03)


def test_one_split_knows_nothing():
    records = simulate(KNOWN["shift"], 1000, 5, splits=1)
    found = split_length(*records)
    assert np.isnan(found.length).all()
    assert np.isnan(found.velocity_squared).all()


def test_units_of_time():
    records = simulate(KNOWN["shift"], 20_000, 30)
    found = split_length(*records)
    slow = split_length(10 * records.steps, records.counts, records.outside)
    np.testing.assert_allclose(slow.length, found.length, rtol=1e-12)
    np.testing.assert_allclose(slow.velocity_squared, found.velocity_squared / 100, rtol=1e-9)
    np.testing.assert_allclose(slow.noise_floor, found.noise_floor / 10, rtol=1e-9)


@pytest.mark.parametrize("splits", [2, 4, 8])
def test_the_order_of_splits_does_not_matter(splits):
    records = simulate(SKEPTICAL["apex moves"], 2_000 * splits, 15, splits=splits)
    found = split_length(*records)
    order = np.random.default_rng(0).permutation(splits)
    turned = split_length(records.steps, records.counts[:, order], records.outside[:, order])
    assert found.length[-1] > 0
    np.testing.assert_allclose(turned.length, found.length, rtol=1e-9)
    np.testing.assert_allclose(turned.standard_error, found.standard_error, rtol=1e-9)


@pytest.mark.parametrize("name", ["shift", "relaxation", "stationary"])
def test_the_error_of_the_product_of_two_splits(name):
    """On the safe side: 1.2 to 2.2 times the scatter over 40 seeds."""
    found = [simulate(KNOWN[name], 10_000, 10, splits=2, seed=seed) for seed in range(40)]
    squared, error, _ = np.array([split_velocity_squared(*one) for one in found]).swapaxes(0, 1)
    scatter = math.sqrt(squared.var(axis=0, ddof=1).mean())
    assert 1.2 < math.sqrt(np.square(error).mean()) / scatter < 2.2


def test_a_saw_is_within_its_error():
    """Ten intervals, four sudden reversals: 17 % of the length is between records."""
    process = UNTOUCHED["saw, kinks anywhere"]
    found = split_length(*simulate(process, N, 10))
    assert 0.8 < found.length[-1] / process.truth < 0.95
    assert abs(found.length[-1] - process.truth) < 2 * found.standard_error[-1]


@pytest.mark.parametrize(
    ("process", "intervals", "off"),
    [(LAST["fast, slow and back"], 10, 0.008), (BLIND["triangular schedule"], 30, -0.075)],
    ids=lambda given: getattr(given, "name", None),
)
def test_a_slow_part_and_a_turn_are_told_or_in_doubt(process, intervals, off):
    """Chords fall toward a reversal: it may be smooth, or sudden in a part that is slow."""
    found = split_length(*simulate(process, N, intervals))
    assert found.length[-1] / process.truth - 1 == pytest.approx(off, abs=0.01)
    assert abs(found.length[-1] - process.truth) < 2 * found.standard_error[-1]


def test_steps_to_and_fro_of_any_length_may_be_as_long_as_the_longest():
    """Records at every second or third part of a schedule: they miss a third of the way."""
    process = BLIND["triangular schedule"]
    found = split_length(*simulate(process, N, 10))
    assert found.length[-1] / process.truth - 1 == pytest.approx(-0.37, abs=0.01)
    assert 0.3 < found.standard_error[-1] / found.length[-1] < 0.4


def test_offsets_show_motion_inside_bins():
    """Everything moves by a tenth of a bin, and no element changes its bin."""
    counts = np.full((2, 4, 8), 25)
    offsets = np.stack([0.4 * counts[0], 0.5 * counts[0]])
    none = np.zeros((2, 4, 2))
    blind = split_length([0, 1], counts, none)
    found = split_length([0, 1], counts, none, offsets)
    assert found.length[-1] == 0
    # at both ends a tenth of a bin's mass: 2·(0.1·100)²/(800·100)
    moved = np.sqrt(2 * 10**2 / (800 * 100))
    one_element = np.sqrt(2 * 8) / 800
    assert blind.standard_error[-1] == pytest.approx(one_element)
    assert found.standard_error[-1] == pytest.approx(min(moved, one_element))


@pytest.mark.parametrize("records", [0, 1, 2, 3])
def test_few_records(records):
    process = simulate(KNOWN["shift"], 10_000, 2)
    found = split_length(*(part[:records] for part in process))
    assert found.length.shape == found.standard_error.shape == (records,)
    assert found.velocity_squared.shape == found.strides.shape == (max(records - 1, 0),)
    assert (found.length[:1] == 0).all()
    if records > 1:
        at = process.steps[records - 1]
        assert abs(found.length[-1] - at) < 3 * found.standard_error[-1]


def test_empty_records_are_nan():
    records = simulate(KNOWN["shift"], 1000, 4)
    counts = records.counts.copy()
    counts[2] = 0
    found = split_length(records.steps, counts, 0 * records.outside)
    assert np.isnan(found.length).all()
    assert np.isnan(split_length(records.steps, 0 * counts, 0 * records.outside).length).all()


def test_integers_of_any_width():
    records = simulate(KNOWN["shift"], 1000, 5)
    narrow = [part.astype(np.uint16) for part in (records.counts, records.outside)]
    np.testing.assert_array_equal(
        split_length(records.steps, *narrow).length, split_length(*records).length
    )


def test_squared_velocity_is_unbiased():
    """Γ²Δt² of a step of 0.05σ: mean over seeds within its own error, 2.5e-3 in all."""
    found = []
    for seed in range(100):
        x = np.random.default_rng(seed).normal(size=(8, 500))
        edges = np.linspace(-5, 5, 41)
        counts = [[np.histogram(part + t, edges)[0] for part in x] for t in (0.0, 0.05)]
        found.append(split_velocity_squared([0, 1], counts, np.zeros((2, 8, 2)))[0][0])
    assert np.mean(found) == pytest.approx(2.5e-3, abs=4 * np.std(found) / 10)
    assert min(found) < 0  # signed
