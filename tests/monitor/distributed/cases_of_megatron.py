"""Two ranks of Megatron-Core itself, on CPUs, where its own code lays parameters out.

Megatron asks for a GPU's number, random state and memory wherever it goes; these few calls are
answered here with the CPU's. What it makes of parameters is its own.
"""

from __future__ import annotations

import contextlib

import pytest
import torch
import torch.distributed as dist
from megatron.core import parallel_state
from megatron.core.distributed import DistributedDataParallel, DistributedDataParallelConfig
from megatron.core.models.gpt.gpt_layer_specs import get_gpt_layer_local_spec
from megatron.core.models.gpt.gpt_model import GPTModel
from megatron.core.optimizer import OptimizerConfig, get_megatron_optimizer
from megatron.core.tensor_parallel import get_cuda_rng_tracker
from megatron.core.transformer.transformer_config import TransformerConfig
from torch.overrides import TorchFunctionMode

import igfast
from igfast.store import RunReader

from .comparing import Twin
from .pages import ADAPTERS

LAYERS, WIDTH, WORDS, LENGTH = 4, 16, 32, 8


class OnCPU(TorchFunctionMode):
    """Makes tensors on the CPU that are asked for on a GPU."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if str(kwargs.get("device", "")).startswith("cuda"):
            kwargs["device"] = "cpu"
        return function(*args, **kwargs)


@contextlib.contextmanager
def without_gpu():
    with pytest.MonkeyPatch.context() as patch, OnCPU():
        patch.setattr(torch.cuda, "current_device", lambda: torch.device("cpu"))
        patch.setattr(torch.Tensor, "cuda", lambda tensor, *_, **__: tensor)
        patch.setattr(
            get_cuda_rng_tracker(), "fork", lambda *_: contextlib.nullcontext(), raising=False
        )
        yield


def model_of(tensor=1, stages=1, experts=1, **options):
    """A small GPT as Megatron cuts it, from the same random numbers however it is cut."""
    parallel_state.destroy_model_parallel()
    parallel_state.initialize_model_parallel(
        tensor_model_parallel_size=tensor,
        pipeline_model_parallel_size=stages,
        expert_model_parallel_size=experts,
    )
    torch.manual_seed(3)
    config = TransformerConfig(
        num_layers=LAYERS,
        hidden_size=WIDTH,
        num_attention_heads=2,
        use_cpu_initialization=True,
        pipeline_dtype=torch.float32,
        tensor_model_parallel_size=tensor,
        pipeline_model_parallel_size=stages,
        expert_model_parallel_size=experts,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        **options,
    )
    spec = get_gpt_layer_local_spec(num_experts=config.num_moe_experts, moe_grouped_gemm=False)
    return GPTModel(
        config=config,
        transformer_layer_spec=spec,
        vocab_size=WORDS,
        max_sequence_length=LENGTH,
        pre_process=parallel_state.is_pipeline_first_stage(),
        post_process=parallel_state.is_pipeline_last_stage(),
        share_embeddings_and_output_weights=stages > 1,
    )


def adapter_of(model, **first):
    return ADAPTERS["Megatron"](
        model,
        (
            parallel_state.get_tensor_model_parallel_rank(),
            parallel_state.get_tensor_model_parallel_world_size(),
        ),
        parallel_state.get_data_parallel_rank(),
        (
            parallel_state.get_expert_tensor_parallel_rank(),
            parallel_state.get_expert_tensor_parallel_world_size(),
        ),
        parallel_state.get_expert_data_parallel_rank(),
        **first,
    )


class Training:
    """Megatron's own wrapper and optimizer around a model."""

    def __init__(self, model):
        self._wrapped = DistributedDataParallel(
            model.config, DistributedDataParallelConfig(use_distributed_optimizer=False), model
        )
        options = OptimizerConfig(optimizer="sgd", lr=0.1, clip_grad=0.0)
        self.optimizer = get_megatron_optimizer(options, [self._wrapped])

    def step(self, step):
        torch.manual_seed(step)
        tokens = torch.randint(WORDS, (2, LENGTH))
        positions = torch.arange(LENGTH).expand(2, LENGTH)
        mask = torch.ones(1, 1, LENGTH, LENGTH, dtype=torch.bool).triu(1)
        self._wrapped.zero_grad_buffer()
        self._wrapped(tokens, positions, mask, labels=tokens).mean().backward()
        self._wrapped.finish_grad_sync()
        assert self.optimizer.step()[0]


def copies_of(parameter):
    """The same parameter of both ranks."""
    copies = [torch.empty_like(parameter.detach()) for _ in range(2)]
    dist.all_gather(copies, parameter.detach().contiguous())
    return copies


def joined(parameter):
    """The whole parameter, by what Megatron says of it."""
    copies = copies_of(parameter)
    if not getattr(parameter, "tensor_model_parallel", False):
        assert torch.equal(*copies)
        return copies[0]
    if parameter.partition_stride == 1:
        return torch.cat(copies, parameter.partition_dim)
    pieces = [copy.chunk(parameter.partition_stride, parameter.partition_dim) for copy in copies]
    return torch.cat([x for pair in zip(*pieces, strict=True) for x in pair], 0)


def tensor_parallel(rank, room):
    tensor_parallel_of(rank, room / "plain.igf", {"linear_proj.weight", "linear_fc"})


def gated(rank, room):
    """Gate and up are cut one by one: rows of a rank do not follow each other."""
    options = {"gated_linear_unit": True, "activation_func": torch.nn.functional.silu}
    tensor_parallel_of(
        rank,
        room / "gated.igf",
        {"linear_proj.weight", "linear_fc"},
        add_bias_linear=False,
        **options,
    )


def tensor_parallel_of(rank, path, scattered, **options):
    with without_gpu():
        unsharded = dict(model_of(**options).named_parameters())
        model = model_of(tensor=2, **options)
        own = dict(model.named_parameters())
        local = [name for name in own if any(part in name for part in scattered)]
        twin, training, before = Twin(local), Training(model), None
        with pytest.raises(TypeError, match=r"pass no optimizer, and call monitor.record"):
            igfast.Monitor(adapter_of(model), training.optimizer)
        with igfast.Monitor(adapter_of(model), store=path) as monitor:
            for step in range(4):
                if step:
                    training.step(step)
                monitor.record(step)
                whole = {name: joined(parameter) for name, parameter in own.items()}
                if step == 0:
                    assert all(torch.equal(whole[name], unsharded[name]) for name in unsharded)
                    assert list(whole) == list(unsharded)
                assert all(not torch.equal(whole[name], before[name]) for name in before or ())
                twin.check("param", whole, monitor.last["param"])
                before = {name: tensor.clone() for name, tensor in whole.items()}
        if rank == 0:
            with RunReader(path) as run:
                assert len(set(run.memberships.tolist()) - {0}) == 1
                assert run.numel().tolist() == [p.numel() for p in unsharded.values()]


def stages(rank, room):
    """Each stage numbers its layers from 0, and both have the embedding."""
    with without_gpu():
        model = model_of(stages=2)
        held = {}
        for place, layer in enumerate(model.decoder.layers):
            for name, parameter in layer.named_parameters():
                number = layer.layer_number - 1  # Megatron's own, of the whole model
                held[f"decoder.layers.{number}.{name}"] = parameter.detach()
            assert layer.layer_number - 1 == place + rank * LAYERS // 2
        for name, parameter in model.named_parameters():
            if not name.startswith("decoder.layers."):
                held[name] = parameter.detach()
        assert ("output_layer.weight" in held) == (rank == 1)
        both = [None, None]
        dist.all_gather_object(both, held)
        whole = {**both[1], **both[0]}
        assert torch.equal(
            whole.pop("output_layer.weight"), whole["embedding.word_embeddings.weight"]
        )
        first = model.decoder.layers[0].layer_number - 1
        with igfast.Monitor(adapter_of(model, first_layer=first)) as monitor:
            monitor.record(0)
            found = monitor.last["param"]
            assert set(found.names) == set(whole)
            Twin().check("param", {name: whole[name] for name in found.names}, found)


def experts(rank, room):
    """Two of four experts on each rank, everything else on both."""
    with without_gpu():
        model = model_of(experts=2, num_moe_experts=4, add_bias_linear=False)
        own = dict(model.named_parameters())
        with torch.no_grad():  # experts' own random numbers need a GPU
            for name, parameter in own.items():
                parameter += rank * ("local_experts." in name)
        whole = {}
        for name, parameter in own.items():
            copies = copies_of(parameter)
            if "local_experts." not in name:
                assert torch.equal(*copies)
                whole[name] = copies[0]
                continue
            assert not torch.equal(*copies)
            for other, copy in enumerate(copies):
                before, _, after = name.partition("local_experts.")
                number, _, rest = after.partition(".")
                whole[f"{before}local_experts.{int(number) + 2 * other}.{rest}"] = copy
        local = [name for name in whole if "linear_fc1" in name]
        with igfast.Monitor(adapter_of(model, first_expert=2 * rank)) as monitor:
            monitor.record(0)
            found = monitor.last["param"]
            assert set(found.names) == set(whole)
            Twin(local).check("param", {name: whole[name] for name in found.names}, found)


CASES = (tensor_parallel, gated, stages, experts)
