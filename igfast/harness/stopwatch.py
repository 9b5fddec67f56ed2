"""What the seconds of a run go to."""

from __future__ import annotations

import time


class Stopwatch:
    """Seconds by activity; one activity at a time.

    >>> watch = Stopwatch()
    >>> watch.start("training")
    >>> watch.start("evaluation")
    >>> sorted(watch.stop())
    ['evaluation', 'training']
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._activity: str | None = None
        self._since = time.perf_counter()

    def start(self, activity: str) -> None:
        """End what goes on and start an activity."""
        self.stop()
        self._activity = activity

    def stop(self) -> dict[str, float]:
        """End what goes on; the seconds of every activity until now."""
        now = time.perf_counter()
        if self._activity is not None:
            before = self._seconds.get(self._activity, 0.0)
            self._seconds[self._activity] = before + now - self._since
        self._activity, self._since = None, now
        return dict(self._seconds)
