"""A run's curves and histograms as files for other programs.

One row per step and layer; module groups and ``model``, which pool layers, are rows as well. The
velocity in a row is that of the interval which ends at its step, so the first row of a layer has
none.
Curves and histograms are those of the records whose histograms the store kept; what it keeps of
every record, moments and the measures taken at the time, are *numbers*: a second table, in a file
beside the first one where a format holds one table.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .files import replacing
from .summary import FIELDS, pool
from .workers import Workers

if TYPE_CHECKING:
    from igfast.trajectory import Trajectory

CURVES = ("velocity", "velocity_error", "length", "length_error", "entropy", "complexity")


def layer_names(run: Trajectory, quantity: str) -> tuple[str, ...]:
    """The layers of a run's export: its own, then module groups, and ``model`` if it has several.

    Layers with a range of their own each cannot be pooled.
    """
    return (*run.histograms(quantity)[0].names, *run.pooled(quantity))


def curves(
    run: Trajectory, quantity: str, estimator: str, jobs: int = 1
) -> dict[str, NDArray[Any]]:
    """Every curve of a run as (T, L) arrays, the rows of ``layer_names``.

    Γ in 1/step, L dimensionless, both with standard errors (NaN where the estimator has none);
    H normalized, C in [0, 1]; then the fields of :class:`igfast.Moments`, where they were recorded.
    """
    names = layer_names(run, quantity)
    measure = partial(_measured, quantity=quantity, estimator=estimator)
    with Workers(run, jobs) as workers:
        rows = workers.each(measure, names, f"measuring {quantity}")
    found = {name: np.stack([row[name] for row in rows], axis=1) for name in CURVES}
    moments = run.moments(quantity, run.steps_of(quantity))
    if moments:
        members = [[names.index(one) for one in own] for own in run.pooled(quantity).values()]
        wholes = [pool({name: moments[name][:, own] for name in FIELDS}) for own in members]
        found |= {
            name: np.column_stack([moments[name], *(whole[name] for whole in wholes)])
            for name in FIELDS
        }
    return found


def _measured(
    run: Trajectory, layer: str, *, quantity: str, estimator: str
) -> dict[str, NDArray[Any]]:
    """(T,) curves of one layer; there is no velocity at the first record."""
    velocities = run.velocity(layer, estimator, quantity, error=True)
    lengths = run.length(layer, estimator, quantity, error=True)
    shapes = run.entropy(layer, quantity), run.complexity(layer, quantity)
    columns = (*(np.append(np.nan, values) for values in velocities), *lengths, *shapes)
    return dict(zip(CURVES, columns, strict=True))


def numbers(run: Trajectory, quantity: str) -> dict[str, NDArray[Any]]:
    """What is kept of every record, (T', L) arrays at ``run.recorded_steps``.

    ``running_`` and the fields of :class:`igfast.analysis.online.Running`, then those of
    :class:`igfast.Moments`, where they were recorded.
    """
    found = {f"running_{name}": values for name, values in run.running(None, quantity).items()}
    return found | run.moments(quantity)


def histograms(run: Trajectory, quantity: str) -> dict[str, NDArray[Any]]:
    """The recorded counts (T, L, B), what fell outside (T, L), and the grids they are on."""
    records = [histogram.to_numpy() for histogram in run.histograms(quantity)]
    found = {
        name: np.stack([getattr(record, name) for record in records])
        for name in ("counts", "underflow", "overflow", "nan")
    }
    if records[0].exponents is not None:
        found["exponents"] = np.stack([np.asarray(record.exponents) for record in records])
        found["origins"] = np.stack([np.asarray(record.origins) for record in records])
    else:
        found["edges"] = np.asarray(records[0].edges)
    return found


def write_csv(run: Trajectory, path: Path, quantity: str, estimator: str, jobs: int = 1) -> None:
    """Curves as a table.

    Beside it ``NAME.records.csv`` has the numbers of every record, ``NAME.scalars.csv`` losses and
    accuracies.
    """
    names, steps, columns = _table(run, quantity, estimator, jobs)
    every = numbers(run, quantity)
    logged = (
        (step, name, value)
        for name, (at, values) in run.scalars().items()
        for step, value in zip(at.tolist(), values.tolist(), strict=True)
    )
    curves_file, records_file, scalars_file = files(path, "csv")
    write_rows(curves_file, ["step", "layer", *columns], _rows(steps, names, columns))
    kept = _rows(run.recorded_steps(quantity), names, every)
    write_rows(records_file, ["step", "layer", *every], kept)
    write_rows(scalars_file, ["step", "name", "value"], logged)


def write_json(run: Trajectory, path: Path, quantity: str, estimator: str, jobs: int = 1) -> None:
    """Curves as lists of T rows of L numbers, with scalars and configuration.

    NaN is null, infinity text.
    """
    names, steps, columns = _table(run, quantity, estimator, jobs)
    content = {
        "quantity": quantity,
        "estimator": estimator,
        "steps": steps.tolist(),
        "layers": list(names),
        "curves": {name: _nested(values.tolist()) for name, values in columns.items()},
        "scalars": {
            name: {"steps": at.tolist(), "values": _nested(values.tolist())}
            for name, (at, values) in run.scalars().items()
        },
        "config": _nested(run.config),
    }
    with replacing(path) as unfinished:
        unfinished.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")


def write_npz(run: Trajectory, path: Path, quantity: str, estimator: str, jobs: int = 1) -> None:
    """Curves, histograms, numbers and scalars as arrays; read with ``numpy.load``.

    Numbers are those whose names begin with ``record_``. A logged ``loss`` is ``scalar_loss``, its
    steps are ``steps_loss``.
    """
    names, steps, columns = _table(run, quantity, estimator, jobs)
    arrays: dict[str, Any] = {
        "steps": steps,
        "layers": np.array(names),
        "estimator": np.array(estimator),
        "config": np.array(json.dumps(run.config)),
        **columns,
        **{f"histogram_{name}": values for name, values in histograms(run, quantity).items()},
        "record_steps": run.recorded_steps(quantity),
        **{f"record_{name}": values for name, values in numbers(run, quantity).items()},
    }
    for name, (at, values) in run.scalars().items():
        # told apart by how they begin: another number may be called "loss_steps"
        arrays |= {f"steps_{name}": at, f"scalar_{name}": values}
    # a name without .npz stays as it is
    with replacing(path) as unfinished, unfinished.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def write_parquet(
    run: Trajectory, path: Path, quantity: str, estimator: str, jobs: int = 1
) -> None:
    """Curves and counts, a row per step and layer; counts are a fixed-size list column.

    Dyadic bins of a row: ``[(origin + b) 2^exponent, (origin + b + 1) 2^exponent)``. The edges of
    other grids, the configuration and the scalars are in the metadata of the schema. Beside it
    ``NAME.records.parquet`` has the numbers of every record, and ``NAME.pooled.parquet`` the curves
    of module groups and ``model``.
    """
    import pyarrow as pa
    from pyarrow import parquet

    names, steps, columns = _table(run, quantity, estimator, jobs)
    counted = histograms(run, quantity)
    layers = counted["counts"].shape[1]  # what pools them has bins of its own, as many as it takes
    bins = counted["counts"].shape[2]

    def rows(steps: NDArray[np.int64], columns: dict[str, NDArray[Any]], own: slice) -> Any:
        chosen = list(names[own])
        return {
            "step": np.repeat(steps, len(chosen)),
            "layer": pa.array(chosen * len(steps), pa.string()).dictionary_encode(),
            **{name: values[:, own].ravel() for name, values in columns.items()},
        }

    data = rows(steps, columns, slice(layers)) | {
        "counts": pa.FixedSizeListArray.from_arrays(pa.array(counted.pop("counts").ravel()), bins),
        **{
            name.removesuffix("s") if name in ("exponents", "origins") else f"outside_{name}": (
                values.ravel()
            )
            for name, values in counted.items()
            if name != "edges"
        },
    }
    metadata = {"config": json.dumps(run.config), "estimator": estimator, "quantity": quantity}
    metadata["scalars"] = json.dumps(
        {name: [at.tolist(), values.tolist()] for name, (at, values) in run.scalars().items()}
    )
    if "edges" in counted:
        metadata["edges"] = json.dumps(counted["edges"].tolist())
    every = rows(run.recorded_steps(quantity), numbers(run, quantity), slice(layers))
    pooled = rows(steps, columns, slice(layers, None))
    tables = (pa.table(data).replace_schema_metadata(metadata), pa.table(every), pa.table(pooled))
    for target, table in zip(files(path, "parquet"), tables, strict=True):
        with replacing(target) as unfinished:
            parquet.write_table(table, unfinished)


WRITERS: dict[str, Callable[..., None]] = {
    "csv": write_csv,
    "json": write_json,
    "npz": write_npz,
    "parquet": write_parquet,
}


def files(path: Path, format: str) -> tuple[Path, ...]:
    """What an export to a path writes: curves, then what goes beside them.

    >>> [file.name for file in files(Path("run.parquet"), "parquet")]
    ['run.parquet', 'run.records.parquet', 'run.pooled.parquet']
    """
    beside = {
        "csv": (".records.csv", ".scalars.csv"),
        "parquet": (".records.parquet", ".pooled.parquet"),
    }
    return (path, *(path.with_suffix(suffix) for suffix in beside.get(format, ())))


def _table(
    run: Trajectory, quantity: str, estimator: str, jobs: int
) -> tuple[tuple[str, ...], NDArray[np.int64], dict[str, NDArray[Any]]]:
    if quantity not in run.quantities:
        raise ValueError(
            f"quantity={quantity!r}: this run recorded {', '.join(run.quantities) or 'nothing'}"
        )
    if not len(run.steps_of(quantity)):
        raise ValueError(f"quantity={quantity!r}: this run holds no record of it yet")
    names = layer_names(run, quantity)
    return names, run.steps_of(quantity), curves(run, quantity, estimator, jobs)


def _rows(
    steps: NDArray[np.int64], layers: tuple[str, ...], columns: dict[str, NDArray[Any]]
) -> Iterator[tuple[Any, ...]]:
    """A row for each step and layer, as many layers as the columns have."""
    for record, step in enumerate(steps.tolist()):
        rows = zip(*(column[record].tolist() for column in columns.values()), strict=True)
        for layer, row in zip(layers, rows, strict=False):
            yield (step, layer, *row)


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A CSV file of values as `plain` makes them, where None is an empty field."""
    with (
        replacing(path) as unfinished,
        unfinished.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(map(plain, row) for row in rows)


def plain(value: Any) -> Any:
    """A value that CSV and JSON agree on: NaN is None, infinity is text.

    >>> plain(0.5), plain(math.nan), plain(-math.inf)
    (0.5, None, '-inf')
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def _nested(value: Any) -> Any:
    """Nested values, each as `plain` makes it."""
    if isinstance(value, dict):
        return {key: _nested(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_nested(one) for one in value]
    return plain(value)
