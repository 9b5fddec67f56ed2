"""Train three small networks and keep every parameter and gradient at log-spaced steps.

    IGFAST_DATA=... python train_runs.py OUT [mlp|conv|gpt ...]

OUT/<run>/params/<step>.npz and OUT/<run>/grads/<step>.npz, one float32 array per layer. The
gradient of step t is the one applied between record t and the next state (none at the last step).
"""

from __future__ import annotations

import gzip
import math
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)
DATA = Path(os.environ["IGFAST_DATA"])


def idx(path):
    raw = gzip.decompress(path.read_bytes())
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
    return torch.from_numpy(
        np.frombuffer(raw, np.uint8, offset=4 + 4 * len(shape)).reshape(shape).copy()
    )


def images(folder, mean, std):
    x = (idx(DATA / folder / "train-images-idx3-ubyte.gz").float() / 255 - mean) / std
    return x, idx(DATA / folder / "train-labels-idx1-ubyte.gz").long()


def record_steps(last, count):
    """Every step at first, then evenly spaced in log(step), then never sparser than last/100."""
    steps, t = [], 0.0
    ratio = 1.0
    while True:  # the growth factor that gives about `count` records
        steps, t = [0], 1.0
        while t < last:
            steps.append(round(t))
            t = min(max(t + 1, t * ratio), t + last / 100)
        steps = sorted(set(steps) | {last})
        if len(steps) <= count:
            return steps
        ratio += 0.002


def mlp():
    x, y = images("mnist", 0.1307, 0.3081)
    x = x.flatten(1)
    net = nn.Sequential(
        nn.Linear(784, 512), nn.LeakyReLU(), nn.Linear(512, 512), nn.LeakyReLU(), nn.Linear(512, 10)
    )
    batches = epochs(len(y), 64)

    def loss():
        b = next(batches)
        return F.cross_entropy(net(x[b]), y[b])

    return net, torch.optim.SGD(net.parameters(), lr=0.045), loss, 6000


def conv():
    x, y = images("fashion-mnist", 0.2860, 0.3530)
    x = x[:, None]
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, stride=2),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, stride=2),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.GroupNorm(8, 64),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * 49, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    batches = epochs(len(y), 64)

    def loss():
        b = next(batches)
        return F.cross_entropy(net(x[b]), y[b])

    return net, torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.01), loss, 3000


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        n, t, w = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(a.transpose(1, 2).reshape(n, t, w))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class GPT(nn.Module):
    def __init__(self, vocabulary, width=128, layers=4, heads=4, context=64):
        super().__init__()
        self.token, self.position = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)
        for name, p in self.named_parameters():
            if p.ndim == 2:
                nn.init.normal_(
                    p, std=0.02 / (math.sqrt(2 * layers) if "out" in name or "down" in name else 1)
                )
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, ids):
        x = self.token(ids) + self.position.weight[: ids.shape[1]]
        return self.head(self.norm(self.blocks(x)))


def gpt(context=64, batch=16):
    text = np.frombuffer(
        gzip.decompress((DATA / "text" / "shakespeare.txt.gz").read_bytes()), np.uint8
    )
    symbols, ids = np.unique(text, return_inverse=True)
    ids = torch.from_numpy(ids.astype(np.int64))
    net = GPT(len(symbols), context=context)
    decay = [p for p in net.parameters() if p.ndim == 2]
    rest = [p for p in net.parameters() if p.ndim < 2]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    window = torch.arange(context + 1)

    def loss():
        chunk = ids[torch.randint(len(ids) - context - 1, (batch, 1)) + window]
        return F.cross_entropy(net(chunk[:, :-1]).flatten(0, 1), chunk[:, 1:].flatten())

    return net, torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95)), loss, 2000


def epochs(n, batch):
    while True:
        yield from torch.randperm(n).split(batch)


def save(folder, step, tensors):
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / f"{step:06d}.npz", **tensors)


def train(name, out, records=220):
    torch.manual_seed(0)
    net, optimizer, loss, last = {"mlp": mlp, "conv": conv, "gpt": gpt}[name]()
    steps, start = set(record_steps(last, records)), time.time()
    for step in range(last + 1):
        if step in steps:
            save(
                out / name / "params",
                step,
                {n: p.detach().numpy() for n, p in net.named_parameters()},
            )
        if step == last:
            break
        optimizer.zero_grad()
        value = loss()
        value.backward()
        if step in steps:
            save(out / name / "grads", step, {n: p.grad.numpy() for n, p in net.named_parameters()})
        optimizer.step()
        if step % 500 == 0:
            print(f"{name} {step} loss {value.item():.3f} {time.time() - start:.0f} s", flush=True)
    print(
        f"{name}: {len(steps)} records, {sum(p.numel() for p in net.parameters())} parameters, "
        f"last loss {value.item():.3f}, {time.time() - start:.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    for run in sys.argv[2:] or ["mlp", "conv", "gpt"]:
        train(run, Path(sys.argv[1]))
