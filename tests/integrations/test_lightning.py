"""The Lightning callback in a real Trainer, against a loop by hand."""

from __future__ import annotations

from functools import partial

import pytest
import torch

import igfast

from .starting import torchrun
from .training import QUANTITIES, SIZE, adam, assert_same_run, batches, by_hand, network

pytest.importorskip("pytorch_lightning")

import lightning_fabric
import pytorch_lightning
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.plugins import MixedPrecision

from igfast.integrations.lightning import MonitorCallback

pytestmark = [
    # a Trainer's advice about workers, logging and the length of an epoch
    pytest.mark.filterwarnings("ignore:The 'train_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
]


class Module(pytorch_lightning.LightningModule):
    def __init__(self, make=adam):
        super().__init__()
        self.net, self.make = network(), make

    def training_step(self, batch, index):
        return (self.net(batch[0]) - batch[1]).square().mean()

    def configure_optimizers(self):
        return self.make(self.net)


def trainer(folder, *callbacks, **options):
    settings = {
        "accelerator": "cpu",
        "devices": 1,
        "max_epochs": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "default_root_dir": folder,
    }
    return pytorch_lightning.Trainer(**{**settings, **options}, callbacks=list(callbacks))


def data():
    inputs, targets = (one.flatten(0, 1) for one in batches())
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), SIZE)


def callback(path, **options):
    return MonitorCallback(every=2, quantities=QUANTITIES, store=path, **options)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_run_is_that_of_a_loop_by_hand(accumulate, tmp_path):
    """``global_step`` repeats while gradients accumulate; records do not."""
    monitored = callback(tmp_path / "run.igf")
    trainer(tmp_path, monitored, accumulate_grad_batches=accumulate).fit(Module(), data())
    assert monitored.monitor.step == 24 // accumulate
    wanted = by_hand(tmp_path / "hand.igf", accumulate, prefix="net")
    assert_same_run(igfast.open(tmp_path / "run.igf"), wanted)


def test_steps_that_mixed_precision_skips_do_not_count(tmp_path):
    """The scaler begins so high that gradients overflow."""
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=1000)
    plugin = MixedPrecision("16-mixed", "cpu", scaler=scaler)
    monitored = callback(tmp_path / "run.igf")
    run = trainer(tmp_path, monitored, plugins=[plugin])
    run.fit(Module(), data())
    skipped = run.global_step - monitored.monitor.step
    assert skipped > 0
    assert scaler.get_scale() == 2.0 ** (127 - skipped)
    assert igfast.open(tmp_path / "run.igf").steps.tolist() == list(range(0, 25 - skipped, 2))


class TwoOptimizers(Module):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch, index):
        for optimizer in self.optimizers():
            optimizer.zero_grad()
            self.manual_backward(super().training_step(batch, index))
            optimizer.step()

    def configure_optimizers(self):
        return [torch.optim.SGD(self.net[i].parameters(), lr=0.01) for i in (0, 2)]


def test_several_optimizers_and_a_checkpoint(tmp_path):
    """Lightning counts 48 steps in an epoch of 24 batches, the Monitor 24."""
    path = tmp_path / "run.igf"
    for epochs in (1, 2):
        saving = ModelCheckpoint(dirpath=tmp_path, save_last=True)
        monitored = callback(path)
        run = trainer(tmp_path, monitored, saving, max_epochs=epochs, enable_checkpointing=True)
        last = tmp_path / "last.ckpt"
        run.fit(TwoOptimizers(), data(), ckpt_path=last if last.exists() else None)
        assert (run.global_step, monitored.monitor.step) == (48 * epochs, 24 * epochs)
    assert igfast.open(path).steps.tolist() == list(range(0, 49, 2))


def test_a_checkpoint_continues_the_run(tmp_path):
    path = tmp_path / "run.igf"
    for epochs in (1, 2):
        saving = ModelCheckpoint(dirpath=tmp_path, save_last=True)
        last = tmp_path / "last.ckpt"
        run = trainer(
            tmp_path, callback(path), saving, max_epochs=epochs, enable_checkpointing=True
        )
        run.fit(Module(), data(), ckpt_path=last if last.exists() else None)
    wanted = by_hand(tmp_path / "hand.igf", epochs=2, prefix="net")
    assert_same_run(igfast.open(path), wanted)


@pytest.mark.parametrize("make", [Module, TwoOptimizers])
def test_a_trainer_that_fits_again_goes_on_where_it_was(make, tmp_path):
    """Whatever checkpoint was loaded before: that of the first fit, or of a test."""
    path = tmp_path / "run.igf"
    run = trainer(tmp_path, callback(path))
    run.fit(make(), data())
    run.save_checkpoint(tmp_path / "first.ckpt")
    monitored, module = callback(path), make()
    run = trainer(tmp_path, monitored, max_epochs=2)
    run.fit(module, data(), ckpt_path=tmp_path / "first.ckpt")
    module.test_step = lambda batch: None
    run.test(module, data(), ckpt_path=tmp_path / "first.ckpt")
    for epochs in (3, 4):
        run.fit_loop.max_epochs = epochs
        run.fit(module, data())
    assert monitored.monitor.step == 96
    assert igfast.open(path).steps.tolist() == list(range(0, 97, 2))
    trainer(tmp_path, monitored).fit(make(), data())  # from the beginning
    assert igfast.open(path).steps.tolist() == list(range(0, 25, 2))


def test_a_new_run_does_not_overwrite(tmp_path):
    trainer(tmp_path, callback(tmp_path / "run.igf")).fit(Module(), data())
    with pytest.raises(FileExistsError):
        trainer(tmp_path, callback(tmp_path / "run.igf")).fit(Module(), data())


def test_training_that_fails_closes_the_run(tmp_path):
    class Failing(Module):
        def on_train_batch_start(self, batch, index):
            if index == 5:
                raise ArithmeticError("diverged")

    monitored = callback(tmp_path / "run.igf")
    module = Failing()
    with pytest.raises(ArithmeticError, match="diverged"):
        trainer(tmp_path, monitored).fit(module, data())
    assert igfast.open(tmp_path / "run.igf").steps.tolist() == [0, 2, 4]
    with pytest.raises(RuntimeError, match="closed"):
        monitored.monitor.record()


def test_what_ended_the_training_is_raised_where_closing_fails_too(tmp_path, monkeypatch):
    class Failing(Module):
        def on_train_batch_start(self, batch, index):
            monkeypatch.setattr(monitored.monitor, "close", lambda: 1 / 0)
            raise ArithmeticError("diverged")

    monitored = callback(tmp_path / "run.igf")
    with (
        pytest.warns(UserWarning, match="closing the monitor failed as well: ZeroDivisionError"),
        pytest.raises(ArithmeticError, match="diverged"),
    ):
        trainer(tmp_path, monitored).fit(Failing(), data())
    monkeypatch.undo()
    monitored.monitor.close()


def test_the_logger_in_use(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    class Logging(Module):
        def training_step(self, batch, index):
            loss = super().training_step(batch, index)
            self.log("loss", loss)
            return loss

    logger = TensorBoardLogger(tmp_path)
    run = trainer(tmp_path, MonitorCallback(every=12), logger=logger, log_every_n_steps=6)
    run.fit(Logging(), data())
    events = EventAccumulator(logger.log_dir, size_guidance={"histograms": 0}).Reload()
    assert [e.step for e in events.Scalars("loss")] == [5, 11, 17, 23]
    assert [e.step for e in events.Histograms("param_histogram/net.0.weight")] == [0, 12, 24]
    assert [e.step for e in events.Scalars("param_velocity/net.2.weight")] == [12, 24]


def test_names_are_those_within_fabric():
    """Whatever lies in between: what is compiled, or replicated."""
    fabric = lightning_fabric.Fabric(accelerator="cpu", devices=1)
    names = tuple(name for name, _ in network().named_parameters())
    for wrap in (lambda net: net, torch.nn.DataParallel, partial(torch.compile, backend="eager")):
        net = network()
        model, optimizer = fabric.setup(wrap(net), adam(net))
        with igfast.Monitor(model, optimizer, every=1, quantities=QUANTITIES) as monitor:
            inputs, targets = batches()
            fabric.backward((net(inputs[0]) - targets[0]).square().mean())
            optimizer.step()
        assert monitor.step == 1
        assert [monitor.last[quantity].names for quantity in QUANTITIES] == [names, names]


def test_what_the_trainer_knows_is_not_asked_for():
    with pytest.raises(TypeError, match="step= comes from the trainer, got 3; leave it out"):
        MonitorCallback(step=3)


def test_data_parallel_training(tmp_path):
    """Two processes, gloo: one record of the model, from rank 0."""
    script = tmp_path / "train.py"
    script.write_text(DDP)
    torchrun(script, tmp_path, 2)
    run = igfast.open(tmp_path / "run.igf")
    assert run.steps.tolist() == list(range(0, 13, 2))
    assert run.layers == ("net.0.weight", "net.0.bias", "net.2.weight", "net.2.bias")
    assert run.histograms()[0].numel.tolist() == [768, 64, 64, 1]
    assert run.length("net.0.weight", estimator="hellinger")[-1] > 0


DDP = """
import sys
from pathlib import Path
import torch.distributed
from tests.integrations.test_lightning import Module, callback, data, trainer

folder = Path(sys.argv[1])
run = trainer(folder, callback(folder / "run.igf"), devices=2, strategy="ddp")
run.fit(Module(), data())
torch.distributed.destroy_process_group()  # Lightning leaves it: its threads may abort the exit
"""
