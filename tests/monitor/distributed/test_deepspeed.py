"""DeepSpeed itself, where it is installed: two processes that train on CPUs."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from .launching import Outcomes

CASES = (
    "zero_1",
    "zero_2",
    "bf16_masters",
    "zero_3",
    "zero_3_masters_and_gradients",
    "trainers_callback",
)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    if find_spec("deepspeed") is None:
        pytest.skip("needs DeepSpeed: pip install deepspeed")
    return Outcomes("cases_of_deepspeed", 2, tmp_path_factory.mktemp("deepspeed"))


@pytest.mark.parametrize("case", CASES)
def test_case(outcomes, case):
    outcomes.check(case)
