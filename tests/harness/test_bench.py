"""igfast bench: rows, checked answers, settings left as they were."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

import igfast
from igfast.cli import bench
from igfast.cli.app import app


def test_rows_and_threads():
    before = igfast.get_num_threads()
    result = CliRunner().invoke(app, ["bench", "--elements", "30000", "--threads", "1"])
    assert result.exit_code == 0, result.output
    lines = [line.strip() for line in result.output.splitlines()]
    names = [operation.name for operation in bench.operations()]
    for name in [*names, "moments alone", "numpy.histogram", "torch.histc"]:
        (row,) = [line for line in lines if line.startswith(f"{name}  ")]
        speed, rate = map(float, row.removeprefix(name).split()[:2])
        assert rate == pytest.approx(4 * speed, abs=0.06)
    assert "30,000 float32 values, 256 bins, 1 thread," in result.output
    assert igfast.get_num_threads() == before


def test_a_wrong_count_is_reported():
    values = np.linspace(-1, 1, 1000, dtype=np.float32)
    for operation in bench.operations():
        found = igfast.Plan(values, **operation.options)()
        bench.check(operation, found, values, values)
        with pytest.raises(RuntimeError, match="counts differ"):
            bench.check(operation, found, values[1:], values[1:])
