"""A Monitor on what ``Accelerator.prepare`` returns, against one without accelerate."""

from __future__ import annotations

import pytest
import torch

import igfast
from igfast.sinks import TensorBoard

from .training import QUANTITIES, SIZE, adam, assert_same_run, batches, by_hand, network

pytest.importorskip("accelerate")

from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState


@pytest.fixture(autouse=True)
def fresh():
    """Accelerators share their state in a process."""
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()


def prepared(accelerator):
    model = network()
    inputs, targets = (one.flatten(0, 1) for one in batches())
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), SIZE)
    return accelerator.prepare(model, adam(model), data)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_run_is_that_of_a_loop_by_hand(accumulate, tmp_path):
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=accumulate)
    model, optimizer, data = prepared(accelerator)
    with igfast.Monitor(
        model, optimizer, every=2, quantities=QUANTITIES, store=tmp_path / "run.igf"
    ) as monitor:
        for inputs, targets in data:
            with accelerator.accumulate(model):
                accelerator.backward((model(inputs) - targets).square().mean())
                optimizer.step()
                optimizer.zero_grad()
    assert monitor.step == 24 // accumulate
    assert_same_run(igfast.open(tmp_path / "run.igf"), by_hand(tmp_path / "hand.igf", accumulate))


def test_steps_that_the_scaler_skips_do_not_count(tmp_path):
    accelerator = Accelerator(cpu=True)
    model, optimizer, data = prepared(accelerator)
    from accelerate.optimizer import AcceleratedOptimizer

    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=1000)
    optimizer = AcceleratedOptimizer(optimizer.optimizer, scaler=scaler)
    taken = 0
    with igfast.Monitor(model, optimizer, every=1) as monitor:
        for inputs, targets in data:
            scaler.scale((model(inputs) - targets).square().mean()).backward()
            optimizer.step()
            taken += not optimizer.step_was_skipped
            optimizer.zero_grad()
    assert 0 < taken < 24
    assert monitor.step == taken


def test_the_tracker_in_use(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accelerator = Accelerator(cpu=True, log_with="tensorboard", project_dir=tmp_path)
    accelerator.init_trackers("run")
    model, optimizer, data = prepared(accelerator)
    sink = TensorBoard(accelerator.get_tracker("tensorboard").writer)
    with igfast.Monitor(model, optimizer, every=12, sinks=[sink]) as monitor:
        for inputs, targets in data:
            loss = (model(inputs) - targets).square().mean()
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
            accelerator.log({"loss": loss.item()}, step=monitor.step)
    accelerator.end_training()
    events = EventAccumulator(str(tmp_path / "run"), size_guidance={"histograms": 0}).Reload()
    assert [e.step for e in events.Histograms("param_histogram/0.weight")] == [0, 12, 24]
    assert [e.step for e in events.Scalars("loss")] == list(range(1, 25))
