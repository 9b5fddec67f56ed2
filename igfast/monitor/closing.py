"""Closing where training has failed: its error is the one to be seen."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable


def close_after(error: BaseException, close: Callable[[], None]) -> None:
    """Close what was open when ``error`` was raised; what goes wrong in that is a warning."""
    try:
        close()
    except Exception as second:
        if second is error:
            return
        with contextlib.suppress(UserWarning):  # where warnings are errors
            warnings.warn(f"closing the monitor failed as well: {second!r}", stacklevel=3)
