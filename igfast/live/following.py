"""Following a run file that is being written, from outside of the training."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..analysis.online import Running
from ..groups import MODEL, Groups, group_layers, recorded_groups, repeats_layer
from ..health import Flag
from ..histograms import Histogram
from ..sinks.curves import Curves
from ..sinks.grouped import Grouped
from ..store import RunReader, StoreError
from ..trajectory import Trajectory
from .slope import RecentSlope

Float = NDArray[np.float64]

REPLAYED = 100  # records that stand for a run's past when it is first looked at
QUIET_SECONDS = 30.0  # without a write-ahead log, a run that has not grown for so long has ended
PATIENCE = 5.0  # seconds without a record after which a writer is looked for
CREATION_SECONDS = 2.0
LONGEST_INTERVAL = 86_400.0  # seconds between looks


@dataclass(frozen=True)
class State:
    """A run as it is now.

    Attributes
    ----------
    step, records : int
    wall_time : float
        Of the record, seconds since the epoch.
    pace : float
        Seconds per step between the last two records seen; NaN with one.
    layers : tuple of str
        Then the run's module groups, and ``"model"`` last, if there are several layers.
    numel : (L,) int64
    curves : Curves
        Of the same layers.
    velocity : (L,) float64
        Slope of L over the last tenth of a decade of steps, in 1/step: see
        :class:`igfast.live.slope.RecentSlope`.
    flags : tuple of Flag
        That hold.
    scalars : mapping of str to (step, value)
        The newest of every logged number.
    ended : bool
    members : mapping of str to tuple of str
        Of those of ``layers`` that pool others, which: groups, then ``"model"``.
    """

    step: int
    records: int
    wall_time: float
    pace: float
    layers: tuple[str, ...]
    numel: NDArray[np.int64]
    curves: Curves
    velocity: Float
    flags: tuple[Flag, ...] = ()
    scalars: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    ended: bool = False
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Follower:
    """Looks at a run file again and again, and keeps what live curves need.

    The file is opened for every look and closed again, so that its writer can finish it.

    Parameters
    ----------
    path : str or Path
        May not exist yet.
    groups : as for :meth:`igfast.Trajectory.grouped`
        None: those that the run was recorded with.
    """

    def __init__(self, path: str | Path, groups: Groups = None) -> None:
        self.path, self._groups = Path(path), groups
        self._grouped = Grouped({})
        self._groups_of: dict[str, tuple[str, ...]] = {}
        self._newest: State | None = None
        self._slope = RecentSlope()

    def look(self) -> list[State]:
        """The run at every record since the last look, at least its newest; [] without records.

        A long past is represented by some of its records.

        Raises
        ------
        StoreError
            If the file is no run, or damaged, or has ended without a record.
        """
        try:
            reader = RunReader(self.path)
        except StoreError:
            if _is_being_created(self.path):
                return []
            raise
        with contextlib.closing(reader):
            quantity = next((q for q in reader.quantities if len(reader.steps_of(q))), None)
            if quantity is None:
                self._refuse_ended(reader.has_log())
                return []
            found = self._catch_up(reader, quantity)
            run = Trajectory(reader)
            scalars, flags = run.scalars(), run.health()
            has_log = reader.has_log()
        records, ended = len(reader.steps), self._ended(found[-1].wall_time, has_log)
        begun = np.array([flag.step for flag in flags], dtype=np.int64)
        until = np.array([np.inf if flag.until is None else flag.until for flag in flags])
        return [
            replace(
                state,
                records=records,
                flags=tuple(
                    flags[i] for i in np.flatnonzero((begun <= state.step) & (until > state.step))
                ),
                scalars={
                    name: (int(steps[last]), float(values[last]))
                    for name, (steps, values) in scalars.items()
                    if (last := int(np.searchsorted(steps, state.step, "right")) - 1) >= 0
                },
                ended=ended,
            )
            for state in found
        ]

    def _catch_up(self, reader: RunReader, quantity: str) -> list[State]:
        steps = reader.steps_of(quantity)
        groups = recorded_groups(reader.config, reader.resumes)
        if self._groups is not None:
            groups = group_layers(self._groups, reader.layers(quantity))
        groups = {name: own for name, own in groups.items() if not repeats_layer(name, own)}
        if not self._goes_on(reader) or groups != self._groups_of:
            self._newest, self._slope = None, RecentSlope()
            self._grouped, self._groups_of = Grouped(groups), groups
        new = np.arange(len(steps))
        if self._newest is not None:
            new = new[steps > self._newest.step]
            if not len(new):
                return [self._newest]
        if len(new) > REPLAYED:
            chosen = np.linspace(0, len(new) - 1, REPLAYED).round().astype(int)
            new = new[np.union1d(chosen, [len(new) - 2])]
        times = dict(zip(reader.steps.tolist(), reader.wall_times.tolist(), strict=True))
        running = reader.running(quantity, steps[new])
        return [
            self._add(
                step,
                times[step],
                reader.histogram(quantity, index),
                Running(**{name: values[row] for name, values in running.items()}),
            )
            for row, (index, step) in enumerate(zip(new.tolist(), steps[new].tolist(), strict=True))
        ]

    def _goes_on(self, reader: RunReader) -> bool:
        """Whether the newest record seen is still there: not where training went back, or anew."""
        if self._newest is None:
            return False
        place = int(np.searchsorted(reader.steps, self._newest.step))
        found = zip(reader.steps[place : place + 1], reader.wall_times[place:], strict=False)
        return (self._newest.step, self._newest.wall_time) in found

    def _add(self, step: int, wall_time: float, record: Histogram, running: Running) -> State:
        found = Curves.of(running)
        layers, numel = record.names, record.numel
        rows = self._grouped.follow(step, "layers", record)
        for pooled, curves in sorted(rows, key=lambda row: row[0].names == (MODEL,)):
            layers, numel = (*layers, *pooled.names), np.append(numel, pooled.numel)
            found = _joined(found, curves)
        pace, before = np.nan, self._newest
        if before is not None:
            pace = (wall_time - before.wall_time) / (step - before.step)
        members = {name: self._groups_of.get(name, record.names) for name in layers[len(record) :]}
        velocity = self._slope(step, found.length).velocity
        self._newest = State(
            step, 0, wall_time, pace, layers, numel, found, velocity, members=members
        )
        return self._newest

    def _refuse_ended(self, has_log: bool) -> None:
        begun = self.path.stat().st_mtime  # or closed
        young = time.time() - begun < CREATION_SECONDS  # its log may be yet to come
        if not young and self._ended(begun, has_log):
            raise StoreError(
                f"{str(self.path)!r} has ended without a record, and none will come; igfast info "
                "says what it holds"
            )

    def _ended(self, newest: float, has_log: bool) -> bool:
        """Whether no writer has the file any more: it was closed, or its process has gone."""
        if has_log:  # turned back, or the log removed, when a run is closed
            left = time.time() - newest > PATIENCE and not is_held(self.path)
            return left or not Path(f"{self.path}-wal").exists()
        written = max(newest, self.path.stat().st_mtime)
        journal = Path(f"{self.path}-journal").exists()
        return not journal or time.time() - written > QUIET_SECONDS


def is_held(path: Path) -> bool:
    """Whether a process has the run open, as far as can be known: true where it cannot.

    A writer that is killed, or closes while someone reads, leaves its log behind. Nothing is opened
    here: to open and close one of the files would undo the locks of a writer in this process, and
    to take the log in would then take it from under that writer.
    """
    try:
        inode = Path(f"{path}-shm").stat().st_ino
    except OSError:
        return False
    try:
        locks = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return True
    return any(line.split()[-3].rpartition(":")[2] == str(inode) for line in locks if line)


def _is_being_created(path: Path) -> bool:
    """Whether there is nothing yet, or a file so young that its writer may still be at it."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return True
    return time.time() - found.st_mtime < CREATION_SECONDS


def _joined(layers: Curves, group: Curves) -> Curves:
    return Curves(
        *(
            np.concatenate([getattr(layers, name), getattr(group, name)])
            for name in Curves.__dataclass_fields__
        )
    )


def check_interval(interval: float) -> None:
    """Refuse seconds between looks that no clock can wait for."""
    if not 0 < interval <= LONGEST_INTERVAL:
        raise ValueError(
            f"interval must be positive, and at most a day, {LONGEST_INTERVAL:g} seconds; got "
            f"{interval}"
        )


def waiting_for(path: Path) -> str:
    """What is missing while a run cannot be shown."""
    if not path.exists():
        return f"waiting for {path}, which does not exist yet"
    return f"waiting for the first record of {path}"
