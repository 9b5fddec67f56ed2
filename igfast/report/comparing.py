"""The page about several runs: what differs, a table, curves on common axes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from igfast.files import replacing
from igfast.numerals import number, scalar_text, with_error
from igfast.report import overlay, prose
from igfast.report.comparison import COLUMNS, Comparison, write_comparison_csv
from igfast.report.document import data_links, document
from igfast.report.render import figure_block
from igfast.report.scrutiny import Growth
from igfast.report.style import compact_step
from igfast.report.tables import config_value, legend, name_cell, table
from igfast.report.text import change, count, length_text, markup


def write_comparison(found: Comparison, path: str | Path) -> Path:
    """Write a static HTML page about several runs, and `NAME_data/comparison.csv` beside it.

    Needs matplotlib.

    Raises
    ------
    ValueError
        If the path is a folder, or holds a run.
    """
    target = Path(path)
    for run in found.runs:
        run.check_target(target)
    folder = target.with_name(f"{target.stem}_data")
    folder.mkdir(parents=True, exist_ok=True)
    file = write_comparison_csv(found, folder / "comparison.csv")
    text = document(
        f"{len(found.names)} runs compared",
        "",
        [sentence(found)],
        found.notes,
        [
            ("runs", "The runs", _runs(found)),
            ("lengths", "How far the weights moved", _lengths(found)),
            ("velocities", "How fast", _velocities(found)),
            ("complexity", "Entropy and complexity", _complexity(found)),
            ("losses", "Losses and accuracies", _losses(found)),
            ("methods", "How it was measured", f"{prose.DEFINITIONS}\n{prose.CAVEATS}"),
            ("data", "Data and versions", _data(file)),
        ],
    )
    with replacing(target) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    return target


def sentence(found: Comparison) -> str:
    """What is compared, and where the lengths differ most, by more than two standard errors."""
    said = f"Runs {', '.join(found.names)}: {count(len(found.layers), 'layer')}."
    pairs = []
    for layer in overlay.shown_layers(found):
        known = [
            (float(motion.final.length[column]), float(motion.final.error[column]), run)
            for run, motion, column in found.having(layer)
            if motion.resolved(motion.rows[column])
        ]
        if len(known) > 1:
            pairs.append((layer, max(known), min(known)))
    if not pairs:
        return f"{said} No layer's length is resolved in two of them."
    apart = [
        (most[0] / least[0], layer, most, least)
        for layer, most, least in pairs
        if most[0] - least[0] > 2 * np.hypot(*np.nan_to_num([most[1], least[1]]))
    ]
    if not apart:
        return f"{said} No layer's lengths differ by more than two standard errors."
    _, layer, *both = max(apart)
    most, least = (f"{with_error(*one[:2])} in {found.names[one[2]]}" for one in both)
    return f"{said} Their lengths differ most in {layer}: {most} and {least}."


def rows(found: Comparison) -> list[list[str]]:
    """Layer, run, L ± se, published L, great circle, H, C and transitions, all as text."""
    shown = []
    for layer in found.layers + found.pooled:
        for run, motion, column in found.having(layer):
            one = motion.rows[column]
            circle = motion.great_circle[column] if motion.resolved(one) else np.nan
            shown.append(
                [
                    layer,
                    found.names[run],
                    length_text(motion, one),
                    number(motion.final.published[column]),
                    number(circle),
                    change(*found.entropy[run, layer][[0, -1]]),
                    change(*found.complexity[run, layer][[0, -1]]),
                    _transitions(found.growths[run], layer),
                ]
            )
    return shown


HEADER = (
    ("layer", ""),
    ("run", ""),
    ("L ± se", "information length with its standard error; < is an upper limit"),
    ("published", "L by the published estimator; depends on how often one records"),
    ("great circle", "Fisher–Rao distance from the first to the last record"),
    ("H", "entropy over ln(bins), first and last record, all runs on one grid unless noted"),
    ("C", "statistical complexity, first and last record, all runs on one grid unless noted"),
    ("transitions", "minima of d² ln L/d(ln t)², in steps, with intervals"),
)


def _runs(found: Comparison) -> str:
    header = [("setting", ""), *((name, "") for name in found.names)]
    records = [
        f"{len(motion.steps):,} to step {compact_step(motion.steps[-1])}"
        for motion in found.motions
    ]
    body = [["records", *records]]
    body += [[markup(name), *map(config_value, values)] for name, values in found.differing]
    for name, best in (("test_loss", np.nanmin), ("test_accuracy", np.nanmax)):
        if any(name in one for one in found.scalars):
            values = [_best(one.get(name), best) for one in found.scalars]
            body.append([f"best {name.replace('_', ' ')}", *values])
    return "<p>Settings that are the same in all runs are left out.</p>" + table(
        header, body, "words"
    )


def _lengths(found: Comparison) -> str:
    body = []
    before = ""
    for layer, *cells in rows(found):
        body.append([name_cell(layer, seen=layer != before), *map(markup, cells)])
        before = layer
    drawn = figure_block(
        "lengths",
        overlay.lengths(found),
        "<b>L</b> of each run, bands ± 2 standard errors.",
        f"Information length of {len(found.names)} runs over steps, logarithmic axes",
    )
    return table(HEADER, body) + legend(HEADER) + drawn


def _velocities(found: Comparison) -> str:
    return figure_block(
        "velocities",
        overlay.velocities(found),
        "<b>Γ</b> of each run: the slope of L, averaged over tenths of a decade of steps.",
        f"Information velocity of {len(found.names)} runs over steps, logarithmic axes",
    )


def _complexity(found: Comparison) -> str:
    layers = overlay.shown_layers(found)
    grids = "; ".join(f"{one}: {found.grids[one]}" for one in layers if one in found.grids)
    shared = "all records of all runs on one grid"
    if any(one not in found.grids for one in layers):
        shared = "all records of all runs on one grid where grids are named below, else each run's"
    return figure_block(
        "entropy",
        overlay.entropies(found),
        f"<b>H</b> of each run, {shared}.",
        f"Entropy of {len(found.names)} runs over steps",
    ) + figure_block(
        "complexity",
        overlay.complexities(found),
        "<b>C</b> of each run, on the same grids.",
        f"Statistical complexity of {len(found.names)} runs over steps",
        f"Grids: {grids}." if grids else "",
    )


def _losses(found: Comparison) -> str:
    drawn = overlay.losses(found)
    if drawn is None:
        return ""
    caption = "What two runs or more have logged."
    return figure_block("losses", drawn, caption, "Losses and accuracies over steps")


def _data(file: Path) -> str:
    columns = ", ".join(name + f" ({text})" * bool(text) for name, text in COLUMNS)
    return data_links(f"Every curve, with columns {columns}", [file])


def _best(curve: Any, choose: Any) -> str:
    if curve is None or not np.isfinite(curve[1]).any():
        return "–"
    return scalar_text(float(choose(curve[1])))


def _transitions(growth: Growth, layer: str) -> str:
    """Time and interval of each."""
    return ", ".join(str(growth.when(one)) for one in growth.transitions.get(layer, ())) or "–"
