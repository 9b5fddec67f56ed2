"""One record of all ranks from what each has counted.

Three collectives, however many layers, quantities and device meshes there are:

1. MAX, 24 bytes per layer, and 8 for whether it is trained: has a rank failed, do all record the
   same step on the same bins, which quantities are there; extremes and largest number of elements.
2. SUM, nearly all the bytes: counts, offsets in 256ths, numbers of NaN, infinities and zeros, and
   sums of elements and their squares as fixed-point integers, whose bounds follow from 1.
3. SUM, 96 bytes per layer: central sums about the mean that follows from 2.

Everything added is an integer, so that all ranks hold the same bits in the end, whatever the
order in which a collective adds.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ..automatic import Observed
from ..counted import Counted
from ..outputs import Outputs, Sums
from .fixed_point import from_fixed, to_fixed
from .group import Group, RankError
from .measuring import Measurement

Int = NDArray[np.int64]
Float = NDArray[np.float64]

CHECKS = 4  # step and bins, each twice: the largest, and the largest of the negated
PER_LAYER = 3  # least, greatest, number of elements


class OtherRanks:
    """What the choice of a first record's automatic bins asks of the other ranks."""

    def __init__(self, group: Group) -> None:
        self._group = group

    def any(self, here: bool) -> bool:
        """Whether it is so on any rank."""
        return bool(self._group.agree(np.array([here], dtype=np.int64))[0])

    def extremes(self, low: Float, high: Float) -> tuple[Float, Float]:
        """Minimum and maximum over all ranks."""
        found = self._group.agree(np.concatenate([ordered(-low), ordered(high)]))
        return -unordered(found[: len(low)]), unordered(found[len(low) :])

    def observed(self, seen: Observed) -> Observed:
        """What all ranks have seen."""
        low, high = self.extremes(seen.low, seen.high)
        # splits are of no account here
        parts = [seen.counts.sum(axis=1), seen.outside.sum(axis=1), seen.zeros]
        counts, outside, zeros = self._group.sum(parts)
        return Observed(counts[:, None], outside[:, None], zeros, low, high)


def make_room(group: Group, measurements: Mapping[str, Measurement], layers: int) -> None:
    """Let agreements carry what a record of all quantities needs."""
    rows = sum(len(measurement.layers) for measurement in measurements.values())
    group.make_room(CHECKS + len(measurements) + layers + PER_LAYER * rows)


def record(
    group: Group,
    step: int,
    trained_here: Callable[[], Int],
    measurements: Mapping[str, Measurement],
) -> tuple[Int, dict[str, Counted]]:
    """Measure with all ranks; every rank gets the same: which layers any rank trains, and counts.

    Raises
    ------
    RankError
        On all other ranks where one failed; there the failure itself is raised.
    RuntimeError
        On all ranks, if they are not at the same step or on the same bins.
    ValueError
        On all ranks, if the parts of a parameter are not its whole.
    """
    first = OtherRanks(group)
    counted: dict[str, tuple[Outputs, bool]] = {}
    try:
        for quantity, measurement in measurements.items():
            part = measurement.count_part(first)
            if part is not None:
                counted[quantity] = part
        outputs = [found for found, _ in counted.values()]
        present = np.array([here for _, here in counted.values()], dtype=np.int64)
        bins = zlib.crc32(b"".join(measurements[quantity].bins() for quantity in counted))
        checks = np.array([step, -step, bins, -bins], dtype=np.int64)
        trained = trained_here()
        brought = np.concatenate([checks, present, trained, *map(_extremes, outputs)])
    except RankError:
        raise
    except Exception as error:
        group.fail(error)
    agreed = group.agree(brought)
    _check_agreement(agreed[:CHECKS])
    there, trained, rest = np.split(agreed[CHECKS:], np.cumsum([len(present), len(trained)]))
    merged: dict[str, Outputs] = {}
    extremes: list[Int] = []
    for (quantity, (found, _)), wanted in zip(counted.items(), there > 0, strict=True):
        part_of_rest, rest = np.split(rest, [PER_LAYER * len(found.nan)])
        if wanted:  # on some rank: a quantity that none has is left out
            merged[quantity] = found
            extremes.append(part_of_rest.reshape(PER_LAYER, -1))
    if merged:
        _merge(group, list(merged.values()), np.concatenate(extremes, axis=1))
    done = {quantity: measurements[quantity].finish(found) for quantity, found in merged.items()}
    return trained, done


def ordered(values: Float) -> Int:
    """Integers in the order of these numbers (not NaN)."""
    bits = np.ascontiguousarray(values, dtype=np.float64).view(np.int64)
    return np.where(bits < 0, bits ^ np.iinfo(np.int64).max, bits)


def unordered(integers: Int) -> Float:
    """Inverse of :func:`ordered`."""
    bits = np.where(integers < 0, integers ^ np.iinfo(np.int64).max, integers)
    return bits.view(np.float64)


def _extremes(found: Outputs) -> Int:
    sums = _sums(found)
    low, high = sums.floats[:, 0], sums.floats[:, 1]
    return np.concatenate([ordered(-low), ordered(high), sums.integers[:, 0]])


def _check_agreement(checks: Int) -> None:
    step, least, bins, fewest = (int(value) for value in checks)
    if step != -least:
        raise RuntimeError(
            f"ranks record different steps, {-least} to {step}: `every` and calls of record() must "
            "be the same on all ranks, and all must resume from the same checkpoint"
        )
    if bins != -fewest:
        raise RuntimeError(
            f"ranks count on different bins at step {step}: grid, bins and dtypes must be the same "
            "on all ranks"
        )


def _merge(group: Group, outputs: list[Outputs], extremes: Int) -> None:
    """Add up all ranks' counts and sums, in place."""
    integers = np.concatenate([_sums(found).integers for found in outputs])
    floats = np.concatenate([_sums(found).floats for found in outputs])
    own, held = integers[:, 0], integers[:, 0] > 0
    low, high = -unordered(extremes[0]), unordered(extremes[1])
    filled = low <= high
    far = np.where(filled, np.maximum(np.abs(low), np.abs(high)), 0.0)
    scale = np.frexp(far)[1].astype(np.int64)  # |x| < 2^scale
    many = _bits(group.size * extremes[2])
    # sums, sums of squares, and shares of the mean in units of 2^scale
    bounds = np.stack([scale + many, 2 * scale + many, many], axis=1)
    share = np.where(held, own * np.ldexp(floats[:, 4], -scale.astype(np.intc)), 0.0)
    sums = to_fixed(np.stack([floats[:, 2], floats[:, 3], share], axis=1), bounds)

    arrays = [integers, sums]
    for found in outputs:
        arrays += [found.counts, found.outside, found.nan]
        arrays += [] if found.offsets is None else [found.offsets]
    added = iter(group.sum(arrays))
    integers, sums = next(added), next(added)
    for found in outputs:
        found.counts[...], found.outside[...], found.nan[...] = (next(added) for _ in range(3))
        if found.offsets is not None:
            found.offsets[...] = next(added)
        inside = found.counts.sum(axis=(1, 2)) + found.outside.sum(axis=(1, 2))
        found.numel = inside + found.nan

    count = np.maximum(integers[:, 0], 1)
    total = from_fixed(sums, bounds)
    mean = np.ldexp(total[:, 2] / count, scale.astype(np.intc))
    mean = np.where(filled, np.clip(mean, low, high), 0.0)
    merged = np.stack([low, high, total[:, 0], total[:, 1], mean], axis=1)
    central = _central(group, own, floats, mean, low, high, _bits(count))
    merged = np.concatenate([merged, central], axis=1)
    ends = np.cumsum([len(found.nan) for found in outputs])[:-1]
    for found, whole, real in zip(
        outputs, np.split(integers, ends), np.split(merged, ends), strict=True
    ):
        kept = _sums(found)
        kept.integers, kept.floats = np.ascontiguousarray(whole), np.ascontiguousarray(real)


def _central(
    group: Group, own: Int, floats: Float, mean: Float, low: Float, high: Float, many: Int
) -> Float:
    """Second to fourth central sums of all ranks' elements about their common mean."""
    with np.errstate(all="ignore"):
        spread = np.where(low < high, high / 2 - low / 2, 0.0)
        away = np.where(own > 0, floats[:, 4] - mean, 0.0)
        two, three, four = (np.where(own > 0, floats[:, column], 0.0) for column in (5, 6, 7))
        shifted = [
            two + own * away**2,
            three + 3 * away * two + own * away**3,
            four + 4 * away * three + 6 * away**2 * two + own * away**4,
        ]
    # |x - mean| <= high - low < 2^reach, one value of all elements has no spread
    reach = np.frexp(spread)[1].astype(np.int64) + 1
    powers = np.array([2, 3, 4])
    bounds = powers * reach[:, None] + many[:, None]
    values = np.where((spread > 0)[:, None], np.stack(shifted, axis=1), 0.0)
    (words,) = group.sum([to_fixed(values, bounds)])
    sums = from_fixed(words, bounds)
    sums[:, [0, 2]] = np.maximum(sums[:, [0, 2]], 0.0)
    return sums


def _bits(count: Int) -> Int:
    """n with count·(1 + rounding) < 2^n."""
    return np.frexp(count.astype(np.float64))[1].astype(np.int64) + 1


def _sums(found: Outputs) -> Sums:
    assert found.sums is not None  # a Monitor always takes moments
    return found.sums
