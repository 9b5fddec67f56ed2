"""Histograms in NumPy's ``.npz`` archives."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .grids import Grid

SHAPED = ("split_counts", "split_outside", "nan", "numel")
FIELDS = (*SHAPED, "offsets", "exponents", "origins", "uniform_edges", "covered")


def write(
    path: str | Path, grid: Grid, names: tuple[str, ...], fields: Mapping[str, NDArray[Any] | None]
) -> None:
    """Write a histogram, of whose ``FIELDS`` some may be None."""
    arrays = {name: array for name, array in fields.items() if array is not None}
    arrays["names"] = np.array(names, dtype=np.str_)
    arrays["grid"] = np.array(json.dumps(asdict(grid)))
    with open(path, "wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def read(path: str | Path) -> dict[str, Any]:
    """The fields of a histogram that :func:`write` wrote.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it holds no histogram, or not all of one.
    """
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as archive:
                found = {name: archive[name] for name in archive}
        except (ValueError, TypeError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
            raise ValueError(
                f"{path} is not a saved Histogram: it is no NumPy archive, or a damaged one"
            ) from None
    missing = {"grid", "names", *SHAPED} - set(found)
    if missing:
        raise ValueError(f"{path} is not a saved Histogram: it lacks {', '.join(sorted(missing))}")
    names = tuple(found["names"].tolist())
    arrays = {name: found[name] for name in FIELDS if name in found}
    rows, splits = (*arrays["split_counts"].shape, 0, 0)[:2]
    bins = arrays["split_counts"].shape[2:]
    shapes = [arrays[name].shape for name in SHAPED]
    if shapes != [(len(names), splits, *bins), (rows, splits, 2), (rows,), (rows,)] or not bins:
        listed = ", ".join(f"{name} {shape}" for name, shape in zip(SHAPED, shapes, strict=True))
        raise ValueError(
            f"{path} is not a saved Histogram: its arrays do not fit {len(names)} layers: {listed}"
        )
    return {**arrays, "grid": _grid(path, str(found["grid"])), "names": names}


def _grid(path: str | Path, text: str) -> Grid:
    try:
        fields: dict[str, Any] = json.loads(text)
        fields = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
        return Grid(**fields)
    except (ValueError, TypeError, AttributeError):
        raise ValueError(
            f"{path} is not a saved Histogram of this version: its grid is {text!r}"
        ) from None
