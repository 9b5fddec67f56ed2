"""Tables of the page: layers, grids, configuration. Everything from the run is escaped here."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

from igfast.report.collect import MotionCurves, RunCurves
from igfast.report.counted import Layer
from igfast.report.style import size_text, three_digits, with_error
from igfast.report.text import plain_number, upper_limit
from igfast.report.windows import end_slopes

LONG = 25  # rows from which on a table scrolls within the page


def table(header: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """HTML table from headings (text, explanation) and rows of HTML; the first cell heads its row.

    Headings are escaped, cells are not.
    """
    head = "".join(
        f'<th scope="col"{_title(why)}>{escape(text)}</th>' for text, why in header
    )  # fmt: skip
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>' + "".join(f"<td>{x}</td>" for x in row[1:]) + "</tr>\n"
        for row in rows
    )
    style = f' class="{kind}"' if kind else ""
    long = " long" if body.count("<tr>") > LONG else ""
    return (
        f'<div class="table{long}"><table{style}><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}</tbody></table></div>"
    )


def layer_table(motion: MotionCurves, layers: Sequence[Layer], what: str = "layer") -> str:
    """One row per layer: size, Γ, L, the values L is to be compared with, H, C, losses.

    Rows that pool layers are as good; ``what`` a row is heads the table.
    """
    moving = len(motion.steps) > 1
    header = [
        (what, ""),
        ("shape, elements" if any(layer.shape for layer in layers) else "elements", ""),
        ("Γ, 1/step", "slope of L over the first and the last tenth of a decade of steps"),
        (
            "L ± se",
            "information length with its standard error; < marks an upper limit, two standard "
            "errors above a length that is not resolved",
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
    ]
    slopes = end_slopes(motion)
    rows = []
    for layer in layers:
        at = layer.column
        rows.append(
            [
                _name(layer),
                _size(layer),
                _change(slopes[0, at], slopes[1, at], _scientific),
                escape(length_text(motion, layer)) if moving else "–",
                number(motion.length_sparse[at]),
                number(motion.final.published[at]) if moving else "–",
                number(motion.great_circle[at] if motion.resolved(layer) else math.nan),
                _change(motion.entropy[0, at], motion.entropy[-1, at]),
                _change(motion.complexity[0, at], motion.complexity[-1, at]),
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
        grid = escape(motion.grids[layer.column])
        rows.append([_name(layer), grid, text or "never"])
    header = [("layer", ""), ("grid of H and C", ""), ("recorded grid changed at step", "")]
    return table(header, rows, "words")


def config_table(curves: RunCurves) -> str:
    """The run's configuration, one row per value, nested names joined by dots."""
    rows = [
        [f"<code>{escape(name)}</code>", _config_value(value)]
        for name, value in _flat(curves.run.config)
    ]
    if not rows:
        return "<p>The run recorded no configuration.</p>"
    return table([("name", ""), ("value", "")], rows, "words")


def length_text(motion: MotionCurves, layer: Layer) -> str:
    """L ± its standard error, the upper limit of an L that is not resolved, or a dash."""
    if not motion.resolved(layer):
        return upper_limit(motion.limit(layer))
    final = motion.final
    return with_error(final.length[layer.column], final.error[layer.column]) + motion.until(layer)


def _name(layer: Layer) -> str:
    """Layer name that may break after a dot."""
    return f"<code>{escape(layer.name).replace('.', '.<wbr>')}</code>"


def _size(layer: Layer) -> str:
    if not layer.shape:
        return f"{layer.numel:,}"
    shape = escape(size_text(layer.shape, layer.numel))
    return f'{shape}<br><span class="quiet">{layer.numel:,}</span>'


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _config_value(value: Any) -> str:
    if isinstance(value, str):
        return f"<pre>{escape(value)}</pre>" if "\n" in value else escape(value)
    return f"<code>{escape(json.dumps(value, default=str, ensure_ascii=False))}</code>"


def _title(text: str) -> str:
    return f' title="{escape(text)}"' if text else ""


def number(value: float) -> str:
    """Three digits, or a dash where there is no value."""
    return three_digits(float(value)) if math.isfinite(value) else "–"


def change(
    first: float, last: float, form: Callable[[float], str] = number, arrow: str = "→"
) -> str:
    """The first and the last value; one where both read the same."""
    before, after = form(first), form(last)
    return before if before == after else f"{before} {arrow} {after}"


def _scientific(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return plain_number(float(f"{value:.1e}"))


def _percent(fraction: float) -> str:
    if not math.isfinite(fraction):
        return "–"
    if fraction == 0:
        return "0"
    return f"{fraction:.1%}" if fraction >= 0.001 else "&lt; 0.1%"


def _change(first: float, last: float, form: Callable[[float], str] = number) -> str:
    return change(first, last, form, '<span class="quiet">→</span>')
