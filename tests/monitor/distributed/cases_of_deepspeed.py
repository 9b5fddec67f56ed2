"""Two ranks of DeepSpeed itself, on CPUs: ZeRO-1, 2 and 3 against the same training in one process.

Both ranks see the same batch, so that averaging gradients is exact and the unsharded model has the
same weights, bit for bit.
"""

from __future__ import annotations

import os

import deepspeed
import numpy as np
import pytest
import torch
from deepspeed.utils import (
    safe_get_full_fp32_param,
    safe_get_full_grad,
    safe_get_local_fp32_param,
    safe_get_local_grad,
)

import igfast
from igfast.store import RunReader

from .comparing import Net, Twin
from .pages import ADAPTERS

os.environ.setdefault("DS_ACCELERATOR", "cpu")
os.environ.setdefault("LOCAL_RANK", "0")


class Training:
    """A model under DeepSpeed and its twin in one process."""

    def __init__(self, stage, dtype=torch.float32, frozen="", **zero):
        deepspeed.init_distributed("gloo")
        torch.manual_seed(0)
        self._dtype, model = dtype, Net()
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name != frozen)
        self.twin = Net().to(dtype)
        self.twin.load_state_dict(model.state_dict())
        self._optimizer = torch.optim.Adam(self.twin.parameters(), lr=0.01)
        config = {
            "train_micro_batch_size_per_gpu": 6,
            "gradient_clipping": 0.0,  # 1 if not given
            "zero_optimization": {"stage": stage, **zero},
            "bf16": {"enabled": dtype is torch.bfloat16},
        }
        self.engine, self.optimizer, *_ = deepspeed.initialize(
            model=model, optimizer=torch.optim.Adam(model.parameters(), lr=0.01), config=config
        )

    def backward(self, step):
        torch.manual_seed(step)
        batch = torch.randn(6, 24, dtype=self._dtype)
        self.engine.backward(self.engine(batch).pow(3).mean())
        self._optimizer.zero_grad()
        self.twin(batch).pow(3).mean().backward()

    def step(self):
        self.engine.step()
        self._optimizer.step()

    def whole(self):
        return {name: p.detach() for name, p in self.twin.named_parameters()}

    def gradients(self):
        return {name: p.grad for name, p in self.twin.named_parameters()}


def zero_1(rank, room):
    copies(Training(1), room)


def zero_2(rank, room):
    copies(Training(2), room)


def copies(training, room):
    """Whole parameters on every rank; masters in pieces that begin and end anywhere."""
    masters = ADAPTERS["Masters"](training.engine.module)
    path, twins = room / "run.igf", (Twin(), Twin())
    with (
        igfast.Monitor(training.engine, store=path) as monitor,
        igfast.Monitor(masters) as of_masters,
    ):
        for step in range(1, 5):
            training.backward(step)
            training.step()
            monitor.record(step)
            of_masters.record(step)
            twins[0].check("param", training.whole(), monitor.last["param"])
            twins[1].check("param", training.whole(), of_masters.last["param"])
    refused(training, training.engine)


def refused(training, model):
    """Optimizers that step masters: DeepSpeed's, and the one that it was given."""
    for optimizer in (training.optimizer, training.optimizer.optimizer):
        with pytest.raises(TypeError, match=r"pass no optimizer, and call monitor.record"):
            igfast.Monitor(model, optimizer)


def bf16_masters(rank, room):
    """The model computes in bfloat16; its masters are float32, and no multiples of it."""
    training, twins = Training(1, torch.bfloat16), (Twin(), Twin())
    masters = ADAPTERS["Masters"](training.engine.module)
    with igfast.Monitor(training.engine) as monitor, igfast.Monitor(masters) as of_masters:
        for step in range(1, 5):
            training.backward(step)
            training.engine.step()
            monitor.record(step)
            of_masters.record(step)
            parameters = dict(training.engine.module.named_parameters())
            held = {name: p.detach() for name, p in parameters.items()}
            twins[0].check("param", held, monitor.last["param"])
            whole = {name: safe_get_full_fp32_param(p) for name, p in parameters.items()}
            assert any((x != x.bfloat16()).any() for x in whole.values())
            twins[1].check("param", whole, of_masters.last["param"])


def zero_3(rank, room):
    """Partitions between steps, of small parameters that stay gathered and of others."""
    zero_3_of(rank, room / "gathered.igf", stage3_param_persistence_threshold=1000)
    zero_3_of(rank, room / "apart.igf", stage3_param_persistence_threshold=0)


def zero_3_of(rank, path, **zero):
    training, twin = Training(3, **zero), Twin()
    model = training.engine.module
    with pytest.raises(TypeError, match="parameters of DeepSpeed ZeRO-3, which are empty"):
        igfast.Monitor(training.engine)
    adapter = ADAPTERS["Zero3"](model, rank)
    refused(training, adapter)
    with igfast.Monitor(adapter, store=path) as monitor:
        for step in range(5):
            if step:
                training.backward(step)
                training.step()
            monitor.record(step)
            twin.check("param", training.whole(), monitor.last["param"])
        assert monitor.health == ()
    if rank == 0:
        with RunReader(path) as run:
            assert run.memberships.tolist() == [0] * 5
            assert run.shapes("param")[1] == (50, 24)
            assert run.moments_at("param", 4).count.tolist() == run.numel().tolist()


def zero_3_masters_and_gradients(rank, room):
    """Between backward and step; a frozen parameter has neither."""
    training, twins = Training(3, torch.bfloat16, frozen="narrow.bias"), (Twin(), Twin())
    model = training.engine.module
    adapter = ADAPTERS["Zero3"](
        model, rank, param=safe_get_local_fp32_param, grad=safe_get_local_grad
    )
    with igfast.Monitor(adapter, quantities=("param", "grad")) as monitor:
        for step in range(1, 5):
            training.backward(step)
            monitor.record(step)
            own = {n: p for n, p in model.named_parameters() if p.requires_grad}
            assert len(own) == 6
            masters = {name: safe_get_full_fp32_param(p) for name, p in own.items()}
            twins[0].check("param", masters, monitor.last["param"])
            gradients = {name: safe_get_full_grad(p) for name, p in own.items()}
            assert all(x.any() for x in gradients.values())
            twins[1].check("grad", gradients, monitor.last["grad"])
            training.engine.step()


def trainers_callback(rank, room):
    """The Trainer of transformers, whose DeepSpeed optimizer says nothing of its steps."""
    transformers = pytest.importorskip("transformers")
    from igfast.integrations.transformers import MonitorCallback

    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2")
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29500")  # not used: there is a group

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = Net()

        def forward(self, x):
            return {"loss": self.net(x).pow(3).mean()}

    for stage in (2, 3):
        callback = MonitorCallback(
            every=2,
            store=room / f"{stage}.igf",
            adapter=(lambda model: ADAPTERS["Zero3"](model, rank)) if stage == 3 else None,
        )
        arguments = transformers.TrainingArguments(
            output_dir=str(room),
            max_steps=5,
            per_device_train_batch_size=4,
            use_cpu=True,
            report_to=[],
            disable_tqdm=True,
            save_strategy="no",
            deepspeed={
                "zero_optimization": {"stage": stage},
                "train_micro_batch_size_per_gpu": "auto",
                "zero_allow_untested_optimizer": True,
            },
        )
        rows = [{"x": row} for row in torch.randn(64, 24)]
        trainer = transformers.Trainer(Model(), arguments, train_dataset=rows, callbacks=[callback])
        trainer.train()
        if rank == 0:
            run = igfast.open(room / f"{stage}.igf")
            assert run.steps.tolist() == [0, 2, 4]
            assert run.layers == tuple(name for name, _ in Model().named_parameters())
            assert (np.diff(run.moments()["l2"], axis=0) != 0).all()


CASES = (zero_1, zero_2, bf16_masters, zero_3, zero_3_masters_and_gradients, trainers_callback)
