"""Sections on what a length depends on, and on where its growth slows down."""

from __future__ import annotations

from igfast.groups import MODEL
from igfast.numerals import three_digits, with_error
from igfast.report import figures, prose
from igfast.report.collect import RunCurves
from igfast.report.growth import growth_shown
from igfast.report.render import figure_block
from igfast.report.scrutiny import onset_sentence
from igfast.report.tables import name_cell, table
from igfast.report.text import count, markup


def scales(curves: RunCurves) -> str:
    """L(τ), and what it and the sampling say of each layer; "" where no layer was looked at."""
    motion = curves.main
    chosen = [layer for layer in motion.layers if layer.column in motion.scrutiny]
    if not chosen:
        return ""
    rows = []
    for layer in chosen:
        found = motion.scrutiny[layer.column]
        said = (found.scales.statement, found.sampling.statement, found.resolution.statement)
        rows.append([name_cell(layer.name), *map(markup, said)])
    candidates = motion.group(True) or motion.layers
    left_out = sum(motion.resolved(layer) for layer in candidates) - len(chosen)
    note = ""
    if left_out > 0:
        left = f"{count(left_out, 'more layer')} {'is' if left_out == 1 else 'are'}"
        note = f"{left} not looked at: each costs several lengths."
    depends = ("over the scale of time", "over the rate of sampling", "over the width of bins")
    header = [("layer", ""), *((on, "") for on in depends)]
    return figure_block(
        "scales",
        figures.length_scales(curves),
        prose.SCALES,
        f"Information length of {len(chosen)} layers over the smoothing scale",
        note,
    ) + table(header, rows, "words")


def growth(curves: RunCurves) -> str:
    """Derivatives of ln L with transitions, over the test loss; "" where none is known."""
    found = curves.growth
    if not found.curvatures:
        return ""
    shown = growth_shown(curves)
    known, beside = (sum(name != MODEL for name in names) for names in (found.curvatures, shown))
    left_out = (
        f"Drawn are {beside} of {known} layers whose L is resolved; the table holds the "
        "transitions of all of them, growth.csv their curves."
    )
    loss = markup(found.loss.replace("_", " "))
    below = f" {prose.GROWTH_LOSS.format(loss=loss)}" if loss else ""
    drawn = figure_block(
        "growth",
        figures.growth(curves),
        prose.GROWTH + below,
        f"First and second logarithmic derivative of L of {', '.join(shown)}"
        + (f", over {found.loss}" if found.loss else ""),
        left_out * (beside < known),
    )
    return f"{drawn}<p>{markup(onset_sentence(curves.growth))}</p>\n{transition_table(curves)}"


def transition_table(curves: RunCurves) -> str:
    """Every transition of every layer, its depth, and its lag to the onset of overfitting."""
    found = curves.growth
    rows = []
    for name, transitions in found.transitions.items():
        lags = found.lags(name)
        for number, one in enumerate(transitions):
            times = [f"{time:,.0f}" for time in found.when(one)]
            between = "–"
            if lags and found.onset is not None and found.onset.found:
                lag = lags[number]
                between = f"{lag.decades:.2f} [{lag.low:.2f}, {lag.high:.2f}]"
            elif lags:
                between = f"&gt; {lags[number].low:.2f}"
            rows.append(
                [
                    name_cell(name),
                    times[0],
                    f"{times[1]} to {times[2]}",
                    with_error(one.value, one.error).replace("-", "−"),
                    three_digits(one.depth / one.depth_error),
                    " / ".join(("no", "yes")[there] for there in found.persists(name, number))
                    or "–",
                    between,
                ]
            )
    if not rows:
        return (
            "<p>No layer has a minimum of d² ln L/d(ln t)² that is deeper than its band: no "
            "transition.</p>"
        )
    header = [
        ("transition of", ""),
        ("step", "minimum of d² ln L/d(ln t)²"),
        ("interval", "the curve is nowhere more than two standard errors above its minimum"),
        ("d² ln L/d(ln t)² ± se", ""),
        ("depth / se", "below the lower shoulder; counts above 2.5"),
        ("at λ/10 / 10 λ", "whether one is found in its interval with less and more smoothing"),
        ("onset after it, decades", "log₁₀(onset of overfitting/transition), with interval"),
    ]
    return table(header, rows)
