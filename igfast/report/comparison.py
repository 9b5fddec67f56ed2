"""Several runs side by side, measured once. Needs NumPy only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from igfast.groups import MODEL
from igfast.merging import equally_wide
from igfast.printing import Tell, silent
from igfast.report.collect import MotionCurves, logged, moved, recorded
from igfast.report.counted import Float, Int
from igfast.report.fields import Fields, numbers, repeated, write_csv
from igfast.report.scrutiny import Growth, growth_of
from igfast.report.text import flat
from igfast.workers import Workers

if TYPE_CHECKING:
    from igfast.trajectory import Trajectory

COLUMNS = (
    ("run", "as on the page"),
    ("layer", ""),
    ("step", "optimizer steps done before the record"),
    ("length", "information length since the first record"),
    ("length_error", "its standard error"),
    ("length_published", "sum of the published estimates; depends on sampling"),
    ("entropy", "divided by ln(bins), all runs on one grid where they can be"),
    ("complexity", "on the same grid"),
)


@dataclass(frozen=True)
class Comparison:
    """R runs and the layers that any of them has, and in `pooled` what pools several layers.

    `entropy` and `complexity` are arrays over each run's records by (run, layer), all of a layer
    on the grid in `grids` where the runs' grids can be merged. `differing` holds the settings in
    which the runs differ: name, and a value per run. `notes` say what limits the comparison.
    """

    names: tuple[str, ...]
    runs: tuple[Trajectory, ...]
    motions: tuple[MotionCurves, ...]
    growths: tuple[Growth, ...]
    scalars: tuple[dict[str, tuple[Int, Float]], ...]
    layers: tuple[str, ...]
    pooled: tuple[str, ...]
    entropy: dict[tuple[int, str], Float]
    complexity: dict[tuple[int, str], Float]
    grids: dict[str, str]
    differing: tuple[tuple[str, tuple[Any, ...]], ...]
    notes: tuple[str, ...]

    def having(self, layer: str) -> list[tuple[int, MotionCurves, int]]:
        """Runs that have a layer, or pool one of that name: number, motion and column."""
        return [
            (number, motion, motion.columns[layer])
            for number, motion in enumerate(self.motions)
            if layer in motion.columns
        ]


def compare(
    runs: Sequence[Trajectory],
    names: Sequence[str],
    *,
    quantity: str = "param",
    tell: Tell = silent,
    jobs: int = 1,
) -> Comparison:
    """Measure several runs.

    Parameters
    ----------
    runs : sequence of Trajectory
        Two or more, each with a record of the quantity.
    names : sequence of str
        What they are called.
    quantity : str
    tell : callable
        Called with a line on how far it has come, for people who wait.
    jobs : int
        Processes that measure a run's layers; see :class:`igfast.workers.Workers`.

    Raises
    ------
    ValueError
        If there are fewer than two runs, or one of them did not record the quantity.
    """
    if len(runs) < 2:
        raise ValueError(f"a comparison needs two runs or more, got {len(runs)}")
    with ExitStack() as held:
        for run in runs:
            held.enter_context(run.held())
        return _compare(runs, names, quantity, tell, jobs)


def _compare(
    runs: Sequence[Trajectory], names: Sequence[str], quantity: str, tell: Tell, jobs: int
) -> Comparison:
    for name, run in zip(names, runs, strict=True):
        if quantity not in run.quantities or not len(run.histograms(quantity)):
            there = recorded(run)
            if not there:
                raise ValueError(f"run {name!r} holds no record yet; compare runs that have some")
            raise ValueError(
                f"run {name!r} holds no record of quantity={quantity!r}; it has {', '.join(there)}"
            )
    scalars = tuple(logged(run) for run in runs)
    motions, growths = [], []
    for name, run, values in zip(names, runs, scalars, strict=True):
        with Workers(run, jobs) as workers:
            tell_of_it = partial(_tell_of, tell, name)
            motions.append(moved(workers, quantity, tell_of_it))
            growths.append(growth_of(workers, motions[-1], values, tell_of_it))
    layers = tuple(dict.fromkeys(layer.name for motion in motions for layer in motion.layers))
    # "model" last, also where only some of the runs have groups
    found = [row.name for motion in motions for row in motion.pooled if not row.repeats]
    rows = sorted(found, key=MODEL.__eq__)
    pooled = tuple(name for name in dict.fromkeys(rows) if name not in layers)
    entropy, complexity, grids = _on_one_grid(runs, motions, layers + pooled)
    return Comparison(
        names=tuple(names),
        runs=tuple(runs),
        motions=tuple(motions),
        growths=tuple(growths),
        scalars=scalars,
        layers=layers,
        pooled=pooled,
        entropy=entropy,
        complexity=complexity,
        grids=grids,
        differing=_differing(runs),
        notes=tuple(_notes(names, motions, layers + pooled, grids)),
    )


def _tell_of(tell: Tell, name: str, text: str) -> None:
    tell(f"{name}: {text}")


def unique_names(paths: Sequence[Path]) -> list[str]:
    """Short names of run files: stems, with folders where those are equal.

    >>> unique_names([Path("a/run.igf"), Path("b/run.igf")]), unique_names([Path("a/x.igf")])
    (['a/run', 'b/run'], ['x'])
    """
    for parts in range(1, 1 + max(len(path.parts) for path in paths)):
        names = ["/".join(path.with_suffix("").parts[-parts:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{number}: {path.stem}" for number, path in enumerate(paths, 1)]


def write_comparison_csv(found: Comparison, path: Path) -> Path:
    """Every curve as one CSV file: a row per run, layer and record, columns as in `COLUMNS`."""
    write_csv(path, [name for name, _ in COLUMNS], _blocks(found))
    return path


def _blocks(found: Comparison) -> Iterator[tuple[Fields, ...]]:
    steps = [numbers(motion.steps) for motion in found.motions]
    for layer in found.layers + found.pooled:
        for run, motion, column in found.having(layer):
            curves = (
                motion.length[:, column],
                motion.length_error[:, column],
                motion.length_published[:, column],
                found.entropy[run, layer],
                found.complexity[run, layer],
            )
            names = (repeated(one, len(motion.steps)) for one in (found.names[run], layer))
            yield (*names, steps[run], *map(numbers, curves))


def _on_one_grid(
    runs: Sequence[Trajectory], motions: Sequence[MotionCurves], layers: Sequence[str]
) -> tuple[dict[tuple[int, str], Float], dict[tuple[int, str], Float], dict[str, str]]:
    """H, C and the grid by layer, of all records of all runs merged to one grid."""
    entropy: dict[tuple[int, str], Float] = {}
    complexity: dict[tuple[int, str], Float] = {}
    grids: dict[str, str] = {}
    for layer in layers:
        having = [number for number, motion in enumerate(motions) if layer in motion.columns]
        for number in having:
            motion, column = motions[number], motions[number].columns[layer]
            entropy[number, layer] = motion.entropy[:, column]
            complexity[number, layer] = motion.complexity[:, column]
        records = [
            record
            for number in having
            for record in runs[number].shared_records(layer, motions[number].quantity)
        ]
        kinds = {record.grid.kind for record in records}
        if len(kinds) > 1:
            continue
        if kinds == {"dyadic"}:
            records = equally_wide(records)
        try:
            pooled = type(runs[0]).from_histograms(range(len(records)), records)
            values = pooled.entropy(layer), pooled.complexity(layer)
        except ValueError:  # uniform grids with different edges
            continue
        grids[layer] = str(pooled.common(layer))
        ends = np.cumsum([len(motions[number].steps) for number in having])[:-1]
        for found, curve in zip((entropy, complexity), values, strict=True):
            for number, part in zip(having, np.split(curve, ends), strict=True):
                found[number, layer] = part
    return entropy, complexity, grids


def _differing(runs: Sequence[Trajectory]) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    given = [(run.config.get("settings"), run.config) for run in runs]
    settings = [dict(flat(found if isinstance(found, dict) else whole)) for found, whole in given]
    names = dict.fromkeys(name for one in settings for name in one)
    rows = [(name, tuple(one.get(name) for one in settings)) for name in names]
    return tuple(row for row in rows if any(value != row[1][0] for value in row[1]))


def _notes(
    names: Sequence[str],
    motions: Sequence[MotionCurves],
    layers: Sequence[str],
    grids: dict[str, str],
) -> list[str]:
    found = []
    published = [n for n, motion in zip(names, motions, strict=True) if motion.estimator != "split"]
    if published:
        found.append(
            f"Γ and L of {', '.join(published)} are the published estimates, which depend on how "
            "often one records: fewer than four splits were recorded."
        )
    on_grids = {motion.recorded_grid for motion in motions}
    if len(on_grids) > 1:
        found.append(
            "The runs were recorded on different grids, and L depends on the bins: "
            f"{'; '.join(sorted(on_grids))}."
        )
    apart = [layer for layer in layers if layer not in grids]
    if apart:
        found.append(
            f"H and C of {', '.join(apart[:4])}{' and others' * (len(apart) > 4)} are on each "
            "run's own grid and not comparable: the grids cannot be merged."
        )
    named = [layer for layer in layers if layer != MODEL]  # a run of one layer has no such row
    missing = [layer for layer in named if any(layer not in motion.columns for motion in motions)]
    if missing:
        shown = ", ".join(missing[:4]) + f" and {len(missing) - 4} more" * (len(missing) > 4)
        found.append(f"Not all runs have {shown}.")
    return found
