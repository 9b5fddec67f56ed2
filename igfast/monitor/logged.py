"""Numbers of `monitor.log`: what they may be called, and what is one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..groups import MODEL
from ..health import TOTAL, is_flag
from ..sinks.numbers import MEASURES
from ..sinks.wandb import STEP
from .selection import is_text

_MEASURED = (*MEASURES, "histogram")


class Logged:
    """Checks names, each of them once, and values.

    Parameters
    ----------
    quantities, rows : collection of str
        What is recorded: loggers know it as ``quantity_measure/row``.
    """

    def __init__(self, quantities: Collection[str], rows: Collection[str]) -> None:
        self._prefixes = {f"{quantity}_{what}" for quantity in quantities for what in _MEASURED}
        self._rows = frozenset(rows) | {MODEL}
        self._known: set[str] = set()

    def __call__(self, scalars: Mapping[str, Any]) -> dict[str, float]:
        """The numbers, by name.

        Raises
        ------
        ValueError
            For a name that files cannot keep, or that the Monitor gives to numbers of its own.
        TypeError
            For what is not one number.
        """
        for name in scalars.keys() - self._known:
            self._check(name)
            self._known.add(name)
        return {name: _number(name, value) for name, value in scalars.items()}

    def _check(self, name: str) -> None:
        if not is_text(name):
            raise ValueError(f"log: {name!r} is a name that UTF-8 cannot encode; rename it")
        prefix, _, row = name.partition("/")
        if name == TOTAL or is_flag(name):
            whose = "flags of health"
        elif name == STEP:
            whose = "steps in W&B"
        elif prefix in self._prefixes and row in self._rows:
            whose = "records, which the sinks get"
        else:
            return
        raise ValueError(
            f"log: {name!r} is a name of the Monitor's own {whose}, and would be mixed up with "
            f"them; rename it, for example to {'my_' + name!r}"
        )


def _number(name: str, value: Any) -> float:
    try:
        if isinstance(value, (str, bytes, bytearray)):
            raise TypeError("text, which float() would parse")
        # a loss with its graph: torch warns of making a number of it
        return float(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise TypeError(f"log: {name}={value!r} is not one number") from error
