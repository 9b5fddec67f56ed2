"""The command ``igfast``: train, report, watch, compare, export, data, bench, info."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from igfast import starting


def main() -> None:
    """Entry point of the command line."""
    missing = [name for name in ("typer", "rich") if find_spec(name) is None]
    if missing:
        sys.exit(
            f"igfast: the command line needs {' and '.join(missing)}, which "
            f"{'is' if len(missing) == 1 else 'are'} not installed. "
            "Install with: pip install 'igfast[cli]'"
        )
    from igfast.cli.encoding import spell_out

    spell_out(sys.stdout, sys.stderr)
    try:
        from igfast.cli.app import app
    except KeyboardInterrupt:  # it takes a second
        sys.exit(starting.STATUS)
    app()
