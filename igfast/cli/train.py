"""``igfast train``: options to settings, a run, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

import igfast
from igfast.cli.errors import STOPPED
from igfast.cli.opening import named
from igfast.cli.terminal import console_for, telling
from igfast.harness.data import DATASETS
from igfast.harness.settings import ACTIVATIONS, MODELS, OPTIMIZERS, Settings
from igfast.report import write_report
from igfast.workers import Workers, usual_jobs

DEFAULT = Settings()
RATES = ", ".join(f"{name} {rate:g}" for name, rate in OPTIMIZERS.items())
OPTIONS = {field.name: f"--{field.name.replace('_', '-')}" for field in fields(Settings)} | {
    "learning_rate": "--lr", "widths": "--width", "quantities": "--quantity",
    "width": "--width", "depth": "--depth",
}  # fmt: skip
WITH_RESUME = {"resume", "report", "download"}


def train(
    context: typer.Context,
    dataset: Annotated[str, typer.Option(help=", ".join(DATASETS))] = DEFAULT.dataset,
    model: Annotated[
        str | None, typer.Option(help=f"{', '.join(MODELS)}  (default: by the data set)")
    ] = None,
    width: Annotated[
        str | None,
        typer.Option(
            help="Hidden width, or a list: 512,256  "
            "(default: mlp 512,512; convnet 32,64,128; gpt 4 times 128)"
        ),
    ] = None,
    depth: Annotated[
        int | None, typer.Option(help="Layers of --width, where that is one number.")
    ] = None,
    activation: Annotated[
        str | None, typer.Option(help=f"{', '.join(ACTIVATIONS)}  (default: by the model)")
    ] = None,
    context_length: Annotated[
        int, typer.Option("--context", help="Characters per example of text.")
    ] = DEFAULT.context,
    optimizer: Annotated[str, typer.Option(help=", ".join(OPTIMIZERS))] = DEFAULT.optimizer,
    learning_rate: Annotated[
        float | None,
        typer.Option("--learning-rate", "--lr", help=f"(default: {RATES})"),
    ] = None,
    weight_decay: Annotated[
        float | None, typer.Option(help="(default: 0; adamw 0.01)", show_default=False)
    ] = None,
    epochs: Annotated[
        float | None, typer.Option(help="May be a fraction.  (default: mlp 6, convnet 3, gpt 1)")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Examples of a step.")] = DEFAULT.batch_size,
    seed: Annotated[
        int, typer.Option(help="Of the first parameters and the order of examples.")
    ] = DEFAULT.seed,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = DEFAULT.device,
    threads: Annotated[
        int | None,
        typer.Option(help="CPU threads of PyTorch.  (default: 1 for mlp, else PyTorch's)"),
    ] = None,
    records: Annotated[
        int, typer.Option(help="About how many records, dense at first.")
    ] = DEFAULT.records,
    every: Annotated[
        int | None, typer.Option(help="Steps between records  (default: from --records)")
    ] = None,
    evaluations: Annotated[
        int, typer.Option(help="About how many times losses are measured.")
    ] = DEFAULT.evaluations,
    evaluation_size: Annotated[
        int | None,
        typer.Option(help="Examples of each part in an evaluation.  (default: by the model)"),
    ] = None,
    quantity: Annotated[
        list[str] | None,
        typer.Option(help="param, grad, update; may be repeated  (default: param)"),
    ] = None,
    bins: Annotated[int, typer.Option(help="Bins of a histogram.")] = DEFAULT.bins,
    splits: Annotated[int, typer.Option(help="Splits: 1, 2, 4 or 8.")] = DEFAULT.splits,
    checkpoint_every: Annotated[
        int, typer.Option(help="Steps between checkpoints.")
    ] = DEFAULT.checkpoint_every,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Run file.  (default: runs/NAME-OF-THE-RUN.igf)", callback=named
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run file.")] = False,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN.igf", help="Continue a run that was stopped.", callback=named),
    ] = None,
    download: Annotated[bool, typer.Option(help="Download data that is nowhere found.")] = True,
    report: Annotated[bool, typer.Option(help="Write a report at the end.")] = True,
) -> None:
    """Train a reference network and record how its parameters' distributions move."""
    console = console_for()
    if resume is not None:
        _refuse_options(context)
        from igfast.harness import checkpoint

        settings = Settings.from_dict(checkpoint.load(resume)["config"]["settings"])
        path = resume
    else:
        settings = _settings(
            dataset=dataset,
            model=model,
            width=width,
            depth=depth,
            activation=activation,
            context=context_length,
            optimizer=optimizer,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            device=device,
            threads=threads,
            records=records,
            every=every,
            evaluations=evaluations,
            evaluation_size=evaluation_size,
            quantities=tuple(quantity or DEFAULT.quantities),
            bins=bins,
            splits=splits,
            checkpoint_every=checkpoint_every,
        )
        path = output or default_path(settings)
        if report and _report_of(path) == path:
            raise ValueError(
                f"output={str(path)!r} is where the report goes; choose another --output, such as "
                f"{path.with_suffix('.igf')}, or --no-report"
            )
        _make_room(path, overwrite)
    _run(settings, path, console, resume=resume is not None, download=download)
    _conclude(path, console, report=report)


def _settings(width: str | None, depth: int | None, **choices: Any) -> Settings:
    with _options_named():
        return Settings(widths=parse_widths(width, depth), **choices).resolved()


@contextmanager
def _options_named() -> Iterator[None]:
    """Errors name the option of the command line instead of the field of the settings."""
    try:
        yield
    except (ValueError, FloatingPointError) as error:
        names = "|".join(OPTIONS)
        text = re.sub(rf"(?<!\S)({names})=", lambda m: f"{OPTIONS[m[1]]}=", str(error))
        if text == str(error):
            raise
        raise type(error)(text) from error


def parse_widths(width: str | None, depth: int | None) -> tuple[int, ...] | None:
    """The widths that ``--width`` and ``--depth`` say; None if neither was given.

    Examples
    --------
    >>> parse_widths("512", 3), parse_widths("512,256", None), parse_widths(None, None)
    ((512, 512, 512), (512, 256), None)
    """
    if width is None:
        if depth is not None:
            raise ValueError(f"depth={depth}: say also how wide its layers are, as --width 512")
        return None
    try:
        widths = tuple(int(part) for part in width.split(","))
    except ValueError as error:
        raise ValueError(f"width={width!r}: a number, or numbers as 512,256") from error
    if depth is None:
        return widths if len(widths) > 1 else widths * 2
    if depth < 1 or len(widths) > 1:
        raise ValueError(f"depth={depth}: must be at least 1, and --width then one number")
    return widths * depth


def default_path(settings: Settings) -> Path:
    """Where a run goes when ``--output`` does not say.

    Examples
    --------
    >>> default_path(Settings().resolved()).as_posix()
    'runs/mnist-mlp-sgd-seed0.igf'
    """
    name = f"{settings.dataset}-{settings.model}-{settings.optimizer}-seed{settings.seed}.igf"
    return Path("runs") / name


def _refuse_options(context: typer.Context) -> None:
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name is not None
        and parameter.name not in WITH_RESUME
        and getattr(context.get_parameter_source(parameter.name), "name", "") == "COMMANDLINE"
    ]
    if given:
        raise ValueError(
            "--resume continues a run with the settings it began with; leave out "
            + ", ".join(given)
        )


def _make_room(path: Path, overwrite: bool) -> None:
    """Make the folder of a new run; remove the run that lies there if that was asked for."""
    from igfast.store import RunReader, StoreError

    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{path} exists: continue it with --resume {path}, replace it with --overwrite, or "
            "choose another --output"
        )
    if path.exists():
        try:
            RunReader(path).close()  # raises if it is not a run: nothing else is ever removed
        except StoreError as error:
            raise StoreError(f"{error}; not replaced") from error
        _remove(path)
    path.parent.mkdir(parents=True, exist_ok=True)


def _remove(path: Path) -> None:
    from igfast.harness.checkpoint import checkpoint_path

    beside = [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm")]
    for file in (path, *beside, checkpoint_path(path)):
        file.unlink(missing_ok=True)


def _run(settings: Settings, path: Path, console: Console, *, resume: bool, download: bool) -> None:
    from igfast.harness.data import load
    from igfast.harness.display import DownloadDisplay, TrainingDisplay
    from igfast.harness.training import train as train_network

    try:
        with _options_named(), DownloadDisplay(console) as progress:
            dataset = load(
                settings.dataset, context=settings.context, download=download, progress=progress
            )
        with _options_named(), TrainingDisplay(console) as display:
            result = train_network(settings, dataset, path, observer=display, resume=resume)
    except KeyboardInterrupt as error:
        console.print(f"\n{_stopped(path)}", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(STOPPED) from error
    steps = result.outline.total_steps - result.outline.start_step
    names = {"rest": "logging, checkpoints and display"}
    pace = ", ".join(
        f"{names.get(name, name)} {seconds / steps * 1e3:.2f}"
        for name, seconds in result.parts.items()
        if steps
    )
    console.print(
        f"\ntrained {steps:,} steps in {result.seconds:.1f} s"
        + (f"; ms/step: {pace}" if pace else ""),
        highlight=False,
        soft_wrap=True,
    )


def _stopped(path: Path) -> str:
    """What a run that Ctrl-C stopped leaves; one without a checkpoint leaves nothing."""
    from igfast.harness import checkpoint

    if not checkpoint.checkpoint_path(path).exists():
        _remove(path)
        return "stopped before the first record; nothing was saved"
    step = checkpoint.load(path)["step"]
    return f"stopped; will continue after step {step:,} with: igfast train --resume {path}"


def _report_of(path: Path) -> Path:
    """Where the report on a run file goes."""
    return path.with_suffix(".html")


def _conclude(path: Path, console: Console, *, report: bool) -> None:
    """Print the table per layer, write the report, say what can be done with the run."""
    from igfast.cli.summary import print_layers
    from igfast.report.collect import collect, moved, recorded

    run = igfast.open(path)
    for note in run.config["data"]["notes"]:
        console.print(f"[bold yellow]! {escape(note)}[/]", highlight=False)
    _, accuracy = run.scalars()["test_accuracy"]
    console.print(f"test accuracy {accuracy[-1]:.2%}", highlight=False)
    jobs = usual_jobs()
    with telling() as tell, Workers(run, jobs) as workers:
        motion = moved(workers, recorded(run)[0], tell)
    print_layers(motion, console)
    lines = [f"run file: {path}"]
    if report and find_spec("matplotlib") is None:
        lines.append("report:   needs matplotlib: pip install 'igfast[report]'")
    elif report:
        target = _report_of(path)
        with telling() as tell:
            write_report(collect(run, tell, jobs, motion), target, tell)
        lines.append(f"report:   {target}")
    lines.append(f"next:     igfast report {path} | igfast export {path} --format csv")
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)
