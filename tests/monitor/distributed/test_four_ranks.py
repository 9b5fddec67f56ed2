"""Four processes against one: uneven shards, meshes of two dimensions, ranks that fail."""

from __future__ import annotations

import pytest

from .launching import Outcomes

CASES = (
    "uneven_and_empty_shards",
    "hybrid",
    "between_passes",
    "tensor_parallel",
    "tensor_parallel_and_sharded",
    "partial_sums",
    "gradients_placed_otherwise",
    "tied_weights",
    "stages_of_a_pipeline",
    "a_rank_that_fails",
    "a_rank_that_fails_between_passes",
    "another_world_size",
)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    return Outcomes("cases_of_four", 4, tmp_path_factory.mktemp("four"))


@pytest.mark.parametrize("case", CASES)
def test_case(outcomes, case):
    outcomes.check(case)
