"""``igfast watch``: a run in the terminal while it is being trained."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from ..groups import Groups
from ..printing import printable
from ..store import StoreError
from . import table
from .following import Follower, State, check_interval, waiting_for


def watch_run(
    path: Path,
    console: Console,
    *,
    interval: float = 1.0,
    once: bool = False,
    groups: Groups = None,
) -> bool:
    """Show a run until it ends.

    Parameters
    ----------
    path : Path
        Waited for if it does not exist yet.
    console : Console
        A table where it is a terminal, else a line for every record seen.
    interval : float
        Seconds between looks.
    once : bool
        Show what is there now, and return.
    groups : as for :meth:`igfast.Trajectory.grouped`
        None: those that the run was recorded with.

    Returns
    -------
    bool
        False if Ctrl-C stopped it before.

    Raises
    ------
    StoreError
        If the file is no run; with ``once``, also if there is nothing to show.
    """
    check_interval(interval)
    follower = Follower(path, groups)
    if once:
        states = follower.look()
        if not states:
            raise StoreError(f"nothing to show: {waiting_for(path)}")
        console.print(_picture(states[-1], path, console), highlight=False)
        return True
    try:
        if console.is_terminal:
            _in_terminal(follower, console, interval)
        else:
            _in_lines(follower, console, interval)
    except KeyboardInterrupt:
        console.print("stopped watching; the training goes on", highlight=False)
        return False
    return True


def _in_terminal(follower: Follower, console: Console, interval: float) -> None:
    first = Text(printable(waiting_for(follower.path)))
    with Live(first, console=console, refresh_per_second=4, vertical_overflow="crop") as live:
        for states in _looks(follower, interval):
            if states:
                live.update(_picture(states[-1], follower.path, console), refresh=True)
            else:
                live.update(Text(printable(waiting_for(follower.path))))


def _in_lines(follower: Follower, console: Console, interval: float) -> None:
    said, seen = "", None
    for states in _looks(follower, interval):
        text = "" if states else waiting_for(follower.path)
        if text != said and text:
            _print(console, text)
        said = text
        for state in states:
            if state.step != seen:
                seen = state.step
                _print(console, table.line(state))
            if state.ended and state is states[-1]:
                _print(console, f"{follower.path} has ended at step {state.step:,}")


def _looks(follower: Follower, interval: float) -> Iterator[list[State]]:
    """What is seen at every look, until the run has ended; at most a fifth of the time looking."""
    while True:
        began = time.perf_counter()
        states = follower.look()
        yield states
        if states and states[-1].ended:
            return
        time.sleep(max(interval, 4 * (time.perf_counter() - began)))


def _print(console: Console, text: str) -> None:
    console.print(printable(text), highlight=False, markup=False, soft_wrap=True)


def _picture(state: State, path: Path, console: Console) -> Group:
    return table.picture(state, path, console, console.height - 1 if console.is_terminal else None)
