"""TensorBoard: event files read back with TensorBoard's own accumulator."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import igfast
from igfast.sinks import TensorBoard

from .recording import Keeper, record

pytest.importorskip("tensorboard")
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter


def read(folder):
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0})
    return found.Reload()


def test_scalars(tmp_path):
    records = record(TensorBoard(tmp_path))
    events = read(tmp_path)
    velocity = events.Scalars("param_velocity/moving")
    assert [e.step for e in velocity] == [5, 10]
    np.testing.assert_allclose([e.value for e in velocity], 0.02, rtol=0.05)
    length = events.Scalars("param_length/moving")
    assert [e.step for e in length] == [0, 5, 10]
    assert length[0].value == 0.0
    assert length[-1].value == pytest.approx(0.2, rel=0.05)
    assert [e.wall_time for e in length] == [r.wall_time for r in records]
    for name in ("entropy", "complexity", "noise_floor"):
        wanted = [getattr(r.curves["param"], name)[0] for r in records]
        wanted = [value for value in wanted if not np.isnan(value)]
        found = [e.value for e in events.Scalars(f"param_{name}/moving")]
        np.testing.assert_allclose(found, wanted, rtol=1e-6)  # event files keep float32


def test_what_should_not_be_there_is_counted(tmp_path):
    record(TensorBoard(tmp_path))
    events = read(tmp_path)
    for name in ("nan", "inf"):
        found = events.Scalars(f"param_{name}/bad")
        assert [(e.step, e.value) for e in found] == [(5, 1.0), (10, 1.0)]
        assert f"param_{name}/moving" not in events.Tags()["scalars"]
    assert events.Scalars("param_outside/moving")[0].value >= 1
    assert [e.value for e in events.Scalars("health/flags")] == [0.0, 2.0, 2.0]
    assert [(e.step, e.value) for e in events.Scalars("health/nan/param/bad")] == [(5, 1.0)]


def test_histograms_have_exact_moments(tmp_path):
    records = record(TensorBoard(tmp_path))
    events = read(tmp_path)
    found = events.Histograms("param_histogram/moving")
    assert [e.step for e in found] == [0, 5, 10]
    for event, kept in zip(found, records, strict=True):
        value, histogram = event.histogram_value, kept.histograms["param"]
        moments, counts = kept.moments["param"], histogram.counts[0]
        held = np.flatnonzero(counts)
        inside = slice(held[0], held[-1] + 1)
        assert value.num == 100_000
        assert value.sum == moments.sum[0]
        assert value.sum_squares == moments.sum_squares[0]
        assert value.bucket == counts[inside].tolist()
        assert value.bucket_limit == histogram.edges[0, 1:][inside].tolist()
        assert value.min == max(moments.min[0], histogram.edges[0, inside.start])
        assert value.max == histogram.edges[0, inside.stop] < 40.0  # not the outlier


def test_a_layer_of_one_value_has_width(tmp_path):
    """What TensorBoard draws: left, right and count of every bucket."""
    from tensorboard import data_compat
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
    from tensorboard.util import tensor_util

    record(TensorBoard(tmp_path))
    (path,) = tmp_path.iterdir()
    drawn = {}
    for event in LegacyEventFileLoader(str(path)).Load():
        for value in event.summary.value:
            if value.HasField("histo"):
                tensor = data_compat.migrate_value(value).tensor
                drawn.setdefault(value.tag, []).append(tensor_util.make_ndarray(tensor))
    ((left, right, count),) = drawn["param_histogram/one"][0]
    assert left <= 1.0 < right
    assert count == 64
    for buckets in drawn["param_histogram/moving"]:
        assert (buckets[:, 0] < buckets[:, 1]).all()
        assert (buckets[1:, 0] == buckets[:-1, 1]).all()
    assert drawn["param_histogram/bad"][1][:, 2].sum() == 1  # NaN and infinity are not drawn


def test_layers_of_a_model_and_their_gradients(tmp_path):
    torch.manual_seed(0)
    model, keeper = torch.nn.Linear(5, 2), Keeper()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with igfast.Monitor(
        model,
        optimizer,
        every=2,
        quantities=("param", "grad"),
        sinks=[TensorBoard(tmp_path, scalars=("l2",)), keeper],
    ):
        for _ in range(4):
            model(torch.ones(3, 5)).square().sum().backward()
            optimizer.step()
    events = read(tmp_path)
    assert sorted(events.Tags()["scalars"]) == [
        "grad_l2/bias",
        "grad_l2/model",
        "grad_l2/weight",
        "health/flags",
        "param_l2/bias",
        "param_l2/model",
        "param_l2/weight",
    ]
    assert [e.step for e in events.Scalars("grad_l2/weight")] == [2, 4]
    assert [e.step for e in events.Histograms("param_histogram/weight")] == [0, 2, 4]
    assert sum(events.Histograms("grad_histogram/weight")[0].histogram_value.bucket) == 10


def test_a_writer_in_use_stays_open(tmp_path):
    writer = SummaryWriter(tmp_path)
    record(TensorBoard(writer, histograms=False))
    writer.add_scalar("loss", 0.5, 11)
    writer.close()
    events = read(tmp_path)
    assert events.Scalars("loss")[0].value == 0.5
    assert not events.Tags()["histograms"]
    assert len(events.Scalars("param_length/moving")) == 3


@pytest.fixture
def in_order(monkeypatch):
    """TensorBoard reads files in the order of their names: seconds, then text of a count."""
    from tensorboard.summary.writer import event_file_writer

    count = event_file_writer.AtomicCounter(0)
    monkeypatch.setattr(event_file_writer, "_global_uid", count)


def resumed(folder, store, other=None):
    """A run to step 10 of which a checkpoint at step 4 is taken up; the sinks log too."""
    array = np.arange(100.0)
    for begin, again in ((0, {}), (4, {"resume": True, "step": 4})):
        if other is not None:
            other.flush()
        sinks, options = [TensorBoard(folder)], {"store": store, **again} if store else {}
        options |= {"step": begin} if begin else {}
        with igfast.Monitor({"w": array}, sinks=sinks, **options) as monitor:
            for step in range(begin + (begin > 0 and store is not None), 11):
                array[0] = step + begin
                monitor.record(step)
                monitor.log(step, loss=begin)
                if other is not None:
                    other.add_scalar("own", begin, step)
    return read(folder)


@pytest.mark.parametrize("stored", [True, False])
def test_a_resumed_run_shows_each_step_once(tmp_path, in_order, stored):
    events = resumed(tmp_path / "runs", tmp_path / "run.igf" if stored else None)
    begun = 5 if stored else 4  # the store says that step 4 is recorded
    for name in ("param_l2/w", "loss"):
        assert [e.step for e in events.Scalars(name)] == list(range(11))
    assert [e.value for e in events.Scalars("loss")] == [0.0] * begun + [4.0] * (11 - begun)
    assert [e.step for e in events.Histograms("param_histogram/w")] == list(range(11))
    assert len(list((tmp_path / "runs").iterdir())) == 2  # nothing is deleted


def test_files_of_others_in_the_folder_are_not_hidden(tmp_path, in_order):
    with SummaryWriter(tmp_path / "runs") as other:
        events = resumed(tmp_path / "runs", None, other)
    assert [e.step for e in events.Scalars("own")] == [*range(11), *range(4, 11)]
    assert [e.step for e in events.Scalars("loss")] == [*range(11), *range(4, 11)]


def test_two_resumed_models_in_one_folder_do_not_hide_each_other(tmp_path, in_order):
    monitors = [
        igfast.Monitor({name: np.arange(4.0)}, sinks=[TensorBoard(tmp_path)], step=7)
        for name in ("one", "two")
    ]
    for monitor in monitors:
        monitor.record(7)
        monitor.record(8)
    for monitor in monitors:
        monitor.close()
    events = read(tmp_path)
    for name in ("one", "two"):
        assert [e.step for e in events.Scalars(f"param_l2/{name}")] == [7, 8]


def test_a_sink_that_is_used_again_goes_on(tmp_path, in_order):
    sink = TensorBoard(tmp_path)
    for begin in (0, 2):
        with igfast.Monitor({"w": np.arange(4.0)}, sinks=[sink], step=begin) as monitor:
            for step in range(begin, 5):
                monitor.record(step)
    assert [e.step for e in read(tmp_path).Scalars("param_l2/w")] == list(range(5))


def test_the_folder_is_where_it_was_when_the_sink_was_made(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    sink = TensorBoard("runs")
    monkeypatch.chdir(tmp_path / "elsewhere")
    record(sink)
    assert list((tmp_path / "runs").iterdir())
    assert not list((tmp_path / "elsewhere").iterdir())


def test_refusals(tmp_path):
    with pytest.raises(TypeError, match="target must be a folder or a SummaryWriter, got 3"):
        TensorBoard(3)
    with pytest.raises(ValueError, match=r"scalars must be among velocity, .*, got 'speed'"):
        TensorBoard(tmp_path, scalars=["speed"])
    with pytest.raises(TypeError, match=r"scalars must be a sequence, got 'l2'; use \('l2',\)"):
        TensorBoard(tmp_path, scalars="l2")


def test_nothing_is_made_before_the_first_record(tmp_path):
    """Every rank makes its sinks; only rank 0 writes."""
    TensorBoard(tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
