"""Checkpoints beside the run file: written to a temporary file, synced, renamed into place."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

FORMAT = 1


class CheckpointError(RuntimeError):
    """A run cannot be continued; the message says why and what to do."""


def checkpoint_path(run: Path) -> Path:
    """Where the checkpoint of a run file lies.

    Examples
    --------
    >>> checkpoint_path(Path("runs/first.igf")).name
    'first.igf.checkpoint'
    """
    return run.with_name(run.name + ".checkpoint")


def save(run: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint of ``run``; a crash at any moment leaves the old or the new one."""
    import torch

    path = checkpoint_path(run)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as stream:
        torch.save({"format": FORMAT, **state}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)


def load(run: Path) -> dict[str, Any]:
    """The newest checkpoint of ``run``, on the CPU.

    Raises
    ------
    CheckpointError
        If there is none, or it cannot be read.
    """
    import torch

    path = checkpoint_path(run)
    if not run.exists():
        raise CheckpointError(f"{run} does not exist; start it with: igfast train --output {run}")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{run} has no checkpoint ({path.name} is missing), so it cannot be continued; "
            "start again with --overwrite"
        ) from error
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{path} cannot be read ({error}); start again with --overwrite"
        ) from error
    if state.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has format {state.get('format')!r}, this version reads {FORMAT}; "
            "continue with the igfast that wrote it, or start again with --overwrite"
        )
    return state


def require_same_data(run: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to continue on other data than the run began with."""
    if before["data"]["sha256"] != now["data"]["sha256"]:
        raise CheckpointError(
            f"{run} was trained on {before['data']['name']} from {before['data']['source']}; the "
            f"data found now, {now['data']['name']} from {now['data']['source']}, differ. Point "
            "$IGFAST_DATA at the same data, or start another run"
        )
