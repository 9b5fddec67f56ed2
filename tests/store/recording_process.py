"""A process to be killed: records weights that depend on the step alone, and says what is safe.

Usage: recording_process.py PATH STEP_OF_THE_CHECKPOINT HISTOGRAMS
"""

from __future__ import annotations

import sys

import numpy as np

import igfast


def fresh_weights() -> dict[str, np.ndarray]:
    return {"w": np.empty((60, 40), np.float32), "b": np.empty(60)}


def set_weights(weights: dict[str, np.ndarray], step: int) -> None:
    """What training would have made of the weights by this step: they drift and widen."""
    rng = np.random.default_rng(step)
    for number, array in enumerate(weights.values()):
        array[...] = rng.normal(0.01 * step, 0.02 * 1.01**step * (1 + number), array.shape)


def main(path: str, checkpoint: int, histograms: int | str) -> None:
    weights = fresh_weights()
    set_weights(weights, checkpoint)
    with igfast.Monitor(
        weights, store=path, bins=64, resume=True, step=checkpoint, histograms=histograms
    ) as monitor:
        for step in range(checkpoint + 1, checkpoint + 200):
            set_weights(weights, step)
            monitor.record(step)
            if step % 3:  # the thread is ahead or behind
                monitor.flush()
                print(step, flush=True)


if __name__ == "__main__":
    given = sys.argv[3]
    main(sys.argv[1], int(sys.argv[2]), given if given == "all" else int(given))
