"""Ctrl-C while the command ``igfast`` is still importing: it ends quietly, with status 130.

Importing takes a good part of a second, and none of the command's own code runs before it, so the
package imports this first. Other programs that import igfast keep what they do on Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # what is imported here delays what Ctrl-C does: no more than must be
if TYPE_CHECKING:
    from types import FrameType

STATUS = 130  # of a program that SIGINT ended


def started() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt again, as the command expects."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def is_command(arguments: list[str], original: list[str]) -> bool:
    """Whether a program with this `sys.argv` and `sys.orig_argv` is the command.

    >>> is_command(["/bin/igfast", "info"], ["python", "/bin/igfast", "info"])
    True
    >>> is_command(["-m", "info"], ["python", "-m", "igfast", "info"])  # as igfast is imported
    True
    >>> is_command(["train.py", "igfast"], ["python", "train.py", "igfast"])
    False
    """
    if arguments[:1] == ["-m"]:
        return "-m" in original and original[original.index("-m") + 1 :][:1] == ["igfast"]
    name = os.path.basename(arguments[0] if arguments else "")
    return os.path.splitext(name)[0] == "igfast"


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(STATUS)  # an exception may be lost within an import


_raises = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # it may be ignored
if _raises and is_command(sys.argv, sys.orig_argv):
    try:  # noqa: SIM105 - contextlib
        signal.signal(signal.SIGINT, _end)
    except ValueError:  # another thread than Ctrl-C comes to imports igfast
        pass
