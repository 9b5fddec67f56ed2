"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Where to write what takes the place of ``path`` at the end; if that fails, it stays.

    A device is written to itself. Errors of a full disk, which name no file, name this one.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "numbers.csv"
    ...     with replacing(path) as unfinished:
    ...         _ = unfinished.write_text("step,L")
    ...     path.read_text()
    'step,L'
    """
    target = Path(os.path.realpath(path))  # a link stays one
    plain = target.is_file() or not target.exists()
    unfinished = target.with_name(f".{target.name}.unfinished") if plain else target
    try:
        yield unfinished
        if plain:
            unfinished.replace(target)
    except BaseException as error:
        if plain:
            unfinished.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, str(unfinished)):
            error.filename = str(path)
        raise
