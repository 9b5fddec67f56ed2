"""Automatic bins of a first record: those that are counted on, up to the largest numbers."""

import math
from fractions import Fraction

import numpy as np
import pytest

import igfast
from igfast import automatic


def direct(x, exponent, origin, bins):
    """Counts, under- and overflow of finite float64, by Python's integers."""
    unit = Fraction(2) ** int(exponent)
    cells = [math.floor(Fraction(value) / unit) - int(origin) for value in x.tolist()]
    inside = [cell for cell in cells if 0 <= cell < bins]
    below = sum(cell < 0 for cell in cells)
    return np.bincount(inside, minlength=bins), below, len(cells) - below - len(inside)


def test_the_bin_of_the_largest_numbers_has_no_end():
    largest = np.array([np.finfo(np.float64).max])
    h = igfast.histogram({"w": largest}, bins=1)
    assert h.counts.tolist() == [[1]]
    assert h.edges.tolist() == [[31 * 2.0**1019, np.inf]]


@pytest.mark.parametrize("bins", [4, 100, 256])
@pytest.mark.parametrize("scale", [1e302, 1e304, 1e306, 2e306])
def test_huge_values_lie_inside_the_bins_that_are_reported(scale, bins):
    cauchy = np.clip(np.random.default_rng(2).standard_cauchy(200), -40, 40) * scale
    h = igfast.histogram(cauchy, bins=bins)
    counts, below, above = direct(cauchy, h.exponents[0], h.origins[0], bins)
    np.testing.assert_array_equal(h.counts[0], counts)
    assert (h.underflow[0], h.overflow[0]) == (below, above)
    assert max(below, above) <= 200 >> 7
    if bins != 100:
        assert np.isfinite(h.edges).all()


def test_bins_reach_the_largest_numbers_of_both_signs():
    largest = np.finfo(np.float64).max
    h = igfast.histogram(np.array([-largest, -1e308, 0.0, 1e308, largest]), bins=8)
    assert h.exponents.tolist() == [1022]
    assert h.origins.tolist() == [-4]
    assert h.counts.tolist() == [[1, 1, 0, 0, 1, 0, 1, 1]]
    assert h.edges[0, 1:-1].tolist() == [i * 2.0**1022 for i in range(-3, 4)]


def test_a_first_record_that_never_settles_is_on_the_bins_counted_last(monkeypatch):
    monkeypatch.setattr(automatic, "MAX_PASSES", 1)
    x = np.random.default_rng(2).standard_cauchy(2000)
    h = igfast.histogram(x, bins=64)
    counts, below, above = direct(x, h.exponents[0], h.origins[0], 64)
    np.testing.assert_array_equal(h.counts[0], counts)
    assert (h.underflow[0], h.overflow[0]) == (below, above)
