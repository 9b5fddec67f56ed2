"""Adapters of docs/distributed.md, on four processes with parameters laid out as there."""

from __future__ import annotations

import pytest

from .launching import Outcomes

CASES = (
    "zero3",
    "masters_of_zero_1_and_2",
    "megatron",
    "megatron_stages",
    "optimizers_with_masters",
)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    return Outcomes("cases_of_frameworks", 4, tmp_path_factory.mktemp("frameworks"))


@pytest.mark.parametrize("case", CASES)
def test_case(outcomes, case):
    outcomes.check(case)
