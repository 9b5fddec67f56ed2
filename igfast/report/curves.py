"""The numbers behind a report as CSV and JSON files.

Needs NumPy only. Every file's columns, with units and meanings, stand in `columns.csv` and again in
`curves.json`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from igfast.analysis import Lag
from igfast.export import write_rows
from igfast.files import replacing
from igfast.report.collect import MotionCurves, RunCurves
from igfast.report.counted import Float, Int
from igfast.report.fields import Fields, numbers, of_rows, repeated, write_fields
from igfast.report.ridges import ridge_densities, ridge_records
from igfast.report.scrutiny import Growth

FORMAT_VERSION = 1
JSON = "curves.json"  # all tables in one

_OF_RECORD = [
    ("quantity", "", "what was recorded: param, grad, update or second_moment"),
    ("layer", "", "name of the layer, of a module group, or model for all layers pooled"),
    ("step", "optimizer steps", "steps done before the record"),
]
_COLUMNS: dict[str, list[tuple[str, str, str]]] = {
    "velocity": [
        *_OF_RECORD[:2],
        ("step_from", "optimizer steps", "record at which the interval begins"),
        ("step_to", "optimizer steps", "record at which it ends"),
        ("velocity", "1/step", "information velocity of this interval, 0 where noise outweighs it"),
        ("velocity_error", "1/step", "its standard error"),
        ("velocity_squared", "1/step^2", "unbiased and signed"),
        ("velocity_squared_error", "1/step^2", "its standard error"),
        ("noise_floor", "1/step", "velocity that noise alone gives the published estimator"),
        ("velocity_published", "1/step", "published (Hellinger) estimate"),
    ],
    "length": [
        *_OF_RECORD,
        ("length", "1", "information length since the first record"),
        ("length_error", "1", "its standard error"),
        ("length_published", "1", "sum of the published estimates; depends on sampling"),
    ],
    "entropy": [
        *_OF_RECORD,
        ("entropy", "1", "Shannon entropy divided by ln(bins), on the grid in layers.csv"),
        ("complexity", "1", "Jensen-Shannon statistical complexity, on the same grid"),
        ("outside", "1", "fraction of the elements beyond the recorded grid"),
        ("nan", "elements", "elements that are NaN"),
    ],
    "scalars": [
        ("name", "", "as it was logged"),
        ("step", "optimizer steps", "steps done before it was logged"),
        ("value", "as logged", ""),
    ],
    "layers": [
        *_OF_RECORD[:2],
        ("shape", "", "sizes of the axes joined by x; empty where not recorded"),
        ("elements", "elements", "number of elements"),
        ("length", "1", "information length, first record to the last with finite elements"),
        ("length_error", "1", "its standard error"),
        (
            "length_every_4th",
            "1",
            "from every fourth record, then all; resolved, from 1,000 elements on",
        ),
        ("length_published", "1", "published estimate; depends on sampling"),
        ("great_circle", "1", "Fisher-Rao distance between these two, noise subtracted"),
        ("sampling", "", "resolved or coarse, see scales.csv; empty where not known"),
        ("bins", "", "resolved, or coarse: more than 5 % of the length is hidden in them"),
        ("grid", "", "grid of entropy and complexity"),
        ("grid_changes", "optimizer steps", "records at which the automatic grid had changed"),
    ],
    "scales": [
        *_OF_RECORD[:2],
        ("tau", "optimizer steps", "the path is smoothed over so many"),
        ("length", "1", "information length of the smoothed path"),
        ("length_error", "1", "its standard error"),
        ("plateau", "", "1 where the length is the same over a range of scales, else 0"),
    ],
    "growth": [
        ("layer", "", "name of the layer, or model for all of them pooled"),
        ("order", "", "1: d ln L/d ln t, 2: d^2 ln L/d(ln t)^2"),
        ("step", "optimizer steps", "t counts from the first record"),
        ("value", "1", "the derivative"),
        ("error", "1", "its standard error, smoothing included"),
        ("strength", "1", "lambda of the regularization"),
    ],
    "transitions": [
        ("layer", "", "name of the layer, or model for all of them pooled"),
        ("step", "optimizer steps", "minimum of d^2 ln L/d(ln t)^2"),
        ("start", "optimizer steps", "of its interval"),
        ("stop", "optimizer steps", "of its interval"),
        ("curvature", "1", "d^2 ln L/d(ln t)^2 at the minimum"),
        ("curvature_error", "1", "its standard error"),
        ("depth", "1", "below the lower shoulder"),
        ("depth_error", "1", "its standard error"),
        ("at_tenth", "", "1 where one is found in its interval at a tenth of lambda, else 0"),
        ("at_tenfold", "", "the same at ten times lambda"),
        ("onset", "optimizer steps", "of overfitting; empty where the test loss does not rise"),
        ("lag", "decades", "log10(onset/step), from the first record"),
        ("lag_low", "decades", "its least by both intervals, also without an onset"),
        ("lag_high", "decades", "its most by both intervals"),
    ],
    "densities": [
        *_OF_RECORD,
        ("low", "value", "lower end of the bin"),
        ("high", "value", "upper end of the bin"),
        ("density", "1/value", "probability density of the layer's elements in the bin"),
    ],
}


Block = tuple[Fields, ...]  # rows of a table, as columns


@dataclass(frozen=True)
class Table:
    """One CSV file: its name without the suffix, its columns, and its rows in blocks."""

    name: str
    columns: tuple[str, ...]
    blocks: Iterable[Block]


def tables(curves: RunCurves) -> Iterator[Table]:
    """The tables of a report, in the order of `columns.csv`."""
    blocks: dict[str, Iterable[Block]] = {
        "velocity": (block for motion in curves.motions for block in _velocity(motion)),
        "length": (block for motion in curves.motions for block in _length(motion)),
        "entropy": (block for motion in curves.motions for block in _entropy(motion)),
        "scalars": (
            (repeated(name, len(steps)), numbers(steps), numbers(values))
            for name, (steps, values) in curves.scalars.items()
        ),
        "layers": (of_rows(_layers(motion)) for motion in curves.motions),
        "scales": _scales(curves.main),
        "growth": _growth(curves.growth),
        "transitions": [of_rows(_transitions(curves.growth))],
        "densities": (block for motion in curves.motions for block in _densities(motion)),
    }
    for name, columns in _COLUMNS.items():
        yield Table(name, tuple(column for column, _, _ in columns), blocks[name])


def curve_files(folder: Path) -> list[Path]:
    """What `write_curves` writes."""
    return [folder / name for name in (*(f"{name}.csv" for name in _COLUMNS), "columns.csv", JSON)]


def write_curves(curves: RunCurves, folder: Path) -> list[Path]:
    """Write every table as CSV, all of them as `curves.json`, and `columns.csv` about them.

    Values are written in full precision; NaN is an empty field in CSV and null in JSON. Infinite
    values are the text inf.
    """
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "format": "igfast curves",
        "version": FORMAT_VERSION,
        "estimator": {motion.quantity: motion.estimator for motion in curves.motions},
        "columns": {
            name: {column: {"unit": unit, "meaning": text} for column, unit, text in columns}
            for name, columns in _COLUMNS.items()
        },
    }
    with replacing(folder / JSON) as unfinished, unfinished.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps(about, allow_nan=False).removesuffix("}"))
        before = ', "tables": {'
        for table in tables(curves):
            text = write_fields(folder / f"{table.name}.csv", table.columns, table.blocks)
            stream.write(f"{before}{json.dumps(table.name)}: {text}")
            before = ", "
        stream.write("}}")
        header = ("file", "column", "unit", "meaning")
        every = ((f"{name}.csv", *one) for name, columns in _COLUMNS.items() for one in columns)
        write_rows(folder / "columns.csv", header, every)
    return curve_files(folder)


def _velocity(motion: MotionCurves) -> Iterator[Block]:
    return _of_layers(
        motion,
        (numbers(motion.steps[:-1]), numbers(motion.steps[1:])),
        motion.velocity,
        motion.velocity_error,
        motion.velocity_squared,
        motion.velocity_squared_error,
        motion.noise_floor,
        motion.velocity_published,
    )


def _length(motion: MotionCurves) -> Iterator[Block]:
    curves = (motion.length, motion.length_error, motion.length_published)
    return _of_layers(motion, (numbers(motion.steps),), *curves)


def _entropy(motion: MotionCurves) -> Iterator[Block]:
    curves = (motion.entropy, motion.complexity, motion.outside, motion.nan)
    return _of_layers(motion, (numbers(motion.steps),), *curves)


def _of_layers(motion: MotionCurves, steps: Block, *curves: Float | Int) -> Iterator[Block]:
    """What was measured at these steps, a block for each layer."""
    for layer in motion.rows:
        names = (repeated(name, len(curves[0])) for name in (motion.quantity, layer.name))
        yield (*names, *steps, *(numbers(values[:, layer.column]) for values in curves))


def _layers(motion: MotionCurves) -> Iterator[tuple[Any, ...]]:
    for layer in motion.rows:
        at = layer.column
        yield (
            motion.quantity,
            layer.name,
            "x".join(map(str, layer.shape)) if layer.shape else "",
            layer.numel,
            float(motion.final.length[at]),
            float(motion.final.error[at]),
            float(motion.length_sparse[at]),
            float(motion.final.published[at]),
            float(motion.great_circle[at]),
            *_judgements(motion, at),
            motion.grids[at],
            " ".join(str(int(motion.steps[record])) for record in motion.regrids[at]),
        )


def _judgements(motion: MotionCurves, column: int) -> tuple[str, str]:
    """Of the sampling and of the bins."""
    if column not in motion.scrutiny:
        return "", ""
    found = motion.scrutiny[column]
    return found.judgement, "coarse" if found.resolution.coarse else "resolved"


def _scales(motion: MotionCurves) -> Iterator[Block]:
    for layer in motion.layers:
        if layer.column not in motion.scrutiny:
            continue
        found = motion.scrutiny[layer.column].scales
        first, last = found.plateau or (0, -1)
        place = np.arange(len(found.scales))
        names = (repeated(name, len(place)) for name in (motion.quantity, layer.name))
        columns = (found.scales, found.lengths, found.errors)
        on_plateau = ((first <= place) & (place <= last)).astype(int)
        yield (*names, *map(numbers, columns), numbers(on_plateau))


def _growth(found: Growth) -> Iterator[Block]:
    for order, by_layer in ((1, found.exponents), (2, found.curvatures)):
        for layer, curve in by_layer.items():
            count = len(curve.times)
            columns = (curve.times + found.origin, curve.value, curve.error)
            names = (repeated(layer, count), repeated(order, count))
            yield (*names, *map(numbers, columns), repeated(curve.strength, count))


def _transitions(found: Growth) -> Iterator[tuple[Any, ...]]:
    onset = math.nan if found.onset is None else found.when(found.onset).time
    for layer, transitions in found.transitions.items():
        lags = found.lags(layer) or (Lag(math.nan, math.nan, math.nan),) * len(transitions)
        for number, (one, lag) in enumerate(zip(transitions, lags, strict=True)):
            depths = (one.value, one.error, one.depth, one.depth_error)
            there = tuple(map(int, found.persists(layer, number))) or ("", "")
            yield (layer, *found.when(one), *depths, *there, onset, lag.decades, lag.low, lag.high)


def _densities(motion: MotionCurves) -> Iterator[Block]:
    chosen = ridge_records(motion)
    for layer in motion.layers:
        if layer.column not in motion.densities:
            continue
        if not motion.densities[layer.column].drawable:
            continue
        edges, density = ridge_densities(motion.densities[layer.column], chosen)
        names = (motion.quantity, layer.name)
        ends = numbers(edges[:-1]), numbers(edges[1:])
        for step, values in zip(motion.steps[chosen].tolist(), density, strict=True):
            yield (*(repeated(one, len(values)) for one in (*names, step)), *ends, numbers(values))
