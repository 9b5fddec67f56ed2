"""Steps that a logger's run holds already, where training goes on from a checkpoint before them."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from .outlets import SinkWarning


class Repeats:
    """Tells, once, of steps that a run will show twice, since its library takes nothing back.

    Parameters
    ----------
    library, remedy : str
        As they are named.
    """

    def __init__(self, library: str, remedy: str) -> None:
        self._library, self._remedy = library, remedy
        self._begin: int | None = None

    def rewind(self, step: int) -> None:
        """Steps from this one on are about to be made again."""
        self._begin = step

    def look(self, newest: Callable[[], int | None]) -> None:
        """Ask, before the first of them is written, for the newest step that the run holds."""
        if self._begin is None:
            return
        begin, held = self._begin, newest()
        self._begin = None
        if held is not None and held >= begin:
            warnings.warn(
                f"the {self._library} run has steps to {held} at least, and training goes on after "
                f"step {begin - 1}: {self._library} takes nothing back, and will show those "
                f"between twice. Remedy: {self._remedy}",
                SinkWarning,
                stacklevel=2,
            )
