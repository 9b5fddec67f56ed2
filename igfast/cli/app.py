"""The commands, their options and what they print."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

import igfast
from igfast.analysis import ESTIMATORS
from igfast.cli.bench import bench
from igfast.cli.compare import compare
from igfast.cli.errors import friendly
from igfast.cli.live import serve_report, watch
from igfast.cli.opening import Depth, Jobs, Run, named, open_run
from igfast.cli.terminal import console_for, print_columns, print_table, telling
from igfast.cli.train import train
from igfast.live.fitting import Column
from igfast.printing import printable
from igfast.report import write_report
from igfast.workers import usual_jobs

if TYPE_CHECKING:
    from igfast.harness.catalog import Entry

PORT = 8765  # of a live report

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command()(friendly(train))
app.command()(friendly(bench))
app.command()(friendly(compare))
app.command()(friendly(watch))


def _print_version(wanted: bool) -> None:
    if wanted:
        console_for().print(f"igfast {igfast.__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Information geometry of neural network parameters while training."""


class Format(str, Enum):
    """What ``igfast export`` writes."""

    csv = "csv"
    json = "json"
    npz = "npz"
    parquet = "parquet"


@app.command()
@friendly
def report(
    run: Run,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="HTML file.  (default: RUN.html)", callback=named),
    ] = None,
    groups: Depth = None,
    live: Annotated[
        bool,
        typer.Option("--live", help="Serve it on localhost and renew it as the run grows."),
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help=f"Of --live; 0: any that is free.  (default: {PORT})"),
    ] = None,
    jobs: Jobs = None,
) -> None:
    """Write a static HTML report of a run, or serve a live one."""
    if live:
        if output is not None:
            raise ValueError(f"output={str(output)!r}: --live writes no file; leave --output out")
        if jobs is not None:
            raise ValueError(f"jobs={jobs}: --live leaves the cores to the training; leave it out")
        serve_report(run, PORT if port is None else port, groups)
        return
    if port is not None:
        raise ValueError(f"port={port}: a report in a file has none; add --live, or leave it out")
    opened = open_run(run, groups)
    target = output or run.with_suffix(".html")
    with telling() as tell:
        write_report(opened, target, tell, jobs=jobs or usual_jobs())
    console_for().print(f"report: {escape(str(target))}", highlight=False, soft_wrap=True)


@app.command()
@friendly
def export(
    run: Run,
    format: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="By default from the name of --output, else csv."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File.  (default: RUN.FORMAT)", callback=named),
    ] = None,
    quantity: Annotated[str, typer.Option(help="param, grad, update or second_moment.")] = "param",
    estimator: Annotated[str, typer.Option(help=f"Of Γ and L: {', '.join(ESTIMATORS)}.")] = "split",
    groups: Depth = None,
    jobs: Jobs = None,
    csv: Annotated[bool, typer.Option("--csv", help="Short for --format csv.")] = False,
    npz: Annotated[bool, typer.Option("--npz", help="Short for --format npz.")] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="Short for --format parquet.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files.")] = False,
) -> None:
    """Write a run's curves (Γ, L, H, C, moments; npz, parquet: histograms) and its numbers."""
    from igfast.export import WRITERS, files

    given = [format.value] if format else []
    given += [name for name, wanted in (("csv", csv), ("npz", npz), ("parquet", parquet)) if wanted]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)}: choose one format at a time")
    chosen = given[0] if given else output.suffix.lstrip(".") if output else Format.csv.value
    if chosen not in Format.__members__:
        raise ValueError(
            f"output={str(output)!r}: its name says no format; add --format "
            f"{'|'.join(Format.__members__)}"
        )
    opened = open_run(run, groups)
    target = output or run.with_suffix(f".{chosen}")
    opened.check_target(target)
    there = [] if overwrite else [file for file in files(target, chosen) if file.exists()]
    if there:
        raise FileExistsError(
            f"{there[0]} exists: replace it with --overwrite, or choose another --output"
        )
    with opened.held(), telling():
        if quantity in opened.quantities and not len(opened.steps_of(quantity)):
            raise ValueError(f"{run}: the run holds no record yet")
        target.parent.mkdir(parents=True, exist_ok=True)
        WRITERS[chosen](opened, target, quantity, estimator, jobs or usual_jobs())
    for file in files(target, chosen):
        console_for().print(f"{chosen}: {escape(str(file))}", highlight=False, soft_wrap=True)


def _place(entry: Entry) -> str:
    """Where a data set lies, or how it is fetched."""
    from igfast.harness.data import locate

    found = locate(entry)
    return printable(str(found[0])) if found else f"igfast data {entry.name}"


@app.command()
@friendly
def data(
    name: Annotated[
        str | None, typer.Argument(help="Data set to download; none: list all.", show_default=False)
    ] = None,
) -> None:
    """List the data sets and where they lie, or download one into the cache."""
    from igfast.harness.catalog import CATALOG
    from igfast.harness.data import (
        DATA_VARIABLE,
        data_folders,
        describe_missing,
        download_missing,
        locate,
    )
    from igfast.harness.display import DownloadDisplay
    from igfast.harness.download import TIMEOUT_SECONDS, DownloadError
    from igfast.harness.formats import DataError

    console = console_for()
    if name is None:
        rows = [(one.name, one.title, one.license, _place(one)) for one in CATALOG.values()]
        rows.append(("digits", "5,000 or 1,797 real digits", "", "Python package"))
        names, titles, licenses, places = zip(*rows, strict=True)
        columns = [
            Column("name", names, left=True),
            Column("what", titles, least=20, left=True),
            Column("license", licenses, least=12, rank=1, left=True),
            Column("where", places, least=14, left=True),
        ]
        print_columns(columns, console)
        searched = ", then ".join(map(str, data_folders()))
        console.print(f"Looked in {escape(searched)} (${DATA_VARIABLE} first).", soft_wrap=True)
        return
    if name not in CATALOG:
        raise ValueError(f"data set {name!r}: choose one of {', '.join(CATALOG)}")
    found = locate(CATALOG[name])
    if found is None:
        try:
            with DownloadDisplay(console) as progress:
                download_missing(CATALOG[name], timeout=TIMEOUT_SECONDS, progress=progress)
        except DownloadError as error:
            raise DataError(describe_missing(CATALOG[name], str(error))) from error
        found = locate(CATALOG[name])
    console.print(f"{name}: {escape(str(found[0] if found else ''))}", soft_wrap=True)


@app.command()
@friendly
def info(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="RUN.igf", help="Run file.", show_default=False, callback=named),
    ] = None,
    sampling: Annotated[
        bool, typer.Option("--sampling", help="Also: does L depend on sampling, or on scale?")
    ] = False,
    groups: Depth = None,
    jobs: Jobs = None,
) -> None:
    """Show what igfast runs on; given a run file, also what is in it."""
    for name, given in (("sampling", sampling), ("groups", groups), ("jobs", jobs)):
        if run is None and given:
            raise ValueError(f"{name}={given}: there is no run to look at; name its file as well")
    console = console_for()
    found = igfast.show_config()
    found.pop("version", None)  # of the compiled part, the same as that of igfast
    if run is not None:
        from igfast.cli.summary import print_summary, versions_of

        opened = open_run(run, groups)
        with opened.held():
            print_summary(opened, console, sampling=sampling, jobs=jobs or usual_jobs())
        if versions_of(opened.config).get("igfast") == found["igfast"]:
            del found["igfast"]  # the summary has named it
        console.print("\ninstalled here:")
    facts = Table(box=None, show_header=False)
    for key, value in found.items():
        facts.add_row(key, escape(value))
    print_table(facts, console)
