"""What a record costs: time of Monitor.record with a store, and bytes for each layer.

Trains the 784-512-512-10 network (mlp) and a 10.8M-parameter transformer (gpt) on real data and
records every few steps. Checks that the last record reads back as counted, then prints medians, and
the size of layers beside the noise that they hold.

Usage: python benchmarks/store.py [mlp|gpt ...] [--threads N]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
import torch

import igfast
from igfast.harness import data, models, training
from igfast.store import RunReader, codec
from igfast.store.encoding import to_cells

CASES = {
    # name: data set, widths, activation, batch size, optimizer, steps, steps between records
    "mlp": ("mnist", (512, 512), "leaky_relu", 64, "sgd", 400, 10),
    "gpt": ("shakespeare", (384,) * 6, "gelu", 8, "adam", 60, 3),
}


class Stopwatch:
    """Wall and process CPU time of each call, in ms."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def __call__(self, action):
        wall, cpu = time.perf_counter(), time.process_time()
        found = action()
        self.cpu.append((time.process_time() - cpu) * 1e3)
        self.wall.append((time.perf_counter() - wall) * 1e3)
        return found

    def __str__(self) -> str:
        # the first call also lays out the plan and finds the bins
        wall, cpu = statistics.median(self.wall[1:]), statistics.median(self.cpu[1:])
        return f"{wall:7.2f} ms wall, {cpu:7.2f} ms CPU (median of {len(self.wall) - 1})"


def segments_of(path: Path) -> np.ndarray:
    """(T, L) bytes of every stored layer's histogram."""
    with RunReader(path) as reader:
        rows = reader._db.execute("SELECT directory FROM histograms").fetchall()
    return np.array([_segment_sizes(directory) for (directory,) in rows])


def _segment_sizes(directory: bytes) -> np.ndarray:
    layers = int.from_bytes(directory[:4], "little")
    raw = np.frombuffer(zlib.decompress(directory[4:-4]), np.uint8)
    entries = np.ascontiguousarray(raw.reshape(codec.DIRECTORY.itemsize, layers).T)
    return entries.view(codec.DIRECTORY)[:, 0]["size"].astype(np.int64)


def noise_bytes(counts: np.ndarray) -> float:
    """Entropy of a layer's counts and offsets if the density were known, in bytes.

    A count is Poisson, of its own size; the offsets of n elements sum to a nearly normal number of
    variance n·(256² − 1)/12.
    """
    held = counts[counts > 0].astype(np.float64)
    few = held[held < 30]
    places = np.arange(120)
    chances = np.exp(places * np.log(few[:, None]) - few[:, None] - _log_factorials(places))
    bits = -(chances * np.log2(np.maximum(chances, 1e-300))).sum()
    bits += (0.5 * np.log2(2 * np.pi * np.e * held[held >= 30])).sum()
    bits += (0.5 * np.log2(2 * np.pi * np.e * held * (256**2 - 1) / 12)).sum()
    return float(bits / 8)


def _log_factorials(places: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(np.log(places[1:]))])


def run(name: str) -> None:
    kind, widths, activation, batch_size, optimizer_name, steps, every = CASES[name]
    dataset = data.load(kind)
    model = models.build(
        name,
        input_shape=tuple(dataset.train_inputs.shape[1:]),
        classes=dataset.classes,
        widths=widths,
        activation=activation,
        seed=0,
    )
    make = {"sgd": (torch.optim.SGD, 0.045), "adam": (torch.optim.Adam, 3e-4)}[optimizer_name]
    optimizer = make[0](model.parameters(), lr=make[1])
    record, encode, step_time = Stopwatch(), Stopwatch(), Stopwatch()
    generator = torch.Generator().manual_seed(0)

    def train_step() -> None:
        chosen = torch.randint(len(dataset.train_inputs), (batch_size,), generator=generator)
        optimizer.zero_grad()
        loss = training.batch_loss(
            model(dataset.train_inputs[chosen]), dataset.train_targets[chosen]
        )
        loss.backward()
        optimizer.step()

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "run.igf"
        with igfast.Monitor(model, optimizer, every=lambda step: False, store=path) as monitor:
            for step in range(1, steps + 1):
                step_time(train_step)
                if step % every == 0:
                    record(monitor.record)
                    cells = to_cells(monitor.last["param"])
                    encode(lambda cells=cells: codec.encode(cells, 0, 0))
            last = monitor.last["param"].to_numpy()
        with RunReader(path) as reader:
            found = reader.histogram("param", -1)
            np.testing.assert_array_equal(found.split_counts, last.split_counts)
            np.testing.assert_array_equal(found.offsets, last.offsets)
            sizes = reader.sizes()
            segments = segments_of(path)
        layers, records = len(last), len(reader.steps)
        parameters = int(last.numel.sum())
        each = {key: size / layers / records for key, size in sizes.items()}
        print(f"{name}: {parameters:,} parameters in {layers} layers, {records} records, {last}")
        print(f"  training step      {step_time}")
        print(f"  record, committed  {record}")
        print(f"    of it encoding   {encode}")
        print(
            f"  bytes per layer-record: histograms {each['param']:.0f}, numbers "
            f"{each['param.columns']:.0f}; file {path.stat().st_size / layers / records:.0f}"
        )
        numbers = each["param.columns"]
        print("  bytes of a layer-record: elements, mean, largest, noise in the last one")
        for row in np.unique(last.numel, return_index=True)[1]:
            alike = last.numel == last.numel[row]
            held = segments[:, alike] + codec.DIRECTORY.itemsize + numbers
            noise = np.mean([noise_bytes(last.split_counts[one]) for one in np.flatnonzero(alike)])
            print(f"  {last.numel[row]:11,} {held.mean():7.0f} {held.max():7.0f} {noise:7.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="case", help=", ".join(CASES))
    parser.add_argument("--threads", type=int, default=2, help="of torch and igfast")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    igfast.set_num_threads(arguments.threads)
    for name in arguments.cases or CASES:
        run(name)


if __name__ == "__main__":
    main()
