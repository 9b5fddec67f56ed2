"""Moments: what a layer's finite elements sum to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arrays, _core
from .layers import position


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of L layers over their finite elements; every field is an (L,) array.

    ``count``, ``nan``, ``inf`` and ``zeros`` are int64 and exact; the others are float64 sums in a
    fixed order, the same on any number of threads. A layer without finite elements has
    ``count = 0`` and NaN where a mean would be.

    Fourth powers are summed as they are. So in float64 data ``kurtosis`` loses digits, or is inf or
    NaN, where deviations are below 1e-73 or above 1e74, ``skewness`` below 1e-97 or above 1e99, and
    squares above 1e150; no other dtype holds such values.

    Attributes
    ----------
    count : finite elements
    nan, inf, zeros : elements that are NaN, ±infinity, ±0
    min, max, sum, sum_squares, mean
    variance : population variance, Σ(x − mean)²/count
    skewness : third standardized moment
    kurtosis : fourth standardized moment − 3 (excess; 0 for a normal distribution)
    l2 : Euclidean norm, √Σx²
    names : names of the layers

    Examples
    --------
    >>> import numpy as np, igfast
    >>> m = igfast.moments({"a": np.array([1.0, 3.0, np.nan])})
    >>> m.names, m.count, m.nan, m.mean, m.variance
    (('a',), array([2]), array([1]), array([2.]), array([1.]))
    """

    count: Any
    nan: Any
    inf: Any
    zeros: Any
    min: Any
    max: Any
    sum: Any
    sum_squares: Any
    mean: Any
    variance: Any
    skewness: Any
    kurtosis: Any
    l2: Any
    names: tuple[str, ...] = ()

    @classmethod
    def from_sums(
        cls,
        integers: NDArray[np.int64],
        floats: NDArray[np.float64],
        names: tuple[str, ...] = (),
        home: str = "numpy",
    ) -> Moments:
        """From the kernels' sums: (L, 4) count, nan, inf, zeros and (L, 8) floating sums."""
        values = (*np.ascontiguousarray(integers.T), *_core.moment_floats(integers, floats))
        homed = {
            name: _arrays.like(home, value) for name, value in zip(FIELDS, values, strict=True)
        }
        return cls(**homed, names=names)

    @classmethod
    def from_device_sums(cls, integers: Any, floats: Any, names: tuple[str, ...]) -> Moments:
        """As :meth:`from_sums`, for sums on a device, without waiting for them."""
        count = integers[:, 0]
        # NaN for 0/0, as where a layer is empty, and otherwise 1: nothing is rounded by it
        one = count / count
        low, high, total, squares, mean, m2, m3, m4 = (floats[:, column] for column in range(8))
        variance = m2 / count
        return cls(
            count=count,
            nan=integers[:, 1],
            inf=integers[:, 2],
            zeros=integers[:, 3],
            min=low * one,
            max=high * one,
            sum=total,
            sum_squares=squares,
            mean=mean * one,
            variance=variance,
            skewness=(m3 / count) / variance**1.5,
            kurtosis=(m4 / count) / variance**2 - 3.0,
            l2=squares**0.5,
            names=names,
        )

    def pooled(self, name: str = "model") -> Moments:
        """Moments of all layers' elements together, (1,) each.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> m = igfast.moments({"a": np.array([0.0, 2.0]), "b": np.array([4.0])})
        >>> whole = m.pooled()
        >>> whole.mean, whole.max, whole.variance.round(3)
        (array([2.]), array([4.]), array([2.667]))
        """
        own = self.to_numpy()
        whole = pool({field: np.asarray(getattr(own, field)) for field in FIELDS})
        return Moments(**{field: values[None] for field, values in whole.items()}, names=(name,))

    def select(self, rows: Iterable[str | int]) -> Moments:
        """These layers alone, by name or row, in this order.

        Raises
        ------
        TypeError, KeyError, IndexError
            If one of them names or numbers none of the layers.

        Examples
        --------
        >>> import numpy as np, igfast
        >>> m = igfast.moments({"a": np.array([0.0, 2.0]), "b": np.array([4.0])})
        >>> m.select(["b"]).mean
        array([4.])
        """
        chosen = [position(self.names, row) for row in rows]
        values = {name: getattr(self, name)[chosen] for name in FIELDS}
        return Moments(**values, names=tuple(self.names[row] for row in chosen))

    def to_numpy(self) -> Moments:
        """The same with NumPy arrays."""
        if all(type(getattr(self, name)) is np.ndarray for name in FIELDS):
            return self
        values = {name: _arrays.to_numpy(getattr(self, name)) for name in FIELDS}
        return Moments(**values, names=self.names)


FIELDS = tuple(field.name for field in fields(Moments) if field.name != "names")


def pool(fields: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Moments of all layers together, (...) each, from those of (..., L) layers."""
    count = fields["count"]
    total, held = count.sum(axis=-1), count > 0

    def sums(of_layers: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.where(held, of_layers, 0).sum(axis=-1))

    with np.errstate(all="ignore"):
        variance, mean = fields["variance"], fields["mean"]
        whole_mean = sums(fields["sum"]) / total
        # a layer of equal values has no shape, and central moments of 0
        third = np.where(variance > 0, fields["skewness"] * np.sqrt(variance) ** 3, 0.0)
        fourth = np.where(variance > 0, (fields["kurtosis"] + 3.0) * variance**2, 0.0)
        away = mean - whole_mean[..., None]
        floats = [
            np.where(held, fields["min"], np.inf).min(axis=-1, initial=np.inf),
            np.where(held, fields["max"], -np.inf).max(axis=-1, initial=-np.inf),
            sums(fields["sum"]),
            sums(fields["sum_squares"]),
            whole_mean,
            sums(count * (variance + away**2)),
            sums(count * (third + 3 * away * variance + away**3)),
            sums(count * (fourth + 4 * away * third + 6 * away**2 * variance + away**4)),
        ]
    integers = np.stack([fields[name].sum(axis=-1) for name in FIELDS[:4]], axis=-1)
    shape = integers.shape[:-1]
    whole = Moments.from_sums(
        integers.reshape(-1, 4).astype(np.int64), np.stack(floats, axis=-1).reshape(-1, 8)
    )
    return {name: np.asarray(getattr(whole, name)).reshape(shape) for name in FIELDS}
