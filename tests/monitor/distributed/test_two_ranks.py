"""Two processes against one: every record of every quantity is the unsharded one."""

from __future__ import annotations

import pytest

from .launching import Outcomes

CASES = (
    "replicas",
    "sharded",
    "a_copy_before_a_step_fails",
    "mixed_precision",
    "bfloat16_parameters",
    "cpu_offload",
    "non_finite_and_outlying",
    "training_is_the_same_bit_for_bit",
    "resumed",
    "refused",
    "a_rank_fails_at_construction",
    "a_sink_fails_at_construction",
    "a_full_disk_stops_no_rank",
    "adapted",
    "adapters_say_what_is_trained",
    "adapters_that_give_no_parts",
    "three_collectives",
    "layers_that_another_rank_freezes",
    "ranks_out_of_step",
    "a_step_that_one_rank_refuses",
    "arguments_that_differ",
    "a_schedule_fails",
    "a_warning_that_is_an_error_stops_all_ranks",
    "parameters_that_are_replaced",
)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    return Outcomes("cases_of_two", 2, tmp_path_factory.mktemp("two"))


@pytest.mark.parametrize("case", CASES)
def test_case(outcomes, case):
    outcomes.check(case)
