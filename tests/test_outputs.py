"""Results whose arrays are filled again."""

import numpy as np
import pytest

import igfast
from igfast import Grid


def test_reused_outputs():
    x = np.zeros(10)
    plan = igfast.Plan(x, grid=Grid.dyadic(4, exponent=0), splits=2, offsets=True)
    first = plan()
    x[:] = 1.5
    second = plan(out=first)
    assert second is first
    assert second.counts.tolist() == [[0, 0, 0, 10]]
    assert second.offsets.sum() == 5.0
    with pytest.raises(
        ValueError, match=r"counts of shape \(1, 2, 4\) with offsets, .* \(1, 1, 8\)"
    ):
        plan(out=igfast.histogram(x, bins=8))
    with pytest.raises(TypeError, match=r"out must be a Histogram.*, got int"):
        plan(out=5)


def test_a_reused_output_says_what_it_now_holds():
    x = np.full(10, 0.5)
    plan = igfast.Plan(x, bins=4)
    h = plan()
    assert (h.counts.tolist(), h.underflow.tolist(), h.overflow.tolist()) == (
        [[0, 0, 10, 0]],
        [0],
        [0],
    )
    assert h.edges.tolist() == [[0.484375, 0.4921875, 0.5, 0.5078125, 0.515625]]
    words = h.split_counts
    x[:] = -1e6, 5e5, *np.full(8, 1000.0)
    plan()  # the bins of the next one follow
    plan(out=h)
    grid = Grid.dyadic(4, exponent=int(h.exponents[0]), origin=int(h.origins[0]))
    again = igfast.histogram(x, grid=grid)
    assert h.split_counts is words
    assert h.counts.tolist() == again.counts.tolist()
    assert (h.underflow.tolist(), h.overflow.tolist()) == (again.underflow, again.overflow)
    assert h.edges.tolist() == again.edges.tolist()
    assert h.edges[0, 0] <= 1000 < h.edges[0, -1]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_no_thread_adds_to_what_is_not_cleared_yet(threads):
    """Clearing so many bins takes far longer than counting a row: others have to wait for it."""
    rows = 64
    plan = igfast.Plan(list(np.full((rows, 33_000), 0.5, np.float32)), bins=65_536, range=(0, 1))
    before = igfast.get_num_threads()
    igfast.set_num_threads(threads)
    try:
        h = plan()
        for _ in range(3):
            plan(out=h)
            assert h.counts[:, 32_768].tolist() == [33_000] * rows
            assert int(h.counts.sum()) == 33_000 * rows
    finally:
        igfast.set_num_threads(before)
