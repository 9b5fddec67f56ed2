"""Megatron-Core itself, where it is installed: two processes on CPUs."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from .launching import Outcomes

CASES = ("tensor_parallel", "gated", "stages", "experts")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    if find_spec("megatron") is None:
        pytest.skip("needs Megatron-Core: pip install megatron-core")
    return Outcomes("cases_of_megatron", 2, tmp_path_factory.mktemp("megatron"))


@pytest.mark.parametrize("case", CASES)
def test_case(outcomes, case):
    outcomes.check(case)
