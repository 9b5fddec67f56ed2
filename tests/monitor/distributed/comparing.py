"""Networks, ways to shard them, and the unsharded histogram that a record must equal."""

from __future__ import annotations

import contextlib

import numpy as np
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh

import igfast

FIELDS = ("split_counts", "split_outside", "offsets")
ALIKE = ("nan", "numel", "exponents", "origins")
BOTH = ("param", "grad", "update")


class Net(torch.nn.Module):
    """Layers that no number of ranks divides, fewer rows than ranks, zeros and ones at first."""

    def __init__(self, width: int = 50) -> None:
        super().__init__()
        self.wide = torch.nn.Linear(24, width)
        self.narrow = torch.nn.Linear(width, 3)
        self.norm = torch.nn.LayerNorm(3)
        self.scale = torch.nn.Parameter(torch.tensor([0.5]))

    def forward(self, inputs):
        return self.norm(self.narrow(self.wide(inputs).relu())) * self.scale


class Keep:
    """A sink that keeps the newest record."""

    record = None

    def write(self, step, record):
        self.record = record

    def flush(self): ...
    def close(self): ...


def mesh_of_two():
    """The mesh of both ranks."""
    return init_device_mesh("cpu", (2,))


def full(tensor):
    """The whole tensor, on every rank."""
    tensor = tensor.detach()
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


class Twin:
    """Plans that count the unsharded tensors in one process, record after record."""

    def __init__(self, local=()) -> None:
        self._plans = {}
        self._local = set(local)  # layers whose splits go by the local index

    def check(self, quantity, tensors, histogram, moments=None) -> None:
        tensors = {name: tensor.clone() for name, tensor in tensors.items()}
        if quantity not in self._plans:
            self._plans[quantity] = igfast.Plan(tensors, splits=4, offsets=True, moments=True)
        self._plans[quantity].rebind(tensors)
        wanted, wanted_moments = (one.to_numpy() for one in self._plans[quantity]())
        found = histogram.to_numpy()
        assert found.names == wanted.names
        for field in ALIKE:
            np.testing.assert_array_equal(
                getattr(found, field), getattr(wanted, field), err_msg=f"{quantity} {field}"
            )
        for field in FIELDS:
            left, right = getattr(found, field), getattr(wanted, field)
            np.testing.assert_array_equal(left.sum(axis=1), right.sum(axis=1))
            rows = [row for row, name in enumerate(found.names) if name not in self._local]
            np.testing.assert_array_equal(left[rows], right[rows], err_msg=f"{quantity} {field}")
        if moments is None:
            return
        moments = moments.to_numpy()
        for field in ("count", "nan", "inf", "zeros", "min", "max"):
            left, right = getattr(moments, field), getattr(wanted_moments, field)
            np.testing.assert_array_equal(left, right, err_msg=f"{quantity} {field}")
        with np.errstate(all="ignore"):
            self._check_sums(moments, wanted_moments)

    def _check_sums(self, moments, wanted) -> None:
        """Sums agree to float64's rounding of the largest element, or of the mean."""
        scale = np.nan_to_num(np.maximum(np.abs(wanted.max), np.abs(wanted.min)))
        # a mean is rounded to 2^-53 of itself, however narrow the distribution around it
        narrow = np.nan_to_num(scale / np.sqrt(wanted.variance), posinf=0)
        for field in ("sum", "mean", "sum_squares", "variance", "skewness", "kurtosis", "l2"):
            left, right = getattr(moments, field), getattr(wanted, field)
            special = ~np.isfinite(right)
            np.testing.assert_array_equal(left[special], right[special], err_msg=field)
            error = np.where(special, 0, np.abs(left - right))
            if field in ("sum", "mean"):
                allowed = 1e-14 * scale * (wanted.count if field == "sum" else 1)
            else:
                allowed = (1e-11 + 1e-14 * narrow) * np.where(special, 0, np.abs(right))
            assert (error <= allowed).all(), (field, left, right)


def train(model, make, steps=4, local=(), names=None, skip=(), every=1, context=None, **options):
    """Train with a Monitor and hold every record of every quantity to the unsharded tensors."""
    names = names or {name: name for name, _ in model.named_parameters()}
    named = dict(model.named_parameters())
    optimizer = make(model)
    keep, twin, before = Keep(), Twin(local), {}
    reference = {name: full(named[inner]).clone() for name, inner in names.items()}
    monitor = igfast.Monitor(
        model, optimizer, every=every, quantities=BOTH, sinks=[keep], **options
    )

    def compare(quantity, tensors):
        record = keep.record
        assert (record is not None) == (dist.get_rank() == 0)
        moments = None if record is None else record.moments[quantity]
        twin.check(quantity, tensors, monitor.last[quantity], moments)

    with monitor:
        assert tuple(monitor.last) == ("param",)
        compare("param", reference)
        for step in range(1, steps + 1):
            torch.manual_seed(step)
            with context or contextlib.nullcontext():
                model(torch.randn(6, 24)).pow(3).mean().backward()
            before = reference
            optimizer.step()
            reference = {name: full(named[inner]).clone() for name, inner in names.items()}
            gradients = {name: full(named[inner].grad) for name, inner in names.items()}
            if step % every == 0:
                assert tuple(monitor.last) == BOTH
                compare("param", reference)
                compare("grad", gradients)
                compare(
                    "update",
                    {
                        name: update_of(optimizer, named[inner], before[name], reference[name])
                        for name, inner in names.items()
                    },
                )
            optimizer.zero_grad()
        assert monitor.step == steps
    return monitor


def update_of(optimizer, parameter, before, after):
    """Δθ of the whole parameter: what the optimizer's state says, or the difference."""
    placed = [getattr(tensor, "placements", None) for tensor in (parameter, parameter.grad)]
    if parameter.dtype != torch.float32 or placed[0] != placed[1]:
        return after.float() - before
    state = optimizer.state[parameter]
    if "momentum_buffer" in state:
        return full(state["momentum_buffer"]) * -0.1
    first, second = 1 - 0.9 ** float(state["step"]), 1 - 0.999 ** float(state["step"])
    scale = (full(state["exp_avg_sq"]).sqrt() / second**0.5 + 1e-8) * first
    return full(state["exp_avg"]) / scale * -0.01


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
