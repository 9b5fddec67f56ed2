"""Tables of the accuracy of lengths, from the rows that ``length_accuracy.py`` measures."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

PAGE = Path(__file__).resolve().parents[1] / "docs" / "length.md"
KEYS = ("grid", "n", "T", "bins", "splits")
CASE = (*KEYS, "seeds")


def describe(row: dict[str, Any]) -> str:
    """A line of the table of one case; relative to the truth where something moves."""
    scale = row["truth"] or 1.0
    off = row["mean"] / scale - (1 if row["truth"] else 0)
    return (
        f"| {row['process']}{row['mark']} | {row['truth']:.3f} | {100 * off:+.2f} | "
        f"{100 * row['spread'] / scale:.2f} | {100 * row['error'] / scale:.2f} | "
        f"{100 * row['coverage']:.1f} |"
    )


def bins_of(row: dict[str, Any]) -> str:
    return f"{row['bins']}{', automatic' * (row['grid'] == 'automatic')}"


def summarize(rows: list[dict[str, Any]]) -> str:
    """A line for all processes of one case."""
    first, moving = rows[0], [row for row in rows if row["truth"] > 0.2]
    off = [abs(row["mean"] / row["truth"] - 1) for row in moving]
    error = [row["error"] / row["truth"] for row in moving]
    coverage = np.array([row["coverage"] for row in rows if row["truth"] > 0])
    below, above = int((coverage < 0.9).sum()), int((coverage > 0.984).sum())
    worst = moving[int(np.argmax(off))]["process"]
    return (
        f"| {first['n']:.0e} | {first['T']} | {bins_of(first)} | {first['splits']} | "
        f"{len(rows)} | {first['seeds']} | "
        f"{100 * np.median(off):.2f} | {100 * max(off):.1f} ({worst}) | "
        f"{100 * np.median(error):.1f} | {100 * coverage.mean():.1f} | {below} | "
        f"{len(coverage) - below - above} | {above} | "
        f"{np.mean([row['seconds'] for row in rows]):.3f} |"
    )


def odd(rows: list[dict[str, Any]]) -> list[str]:
    """Lines of what is covered in less than 90 % of 20 seeds, or off by 2 % and an error."""
    lines = []
    for row in rows:
        off = abs(row["mean"] - row["truth"])
        dishonest = row["coverage"] < 0.9 and row["seeds"] >= 20
        if row["truth"] > 0.2 and (dishonest or off > max(0.02 * row["truth"], row["error"])):
            case = f"{row['n']:.0e} | {row['T']} | {bins_of(row)} | {row['splits']}"
            lines.append(f"| {case} {describe(row)}")
    return lines


def of_grids(rows: list[dict[str, Any]]) -> list[str]:
    """A line for each grid: L ± error, of seeds within ± 2 errors, by process."""
    lines = []
    for grid, group in itertools.groupby(rows, key=lambda row: row["grid"]):
        cells = []
        for row in group:
            off, error = (100 * row[key] / row["truth"] for key in ("mean", "error"))
            held = round(row["coverage"] * row["seeds"])
            cells.append(f"{off - 100:+.2f} ± {error:.2f} ({held})")
        lines.append(f"| {grid} | {' | '.join(cells)} |")
    return lines


def markdown(rows: list[dict[str, Any]], grids: list[dict[str, Any]]) -> str:
    """All tables."""
    cases = [
        list(group)
        for _, group in itertools.groupby(rows, key=lambda row: tuple(row[key] for key in CASE))
    ]
    lines = [
        "Median and largest error of the mean over seeds (%, of lengths above 0.2),",
        "median standard error (%), coverage of ±2 errors: its mean (%) and how many processes,",
        "of those that move, are below 90 %, up to 98.4 %, and above; time per layer.",
        "",
        "| n | T | bins | G | processes | seeds | median | largest | error | coverage | "
        "< | = | > | s |",
        "|---" * 14 + "|",
        *map(summarize, cases),
    ]
    if grids:
        names = dict.fromkeys(row["process"] for row in grids)
        lines += [
            "",
            f"Grids, n = 1e+05, T = 30, {grids[0]['seeds']} seeds: mean off by ± standard error, "
            "in % of the length, and in how many seeds ±2 errors hold the truth.",
            "",
            f"| grid | {' | '.join(names)} |",
            "|---" * (len(names) + 1) + "|",
            *of_grids(grids),
        ]
    head = "process | L | mean off by | spread | standard error | coverage |"
    for case in cases[:1]:
        first = case[0]
        lines += [
            "",
            f"{len(case)} processes, n = {first['n']:.0e}, T = {first['T']}, {first['bins']} bins, "
            f"{first['seeds']} seeds. In % of the length, where not 0. * showed what was wrong "
            "before, † changed nothing.",
            "",
            f"| {head}",
            "|---|---|---|---|---|---|",
            *map(describe, case),
        ]
    others = [row for case in cases[1:] for row in case]
    lines += [
        "",
        "Elsewhere, what is covered in less than 90 % of at least 20 seeds, or off by over 2 % "
        "and by over a standard error:",
        "",
        f"| n | T | bins | G | {head}",
        "|---" * 10 + "|",
        *odd(others),
    ]
    return "\n".join(lines) + "\n"


def write_page(tables: str) -> None:
    """Put the tables into the page, after what it says of them."""
    text, start, end = PAGE.read_text(), "<!-- tables -->\n", "<!-- end of tables -->\n"
    before, _, rest = text.partition(start)
    PAGE.write_text(before + start + tables + end + rest.partition(end)[2])
