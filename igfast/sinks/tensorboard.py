"""Records in TensorBoard's event files."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from .libraries import require
from .numbers import MEASURES, Bars, Numbers, bars_of
from .record import Record

SUFFIX = ".igfast"  # of the event files that this sink writes
_writing: weakref.WeakSet[TensorBoard] = weakref.WeakSet()  # sinks with an open file


class TensorBoard:
    """Histograms with exact moments, and scalars.

    Parameters
    ----------
    target : str, Path or SummaryWriter
        Folder of the event files, opened at the first record, or a writer in use, which is flushed
        and left open. In a folder that holds nothing but files of this sink, a run that is resumed
        shows each step once; a writer in use has a ``purge_step`` of its own.
    scalars : sequence of str
        Among ``igfast.sinks.MEASURES``; tags are ``param_velocity/layer``.
    histograms : bool
        Tags are ``param_histogram/layer``. TensorBoard draws 30 bars of its own, whatever it gets.

    Raises
    ------
    ModuleNotFoundError
        Without tensorboard: ``pip install 'igfast[tensorboard]'``.

    Examples
    --------
    >>> sink = igfast.sinks.TensorBoard("runs/first")  # doctest: +SKIP
    >>> monitor = igfast.Monitor(model, optimizer, sinks=[sink])  # doctest: +SKIP
    """

    def __init__(
        self,
        target: str | os.PathLike[str] | Any,
        *,
        scalars: Sequence[str] = MEASURES,
        histograms: bool = True,
    ) -> None:
        self._folder: str | None = None
        self._writer: Any = None
        if isinstance(target, (str, os.PathLike)):
            require("tensorboard", "tensorboard")
            self._folder = os.fspath(target)
            if "://" not in self._folder:  # else not of this machine
                self._folder = os.path.abspath(self._folder)
        elif hasattr(target, "add_histogram_raw"):
            self._writer = target
        else:
            raise TypeError(f"target must be a folder or a SummaryWriter, got {target!r}")
        self._numbers, self._histograms = Numbers(scalars), histograms
        self._rewound: int | None = None

    def rewind(self, step: int) -> None:
        """Hide steps from this one on, or from the first that is written if that is before."""
        if self._folder is not None:
            self.close()
            self._rewound = step

    def write(self, step: int, record: Record) -> None:
        writer = self._open(step)
        for name, value in self._numbers.of(record).items():
            writer.add_scalar(name, value, step, walltime=record.wall_time)
        for bars in bars_of(record) if self._histograms else ():
            self._draw(bars, step, record)

    def _open(self, step: int) -> Any:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            again, self._rewound = self._rewound, None
            if again is not None:  # where others write, too, their later steps would be hidden
                again = min(again, step) if self._is_alone() else None
            self._writer = SummaryWriter(self._folder, purge_step=again, filename_suffix=SUFFIX)
            _writing.add(self)
        return self._writer

    def _draw(self, bars: Bars, step: int, record: Record) -> None:
        moments, row = bars.table.moments, bars.row
        # TensorBoard's outer edges are the minimum and the maximum. Outliers beyond the bars would
        # stretch them, and a width of nothing would draw nothing.
        low = max(float(moments.min[row]), bars.edges[0])
        high = min(float(moments.max[row]), bars.edges[-1])
        if not low < high:
            low, high = bars.edges[0], bars.edges[-1]
        self._writer.add_histogram_raw(
            bars.name,
            min=float(low),
            max=float(high),
            num=int(moments.count[row]),
            sum=float(moments.sum[row]),
            sum_squares=float(moments.sum_squares[row]),
            bucket_limits=bars.edges[1:].tolist(),
            bucket_counts=bars.counts.tolist(),
            global_step=step,
            walltime=record.wall_time,
        )

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        for name, value in scalars.items():
            self._open(step).add_scalar(name, value, step)

    def flush(self) -> None:
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None and self._folder is not None:
            self._writer.close()
            self._writer = None
            _writing.discard(self)

    def _is_alone(self) -> bool:
        """Whether the folder holds nobody else's event files, and no other sink writes to it."""
        assert self._folder is not None
        names = os.listdir(self._folder) if os.path.isdir(self._folder) else []
        ours = all(name.endswith(SUFFIX) for name in names if "tfevents" in name)
        return ours and all(sink._folder != self._folder for sink in _writing)
