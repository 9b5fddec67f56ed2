"""Where records go besides the store: a sink has ``write``, ``flush`` and ``close``.

Every library is imported when its sink first writes; on several ranks, that is rank 0 alone.
"""

from __future__ import annotations

from .jsonl import JSONL
from .mlflow import MLflow
from .numbers import MEASURES
from .outlets import SinkWarning
from .parquet import Parquet
from .record import Record, Sink, Table
from .tensorboard import TensorBoard
from .trackio import Trackio
from .wandb import WandB

__all__ = [
    "JSONL",
    "MEASURES",
    "MLflow",
    "Parquet",
    "Record",
    "Sink",
    "SinkWarning",
    "Table",
    "TensorBoard",
    "Trackio",
    "WandB",
]
