"""What a terminal shows: a live table while training, plain lines where there is no terminal."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from igfast.live.fitting import Column, fitted
from igfast.live.slope import RecentSlope
from igfast.live.table import NOISE, motion_texts
from igfast.measures import information_velocity
from igfast.numerals import velocity_text
from igfast.printing import printable
from igfast.report.collect import estimator_of
from igfast.sinks.curves import LiveCurves

if TYPE_CHECKING:
    from igfast.harness.observing import Outline
    from igfast.histograms import Histogram

ROWS = 12
LARGE = 5_000  # elements from which on a layer's live L is worth showing
FEW = 3  # shown where no layer is large
PLAIN_LINES = 20
APART = 20  # records between which Hellinger distances are added up


class TrainingDisplay:
    """Observer of a run: Γ of each layer, its noise floor, and L so far.

    L is rough: the sum of chords between records where motion stands clear of noise
    (:class:`igfast.sinks.curves.LiveCurves`), since the run was resumed where it was. Γ is its
    slope over the last tenth of a decade of steps, as ``igfast watch`` shows it, the floor what
    noise alone would give the published estimator over these steps. The table at the end and the
    report measure properly. Fewer than four splits: L is a sum of Hellinger distances, between
    every ``APART``-th record.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._outline: Outline | None = None
        self._task = TaskID(0)
        self._newest: Histogram | None = None
        self._anchor: Histogram | None = None
        self._step = self._records = 0
        self._live_curves, self._slope = LiveCurves(), RecentSlope()
        self._velocity = self._floor = self._length = self._passed = np.zeros(0)
        self._loss: float | None = None
        self._scalars: dict[str, float] = {}
        self._began = time.perf_counter()
        self._last_line = -1
        self._progress = Progress(
            TextColumn("[bold]step"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
            TimeRemainingColumn(),
            console=console,
        )

    def __enter__(self) -> TrainingDisplay:
        if self._console.is_terminal:
            self._live = Live(self._picture(), console=self._console, refresh_per_second=4)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.update(self._picture(), refresh=True)
            self._live.stop()

    def started(self, outline: Outline) -> None:
        """Print what is going to be trained, and on what."""
        self._outline = outline
        settings, data = outline.settings, outline.dataset
        for note in data.notes:
            self._console.print(
                f"[bold yellow]! {escape(note)}[/]", highlight=False, soft_wrap=True
            )
        same = data.requested == data.name
        stand_in = "" if same else f" (NOT {data.requested.upper()})"
        widths = "-".join(str(width) for width in settings.widths or ())
        self._console.print(
            f"[bold]{settings.model}[/] {widths}, {outline.parameters:,} parameters, "
            f"{settings.activation} | [bold]{data.name}[/]{stand_in} {len(data.train_inputs):,} + "
            f"{len(data.test_inputs):,} from {escape(data.source)}",
            highlight=False,
            soft_wrap=True,
        )
        self._console.print(
            f"{settings.optimizer}, learning rate {settings.learning_rate:g}, batch "
            f"{settings.batch_size}, {outline.total_steps:,} steps ({settings.epochs:g} epochs), "
            f"seed {settings.seed}, {settings.device}, {settings.threads} "
            + ("thread" if settings.threads == 1 else "threads")
            + (f" | continued after step {outline.start_step:,}" if outline.resumed else ""),
            highlight=False,
            soft_wrap=True,
        )
        if estimator_of(settings.splits) != "split":
            self._console.print(
                f"--splits {settings.splits}: Γ and L are those of the Hellinger distance, which "
                "depend on how often one records; for the split estimates take --splits 4 or 8",
                highlight=False,
                soft_wrap=True,
            )
        self._task = self._progress.add_task(
            "train", total=outline.total_steps, completed=outline.start_step, pace=""
        )
        self._began = time.perf_counter()

    def recorded(self, step: int, loss: float | None, histogram: Histogram) -> None:
        """Update Γ and L from the newest record."""
        live = self._live_curves.add(step, {"param": histogram})["param"]
        self._length = live.length
        if estimator_of(histogram.splits) != "split":
            self._length = self._sum_of_distances(histogram)
        slope = self._slope(step, self._length)
        self._velocity = slope.velocity
        self._floor = live.noise_floor * (step - self._step) / slope.steps
        self._records, self._newest, self._step = self._records + 1, histogram, step
        self._loss = loss
        self._show(step)

    def _sum_of_distances(self, histogram: Histogram) -> NDArray[np.float64]:
        if self._anchor is None:
            self._anchor, self._passed = histogram, np.zeros(len(histogram))
        length = self._passed + _distance(self._anchor, histogram)
        if self._records % APART == 0:
            self._anchor, self._passed = histogram, length
        return length

    def evaluated(self, step: int, scalars: dict[str, float]) -> None:
        """Keep the newest losses and accuracies for the next line."""
        self._scalars = dict(scalars)

    def _show(self, step: int) -> None:
        assert self._outline is not None
        start, total = self._outline.start_step, self._outline.total_steps
        pace = (time.perf_counter() - self._began) / max(1, step - start) * 1e3
        self._progress.update(self._task, completed=step, pace=f"{pace:.1f} ms/step")
        if self._live is not None:
            self._live.update(self._picture())
            return
        line = PLAIN_LINES * step // total
        if line != self._last_line or step == total:
            self._last_line = line
            shown = [f"step {step:>{len(f'{total:,}')},}/{total:,}", *self._numbers()]
            if step > start:
                shown.append(f"{pace:.1f} ms/step")
            self._console.print("  ".join(shown), highlight=False, soft_wrap=True, markup=False)

    def _numbers(self) -> list[str]:
        shown = [] if self._loss is None else [f"loss {self._loss:.4f}"]
        if self._scalars:
            shown.append(f"test loss {self._scalars['test_loss']:.4f}")
            shown.append(f"test accuracy {self._scalars['test_accuracy']:.2%}")
        if self._newest is not None and self._records > 1:
            largest = int(np.argmax(self._newest.numel))
            velocity, length = self._motion(largest)
            shown.append(
                f"{printable(self._newest.names[largest])}: Γ {velocity} "
                f"(floor {velocity_text(self._floor[largest])}) L ≈ {length}{self._since}"
            )
        return shown

    def _motion(self, layer: int) -> tuple[str, str]:
        return motion_texts(self._velocity[layer], self._length[layer])

    @property
    def _since(self) -> str:
        return " since resume" if self._outline is not None and self._outline.resumed else ""

    def _picture(self) -> Group:
        numbers = Text("  ".join(self._numbers()[: 3 if self._scalars else 1]))
        histogram = self._newest
        if histogram is None or self._records < 2:
            return Group(self._progress, numbers)
        sizes = np.asarray(histogram.numel)
        most = min(ROWS, int((sizes >= LARGE).sum())) or FEW
        shown = sorted(np.argsort(-sizes, kind="stable")[:most].tolist())
        motions = [self._motion(layer) for layer in shown]
        columns = [
            Column("layer", [printable(histogram.names[i]) for i in shown], least=12, left=True),
            Column("parameters", [f"{sizes[i]:,}" for i in shown], rank=2),
            Column("≈ Γ now (1/step)", [velocity for velocity, _ in motions], rank=1),
            Column("noise floor", [velocity_text(self._floor[i]) for i in shown], rank=3),
            Column(f"≈ L{self._since}", [length for _, length in motions]),
        ]
        layout = fitted(columns, self._console.width)
        notes = [f"and {len(sizes) - len(shown)} smaller ones"] * (len(sizes) > len(shown))
        notes += ["Γ, L: rough estimates", layout.note]
        notes += [NOISE] * any("noise" in one for one in motions)
        return Group(
            self._progress, numbers, layout.table(), *(Text(note) for note in notes if note)
        )


def _distance(earlier: Histogram, later: Histogram) -> NDArray[np.float64]:
    """Γ dt of each layer between two records; 0 for an empty layer."""
    distance = information_velocity(earlier, later, estimator=estimator_of(later.splits))
    return np.nan_to_num(np.asarray(distance, dtype=np.float64))


class DownloadDisplay:
    """A progress bar per downloaded file; use as the ``progress`` of a data set."""

    def __init__(self, console: Console) -> None:
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
        )

    def __enter__(self) -> DownloadDisplay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def __call__(self, path: str, done: int, total: int | None) -> None:
        if path not in self._tasks:
            self._progress.start()
            self._tasks[path] = self._progress.add_task(escape(path), total=total)
        self._progress.update(self._tasks[path], completed=done, total=total)
