"""Libraries that a sink needs, looked for when it is made, imported when it first writes."""

from __future__ import annotations

import importlib.util


def require(module: str, extra: str) -> None:
    """Refuse to make a sink whose library is missing.

    Raises
    ------
    ModuleNotFoundError
        With the command that installs it.
    """
    if importlib.util.find_spec(module) is None:
        raise ModuleNotFoundError(
            f"this sink needs {module}, which is not installed: pip install 'igfast[{extra}]'",
            name=module,
        )
