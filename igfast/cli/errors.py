"""Mistakes of the user are told in a sentence; only errors of ours show a traceback."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Callable
from typing import NoReturn, ParamSpec, TypeVar

import typer
from rich.markup import escape

from igfast import starting
from igfast.cli.terminal import console_for
from igfast.printing import printable

DEBUG_VARIABLE = "IGFAST_DEBUG"
STOPPED = starting.STATUS  # of a command that Ctrl-C ended before it was done

EXTRAS = {
    "torch": "harness",
    "sklearn": "harness",
    "mlxtend": "harness",
    "matplotlib": "report",
    "pyarrow": "parquet",
}

_FULL = "free some space, or choose another place"
_FORBIDDEN = "choose another place, or change its permissions"
ADVICE = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.ENOENT: "check its name, and that its folder exists",
}

P = ParamSpec("P")
R = TypeVar("R")


def friendly(command: Callable[P, R]) -> Callable[P, R]:
    """Print the errors that a user can mend, without a traceback, and exit with status 1.

    Set ``IGFAST_DEBUG=1`` to see the traceback.
    """

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            starting.started()  # what reads the command line has imported until now
            return command(*args, **kwargs)
        except typer.Exit:  # a RuntimeError
            raise
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package not in EXTRAS or os.environ.get(DEBUG_VARIABLE):
                raise
            fail(f"this needs {package}: pip install 'igfast[{EXTRAS[package]}]'", error)
        except (ValueError, OSError, FloatingPointError, RuntimeError) as error:
            if os.environ.get(DEBUG_VARIABLE) or type(error) is RuntimeError:
                raise
            fail(_told(error), error)
        except KeyboardInterrupt as error:
            console_for(stderr=True).print("stopped")
            raise typer.Exit(STOPPED) from error

    return wrapped


def _told(error: Exception) -> str:
    """The system's own errors name neither what to do nor, but for a number, what went wrong."""
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    if error.filename is None and error.errno not in ADVICE:
        return str(error)
    where = "" if error.filename is None else f"{error.filename}: "  # unknown while it is written
    advice = ADVICE.get(error.errno, "choose another place")
    return f"{where}{(error.strerror or 'not to be used').lower()}; {advice}"


def fail(message: str, cause: BaseException | None = None, status: int = 1) -> NoReturn:
    """Print an error message to stderr and exit."""
    shown = "\n".join(map(printable, message.split("\n")))
    console_for(stderr=True).print(
        f"[bold red]Error:[/] {escape(shown)}", highlight=False, soft_wrap=True
    )
    raise typer.Exit(status) from cause
