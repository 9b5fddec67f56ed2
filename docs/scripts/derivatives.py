"""Numbers and figures of docs/derivatives.md, docs/transitions.md and docs/scaling.md.

python docs/scripts/derivatives.py             regenerates them, in about a minute
python docs/scripts/derivatives.py RUN.igf     transitions of a run against λ, every layer
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

import igfast
from igfast.analysis import (
    collapse,
    differentiate,
    find_transitions,
    local_exponent,
    log_differentiate,
    overfitting_onset,
    smoothing,
)
from igfast.report.scaling import collapse_figure

mpl.use("svg")
from matplotlib import pyplot as plt

FIGURES = Path(__file__).parents[1] / "figures"
T = np.geomspace(1, 1e4, 100)
BLUE, RED, GRAY = "#1f4e79", "#b5502b", "#888888"


def running_sum(values, relative, rng):
    """Values with the error of a sum of independent increments; the error is relative · values."""
    error = relative * values
    return values + np.cumsum(
        np.sqrt(np.diff(error**2, prepend=0)) * rng.normal(size=T.size)
    ), error


def kinked(at, before=0.8, after=0.3, width=0.0):
    x = np.log(T / at)
    bend = width * np.logaddexp(0, x / width) if width else np.maximum(x, 0)
    return 0.3 * np.exp(before * x + (after - before) * bend)


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def bands(seeds=200):
    print("truth inside ± 2 errors, 80 uneven times, noise 0.03; error over that of the best λ")
    print("curve          error  noise part  ratio: median, 90 %   df   first, last")
    cases = {
        "sin 6t": (lambda t: np.sin(6 * t), lambda t: 6 * np.cos(6 * t), 1),
        "t²": (lambda t: t**2, lambda t: 2 * t, 1),
        "exp -4t": (lambda t: np.exp(-4 * t), lambda t: -4 * np.exp(-4 * t), 1),
        "sin 6t, n = 2": (lambda t: np.sin(6 * t), lambda t: -36 * np.sin(6 * t), 2),
        "|t - 1/2|": (lambda t: np.abs(t - 0.5), lambda t: np.sign(t - 0.5), 1),
    }
    for name, (curve, slope, order) in cases.items():
        rows = []
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            t = np.sort(rng.uniform(0, 1, 80))
            y = curve(t) + 0.03 * rng.normal(size=80)
            found = differentiate(t, y, order=order)
            miss = np.abs(found.value - slope(t))
            best = min(
                rms(
                    differentiate(t, y, order=order, strength=found.strength * 10**k).value
                    - slope(t)
                )
                for k in np.linspace(-3, 3, 13)
            )
            inside = [np.mean(miss < 2 * found.error), np.mean(miss < 2 * found.noise_error)]
            ends = miss[[0, -1]] < 2 * found.error[[0, -1]]
            rows.append([*inside, rms(miss) / best, found.freedom, *ends])
        mean, ratio = np.mean(rows, axis=0), np.array(rows)[:, 2]
        print(
            f"{name:14s} {mean[0]:5.3f} {mean[1]:8.3f} {np.median(ratio):12.2f}"
            f" {np.quantile(ratio, 0.9):9.2f} {mean[3]:9.1f} {mean[4]:7.2f} {mean[5]:5.2f}"
        )


def inflation(seeds=100):
    print("error over that of the best λ, n = 2, 50 uneven times, noise 0.03, by the factor of df")
    bend = {
        "sin 6t": (lambda t: np.sin(6 * t), lambda t: -36 * np.sin(6 * t)),
        "logistic bend": (
            lambda t: -np.logaddexp(0, 15 * (t - 0.5)) / 15,
            lambda t: -3.75 / np.cosh(7.5 * (t - 0.5)) ** 2,
        ),
    }
    for name, (curve, second) in bend.items():
        for factor in (1.0, 1.4):
            smoothing.INFLATION = factor
            ratios = []
            for seed in range(seeds):
                rng = np.random.default_rng(seed)
                t = np.sort(rng.uniform(0, 1, 50))
                y = curve(t) + 0.03 * rng.normal(size=50)
                tried = [differentiate(t, y, order=2, strength=10.0**k) for k in range(-9, 3)]
                best = min(rms(found.value - second(t)) for found in tried)
                ratios.append(rms(differentiate(t, y, order=2).value - second(t)) / best)
            middle, worst = np.quantile(ratios, [0.5, 0.9])
            print(f"  {name:14s} {factor}: median {middle:.2f}, 90 % {worst:.2f}")


def shapes(seeds=100):
    """What the threshold and an asymmetric bend do."""
    for threshold in (2.0, 2.5):
        spurious = 0
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            at = 10 ** rng.uniform(1.2, 2.8)
            found = find_transitions(_curvature(kinked(at), 0.003, rng), threshold=threshold)
            spurious += any(not one.start <= at <= one.stop for one in found)
        print(
            f"threshold {threshold}: spurious minima beside a sharp kink in {spurious / seeds:.2f}"
        )
    x = np.log(T / 100)
    fine = np.linspace(-8, 8, 4001)
    second = -0.4 * np.where(fine < 0, np.exp(fine / 0.2), np.exp(-fine))
    first = 0.8 + np.cumsum(second) * (fine[1] - fine[0])
    exact = np.exp(np.interp(x, fine, np.cumsum(first) * (fine[1] - fine[0])) - 5)
    for relative in (0.003, 0.01):
        off, inside = [], 0
        for seed in range(seeds):
            for one in find_transitions(_curvature(exact, relative, np.random.default_rng(seed))):
                off.append(np.log10(one.time / 100))
                inside += one.start <= 100 <= one.stop
        print(
            f"bend five times steeper before than after, {relative:.1%} errors: {len(off)} found, "
            f"{inside} inside, off by {rms(off):.2f} decades"
        )


def published_strength():
    """What λ = 100 smooths: the response to an oscillation of L, records every step."""
    print("λ = 100, unit steps: share of an oscillation of Γ that survives, by its period")
    t = np.arange(300.0)
    for period in (10, 20, 40, 80):
        found = differentiate(t, np.sin(2 * np.pi * t / period), strength=100.0)
        kept = np.abs(found.value[100:200]).max() * period / (2 * np.pi)
        print(f"  {period:3d} steps: {kept:.3f}")


def detection(seeds=200):
    print("transitions: false ones on t^0.5; planted kinks found, inside the interval, its width")
    false = [
        bool(find_transitions(_curvature(0.01 * T**0.5, 0.01, np.random.default_rng(seed))))
        for seed in range(seeds)
    ]
    print(f"  pure power law, 1 % errors: {np.mean(false):.3f} of {seeds}")
    for drop, width, relative in (
        (0.5, 0, 0.003), (0.5, 0, 0.01), (0.5, 0, 0.03), (0.15, 0, 0.01), (0.5, 1.0, 0.01),
    ):  # fmt: skip
        found, inside, extent = 0, 0, []
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            at = 10 ** rng.uniform(1.2, 2.8)
            curve = _curvature(kinked(at, 0.8, 0.8 - drop, width), relative, rng)
            hits = [one for one in find_transitions(curve) if one.start <= at <= one.stop]
            found += bool(find_transitions(curve))
            inside += bool(hits)
            extent += [np.log10(one.stop / one.start) for one in hits]
        print(
            f"  exponent falls by {drop}, over {width} e-folds, {relative:.1%} errors: found"
            f" {found / seeds:.2f}, inside {inside / seeds:.2f}, {np.median(extent):.2f} decades"
        )


def _curvature(exact, relative, rng):
    values, error = running_sum(exact, relative, rng)
    return local_exponent(T, values, error, order=2)


def onsets(seeds=200):
    inside, width, none = 0, [], 0
    steps = np.arange(200, 20_001, 200)
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        bottom = 10 ** rng.uniform(3.2, 3.8)
        noise = np.exp(0.02 * rng.normal(size=100))
        onset = overfitting_onset(steps, 0.1 * np.exp(0.05 * np.log(steps / bottom) ** 2) * noise)
        inside += onset.start <= bottom <= onset.stop
        width.append(np.log10(onset.stop / onset.start))
        none += not overfitting_onset(steps, steps**-0.3 * noise).found
    print(
        f"onset: minimum inside {inside / seeds:.2f}, {np.median(width):.2f} decades; falling loss:"
        f" none reported {none / seeds:.3f}"
    )
    for lasting in (0.0, 0.5):
        for count in (8, 20, 100):
            found = sum(_plateau(count, lasting, seed).found for seed in range(seeds))
            print(f"  {count} evaluations of a plateau, correlation {lasting}: {found / seeds:.3f}")


def _plateau(count, lasting, seed):
    """The onset found in 2 % noise, of which neighbors share a part."""
    noise = np.random.default_rng(seed).normal(size=count)
    for i in range(1, count):
        noise[i] = lasting * noise[i - 1] + np.sqrt(1 - lasting**2) * noise[i]
    return overfitting_onset(np.linspace(100, 10_000, count), 0.3 * np.exp(0.02 * noise))


def worn_edges(seeds=4):
    """A layer that starts uniform: cells lose part of its first motion, but make no transition."""
    print("uniform on ±1, edges worn so that L grows as t^a: exponents, transitions of all seeds")
    steps = np.unique(np.concatenate([np.arange(21), np.geomspace(20, 3000, 90).astype(int)]))
    for exponent in (0.5, 0.35):
        for width in (-4, -5, -6, -8):
            transitions, slopes = 0, []
            for seed in range(seeds):
                rng = np.random.default_rng(seed)
                x, z = rng.uniform(-1, 1, 200_000), rng.normal(size=200_000)
                grid = igfast.Grid.dyadic(512, exponent=width)
                records = []
                for t in steps.tolist():
                    worn = x + 0.15 * (t / steps[-1]) ** (2 * exponent) * z
                    records.append(igfast.histogram({"w": worn}, grid=grid, splits=8, offsets=True))
                run = igfast.Trajectory.from_histograms(steps, records)
                transitions += len(run.transitions("w"))
                slope = run.log_derivative("w")
                slopes.append(np.interp(np.geomspace(3, 1000, 50), slope.times, slope.value))
            print(
                f"  a = {exponent}, bins of 2^{width}: {np.min(slopes):.2f} to"
                f" {np.max(slopes):.2f}, {transitions} transitions in {seeds} runs"
            )


def derivative_figure():
    values, error = running_sum(kinked(100.0), 0.01, np.random.default_rng(4))
    fig, axes = plt.subplots(1, 3, figsize=(8.4, 2.6), layout="constrained", sharex=True)
    slope = log_differentiate(T, values, error=error)
    axes[0].plot(T, np.where(T < 100, 0.8, 0.3), color=GRAY, lw=1, label="truth")
    axes[0].plot(slope.times, slope.value, color=BLUE, label=f"GCV: λ = {slope.strength:.2g}")
    axes[0].fill_between(
        T, slope.value - 2 * slope.error, slope.value + 2 * slope.error, color=BLUE, alpha=0.2, lw=0
    )
    axes[0].set(title="d ln L / d ln t", ylim=(0, 1.1))
    bend = local_exponent(T, values, error, order=2)
    for factor, color, name in ((1, BLUE, "GCV"), (100, RED, "100 λ"), (0.01, GRAY, "λ/100")):
        curve = local_exponent(T, values, error, order=2, strength=bend.strength * factor)
        axes[1].plot(curve.times, curve.value, color=color, lw=1.2, label=name)
    axes[1].set(title="d² ln L / d(ln t)²")
    axes[2].plot(bend.times, bend.value, color=BLUE)
    axes[2].fill_between(
        bend.times, bend.value - 2 * bend.error, bend.value + 2 * bend.error,
        color=BLUE, alpha=0.2, lw=0,
    )  # fmt: skip
    for one in find_transitions(bend):
        axes[2].axvspan(one.start, one.stop, color=RED, alpha=0.2, lw=0)
        print(f"figure: transition at {one.time:.0f}, [{one.start:.0f}, {one.stop:.0f}]")
    axes[2].set(title="band, and the interval found")
    for axis in axes:
        axis.set(xscale="log", xlabel="t")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, fontsize=8)
    axes[1].legend(frameon=False, fontsize=8)
    _save(fig, "derivatives.svg")


def scaling_figure():
    rng = np.random.default_rng(0)
    sizes = [32, 64, 128, 256, 512]
    t = np.geomspace(1, 1e4, 40)
    y = []
    for n in sizes:
        z = t * n**-0.7
        y.append(n**-0.4 * z**0.8 / (1 + z) ** 0.6 * np.exp(0.02 * rng.normal(size=40)))
    found = collapse(sizes, [t] * 5, y, errors=[0.02 * v for v in y])
    print(
        f"collapse, planted (-0.4, -0.7): a = {found.a:.4f} ± {found.a_error:.4f}, "
        f"b = {found.b:.4f} ± {found.b_error:.4f}, correlation"
        f" {found.correlation:.2f}, S = {found.quality:.2f}"
    )
    figure = collapse_figure(found, x="t", y="y")
    figure.set_size_inches(8.4, 3.2)
    figure.set_facecolor("white")
    _save(figure, "scaling.svg")


def _save(figure, name):
    FIGURES.mkdir(exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(FIGURES / name, metadata={"Date": None})
    print(f"wrote {name}, {(FIGURES / name).stat().st_size:,} bytes")


def of_a_run(path):
    run = igfast.open(path)
    print("layer                      λ      df  scatter  transitions: [start, time, stop]")
    for layer, chosen in run.log_derivative(order=2).items():
        for factor in (0.01, 0.1, 1, 10, 100):
            strength = chosen.strength * factor
            curve = run.log_derivative(layer, order=2, strength=strength)
            found = [
                f"[{t.start:.0f}, {t.time:.0f}, {t.stop:.0f}]" for t in find_transitions(curve)
            ]
            print(
                f"{layer:22s} {strength:9.3g}{'*' if factor == 1 else ' '} {curve.freedom:5.1f}"
                f" {curve.scatter:7.2f}  {'  '.join(found) or '-'}"
            )
    if "test_loss" in run.scalars():
        steps, loss = run.scalars()["test_loss"]
        for factor in (0.1, 1, 10):
            onset = overfitting_onset(steps - run.steps[0], loss)
            onset = overfitting_onset(steps - run.steps[0], loss, strength=factor * onset.strength)
            told = f"{onset.time:.0f} [{onset.start:.0f}, {onset.stop:.0f}], rise {onset.rise:.3f}"
            print(
                f"onset of overfitting, {factor} λ:", told if onset.found else "none until the end"
            )


def main():
    if len(sys.argv) > 1:
        of_a_run(sys.argv[1])
        return
    published_strength()
    bands()
    inflation()
    detection()
    shapes()
    onsets()
    worn_edges()
    derivative_figure()
    scaling_figure()


if __name__ == "__main__":
    main()
