"""A callback for the Trainer of Hugging Face's transformers."""

from __future__ import annotations

from typing import Any

from ..monitor import Monitor
from .attaching import Attachment


def _callback_class() -> Any:
    try:
        from transformers import TrainerCallback
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "igfast.integrations.transformers needs transformers, which is not installed: "
            "pip install 'igfast[transformers]'",
            name="transformers",
        ) from error
    return TrainerCallback


class MonitorCallback(_callback_class()):  # type: ignore[misc]
    """Record a model that a Trainer trains.

    Steps are completed steps of the optimizer, as ``state.global_step`` where no step is skipped;
    the Trainer counts steps that mixed precision skips, the Monitor does not. With
    ``resume_from_checkpoint`` the run goes on in its store.

    With DeepSpeed, whose optimizers step masters, parameters are recorded at the end of a step.

    Parameters
    ----------
    adapter : function model -> Parts, optional
        What is measured in place of the model: for ZeRO-3, see ``docs/distributed.md``.
    **options
        Of :class:`igfast.Monitor`, but for ``model``, ``optimizer`` and ``step``.

    Attributes
    ----------
    monitor : Monitor, optional
        From the start of training on.

    Examples
    --------
    >>> callback = MonitorCallback(every=100, store="run.igf")
    >>> trainer = Trainer(model, arguments, callbacks=[callback])  # doctest: +SKIP
    """

    def __init__(self, **options: Any) -> None:
        self._attachment = Attachment(options)

    @property
    def monitor(self) -> Monitor | None:
        return self._attachment.monitor

    def on_train_begin(
        self,
        args: Any,
        state: Any,
        control: Any,
        model: Any = None,
        optimizer: Any = None,
        **kwargs: Any,
    ) -> None:
        """The first event at which the optimizer exists and a checkpoint is loaded."""
        self._attachment.begin(model, optimizer, state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._attachment.stepped(state.global_step)

    def close(self) -> None:
        """Finish the records where training has failed, of which a Trainer tells no callback."""
        self._attachment.end()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._attachment.end()
