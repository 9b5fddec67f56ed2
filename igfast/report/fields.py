"""Columns of a table as the text of CSV and JSON files; every number is formatted once for both.

Needs NumPy only. NaN is an empty field in CSV and null in JSON, infinity is text in both.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from igfast.export import plain
from igfast.files import replacing


@dataclass(frozen=True)
class Fields:
    """The values of one column, (N,), as text: in CSV and in JSON."""

    csv: Sequence[str]
    json: Sequence[str]


def numbers(values: NDArray[Any]) -> Fields:
    """An array of numbers, (N,).

    >>> numbers(np.array([0.5, np.nan, -np.inf]))
    Fields(csv=['0.5', '', '-inf'], json=['0.5', 'null', '"-inf"'])
    """
    found = values.tolist()
    fields = list(map(repr, found))
    odd = np.flatnonzero(~np.isfinite(values)).tolist()
    if not odd:
        return Fields(fields, fields)
    texts = fields.copy()
    for place in odd:
        fields[place], texts[place] = _spelled(found[place])
    return Fields(fields, texts)


def repeated(value: Any, count: int) -> Fields:
    """One value in `count` rows.

    >>> repeated("a,b", 2)
    Fields(csv=['"a,b"', '"a,b"'], json=['"a,b"', '"a,b"'])
    """
    field, text = _spelled(value)
    return Fields([field] * count, [text] * count)


def of_rows(rows: Iterable[Iterable[Any]]) -> tuple[Fields, ...]:
    """Rows of names and numbers as columns; none at all where there is no row."""
    columns = zip(*([_spelled(value) for value in row] for row in rows), strict=True)
    return tuple(Fields(*map(list, zip(*column, strict=True))) for column in columns)


def write_fields(path: Path, header: Sequence[str], blocks: Iterable[Sequence[Fields]]) -> str:
    """Write blocks of rows as a CSV file; returns the same as a JSON object of columns."""
    texts: list[list[str]] = [[] for _ in header]

    def noted() -> Iterator[Sequence[Fields]]:
        for block in blocks:
            if block and block[0].csv:
                for text, column in zip(texts, block, strict=True):
                    text.append(", ".join(column.json))
            yield block

    write_csv(path, header, noted())
    columns = (
        f"{json.dumps(name)}: [{', '.join(text)}]" for name, text in zip(header, texts, strict=True)
    )
    return f"{{{', '.join(columns)}}}"


def write_csv(path: Path, header: Sequence[str], blocks: Iterable[Sequence[Fields]]) -> None:
    """Write blocks of rows as a CSV file alone."""
    with (
        replacing(path) as unfinished,
        unfinished.open("w", newline="", encoding="utf-8") as stream,
    ):
        stream.write(",".join(_spelled(name)[0] for name in header) + "\n")
        for block in blocks:
            lines = list(map(",".join, zip(*(column.csv for column in block), strict=True)))
            if lines:
                stream.write("\n".join(lines) + "\n")


def _spelled(value: Any) -> tuple[str, str]:
    """A value in CSV, quoted where it must be, and in JSON."""
    value = plain(value)
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([value, None])  # alone, "" would be quoted
    return line.getvalue()[:-1], json.dumps(value, allow_nan=False)
