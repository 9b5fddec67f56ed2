"""What happened in a run, in a few sentences of plain text."""

from __future__ import annotations

import numpy as np

from igfast.groups import MODEL
from igfast.numerals import scalar_text, three_digits
from igfast.report.collect import MotionCurves, RunCurves
from igfast.report.counted import Float, Int, Layer
from igfast.report.text import count, length_text, part

WORDS = {
    "nan": "NaN",
    "inf": "infinite elements",
    "zero": "nothing but zeros",
    "unchanging": "no change",
    "exploding": "explosion",
}
FEW = 4  # weight matrices that a sentence can name one by one


def run_title(curves: RunCurves) -> str:
    """Data set and model where the run recorded them, else the name of the run's file."""
    settings = part(curves.run.config, "settings")
    model, dataset = settings.get("model"), settings.get("dataset")
    if isinstance(model, str) and isinstance(dataset, str):
        return f"{model} on {dataset}"
    path = curves.run.path
    return path.name if path is not None else "run in memory"


def summary(curves: RunCurves) -> list[str]:
    """Paragraphs: what was trained, how far each weight matrix moved, how well it ended."""
    paragraphs = [_training(curves), " ".join(_lengths(curves.main)), " ".join(_results(curves))]
    return [paragraph for paragraph in paragraphs if paragraph]


def notes(curves: RunCurves) -> list[str]:
    """What the reader must know before believing a number."""
    motion, found = curves.main, list(map(str, part(curves.run.config, "data").get("notes", ())))
    if len(motion.steps) < 2:
        found.append("The run holds one record, so there is no motion to report yet.")
    elif motion.estimator != "split":
        found.append(
            "The histograms were recorded with fewer than four splits, so only the published "
            "estimate of Γ and L is possible. It depends on how often the run was recorded; "
            "record with splits=4 or 8 for one that does not."
        )
    lost = [layer for layer in motion.layers if motion.nan[-1, layer.column]]
    if lost:
        found.append(
            f"{count(len(lost), 'layer')} ended with NaN among the elements: {named(lost)}."
        )
    found += _flagged(curves)
    coarse = [x for x in motion.layers if _coarse(motion, x)]
    if coarse:
        found.append(
            f"Sampling is coarse for {named(coarse)}: steps between records hide a good part of "
            "the path, and L is a lower bound. Record more often."
        )
    outside = [
        layer for layer in motion.group(True) if motion.outside[:, layer.column].max() > 0.05
    ]
    if outside:
        found.append(
            "More than 5 % of the elements lay outside the grid at some record in "
            f"{named(outside)}."
        )
    return found


def _flagged(curves: RunCurves) -> list[str]:
    """A sentence of all flags, each kind with its layers and first step."""
    kinds: dict[str, tuple[int, dict[str, None]]] = {}
    for flag in curves.run.health():  # by step
        first, layers = kinds.setdefault(flag.kind, (flag.step, {}))
        layers[flag.layer] = None
    said = []
    for kind, (first, layers) in kinds.items():
        names = f": {_join(list(layers))}" if len(layers) <= FEW else ""
        said.append(f"{WORDS[kind]} from step {first:,} on in {count(len(layers), 'layer')}{names}")
    return [f"Flagged while training went on: {'; '.join(said)}."] if said else []


def _coarse(motion: MotionCurves, layer: Layer) -> bool:
    return layer.column in motion.scrutiny and motion.scrutiny[layer.column].judgement == "coarse"


def half_way(steps: Int, length: Float) -> int | None:
    """First recorded step at which half of the final length is behind, None without motion."""
    known = length[np.isfinite(length)]
    if not (known.size and known[-1] > 0):
        return None
    return int(steps[np.argmax(length >= known[-1] / 2)])


def _training(curves: RunCurves) -> str:
    settings, steps = part(curves.run.config, "settings"), curves.main.steps
    records = count(len(steps), "record")
    span = f"at step {steps[0]:,}"
    if len(steps) > 1:
        span = f"from step {steps[0]:,} to step {steps[-1]:,}"
    if not settings:
        return f"{records} {span}, {count(len(curves.main.layers), 'layer')}."
    widths, rate = settings.get("widths"), settings.get("learning_rate")
    parameters = part(curves.run.config, "model").get("parameters")
    details = [
        f"hidden widths {', '.join(map(str, widths))}" if isinstance(widths, list) else "",
        f"{parameters:,} parameters" if isinstance(parameters, int) else "",
        str(settings.get("activation", "")),
    ]
    said = [
        f"Model {settings.get('model', 'of unknown name')}",
        f"({'; '.join(filter(None, details))})" if any(details) else "",
        f"trained on {settings['dataset']}" if "dataset" in settings else "trained",
        f"by {settings['optimizer']}" if "optimizer" in settings else "",
        f"at learning rate {rate:g}" if isinstance(rate, float) else "",
    ]
    return f"{' '.join(filter(None, said))}: {records} {span}."


def _lengths(motion: MotionCurves) -> list[str]:
    layers = motion.group(True) or motion.layers
    if len(motion.steps) < 2 or not layers:
        return []
    one = len(layers) == 1
    what = "Its layer" if one else "Its layers"
    if motion.group(True):
        what = "Its weight matrix" if one else "Its weight matrices"
    if motion.quantity != "param":
        what = f"The distributions of its “{motion.quantity}”"
    kind = "" if motion.estimator == "split" else " (published estimate)"
    unclear = [layer for layer in layers if not motion.resolved(layer)]
    if len(layers) <= FEW:
        known_to = [layer for layer in layers if layer not in unclear or motion.limit(layer) > 0]
        each = [f"{_length(motion, layer)} ({layer.name})" for layer in known_to]
        sentence = f"{what} moved an information length L{kind} of {_join(each)}." if each else ""
        dashes = [layer for layer in layers if layer not in known_to]
        if dashes:
            sentence = f"{sentence} L is not resolved for {named(dashes)}.".strip()
    elif all(motion.final.record[layer.column] == 0 for layer in layers):
        return [f"L of {what[0].lower()}{what[1:]}, {len(layers)} in all, is undefined."]
    elif len(unclear) == len(layers):
        return [f"{what}, {len(layers)} in all, did not move by more than two standard errors."]
    else:
        known = sorted(
            (float(motion.final.length[layer.column]), layer.column, layer)
            for layer in layers
            if layer not in unclear
        )
        (_, _, least), (_, _, most) = known[0], known[-1]
        median = float(np.median([length for length, _, _ in known]))
        sentence = (
            f"{what}, {len(layers)} in all, moved information lengths L{kind} from "
            f"{_length(motion, least)} ({least.name}) to {_length(motion, most)} ({most.name}), "
            f"with a median of {three_digits(median)}."
        )
        if unclear:
            sentence += f" {len(unclear)} of them did not move by more than two standard errors."
    clear = [layer for layer in layers if layer not in unclear]
    halves = [half_way(motion.steps, motion.length[:, layer.column]) for layer in clear]
    reached = sorted(step for step in halves if step is not None)
    if not reached or len(motion.steps) < 3:
        return [sentence]
    when = f"step {reached[0]:,}"
    if reached[-1] != reached[0]:
        when = f"steps {reached[0]:,} to {reached[-1]:,}"
    them = "it" if one else "them"
    return [sentence, f"Half of the way was behind {them} by {when} of {motion.steps[-1]:,}."]


def _results(curves: RunCurves) -> list[str]:
    found = []
    if "test_loss" in curves.scalars:
        steps, values = curves.scalars["test_loss"]
        if np.isfinite(values).any():
            best = int(np.nanargmin(values))
            end = "the end" if best == len(values) - 1 else f"step {steps[best]:,}"
            then = "" if best == len(values) - 1 else f" and {scalar_text(values[-1])} at the end"
            found.append(f"The test loss was lowest at {end}: {scalar_text(values[best])}{then}.")
    growth, layers = curves.growth, curves.main.layers
    whole, whose = (layers[0].name, "its") if len(layers) == 1 else (MODEL, "the model's")
    slowing = [
        one
        for number, one in enumerate(growth.transitions.get(whole, ()))
        if all(growth.persists(whole, number))  # else it depends on λ
    ]
    if slowing:
        times = _join([f"{growth.when(one).time:,.0f}" for one in slowing])
        found.append(f"The growth of {whose} length slows down most sharply at step {times}.")
    if "test_accuracy" in curves.scalars:
        last = float(curves.scalars["test_accuracy"][1][-1])
        ended = f"{last:.2%}" if 0 <= last <= 1 else scalar_text(last)  # logged in percent, or lost
        found.append(f"The test accuracy ended at {ended}.")
    return found


def _length(motion: MotionCurves, layer: Layer) -> str:
    return length_text(motion, layer).replace(" ", "\N{NO-BREAK SPACE}")


def _join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def named(layers: list[Layer]) -> str:
    """Names of layers, of many the first."""
    shown = [layer.name for layer in layers[:FEW]]
    more = len(layers) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
