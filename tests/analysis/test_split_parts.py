"""Parts of the split estimator of length by themselves."""

from __future__ import annotations

import numpy as np
import pytest

from igfast.analysis import split, split_remainder, split_tuning
from igfast.analysis.split import split_length
from igfast.analysis.split_cells import (
    first_cells,
    merge_sparse,
    of_one_value,
    pairs_of_cells,
    roots,
)
from igfast.analysis.split_corners import corners
from igfast.analysis.split_errors import Variance, variance_of_lengths, variance_of_products
from igfast.analysis.split_following import follow
from igfast.analysis.split_modes import Modes, find_modes
from igfast.analysis.split_pace import chosen_records, record_weights, records_for_pace
from igfast.analysis.split_remainder import measure_remainder

from .known_processes import KNOWN
from .processes import simulate
from .skeptical_processes import SKEPTICAL
from .unseen_processes import UNSEEN


def noise_of_splits(rng, own, between, draws):
    """Lengths (8, draws) of splits and (8, 8, draws) of pairs: noise of single ones, of pairs."""
    single = own * rng.standard_normal((8, draws))
    both = np.triu(np.ones((8, 8)), 1)[..., None] * between * rng.standard_normal((8, 8, draws))
    both = both + both.transpose(1, 0, 2)
    return single + both.sum(axis=1) / 7, both + 0.5 * (single[:, None] + single[None])


@pytest.mark.parametrize(("own", "between"), [(1.0, 0.0), (0.0, 1.0), (0.2, 1.0)])
def test_the_error_of_a_mean_over_pairs(own, between):
    """Variance own²/8 + 2·between²/(8·7)."""
    lengths, pairs = noise_of_splits(np.random.default_rng(0), own, between, 4000)
    true = own**2 / 8 + 2 * between**2 / 56
    assert lengths.mean(axis=0).var() == pytest.approx(true, rel=0.1)
    found = variance_of_lengths(lengths, pairs)
    assert found.value.mean() == pytest.approx(true, rel=0.02)
    inside = np.abs(lengths.mean(axis=0)) <= 2 * found.error
    assert inside.mean() == pytest.approx(0.955, abs=0.01)


@pytest.mark.parametrize(("own", "between"), [(1.0, 0.0), (0.0, 1.0), (0.3, 1.0)])
def test_the_error_of_a_mean_of_products(own, between):
    """Of a_g + a_h + b_gh over g ≠ h the variance is 4·own²/8 + 2·between²/(8·7)."""
    _, pairs = noise_of_splits(np.random.default_rng(1), 2 * own, between, 4000)
    true = own**2 / 2 + between**2 / 28
    mean = pairs.sum(axis=(0, 1)) - np.einsum("ggt->t", pairs)
    assert (mean / 56).var() == pytest.approx(true, rel=0.1)
    found = variance_of_products(pairs)
    assert 0.97 * true < found.value.mean() < 1.6 * true  # a share below none is not believed
    assert 0.925 < (np.abs(mean / 56) <= 2 * found.error).mean() < 0.985


def test_degrees_of_freedom_of_a_sum():
    """Of 1 ± √(2/7) and 3 ± 3·√(2/20): 16/(1/7 + 9/20) = 26.99; Student's factor lies between."""
    one, three = Variance.of(np.ones(1), 7), Variance.of(np.full(1, 3.0), 20)
    both, nothing = one + three, Variance.of(np.zeros(1), 1)
    assert both.value[0] == 4
    assert both.freedom[0] == pytest.approx(16 / (1 / 7 + 9 / 20))
    assert one.error[0] == pytest.approx(1.21)
    assert both.error[0] == pytest.approx(2 * 1.0445, abs=1e-3)
    assert (one + nothing).error[0] == one.error[0]
    assert (nothing + nothing).error[0] == 0


def test_the_spread_alone_would_miss_noise_of_pairs():
    lengths, _ = noise_of_splits(np.random.default_rng(0), 0.0, 1.0, 4000)
    spread = lengths.var(axis=0, ddof=1).mean() / 8
    assert spread == pytest.approx(6 / (8 * 49), rel=0.05)  # of 2/56 = 14/(8·49)


@pytest.mark.parametrize("turn", [2.1, 2.5, 2.8, 5.7, 0.3])
def test_turning_round_within_an_interval(turn):
    """x = −(t − turn)²/100 at t = 0, 1, ... 6, also in the last and in the first interval."""
    moved = np.diff(-0.01 * (np.arange(7) - turn) ** 2)
    forth = np.where(moved > 0, 1.0, -1.0)
    turned = 0.5 * (np.abs(moved[1:]) + np.abs(moved[:-1])) * forth[1:] * forth[:-1]
    across = forth[2:] * forth[:-2]
    single = np.ones(6, dtype=bool)
    found = corners(np.arange(7.0), np.abs(moved), turned, across, single, np.ones((7, 8, 4)))
    true = 0.01 * (turn**2 + (6 - turn) ** 2)
    assert np.abs(moved).sum() < 0.9999 * true
    assert (np.abs(moved) * found.gain).sum() == pytest.approx(true, rel=2e-3)


def along(at, records):
    """Chords, products with neighbors and cosines across of positions on one line."""
    moved = np.diff(at)
    forth = np.where(moved > 0, 1.0, -1.0)
    size = np.abs(moved)
    turned = 0.5 * (size[1:] + size[:-1]) * forth[1:] * forth[:-1]
    single = np.ones(len(size), dtype=bool)
    time, across = np.arange(1.0 * records), forth[2:] * forth[:-2]
    return size, corners(time, size, turned, across, single, np.ones((records, 8, 4)))


@pytest.mark.parametrize("at", [(0, 1, 2, 4, 8, 16, 24), (0, 4, 5, 6, 7, 11, 20)])
def test_uneven_records_are_no_reversals(at):
    """Along a line at one speed: chords differ by a factor of eight, and nothing is added."""
    time = np.array(at, dtype=float)
    chords, ones = 0.01 * np.diff(time), np.ones(6)
    turned, single = 0.5 * (chords[1:] + chords[:-1]), ones > 0
    found = corners(time, chords, turned, ones[:4], single, np.ones((7, 8, 4)))
    assert (chords * found.gain).sum() == pytest.approx(chords.sum(), rel=1e-3)
    assert found.doubtful < 1e-3


def test_a_step_back_that_noise_makes_has_no_bend():
    """Between chords whose sum is below none the bend is without bounds: no number overflows."""
    chords = np.array([0.1, 0.02, -0.05, 0.02, 0.1, 0.1])
    turned, single = np.full(5, 0.01), np.ones(6, dtype=bool)
    found = corners(np.arange(7.0), chords, turned, np.ones(4), single, np.ones((7, 8, 4)))
    assert np.isfinite(found.gain).all()
    assert 0 <= found.doubtful < 1


@pytest.mark.parametrize("first", [0.0, 0.005, 0.03])
def test_a_start_from_rest_is_no_reversal(first):
    """A slow first interval, then one speed: that it went there and back is in the error only."""
    chords, ones = np.array([first, *[0.1] * 5]), np.ones(6)
    turned = 0.5 * (chords[1:] + chords[:-1])
    found = corners(np.arange(7.0), chords, turned, ones[:4], ones > 0, np.ones((7, 8, 4)))
    assert (chords * found.gain).sum() == pytest.approx(chords.sum(), rel=1e-3)
    assert found.doubtful * chords.sum() == pytest.approx(0.3 * (0.1 - first), rel=0.02)


@pytest.mark.parametrize("turn", [3.5, 3.8, 4.05, 6.3])
def test_a_sudden_reversal_is_in_doubt(turn):
    """There and back at one speed; also in the last interval."""
    time = np.arange(8)
    chords, found = along(0.1 * np.minimum(time, 2 * turn - time), 8)
    missing = 0.7 - (chords * found.gain).sum()
    cut = 0.7 - chords.sum()
    assert missing < 0.4 * cut
    assert abs(missing) <= 2 * found.doubtful * chords.sum()


@pytest.mark.parametrize("period", [6.3, 8.1, 11.3, 17.0])
def test_a_wave_is_not_taken_for_a_saw(period):
    time = np.linspace(0, 24, 24_001)
    wave = 0.1 * np.sin(2 * np.pi * time / period)
    true = np.abs(np.diff(wave)).sum()
    chords, found = along(wave[::1000], 25)
    length = (chords * found.gain).sum()
    assert length == pytest.approx(true, rel=0.07)
    assert abs(length - true) < 2 * found.doubtful * chords.sum() + 0.005 * true


def test_an_arc_of_two_records_at_the_end():
    """A circle of radius 1: each chord is 2 sin(h), the arc 2h; the ends are known by one side."""
    half = 0.2
    chords = np.full(6, 2 * np.sin(half))
    turned = chords[1:] * np.cos(2 * half)
    across = np.full(4, np.cos(4 * half))
    found = corners(np.arange(7.0), chords, turned, across, chords > 0, np.ones((7, 8, 4)))
    np.testing.assert_allclose(chords * found.gain, 2 * half, rtol=2e-3)
    # it bends evenly: a tenth of what is added, at the ends of all, else beyond a great circle
    added, circle = found.gain[0] - 1, np.arcsin(chords[0] / 4)
    inside = 0.1 * (found.gain[1] - circle / np.sin(circle))
    assert found.doubtful == pytest.approx((0.2 * added + 4 * inside) / 6, rel=1e-6)


def test_cells_of_values_apart():
    """Values in bins 2, 12, 22; the density of bins 30 to 33 begins after a gap as well."""
    counts = np.zeros((3, 2, 34))
    counts[..., [2, 12, 22]], counts[..., 30:] = 500, 400
    merged, apart = merge_sparse(counts, np.zeros(34, bool))
    assert merged.shape[-1] == 7
    assert apart.tolist() == [True, True, True, True, False, False, False]
    assert pairs_of_cells(apart, 0).tolist() == [0, 1, 2, 3, 5]
    assert pairs_of_cells(apart, 1).tolist() == [0, 1, 2, 3, 4, 6]


def test_bins_of_one_value():
    """Ten elements and more at one position, of both splits and of all records; else a density."""
    counts = np.full((3, 2, 6), 10)
    counts[:, 1, 3] = counts[:2, :, 4] = 0
    counts[..., 5] = 1
    position = np.array([0.5, 0.25, 0.25, 0.75, 0.5, 0.5])
    offsets = counts * position
    offsets[2, 1, 1] += 1 / 256
    offsets[2, :, 2] += 10 / 256
    assert of_one_value(counts, offsets).tolist() == [True, False, False, True, True, False]


def test_cells_of_one_value_are_apart():
    """Cells 1 and 2 are two values of a lattice, 0 and 3 a density."""
    counts = np.full((3, 2, 4), 500.0)
    _, apart = merge_sparse(counts, np.array([False, True, True, False]))
    assert apart.tolist() == [True, False, True, False]
    counts[..., 2:] = 30  # joined, two values are a cell of both
    _, apart = merge_sparse(counts, np.array([False, True, True, True]))
    assert apart.tolist() == [True, False, False]


def modes_of(values, following):
    """Modes of these singular values, and the next one."""
    none = np.zeros((2, 5, 0)), np.zeros((2, len(values))), np.zeros((2, 0, 5))
    return Modes(*none, np.array(values), 1.0, following)


def test_what_follows_a_mode_that_is_seen():
    """Singular values i⁻³: (i·s)² = i⁻⁴, from the third on over the first two.

    They may go on as i^−2.5, halfway to a moving cusp: 3/2 + ½ times the third.
    """
    beyond = sum(i**-4.0 for i in range(3, 10_000)) / (1 + 2**-4)
    found = modes_of([1, 1 / 8], 1 / 27).seen
    assert found == pytest.approx(2 * (np.sqrt(1 + 3**-4 / (1 + 2**-4)) - 1))
    assert np.sqrt(1 + beyond) - 1 < found < 1.3 * (np.sqrt(1 + beyond) - 1)
    assert modes_of([1, 1 / 8], 0.0).seen == 0
    assert modes_of([], 1 / 27).seen == 0
    # as slowly as i⁻¹: three times the next one
    one = np.sqrt(1 + 9 * (1 / 3) ** 2 / 2) - 1
    assert modes_of([1, 1 / 2], 1 / 3).seen == pytest.approx(3 * one)


def test_a_mode_that_noise_turns_is_no_stronger_than_the_first():
    """Of ten elements chance may say so: it then adds as much as one that is as strong, 2.5 times
    with those after it, not a hundred million times the length."""
    as_strong = np.sqrt(1 + 2**2) - 1
    assert modes_of([1e-9], 1.0).seen == pytest.approx(2.5 * as_strong)
    assert modes_of([1.0], 1.0).seen == pytest.approx(2.5 * as_strong)


@pytest.mark.parametrize("seed", [21, 157])
def test_few_modes_are_looked_at_only_where_there_are_few(seed, monkeypatch):
    """Two splits that see five and eight modes: six, which looking at six would make five."""
    rng = np.random.default_rng(seed)
    splits, records = int(rng.choice([2, 4])), int(rng.integers(20, 50))
    cells, count = int(rng.choice([24, 40])), int(rng.integers(6, 14))
    sizes = rng.uniform(0.1, 0.4) * np.exp(-np.arange(count) / rng.uniform(1.5, 6))
    t, x = np.linspace(0, 1, records), (np.arange(cells) + 0.5) / cells
    density = np.ones((records, cells))
    for mode, size in enumerate(sizes):
        swing = np.sin((mode + 1) * rng.uniform(2, 8) * t + mode)
        density += size * swing[:, None] * np.cos(np.pi * (mode + 1) * x)
    density = np.maximum(density, 0.01)
    density /= density.sum(axis=1, keepdims=True)
    n = int(10 ** rng.uniform(3, 5.5))
    counts = np.array([[rng.multinomial(n, p) for _ in range(splits)] for p in density])
    found = split_length(range(records), counts, np.zeros((records, splits, 2)))
    monkeypatch.setattr(split_tuning, "FEW_MODES", split_tuning.MOST_MODES)
    every = split_length(range(records), counts, np.zeros((records, splits, 2)))
    assert found.rank == every.rank >= 6
    np.testing.assert_allclose(found.length, every.length, rtol=1e-9, atol=1e-12)


def test_a_kink_that_moves_is_seen_beyond_the_modes():
    """The apex of a triangle: 3 % of its length is in modes that noise turns; of a shift, 0."""

    def seen(process, seed):
        records = simulate(process, 100_000, 30, seed=seed)
        cells = first_cells(records.counts.sum(axis=1).max(axis=0), 100)
        return find_modes(roots(np.add.reduceat(records.counts.astype(float), cells, axis=-1))).seen

    assert np.median([seen(SKEPTICAL["apex moves"], seed) for seed in range(5)]) > 0.01
    assert np.median([seen(KNOWN["shift"], seed) for seed in range(5)]) < 0.001


def test_motion_that_no_mode_shows_is_measured():
    """The truncated normal moves by one mode and a half: the half is found in wide cells."""
    found = []
    for seed in range(6):
        records = simulate(UNSEEN["truncated normal"], 100_000, 30, seed=seed)
        cells = first_cells(records.counts.sum(axis=1).max(axis=0), 100)
        curve = roots(np.add.reduceat(records.counts.astype(float), cells, axis=-1))
        modes = find_modes(curve)
        if modes.rank > 1:
            continue
        path = np.concatenate([[0], np.cumsum(follow(curve, modes).increments.mean(axis=0))])
        found.append(measure_remainder(curve, path, modes, known=0.004).value / 2)
    assert len(found) >= 3
    assert np.mean(found) == pytest.approx(0.005, abs=0.003)


def few_elements_in_many_records():
    """A path of two modes, 5,000 elements, 801 records, between which noise is the most."""
    records = simulate(KNOWN["relaxation"], 5000, 800, seed=0)
    cells = first_cells(records.counts.sum(axis=1).max(axis=0), 100)
    curve = roots(np.add.reduceat(records.counts.astype(float), cells, axis=-1))
    return records, curve, find_modes(curve)


def test_displacements_without_a_direction_say_nothing_of_what_is_outside():
    """Nothing is, in cells joined by four; where noise turns them, −3 L² seems to be."""
    _, curve, modes = few_elements_in_many_records()
    path = np.cumsum(np.append(0, follow(curve, modes).increments.mean(axis=0)))
    path = np.maximum.accumulate(path)
    bands = [split_remainder._joined(curve, modes, width) for width in (4, 1)]
    levels = [split_remainder._level(bands, path, *at) for at in split_remainder._ladder(path)]
    wide = [split_remainder._of_others(level.products[0]).mean() for level in levels]
    sure = [level.sure[0] for level in levels]
    assert sure[:5] == [1.0] * 5
    assert np.abs(wide[:5]).max() < 0.06
    assert min(wide) < -2
    assert max(abs(one) for one, known in zip(wide, sure, strict=True) if known) < 0.1
    assert sure[-1] == 0.0
    assert measure_remainder(curve, path, modes, known=0.2).value > -0.1


def test_noise_between_records_makes_no_path(monkeypatch):
    """Else no part of it seemed straight enough to be compared with its chord."""
    found = []

    def measured(curve, path, modes, known):
        remainder = measure_remainder(curve, path, modes, known)
        found.append((path[-1], float(remainder.variance.error[0])))
        return remainder

    monkeypatch.setattr(split, "measure_remainder", measured)
    records, _, _ = few_elements_in_many_records()
    length = split_length(records.steps, records.counts, records.outside)
    ((path, error),) = found
    assert path == pytest.approx(0.9424, abs=0.1)
    assert length.length[-1] == pytest.approx(0.9424, abs=2 * length.standard_error[-1])
    assert 0 < error < 0.2


def test_weights_of_records_go_half_by_their_number_and_half_by_the_path():
    """Two intervals of length 3 and eight of ½: a half by each record, the rest by length."""
    increments = np.repeat([[3.0, 3.0, *[0.5] * 8]], 8, axis=0)
    increments *= 1 + 1e-3 * np.arange(8)[:, None]
    around = np.array([3, 3, 1.75, *[0.5] * 8])
    wanted = 0.5 + 0.5 * around / around.mean()
    at = np.arange(11)
    assert record_weights(increments, at) == pytest.approx(wanted, rel=1e-12)
    assert record_weights(0 * increments, at).tolist() == [1.0] * 11
    every_third = record_weights(increments, 3 * at)
    assert every_third.mean() == pytest.approx(1.0)
    assert every_third[1] == pytest.approx(every_third[5])
    assert (every_third[1] - 0.5) / (every_third[20] - 0.5) == pytest.approx(6)


@pytest.mark.parametrize("records", [2, 3, 128, 255, 256, 300, 512, 2051])
def test_records_that_tell_the_pace_hold_both_ends(records):
    at = records_for_pace(records)
    assert at[0] == 0
    assert at[-1] == records - 1
    assert (np.diff(at) > 0).all()
    assert len(at) == records if records < 256 else 128 <= len(at) <= 257


def test_records_are_chosen_by_weight():
    """Four times as many where they weigh four times as much; all of them where they are few."""
    weights = np.repeat([4.0, 1.0], [100, 400])
    chosen = chosen_records(weights, 64)
    assert chosen[0] == 0
    assert chosen[-1] == 499
    assert len(chosen) == 65
    assert (chosen < 100).sum() == pytest.approx(32, abs=1)
    assert chosen_records(weights[:127], 64).tolist() == list(range(127))
