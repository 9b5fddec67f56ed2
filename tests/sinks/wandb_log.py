"""Reads what W&B keeps of an offline run: a LevelDB log of protocol buffers.

wandb itself has no reader of it in Python any more; its messages are parsed by its own classes.
"""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path

BLOCK = 32_768
FILE_HEADER = 7  # ":W&B", a magic number and a version
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def chunks(data):
    """Records of the log, put together from their pieces."""
    position, parts = FILE_HEADER, []
    while position + 7 <= len(data):
        left = BLOCK - position % BLOCK
        if left < 7:  # too short for a header: filled with zeros
            position += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        if kind == 0:
            return
        parts.append(data[position + 7 : position + 7 + length])
        position += 7 + length
        if kind in (FULL, LAST):
            yield b"".join(parts)
            parts = []


def records(folder: Path, patience: float = 30.0):
    """All messages of a finished run; its writer may be a moment behind ``finish``."""
    from google.protobuf.message import DecodeError
    from wandb.proto import wandb_internal_pb2

    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    until = time.monotonic() + patience
    while True:
        found = []
        for chunk in chunks(path.read_bytes()):
            try:
                found.append(wandb_internal_pb2.Record.FromString(chunk))
            except DecodeError:  # the end of the file, of which a part is on its way
                break
        if any(r.WhichOneof("record_type") == "exit" for r in found) or time.monotonic() > until:
            return found
        time.sleep(0.02)


def rows(folder: Path):
    """(step, values by key) of every row of the history, JSON decoded."""
    found = []
    for record in records(folder):
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            values = {
                ".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items
            }
            found.append((record.history.step.num, values))
    return found


def metrics(folder: Path):
    """Definitions of metrics: their x axis by name or pattern."""
    kinds = [r.metric for r in records(folder) if r.WhichOneof("record_type") == "metric"]
    return {m.name or m.glob_name: m.step_metric for m in kinds}
