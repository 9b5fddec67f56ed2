"""The report as one HTML page: no scripts, no requests, light and dark, printable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from igfast.report import figures, headline, prose, sections, style
from igfast.report.collect import MotionCurves, RunCurves
from igfast.report.counted import MOST_LAYERS, Layer
from igfast.report.document import data_links, document
from igfast.report.headline import named
from igfast.report.overview import drawn_scalars
from igfast.report.render import figure_block
from igfast.report.tables import COLUMNS, config_table, grid_table, layer_table, legend
from igfast.report.text import count, markup

_QUANTITIES = {
    "param": "weights",
    "grad": "gradients",
    "update": "updates",
    "second_moment": "second moments",
}
_METHODS = f"{prose.DEFINITIONS}\n<h3>Before you quote a number</h3>\n{prose.CAVEATS}"
_DATA = "Every number in the figures, with units in columns.csv"


def render_page(curves: RunCurves, data: Sequence[Path]) -> str:
    """HTML of the report.

    Parameters
    ----------
    curves
        What `igfast.report.collect.collect` made of the run.
    data
        Files with the numbers, linked by folder and name.
    """
    found = [
        ("overview", "What happened", _overview(curves)),
        ("layers", "Layer by layer", _layers(curves.main)),
        (
            "modules",
            "Module by module" if curves.run.groups else "The whole model",
            _modules(curves, curves.main),
        ),
        ("densities", f"Where the {_values(curves.main)} are", _densities(curves, curves.main)),
        *(
            [("motion", "How fast and how far they move", _motion(curves))]
            if len(curves.main.steps) > 1
            else []
        ),
        ("scales", "How far L depends on how one looks", sections.scales(curves)),
        ("growth", "Where growth slows down", sections.growth(curves)),
        ("complexity", "Entropy and complexity", _complexity(curves, curves.main)),
        *(
            (f"quantity-{number}", _values(motion).capitalize(), _other(curves, motion))
            for number, motion in enumerate(curves.others)
        ),
        ("methods", "How it was measured", _METHODS),
        ("configuration", "Configuration", _configuration(curves)),
        ("data", "Data and versions", data_links(_DATA, data)),
    ]
    path = curves.run.path
    return document(
        headline.run_title(curves),
        f" · {path.name}" if path is not None else "",
        headline.summary(curves),
        headline.notes(curves),
        found,
    )


def _grouped(motion: MotionCurves, body: Callable[[bool], str]) -> str:
    """`body(True)` for the weight matrices, and folded away `body(False)` for all other layers."""
    matrices, vectors = motion.group(True), motion.group(False)
    if not matrices or not vectors:
        return body(bool(matrices))
    what = count(len(vectors), "other layer")
    return (
        body(True) + f"\n<details><summary>{what}: biases, normalization and the like</summary>\n"
        f"{body(False)}\n</details>"
    )


def _left_out(motion: MotionCurves, matrices: bool) -> str:
    """Says which layers a figure of one panel per layer leaves out."""
    total, shown = len(motion.group(matrices)), len(motion.shown(matrices))
    if total == shown:
        return ""
    return (
        f"Shown are {shown} of {total} layers: the first, the last and evenly spaced between; "
        f"{total - shown} are left out here and stand in the table and the data files."
    )


def _regrids(motion: MotionCurves, matrices: bool) -> str:
    """Says where the edge of the recorded grid may show in a heat map."""
    moved = [layer for layer in motion.shown(matrices) if motion.regrids[layer.column]]
    if not moved:
        return ""
    if len(moved) > 1:
        return (
            f"The recorded grid of {len(moved)} of these layers changed (see “Grids”); what lay "
            "beyond it before is not drawn."
        )
    step = motion.steps[motion.regrids[moved[0].column][0]]
    return (
        f"The recorded grid of {moved[0].name} changed at step {step:,}; what lay beyond it before "
        "is not drawn."
    )


def _overview(curves: RunCurves) -> str:
    shown = curves.main.group(True) or curves.main.layers
    names = drawn_scalars(curves)
    others = sorted(set(curves.scalars) - names)
    if len(curves.main.steps) < 2 and not names:
        return "<p>There is one record and no loss: nothing to draw over steps.</p>"
    note = f"Logged as well, in scalars.csv: {', '.join(others)}." if others else ""
    bands = prose.OVERVIEW_BANDS if len(shown) <= len(style.SERIES) else prose.OVERVIEW_BARE
    note = " ".join(part for part in (bands, _still(curves.main, shown), note) if part)
    description = f"Information length and velocity of {len(shown)} layers over optimizer steps"
    if names:
        description += f", with {', '.join(sorted(names))}"
    return figure_block("overview", figures.overview(curves), prose.OVERVIEW, description, note)


def _still(motion: MotionCurves, rows: Sequence[Layer]) -> str:
    """Says which rows have no curve of L."""
    still = [row for row in rows if not motion.final.length[row.column] > 0]
    if not still or len(motion.steps) < 2:
        return ""
    return f"Not drawn, as L is zero or undefined: {named(still)}."


def _layers(motion: MotionCurves) -> str:
    intro = (
        "<p>Arrows lead from the first record to the last; definitions are under “How it was "
        f"measured”. Recorded on: {markup(motion.recorded_grid)}.</p>\n{legend(COLUMNS)}"
    )
    return intro + _grouped(
        motion, lambda matrices: layer_table(motion, motion.group(matrices))
    )  # fmt: skip


def _modules(curves: RunCurves, motion: MotionCurves) -> str:
    """Module groups, and the whole model: in a table alone where there are no groups."""
    rows = layer_table(motion, motion.pooled, "module") if motion.pooled else ""
    if len(motion.pooled) < 2 or len(motion.steps) < 2:
        return rows
    return rows + figure_block(
        f"modules-{motion.quantity}",
        figures.modules(curves, quantity=motion.quantity),
        prose.MODULES,
        f"Information length and velocity of {len(motion.pooled)} pooled rows over steps",
        _still(motion, motion.pooled),
    )


def _densities(curves: RunCurves, motion: MotionCurves) -> str:
    def body(matrices: bool) -> str:
        which, key = _which(motion, matrices)
        options: dict[str, Any] = {"quantity": motion.quantity, "matrices": matrices}
        left_out = _left_out(motion, matrices)
        stride = len(motion.steps) / max(len(next(iter(motion.densities.values())).records), 1)
        thinned = f"One of {round(stride)} records is drawn." if stride >= 1.5 else ""
        return figure_block(
            f"density-{key}",
            figures.density_map(curves, **options),
            prose.DENSITY,
            f"Heat maps of the density of {which} over steps",
            " ".join(filter(None, [thinned, _regrids(motion, matrices), left_out])),
        ) + figure_block(
            f"ridges-{key}",
            figures.ridgeline(curves, **options),
            prose.RIDGES,
            f"Densities of {which} at chosen steps",
            left_out,
        )

    return _grouped(motion, body) if motion.layers else ""


def _motion(curves: RunCurves) -> str:
    motion = curves.main

    def body(matrices: bool) -> str:
        which, key = _which(motion, matrices)
        options: dict[str, Any] = {"quantity": motion.quantity, "matrices": matrices}
        left_out = _left_out(motion, matrices)
        parts = [
            figure_block(
                f"velocity-{key}",
                figures.velocity(curves, **options),
                prose.VELOCITY,
                f"Information velocity of {which} over steps, logarithmic axes",
                left_out,
            ),
            figure_block(
                f"length-{key}",
                figures.length(curves, **options),
                prose.LENGTH,
                f"Information length of {which} over steps, logarithmic axes",
                left_out,
            ),
        ]
        if len(motion.group(matrices)) > MOST_LAYERS:
            drawn = figures.depth_map(curves, **options)
            text = f"Velocity of all {which} over steps"
            parts.insert(0, figure_block(f"depth-{key}", drawn, prose.DEPTH, text))
        return "".join(parts)

    return _grouped(motion, body)


def _complexity(curves: RunCurves, motion: MotionCurves) -> str:
    def body(matrices: bool) -> str:
        which, key = _which(motion, matrices)
        drawn = figures.entropy_complexity(curves, quantity=motion.quantity, matrices=matrices)
        description = f"Entropy and statistical complexity of {which} over steps"
        lost = [x for x in motion.group(matrices) if np.isnan(motion.entropy[:, x.column]).all()]
        note = f"Not drawn, as H is undefined: {named(lost)}." if lost else ""
        return figure_block(f"complexity-{key}", drawn, prose.ENTROPY, description, note)

    grids = f"<details><summary>Grids</summary>{grid_table(motion)}</details>"
    return _grouped(motion, body) + grids


def _other(curves: RunCurves, motion: MotionCurves) -> str:
    """A quantity beside the main one: densities, H and C, and its table."""
    tables = _grouped(motion, lambda matrices: layer_table(motion, motion.group(matrices)))
    tables += _modules(curves, motion)
    return tables + _densities(curves, motion) + _complexity(curves, motion)


def _configuration(curves: RunCurves) -> str:
    table = config_table(curves)
    if not curves.run.config:
        return table
    return f"<details><summary>Everything the run recorded about itself</summary>{table}</details>"


def _which(motion: MotionCurves, matrices: bool) -> tuple[str, str]:
    """What a group is called, and a key that is unique on the page."""
    number = len(motion.shown(matrices))
    kind = "weight matrices" if matrices else "other layers"
    return f"{number} {kind}", f"{motion.quantity}-{'matrices' if matrices else 'vectors'}"


def _values(motion: MotionCurves) -> str:
    return _QUANTITIES.get(motion.quantity, motion.quantity)
