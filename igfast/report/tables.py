"""Tables of the page: layers, grids, configuration. Everything from the run is escaped here."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from igfast.numerals import number, velocity_text
from igfast.report.collect import MotionCurves, RunCurves
from igfast.report.counted import Layer
from igfast.report.style import size_text
from igfast.report.text import change, count, flat, length_text, markup
from igfast.report.windows import end_slopes

MANY = 12  # values of a list from which on it is folded away
LONG = 25  # rows from which on a table scrolls within the page
ARROW = ' <span class="quiet">→</span> '


COLUMNS = (
    ("Γ,\u00a01/step", "slope of L over the first and the last tenth of a decade of steps"),
    (
        "L\u00a0±\u00a0se",
        "information length with its standard error; < marks an upper limit, two standard errors "
        "above a length that is not resolved",
    ),
    (
        "every 4th",
        "L from every fourth record only, a check of the sampling: where L is resolved, from "
        "1,000 elements on",
    ),
    ("published", "L by the published estimator; depends on how often one records"),
    ("great circle", "Fisher–Rao distance from the first to the last record, noise subtracted"),
    ("H", "entropy over ln(bins), first and last record"),
    ("C", "statistical complexity, first and last record"),
    ("outside", "largest fraction of the elements beyond the recorded grid at any record"),
    ("NaN", "elements that are NaN in the last record"),
)


def legend(columns: Sequence[tuple[str, str]]) -> str:
    """What the columns of a table say, folded away, for those who cannot point at a heading."""
    said = "".join(f"<dt>{markup(name)}</dt><dd>{markup(why)}</dd>" for name, why in columns if why)
    return f"<details><summary>What the columns say</summary><dl>{said}</dl></details>"


def table(header: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """HTML table from headings (text, explanation) and rows of HTML; the first cell heads its row.

    Headings are escaped, cells are not.
    """
    head = "".join(
        f'<th scope="col"{_title(why)}>{markup(text)}</th>' for text, why in header
    )  # fmt: skip
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>' + "".join(f"<td>{x}</td>" for x in row[1:]) + "</tr>\n"
        for row in rows
    )
    style = f' class="{kind}"' if kind else ""
    long = " long" if body.count("<tr>") > LONG else ""
    return (
        f'<div class="table{long}" tabindex="0"><table{style}><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}</tbody></table></div>"
    )


def layer_table(motion: MotionCurves, layers: Sequence[Layer], what: str = "layer") -> str:
    """One row per layer: size, Γ, L, the values L is to be compared with, H, C, losses.

    Rows that pool layers are as good; ``what`` a row is heads the table.
    """
    moving = len(motion.steps) > 1
    sizes = "shape, elements" if any(layer.shape for layer in layers) else "elements"
    header = [(what, ""), (sizes, ""), *COLUMNS]
    slopes = end_slopes(motion)
    rows = []
    for layer in layers:
        at = layer.column
        rows.append(
            [
                name_cell(layer.name),
                _size(layer),
                change(slopes[0, at], slopes[1, at], velocity_text, ARROW),
                markup(length_text(motion, layer)) if moving else "–",
                number(motion.length_sparse[at]),
                number(motion.final.published[at]) if moving else "–",
                number(motion.great_circle[at] if motion.resolved(layer) else math.nan),
                change(motion.entropy[0, at], motion.entropy[-1, at], arrow=ARROW),
                change(motion.complexity[0, at], motion.complexity[-1, at], arrow=ARROW),
                _percent(float(motion.outside[:, at].max())),
                f"{motion.nan[-1, at]:,}",
            ]
        )
    return table(header, rows)


def grid_table(motion: MotionCurves) -> str:
    """The grid behind H and C of each layer, and when the recorded grid changed."""
    rows = []
    for layer in motion.layers:
        changes = [f"{motion.steps[record]:,}" for record in motion.regrids[layer.column]]
        text = ", ".join(changes[:8]) + (f" and {len(changes) - 8} more" * (len(changes) > 8))
        grid = markup(motion.grids[layer.column])
        rows.append([name_cell(layer.name), grid, text or "never"])
    header = [("layer", ""), ("grid of H and C", ""), ("recorded grid changed at step", "")]
    return table(header, rows, "words")


def config_table(curves: RunCurves) -> str:
    """The run's configuration, one row per value, nested names joined by dots."""
    rows = [
        [f"<code>{markup(name)}</code>", config_value(value)]
        for name, value in flat(curves.run.config)
    ]
    if not rows:
        return "<p>The run recorded no configuration.</p>"
    return table([("name", ""), ("value", "")], rows, "words")


def name_cell(name: str, *, seen: bool = True) -> str:
    """Layer name that may break after a dot; for readers of the screen alone where it repeats."""
    text = markup(name).replace(".", ".<wbr>")
    return f"<code>{text}</code>" if seen else f'<span class="unseen">{text}</span>'


def _size(layer: Layer) -> str:
    if not layer.shape:
        return f"{layer.numel:,}"
    shape = markup(size_text(layer.shape, layer.numel))
    return f'{shape}<br><span class="quiet">{layer.numel:,}</span>'


def config_value(value: Any) -> str:
    """One value of a configuration as HTML; a long list folded away."""
    if isinstance(value, str):
        lines = [markup(line) for line in value.expandtabs().split("\n")]
        return f"<pre>{'<br>'.join(lines)}</pre>" if len(lines) > 1 else lines[0]
    text = f"<code>{markup(json.dumps(value, default=str, ensure_ascii=False))}</code>"
    if isinstance(value, list) and len(value) > MANY:
        return f"<details><summary>{count(len(value), 'value')}</summary>{text}</details>"
    return text


def _title(text: str) -> str:
    return f' title="{markup(text)}"' if text else ""


def _percent(fraction: float) -> str:
    if not math.isfinite(fraction):
        return "–"
    if fraction == 0:
        return "0"
    return f"{fraction:.1%}" if fraction >= 0.001 else "&lt; 0.1%"
