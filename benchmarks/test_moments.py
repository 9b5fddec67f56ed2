"""Moments of all tensors, beside what one would write with torch."""

from __future__ import annotations

import pytest
import torch

import igfast

from . import cases


def by_torch(values: torch.Tensor) -> tuple[float, ...]:
    """Two of the passes that the same numbers take in torch."""
    variance, mean = torch.var_mean(values.double(), correction=0)
    centered = values.double() - mean
    third = (centered**3).mean() / variance**1.5
    fourth = (centered**4).mean() / variance**2 - 3
    return float(mean), float(variance), float(third), float(fourth)


@pytest.mark.parametrize("size", [1_000, 100_000, 10_000_000])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_moments(compare, size, dtype):
    values = cases.tensor(size, dtype=dtype)
    found = igfast.moments(values)
    ours = [float(v[0]) for v in (found.mean, found.variance, found.skewness, found.kurtosis)]
    assert ours == pytest.approx(by_torch(values), rel=1e-9, abs=1e-12)
    others = {"torch": lambda: by_torch(values), "read": values.sum}
    compare(
        lambda: igfast.moments(values), others, elements=size, size=size * values.element_size()
    )
