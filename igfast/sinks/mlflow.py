"""Records as metrics of an MLflow run."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from .libraries import require
from .numbers import MEASURES, Numbers
from .record import Record

MOST_METRICS = 1000  # that a server takes in one call
MOST_HELD = 100  # logged numbers that wait for the next record: a call may take a server a while
Fields = tuple[str, float, int, int]  # key, value, milliseconds, step
_REFUSED = re.compile(r"[^\w\-. /]")


class MLflow:
    """Scalars at the optimizer's steps; MLflow has no histograms.

    Numbers of ``monitor.log`` are sent with the next record, or a hundred of them at once.

    Parameters
    ----------
    run_id : str, optional
        By default the active run when the first record is written.
    scalars : sequence of str
        Among ``igfast.sinks.MEASURES``; keys are ``param_velocity/layer``, with ``_`` for what
        MLflow refuses.
    client : MlflowClient, optional
        By default one for the URI of ``mlflow.set_tracking_uri``.

    Raises
    ------
    ModuleNotFoundError
        Without mlflow: ``pip install 'igfast[mlflow]'``, or ``mlflow`` itself for a local database.

    Examples
    --------
    >>> with mlflow.start_run():  # doctest: +SKIP
    ...     with igfast.Monitor(model, optimizer, sinks=[igfast.sinks.MLflow()]):
    ...         train()
    """

    def __init__(
        self,
        run_id: str | None = None,
        *,
        scalars: Sequence[str] = MEASURES,
        client: Any = None,
    ) -> None:
        require("mlflow", "mlflow")
        self._run_id, self._client, self._numbers = run_id, client, Numbers(scalars)
        self._held: list[Fields] = []

    def write(self, step: int, record: Record) -> None:
        now = metrics_of(step, self._numbers.of(record), record.wall_time)
        self._send([*self._held, *now])
        self._held = []

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        self._held += metrics_of(step, scalars, time.time())
        del self._held[:-MOST_METRICS]  # where the server has been away for long
        if len(self._held) >= MOST_HELD:
            self.flush()

    def flush(self) -> None:
        if self._held:
            self._send(self._held)
            self._held = []  # after a failure they are tried again

    def close(self) -> None:
        self.flush()

    def _send(self, held: Sequence[Fields]) -> None:
        import mlflow
        from mlflow.entities import Metric

        if self._run_id is None:
            active = mlflow.active_run()
            if active is None:
                raise RuntimeError(
                    "no MLflow run is active: train inside mlflow.start_run(), or pass run_id="
                )
            self._run_id = active.info.run_id
        if self._client is None:
            self._client = mlflow.MlflowClient()
        metrics = [Metric(*fields) for fields in held]
        for start in range(0, len(metrics), MOST_METRICS):
            self._client.log_batch(self._run_id, metrics[start : start + MOST_METRICS])


def metrics_of(step: int, scalars: Mapping[str, float], wall_time: float) -> list[Fields]:
    """Fields of MLflow's metrics."""
    now = int(wall_time * 1000)
    return [(_REFUSED.sub("_", name), value, now, step) for name, value in scalars.items()]
