"""Between igfast's objects and what the store keeps of them."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..grids import Grid, integer
from ..histograms import Histogram
from ..summary import FIELDS, Moments
from .codec import Cells

INTEGER_FIELDS, FLOAT_FIELDS = FIELDS[:4], FIELDS[4:]


def to_cells(histogram: Histogram) -> Cells:
    """The integers of a histogram; offsets become exact 256ths."""
    h = histogram.to_numpy()
    if h.covered is not None:
        raise ValueError(
            "a sum whose layers have different numbers of bins cannot be stored, got covered="
            f"{h.covered.tolist()}; count all shards on one grid"
        )
    units = None
    if h.offsets is not None:
        units = _core.units(np.ascontiguousarray(h.offsets))
    return Cells(h.split_counts, h.split_outside, h.nan, h.numel, units, h.exponents, h.origins)


@functools.cache
def grid_json(grid: Grid) -> str:
    """The fields of a grid that differ from their defaults; floats round-trip exactly."""
    defaults = {field.name: field.default for field in dataclasses.fields(Grid)}
    values = dataclasses.asdict(grid)
    kept = {k: v for k, v in values.items() if v is not defaults[k] and v != defaults[k]}
    return json.dumps(kept, sort_keys=True)


def moment_arrays(moments: Moments) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(4, L) and (9, L), in the order of the fields."""
    found = moments.to_numpy()
    integers = np.array([getattr(found, name) for name in INTEGER_FIELDS], dtype=np.int64)
    floats = np.array([getattr(found, name) for name in FLOAT_FIELDS], dtype=np.float64)
    return integers, floats


def grid_from_json(text: str) -> Grid:
    """Inverse of :func:`grid_json`."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in json.loads(text).items()
    }
    return Grid(**values)


def config_json(config: Mapping[str, Any]) -> str:
    """JSON text of a configuration, or an error that names the entry."""
    for key, value in config.items():
        try:
            json.dumps({key: value})
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"config[{key!r}] = {value!r} cannot be written as JSON: {error}; pass numbers, "
                "strings, lists or dicts"
            ) from error
    return json.dumps(dict(config))


def int64(name: str, value: int) -> int:
    """The integer that SQLite can keep, or an error that names the argument."""
    number = integer(value, name)  # SQLite would keep a NumPy integer as a blob
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{name} must fit in 64 bits, got {number}; count from the run's start")
    return number
