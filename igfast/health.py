"""What is wrong with a layer, told from the counts and moments of its records alone.

A :class:`Flag` is raised at the record at which a condition begins and holds until the record at
which it has ended:

========== ====================================================================================
kind       condition
========== ====================================================================================
nan        an element is NaN; the value is their number
inf        an element is ±infinity; the value is their number
zero       all elements are 0, at ``patience`` records in a row
unchanging parameters have the same moments at ``patience`` records in a row
exploding  the root mean square of parameters or gradients exceeds a multiple of where it (or that
           of the whole model, if larger) began, and has doubled within ``window`` records; the
           value is the ratio to that beginning
========== ====================================================================================

Layers that are frozen on purpose are neither zero, nor are their gradients and updates, nor
unchanging; where they are trained later, records are counted from there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from . import _arrays, _core
from .grids import integer
from .health_history import History
from .summary import Moments

Int = NDArray[np.int64]
Float = NDArray[np.float64]

KINDS = ("nan", "inf", "zero", "unchanging", "exploding")
PREFIX = "health/"
TOTAL = PREFIX + "flags"  # number of flags that hold, for a logger's charts
_ORDER = ("nan", "inf", "unchanging", "zero", "exploding")  # as compiled code numbers them
_STILL = (2, 3)  # of them, what layers may be while they are frozen
SUMMED = ("count", "nan", "inf", "zeros", "min", "max", "sum", "sum_squares")


@dataclass(frozen=True)
class Flag:
    """A layer that needs attention.

    Attributes
    ----------
    step : int
        At which it was raised.
    quantity, layer, kind : str
    value : float
        Number of elements, records in a row, or a ratio: see :mod:`igfast.health`.
    until : int, optional
        Step at which it no longer held, where that is known.

    Examples
    --------
    >>> print(Flag(120, "param", "first.weight", "nan", 3.0))
    step 120: param first.weight: 3 NaN
    """

    step: int
    quantity: str
    layer: str
    kind: str
    value: float
    until: int | None = None

    @property
    def name(self) -> str:
        """Of the scalar that sinks and stores know it by: its value at the beginning, 0 at the end.

        >>> Flag(120, "param", "first.weight", "nan", 3.0).name
        'health/nan/param/first.weight'
        """
        return f"{PREFIX}{self.kind}/{self.quantity}/{self.layer}"

    def __str__(self) -> str:
        return f"step {self.step:,}: {self.quantity} {self.layer}: {self.condition}"

    @property
    def condition(self) -> str:
        """What is the matter, in a few words."""
        if self.kind == "nan":
            return f"{self.value:,.0f} NaN"
        if self.kind == "inf":
            return f"{self.value:,.0f} infinite"
        if self.kind == "exploding":
            return f"exploding, {self.value:.3g} times its size at the beginning"
        what = "all zero" if self.kind == "zero" else "unchanging"
        return f"{what} at {self.value:,.0f} records in a row"


@dataclass(frozen=True)
class Rule:
    """When a layer is flagged.

    Parameters
    ----------
    patience : int
        Records in a row without change, or with nothing but zeros.
    parameter_growth, gradient_growth : float
        Of the root mean square, from which on a layer explodes.
    window : int
        Records within which it must have doubled: training in earnest grows too, but slowly.
    """

    patience: int = 10
    parameter_growth: float = 10.0
    gradient_growth: float = 100.0
    window: int = 5

    def __post_init__(self) -> None:
        for name, least in (("patience", 2), ("window", 1)):
            records = integer(getattr(self, name), name)
            if records < least:
                raise ValueError(f"{name} must be at least {least}, got {records}")
        for name in ("parameter_growth", "gradient_growth"):
            ratio = getattr(self, name)
            if not isinstance(ratio, (int, float, np.integer, np.floating)):
                raise TypeError(f"{name} must be a number, got {ratio!r}")
            if not ratio > 1:
                raise ValueError(f"{name} must be above 1, got {ratio}")

    @property
    def memory(self) -> int:
        """How many of the last records the next one is judged by."""
        return max(self.patience, self.window) + 1

    def growth(self, quantity: str) -> float:
        """Ratio from which on a quantity explodes; infinite for those that grow as they should."""
        limits = {"param": self.parameter_growth, "grad": self.gradient_growth}
        return limits.get(quantity, np.inf)


@dataclass(frozen=True)
class Examination:
    """Findings at one record: all flags that hold, those that begin here, and those that ended."""

    flags: tuple[Flag, ...] = ()
    raised: tuple[Flag, ...] = ()
    cleared: tuple[Flag, ...] = ()

    @property
    def changes(self) -> dict[str, float]:
        """Scalars of this record: values of flags that begin, 0 of those that ended."""
        return {f.name: 0.0 for f in self.cleared} | {f.name: f.value for f in self.raised}


NOTHING = Examination()
Conditions = list[tuple[int, int, float]] | None  # kind, row and value of what holds


class Examined(Protocol):
    """Layers whose sums compiled code can examine."""

    @property
    def names(self) -> tuple[str, ...]: ...
    def examined_by(self, state: _core.Health) -> Conditions: ...


@dataclass
class _Past:
    """What is remembered of one quantity."""

    state: _core.Health
    held: dict[tuple[str, int], Flag] = field(default_factory=dict)


class Examiner:
    """Examines one record after the other, without reading a tensor again.

    Parameters
    ----------
    rule : Rule

    Examples
    --------
    >>> import numpy as np, igfast
    >>> from igfast.health import Examiner, Rule
    >>> examiner = Examiner(Rule())
    >>> _ = examiner.examine(0, {"param": igfast.moments({"w": np.ones(4)})})
    >>> found = examiner.examine(1, {"param": igfast.moments({"w": np.array([1.0, np.nan])})})
    >>> print(*found.raised)
    step 1: param w: 1 NaN
    """

    def __init__(self, rule: Rule) -> None:
        self._rule, self._frozen = rule, frozenset[str]()
        self._past: dict[str, _Past] = {}
        self._records = self._holding = 0  # examined, and flags that hold
        self._thawed: dict[str, int] = {}  # layers, and after how many records they were thawed

    def examine(
        self,
        step: int,
        moments: Mapping[str, Moments],
        frozen: Collection[str] | None = None,
    ) -> Examination:
        """Findings of the next record; quantities that it lacks keep their flags.

        ``frozen``: layers that are not trained now, by default those of the record before.
        """
        return self.examine_counted(step, {q: _OfMoments(m) for q, m in moments.items()}, frozen)

    def examine_counted(
        self,
        step: int,
        counted: Mapping[str, Examined],
        frozen: Collection[str] | None = None,
    ) -> Examination:
        """As :meth:`examine`, without moments as objects."""
        if frozen is not None and frozen != self._frozen:
            self._thawed |= dict.fromkeys(self._frozen.difference(frozen), self._records)
            self._frozen = frozenset(frozen)
        self._records += 1
        raised: list[Flag] = []
        cleared: list[Flag] = []
        for quantity, one in counted.items():
            past = self._past.get(quantity)
            if past is None:
                past = self._past[quantity] = _Past(self._begin(quantity, one.names))
            found = one.examined_by(past.state)
            if found is not None and (self._frozen or self._thawed):
                found = self._of_trained(found, one.names)
            if found is None and not past.held:
                continue
            names = one.names
            now = {(_ORDER[kind], row): value for kind, row, value in found or ()}
            for key in [key for key in past.held if key not in now]:
                cleared.append(past.held.pop(key))
            for key, value in now.items():
                if key not in past.held:
                    kind, row = key
                    flag = Flag(step, quantity, names[row], kind, value)
                    past.held[key] = flag
                    raised.append(flag)
        self._holding += len(raised) - len(cleared)
        if not (raised or cleared or self._holding):
            return NOTHING
        return Examination(self._held(), tuple(raised), tuple(cleared))

    def resume(self, histories: Mapping[str, History]) -> tuple[Flag, ...]:
        """Go on after stored records; flags that hold there.

        The next records are judged as if all had been examined here, but for what is not stored:
        when layers were frozen. What has stood still and is no flag was frozen: if it is trained
        from now on, records are counted from here.
        """
        self._records = max((history.records for history in histories.values()), default=0)
        for quantity, history in histories.items():
            past = self._past[quantity] = _Past(self._begin(quantity, history.names))
            rows = {name: row for row, name in enumerate(history.names)}
            held = {
                (flag.kind, rows[flag.layer]): flag for flag in history.held if flag.layer in rows
            }
            past.held = dict(
                sorted(held.items(), key=lambda one: (one[1].step, _ORDER.index(one[0][0]), one[0]))
            )
            found = history.replay(past.state, self._rule.window) or ()
            for kind, row, _ in found:
                if kind in _STILL and (_ORDER[kind], row) not in held:
                    self._thawed[history.names[row]] = self._records
        flags = self._held()
        self._holding = len(flags)
        return flags

    def _held(self) -> tuple[Flag, ...]:
        return tuple(flag for past in self._past.values() for flag in past.held.values())

    def _of_trained(
        self, found: list[tuple[int, int, float]], names: Sequence[str]
    ) -> list[tuple[int, int, float]]:
        """What holds, without what layers are while they are frozen."""
        kept = []
        for kind, row, value in found:
            if kind in _STILL:
                if names[row] in self._frozen:
                    continue
                value = min(value, self._records - self._thawed.get(names[row], 0))
                if value < self._rule.patience:
                    continue
            kept.append((kind, row, value))
        return kept

    def _begin(self, quantity: str, names: Sequence[str]) -> _core.Health:
        free = np.ones(len(names), dtype=bool)  # what is frozen may change, and is known here
        rule = self._rule
        growth, parameters = rule.growth(quantity), quantity == "param"
        return _core.Health(free, rule.patience, growth, rule.window, parameters)


class _OfMoments:
    def __init__(self, moments: Moments) -> None:
        self.names = moments.names
        self._values = [_arrays.to_numpy(getattr(moments, name)) for name in SUMMED]

    def examined_by(self, state: _core.Health) -> Conditions:
        return state.examine(np.stack(self._values[:4], axis=1), np.stack(self._values[4:], axis=1))


def flags_of(scalars: Mapping[str, tuple[Int, Float]]) -> list[Flag]:
    """Flags, by step, from a run's scalars by name: steps and values; others are left out.

    Examples
    --------
    >>> flags_of({"health/nan/param/w": (np.array([3, 9]), np.array([2.0, 0.0]))})
    [Flag(step=3, quantity='param', layer='w', kind='nan', value=2.0, until=9)]
    """
    kept = [
        (step, name, value)
        for name, (steps, values) in scalars.items()
        if is_flag(name)
        for step, value in zip(steps.tolist(), values.tolist(), strict=True)
    ]
    found: dict[tuple[str, int], Flag] = {}
    open_flags: dict[str, Flag] = {}
    for step, name, value in sorted(kept):
        begun = open_flags.pop(name, None)
        if value == 0 and begun is not None:
            found[name, begun.step] = replace(begun, until=step)
        elif value != 0:
            kind, quantity, layer = name.removeprefix(PREFIX).split("/", 2)
            # resumed training flags anew what has not ended
            flag = begun or Flag(step, quantity, layer, kind, value)
            found[name, flag.step] = open_flags[name] = flag
    return list(found.values())


def is_flag(name: str) -> bool:
    """Whether a scalar of this name is a flag, and none of the caller's own."""
    return name.startswith(PREFIX) and name.count("/") >= 3 and name.split("/")[1] in KINDS
