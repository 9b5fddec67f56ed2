"""The Monitor: when to measure, and what it tells."""

from __future__ import annotations

import os
import threading
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, NoReturn

from ..grids import Grid
from ..groups import Groups
from ..health import Flag, Rule
from ..histograms import Histogram
from ..schedules import Schedule
from ..store import DEFAULT_HISTOGRAMS
from ..store.encoding import int64
from . import arguments
from .alone import one_at_a_time, one_at_a_time_anywhere
from .closing import close_after
from .group import connect
from .hooks import Hooks, skipped
from .making import make
from .recording import CLOSED
from .replacing import UnseenSteps
from .selection import Patterns


class Monitor:
    """Record histograms and moments of every layer while a model trains.

    The model is only read: no forward or backward hooks, no graph, no random numbers. Training
    with a monitor gives the same weights, bit for bit, as training without.

    Threads may share a monitor: their records are made one after the other. A record that another
    thread's training step overlaps has some parameters from before the step and some from after.

    Parameters
    ----------
    model : torch module, mapping of str to array, or Parts
        Tied parameters are measured once, frozen ones too.
    optimizer : torch optimizer or sequence of them, optional
        Its post-step hook drives the monitor: a step is a completed ``optimizer.step()``, so steps
        that a gradient scaler skips are not counted. Of several, the first one's steps count and
        its hook measures: put the one that steps last first. Without an optimizer call
        :meth:`record`.
    every : int or function step -> bool
        When to record; see ``igfast.schedules``. The state at entry is always recorded.
    quantities : sequence of {"param", "grad", "update", "second_moment"}
        What is counted: parameters; gradients as the optimizer saw them; Δθ of the recorded step
        (from the state of SGD, Adam and AdamW, else from a copy of the parameters that lives as
        long as the step); running means of squared gradients that Adam and the like keep. A
        parameter that lacks a quantity is an empty layer of the record; a quantity that no
        parameter has is left out of it, as all but parameters are at entry.
    include, exclude : str or sequence of str, optional
        Shell-style patterns on parameter names.
    groups : int, mapping of str to patterns, or function name -> str, optional
        Module groups, whose pooled histograms a trajectory gives beside those of layers: a depth
        in the tree of modules, patterns of names, or a rule. Sinks get them at every record.
    grid, bins : Grid, int, optional
        One of them: by default a dyadic grid with ``bins`` (256) bins, chosen for each layer.
    splits : {1, 2, 4, 8}
        Groups of elements that are counted apart, for errors of velocity and length.
    offsets : bool
        Keep positions within bins; not on uniform grids.
    store : str or Path, optional
        Run file, written by a thread; read it with :func:`igfast.open`. If its disk fills, a
        :class:`igfast.store.StoreWarning` says so, and training goes on.
    histograms : int or "all"
        How many records keep their histograms in the store, at most: the first, the last, and
        others, closer where the model moves faster. The numbers of all records stay.
    sinks : sequence of Sink
        Loggers that get every record too. One that fails is warned of, and stops nothing.
    health : igfast.health.Rule, optional
        When to flag a layer: NaN, infinities, nothing but zeros, no change, explosion. Flags are
        logged as warnings of the logger ``"igfast"``, stored, and handed to the sinks. None: never.
    config : dict, optional
        Kept with the run, beside ``"versions"`` and, as ``"monitor"``, the Monitor's settings.
    resume : bool
        Continue the run in ``store``.
    step : int, optional
        Optimizer steps completed so far. Needed to resume: those of the checkpoint that was loaded.
        Stored records after it are dropped, and the run goes on as if it had not been interrupted.
    group : torch process group, optional
        Ranks that train this model together and all make this Monitor; by default all processes.
        Their shards are added up, and rank 0 writes the store and the sinks.

    Raises
    ------
    ValueError, TypeError
        For arguments that cannot work, at construction.
    FileExistsError
        If ``store`` exists and ``resume`` is false.
    StoreError
        If the store cannot be written, or holds another model.
    RankError
        If another rank failed, here or at a record.

    Examples
    --------
    >>> import igfast, torch
    >>> model = torch.nn.Linear(100, 10)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> with igfast.Monitor(model, optimizer, every=2) as monitor:
    ...     for _ in range(5):
    ...         model(torch.ones(8, 100)).square().mean().backward()
    ...         optimizer.step()
    >>> monitor.step, monitor.last["param"].names
    (5, ('weight', 'bias'))
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any = None,
        *,
        every: int | Schedule = 10,
        quantities: Sequence[str] = ("param",),
        include: Patterns = None,
        exclude: Patterns = None,
        groups: Groups = None,
        grid: Grid | None = None,
        bins: int | None = None,
        splits: int = 4,
        offsets: bool = True,
        store: str | os.PathLike[str] | None = None,
        histograms: int | str = DEFAULT_HISTOGRAMS,
        sinks: Sequence[Any] = (),
        health: Rule | None = Rule(),  # noqa: B008 (frozen)
        config: Mapping[str, Any] | None = None,
        resume: bool = False,
        step: int | None = None,
        group: Any = None,
    ) -> None:
        self._alone = threading.RLock()
        self._group = connect(group)
        made = make(
            self._group,
            model,
            optimizer,
            every=every,
            quantities=quantities,
            include=include,
            exclude=exclude,
            groups=groups,
            grid=grid,
            bins=bins,
            splits=splits,
            offsets=offsets,
            store=store,
            histograms=histograms,
            sinks=sinks,
            health=health,
            config=config,
            resume=resume,
            step=step,
        )
        self._schedule = made.schedule
        self._optimizers, self._stepped = made.optimizers, made.stepped
        self._recorder, self._updates, self._replaced = made.recorder, made.updates, made.replaced
        self._logged, self._writing = made.logged, made.recorder.writing
        self._step, self._resumed = made.step, made.resumed
        self._started = self._closed = False
        self._wanted_next: bool | None = None
        self._unseen: UnseenSteps | None = None
        self._hooks = Hooks()

    @property
    def step(self) -> int:
        """Optimizer steps completed so far."""
        return self._step

    @property
    def last(self) -> dict[str, Histogram]:
        """The newest histograms by quantity."""
        return self._recorder.last

    @property
    def health(self) -> tuple[Flag, ...]:
        """Flags that hold since the last record."""
        return self._recorder.health

    @one_at_a_time_anywhere
    def start(self) -> Monitor:
        """Attach to the optimizer and record the state at entry; ``with`` does this."""
        self._check_open()
        if self._started:
            return self
        self._started = True
        if not self._optimizers:
            return self
        self._unseen = UnseenSteps(self._optimizers[0], self._replaced)
        if self._updates is not None:
            often = Counter(name for names in self._stepped for name in names)
            for optimizer, names in zip(self._optimizers, self._stepped, strict=True):
                first = optimizer is self._optimizers[0]  # others may step more often
                for once in (True, False):  # what two optimizers change takes a step of each
                    part = tuple(name for name in names if (first and often[name] == 1) is once)
                    if part:
                        self._hooks.before(optimizer, partial(self._before_step, part, once))
        self._hooks.after(self._optimizers[0], self._after_step)
        known = self._recorder.recorded == self._step
        if not known and (not self._resumed or self._asked(self._step)):
            self._measure(("param",))
        return self

    @one_at_a_time_anywhere
    def record(self, step: int | None = None) -> None:
        """Record now, whatever the schedule says.

        Parameters
        ----------
        step : int, optional
            Needed without an optimizer; there, the same step again replaces its record. With an
            optimizer it is :attr:`step`, and a step that is recorded already stays as it is.
        """
        self._check_open()
        self.start()
        try:
            step = arguments.step_to_record(step, self._step, bool(self._optimizers))
        except (TypeError, ValueError) as error:
            self._recorder.refuse(error)
        if self._optimizers and self._recorder.recorded == self._step:
            return
        self._step = step
        self._measure(self._recorder.quantities)

    def log(self, step: int, /, **scalars: Any) -> None:
        """Keep named numbers, such as losses, with the run, and hand them to the sinks.

        In the store they are committed on :meth:`flush`. Names that the Monitor gives to numbers of
        its own, such as ``health/flags`` or ``param_l2/first.weight``, are refused (ValueError).

        Reading a number from a GPU tensor waits for the GPU: log what you have at hand.
        """
        self._check_open()
        if self._optimizers and not self._started:
            raise RuntimeError(
                "this Monitor has not started and would record nothing; use it in a with "
                "statement, or call start()"
            )
        if self._unseen is not None:
            self._unseen(self._step)
        self._recorder.log(int64("step", step), self._logged(scalars))

    @one_at_a_time_anywhere
    def flush(self) -> None:
        """Return when everything recorded is committed to the store and the sinks have flushed.

        Call it before saving a checkpoint, so that the store reaches as far. What could not be
        stored is said by a :class:`igfast.store.StoreWarning`, never raised. A signal handler of
        the thread that trains may call it at any moment.
        """
        if self._unseen is not None and not self._closed:
            self._unseen(self._step)
        self._recorder.flush()

    @one_at_a_time_anywhere
    def close(self) -> None:
        """Detach from the optimizer, finish the store and the sinks."""
        if self._closed:
            return
        self._closed = True
        if self._optimizers and not self._started:
            warnings.warn(
                "this Monitor was closed without having started: it recorded nothing; use it in a "
                "with statement, or call start()",
                stacklevel=2,
            )
        self._hooks.detach()
        self._recorder.close()
        if self._unseen is not None:
            self._unseen(self._step)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Monitor follows one training and can be neither copied nor pickled; keep it outside "
            "of the model, or leave it out of what is copied"
        )

    def __enter__(self) -> Monitor:
        try:
            return self.start()
        except BaseException as error:
            close_after(error, self.close)
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            close_after(error, self.close)

    @one_at_a_time
    def _before_step(
        self, names: tuple[str, ...], once: bool, optimizer: Any, args: Any = (), kwargs: Any = None
    ) -> None:
        assert self._updates is not None
        if self._wanted_next is None:  # a schedule is asked once for each step
            self._wanted_next = self._asked(self._step + 1)
        if self._wanted_next:
            given = (*args[1:], *(kwargs or {}).values())
            made = all(one is None for one in given)  # a closure makes other gradients
            self._recorder.guard(self._updates.prepare, names, optimizer, once, made)

    def _after_step(self, optimizer: Any, *_: Any) -> None:
        with self._alone:
            if self._unseen is not None:
                self._unseen.seen()
            if skipped(optimizer):
                if self._updates is not None:
                    self._updates.drop()
                return
            wanted = self._wanted_next
            try:
                if wanted is None:
                    wanted = self._asked(self._step + 1)
            finally:  # the step is made, whatever the schedule or a sink does
                self._step, self._wanted_next = self._step + 1, None
            if wanted:
                self._measure(self._recorder.quantities)
                return
            self._recorder.settle()
            if self._updates is not None:
                self._updates.drop()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError(CLOSED)

    def _asked(self, step: int) -> bool:
        """What the schedule says; if it fails on one of several ranks, all stop at this record."""
        try:
            return bool(self._schedule(step))
        except Exception as error:
            self._recorder.fail(error)
            return True

    def _measure(self, quantities: Sequence[str]) -> None:
        if self._replaced is not None:
            self._recorder.guard(self._replaced)
        self._recorder.take(self._step, quantities)
