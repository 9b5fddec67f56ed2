"""Records as metrics of an MLflow run."""

from __future__ import annotations

import functools
import hashlib
import posixpath
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from .libraries import require
from .numbers import MEASURES, Numbers
from .record import Record
from .repeating import Repeats

MOST_METRICS = 1000  # that a server takes in one call
MOST_CHARACTERS = 250  # of a metric's name
MOST_HELD = 100  # logged numbers that wait for the next record: a call may take a server a while
Fields = tuple[str, float, int, int]  # key, value, milliseconds, step
_REFUSED = re.compile(r"[^\w\-. /]")


class MLflow:
    """Scalars at the optimizer's steps; MLflow has no histograms.

    Numbers of ``monitor.log`` are sent with the next record, or a hundred of them at once.

    MLflow takes nothing back: a training that goes on in the same run from a checkpoint shows the
    steps after it twice, of which a :class:`SinkWarning` tells.

    Parameters
    ----------
    run_id : str, optional
        By default the active run when the first record is written.
    scalars : sequence of str
        Among ``igfast.sinks.MEASURES``; keys are ``param_velocity/layer``. Of a name that MLflow
        refuses, see :func:`key_of`.
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
        self._repeats = Repeats("MLflow", "go on in a run of its own, by another start_run()")

    def rewind(self, step: int) -> None:
        self._repeats.rewind(step)

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
        self._repeats.look(lambda: self._newest(held[0][0]))
        metrics = [Metric(*fields) for fields in held]
        for start in range(0, len(metrics), MOST_METRICS):
            self._client.log_batch(self._run_id, metrics[start : start + MOST_METRICS])

    def _newest(self, key: str) -> int | None:
        """The last step of one of the metrics in the run."""
        history = self._client.get_metric_history(self._run_id, key)
        return max((metric.step for metric in history), default=None)


def metrics_of(step: int, scalars: Mapping[str, float], wall_time: float) -> list[Fields]:
    """Fields of MLflow's metrics."""
    now = int(wall_time * 1000)
    return [(key_of(name), value, now, step) for name, value in scalars.items()]


@functools.lru_cache(maxsize=100_000)
def key_of(name: str) -> str:
    """A name as MLflow takes it: itself, or one that is like it and ends in a digest of it.

    MLflow refuses all of a call's metrics for one whose name has other characters than letters,
    digits and ``_-. /``, is no plain path, or is longer than 250 characters. Such a name gets
    ``_`` for what is refused, loses its middle, and ends in eight digits that tell it from others.

    Examples
    --------
    >>> key_of("param_l2/block.0.weight"), key_of("param_l2/block[0]")
    ('param_l2/block.0.weight', 'param_l2/block_0_.9faacbc4')
    """
    plain = _REFUSED.sub("_", name)
    if plain == name and len(name) <= MOST_CHARACTERS and _is_path(name):
        return name
    if not _is_path(plain):
        plain = "/".join(part.lstrip(".") or "_" for part in plain.split("/"))
    digest = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=4).hexdigest()
    room = MOST_CHARACTERS - len(digest) - 1
    if len(plain) > room:
        end = room // 2  # where a layer says which it is; its start says what was measured
        plain = f"{plain[: room - end - 3]}...{plain[-end:]}"
    return f"{plain}.{digest}"


def _is_path(name: str) -> bool:
    """Whether MLflow, which may keep metrics in files of their names, takes this for one."""
    return posixpath.normpath(name) == name != "." and not name.startswith(("..", "/"))
