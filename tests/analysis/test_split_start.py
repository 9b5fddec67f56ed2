"""Starts of infinite speed and steps that go far: what single intervals hide is in the error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from igfast.analysis.split import split_length
from igfast.analysis.split_start import hidden_at_start

from .blind_processes import BLIND, EDGE
from .known_processes import KNOWN
from .later_processes import LATER
from .processes import Process, numeric_length, simulate

N = 100_000
EVEN = np.arange(11.0)
UNEVEN = np.array([0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 18.0, 27.0, 40.0, 60.0])


def lengths(growth, times, found=1.0, noise=1e-4):
    """Of eight splits, of which the first interval shows only a part."""
    exact = growth(times) - (1 - found) * growth(times[1]) * (times > 0)
    return exact + noise * exact[-1] * np.random.default_rng(0).normal(size=(8, len(times)))


@pytest.mark.parametrize("times", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize(("power", "found"), [(0.25, 0.7), (0.25, 0.6), (0.5, 0.9)])
def test_what_a_power_of_time_tells_of_the_first_interval(power, found, times):
    first = times[1] ** power
    hidden = hidden_at_start(times, lengths(lambda t: t**power, times, found))
    assert hidden == pytest.approx((1 - found) * first, rel=0.06)
    assert hidden_at_start(times, lengths(lambda t: t**power, times)) < 0.01 * first
    most = hidden_at_start(times, lengths(lambda t: t**0.25, times, found=0.45))
    assert most == pytest.approx(0.45 * times[1] ** 0.25, rel=0.02)  # no more than was found


@pytest.mark.parametrize(
    "growth",
    [
        lambda t: t,
        lambda t: t**2,
        lambda t: 1 - np.exp(-t / 2),
        lambda t: np.log(1 + t / 2),
        lambda t: np.log(1 + 100 * t),
        lambda t: np.maximum(t - 1, 0),
        lambda t: np.minimum(t, 5),
    ],
    ids=["even", "ever faster", "relaxation", "log", "from a narrow start", "rest", "stop"],
)
def test_other_starts_hide_nothing(growth):
    assert hidden_at_start(EVEN, lengths(growth, EVEN)) < 0.01 * growth(EVEN[1]) + 1e-12


def test_too_few_records_or_splits_tell_nothing_of_the_start():
    assert hidden_at_start(EVEN[:4], lengths(np.sqrt, EVEN[:4], found=0.5)) == 0
    assert hidden_at_start(EVEN[:2], np.zeros((8, 2))) == 0
    assert hidden_at_start(EVEN, np.zeros((8, 11))) == 0


def test_the_length_of_a_fresh_layer_that_blurs():
    """Γ² = 2 · K/2b of two edges of density 1/2 in b = 0.3 √t; what bins and steps show is less."""
    phi = stats.norm()
    exact = integrate.quad(lambda z: (z * phi.pdf(z)) ** 2 / phi.cdf(z), -30, 30)[0]
    assert exact == pytest.approx(EDGE, abs=1e-7)
    process = BLIND["fresh layer blurs"]
    even = Process("", -2.5, 2.5, 1.0, process.elements, lambda x, t: process.below(x, t**4))
    assert 0.98 < numeric_length(even, bins=20_000) / process.truth < 1


@pytest.mark.parametrize("intervals", [10, 30, 100])
def test_a_fresh_layer_that_blurs_is_in_doubt(intervals):
    """Half of L lies in the first intervals, which bins and chords lose a good part of."""
    process = BLIND["fresh layer blurs"]
    found = split_length(*simulate(process, N, intervals))
    off = found.length[-1] / process.truth - 1
    assert -0.22 < off < -0.1
    assert abs(off) * process.truth < 2 * found.standard_error[-1]
    assert found.standard_error[-1] < 0.3 * process.truth  # 0.03 to 0.06 without
    assert found.standard_error[1] > 0.5 * found.standard_error[-1]  # that of the start
    assert found.hidden_in_steps > 0.03


@pytest.mark.parametrize("name", ["shift", "relaxation", "breathing", "far shift", "circle"])
@pytest.mark.parametrize("intervals", [10, 30])
def test_steps_hide_nothing_where_they_resolve(name, intervals):
    found = split_length(*simulate(KNOWN[name], N, intervals))
    assert found.hidden_in_steps < 1e-3


def test_a_narrow_start_that_is_seen_is_not_in_doubt():
    process = LATER["from a narrow start"]
    found = split_length(*simulate(process, N, 30))
    assert found.hidden_in_steps < 0.01
    assert found.length[-1] == pytest.approx(process.truth, rel=0.02)


@pytest.mark.parametrize("leap", [2.5, 5.0, 8.0])
def test_a_leap_between_quiet_records_is_in_doubt(leap):
    """It may have been a way of its own length, or elements that changed places: less than π."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, N // 8))
    places = [0.1 * step + leap * (step > 10) for step in range(22)]
    edges = np.linspace(-5, 16, 257)
    counts = np.array([[np.histogram(part + m, edges)[0] for part in x] for m in places])
    found = split_length(range(22), counts, np.zeros((22, 8, 2)))
    truth = 2.0 + leap
    assert truth - 2 * found.standard_error[-1] < found.length[-1] < truth
    assert found.hidden_in_steps * found.length[-1] == pytest.approx(
        truth - found.length[-1], abs=0.15 + 0.05 * leap
    )
    assert found.standard_error[-1] < leap  # a tenth and less without
