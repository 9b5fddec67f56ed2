"""A callback for Lightning, under either of its names: ``lightning`` or ``pytorch_lightning``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any

from ..monitor import Monitor
from ..monitor.closing import close_after
from ..sinks import MLflow, TensorBoard, WandB
from .attaching import Attachment

_NAMES = ("lightning.pytorch", "pytorch_lightning")


def _callback_class() -> Any:
    """That of the library in use, else of the one that is installed."""
    for name in _NAMES:
        if name in sys.modules:
            return sys.modules[name].Callback
    for name in _NAMES:
        if importlib.util.find_spec(name.split(".")[0]) is not None:
            return importlib.import_module(name).Callback
    raise ModuleNotFoundError(
        "igfast.integrations.lightning needs Lightning, which is not installed: "
        "pip install 'igfast[lightning]'",
        name="pytorch_lightning",
    )


class MonitorCallback(_callback_class()):  # type: ignore[misc]
    """Record a model that a Lightning Trainer trains.

    Steps are completed steps of the optimizer: accumulated batches count once, steps that mixed
    precision skips do not count, and ``trainer.global_step``, which repeats while gradients
    accumulate, is not asked. The step is kept in Lightning's checkpoints: with ``ckpt_path=`` the
    run goes on in its store.

    Parameters
    ----------
    loggers : bool
        Also write to the Trainer's TensorBoard, W&B and MLflow loggers.
    optimizer : int
        Which of several optimizers counts the steps and measures: the one that steps last.
    **options
        Of :class:`igfast.Monitor`, but for ``model``, ``optimizer`` and ``step``.

    Attributes
    ----------
    monitor : Monitor, optional
        From the start of training on.

    Examples
    --------
    >>> callback = MonitorCallback(every=100, store="run.igf")
    >>> trainer = Trainer(callbacks=[callback])  # doctest: +SKIP
    """

    def __init__(self, *, loggers: bool = True, optimizer: int = -1, **options: Any) -> None:
        super().__init__()
        self._attachment = Attachment(options)
        self._loggers, self._counting = loggers, optimizer
        self._checkpoint_step: int | None = None
        self._ended: tuple[int, int] | None = None  # Lightning's count at the end, and ours

    @property
    def monitor(self) -> Monitor | None:
        return self._attachment.monitor

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Before a checkpoint, if any, is loaded: an earlier one, as of a test, says nothing."""
        self._checkpoint_step = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Model and optimizers are on their devices, sharded, and loaded from a checkpoint."""
        first = trainer.optimizers[self._counting]
        optimizers = [first, *(one for one in trainer.optimizers if one is not first)]
        sinks = _sinks_of(trainer) if self._loggers and trainer.is_global_zero else []
        self._attachment.begin(trainer.strategy.model, optimizers, self._step_of(trainer), sinks)

    def _step_of(self, trainer: Any) -> int:
        """Where there are several optimizers, Lightning's own count is that of all together."""
        if self._checkpoint_step is not None:
            return self._checkpoint_step
        if self._ended is not None and self._ended[0] == trainer.global_step > 0:
            return self._ended[1]  # the same Trainer goes on
        return int(trainer.global_step)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self._end(trainer)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        close_after(exception, lambda: self._end(trainer))

    def _end(self, trainer: Any) -> None:
        if self.monitor is not None:
            self._ended = trainer.global_step, self.monitor.step
        self._attachment.end()

    def state_dict(self) -> dict[str, Any]:
        return {} if self.monitor is None else {"step": self.monitor.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._checkpoint_step = state_dict.get("step")


def _sinks_of(trainer: Any) -> list[Any]:
    """Sinks for those of the Trainer's loggers that igfast knows; others are left alone."""
    found: list[Any] = []
    for logger in trainer.loggers:
        kinds = {kind.__name__ for kind in type(logger).__mro__}
        if "TensorBoardLogger" in kinds:
            found.append(TensorBoard(logger.experiment))
        elif "WandbLogger" in kinds:
            found.append(WandB(logger.experiment))
        elif "MLFlowLogger" in kinds:
            found.append(MLflow(logger.run_id, client=logger.experiment))
    return found
