"""Bars and names, and what is said where a library is missing."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import igfast
from igfast import sinks
from igfast.sinks.numbers import bars_of

from .recording import Keeper, record


def test_bars_of_a_dyadic_histogram():
    (first,) = record(steps=(0,))
    moving, one, bad, model = bars_of(first)
    assert (moving.name, moving.table.quantity, moving.row) == (
        "param_histogram/moving",
        "param",
        0,
    )
    assert (
        moving.counts.sum()
        == 100_000
        - first.histograms["param"].overflow[0]
        - (first.histograms["param"].underflow[0])
    )
    np.testing.assert_array_equal(np.diff(moving.edges), np.diff(moving.edges)[0])
    assert one.counts.tolist() == [64]
    assert one.edges[0] <= 1.0 < one.edges[1]
    assert bad.counts.sum() == 3
    assert model.name == "param_histogram/model"
    assert model.counts.sum() == moving.counts.sum() + 64 + 3
    assert len(model.counts) <= 512


@pytest.mark.parametrize(("most", "counts"), [(4, [3, 7, 11, 7]), (3, [6, 15, 7]), (1, [28])])
def test_bars_that_are_merged(most, counts):
    values = np.repeat(np.arange(1, 8) + 0.5, np.arange(1, 8))
    grid = igfast.Grid.uniform(10, low=0.0, high=10.0)
    (kept,) = record_of(values, grid)
    (bars,) = bars_of(kept, most)
    assert bars.counts.tolist() == counts
    assert (bars.edges[0], bars.edges[-1]) == (1.0, 8.0)
    assert len(bars.edges) == len(counts) + 1


def record_of(values, grid):
    keeper = Keeper()
    with igfast.Monitor({"w": values}, grid=grid, offsets=False, sinks=[keeper]) as monitor:
        monitor.record(0)
    return keeper.records


@pytest.mark.parametrize(
    ("make", "extra"),
    [
        (lambda: sinks.TensorBoard("runs"), "tensorboard"),
        (sinks.WandB, "wandb"),
        (sinks.Trackio, "trackio"),
        (sinks.MLflow, "mlflow"),
        (lambda: sinks.Parquet("run.parquet"), "parquet"),
    ],
)
def test_a_missing_library_is_said_when_a_sink_is_made(make, extra, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=rf"pip install 'igfast\[{extra}\]'"):
        make()
