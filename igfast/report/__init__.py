"""Reports: figures of a run and one self-contained HTML page about it.

Everything that draws needs matplotlib, which `pip install 'igfast[report]'` brings. The numbers
behind the figures (`igfast.report.curves`) need NumPy only.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from igfast.files import replacing
from igfast.printing import Tell, silent

if TYPE_CHECKING:
    from igfast.report.collect import RunCurves
    from igfast.trajectory import Trajectory

__all__ = ["write_report"]


def write_report(
    run: Trajectory | RunCurves, path: str | Path, tell: Tell = silent, *, jobs: int = 1
) -> Path:
    """Write a static HTML report about a run, and the numbers behind it beside it.

    Parameters
    ----------
    run
        Trajectory, as `igfast.open` returns it, or what `igfast.report.collect` measured of one.
    path
        HTML file to write; an existing one is replaced. `report.html` gets its numbers in
        `report_data/`: CSV files and `curves.json`, described in `report_data/columns.csv`.
    tell
        Called with a line on what is being measured or drawn, for people who wait.
    jobs
        Processes that share the measuring of a run file: see :class:`igfast.workers.Workers`.

    Returns
    -------
    Path
        The HTML file.

    Raises
    ------
    ModuleNotFoundError
        If matplotlib is not installed.
    ValueError
        If the run holds no record, or ``jobs`` is less than 1.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import igfast
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(40, 50))
    >>> grid = igfast.Grid.dyadic(bins=256)
    >>> histograms = [
    ...     igfast.histogram({"weight": x + 0.05 * t}, grid=grid, splits=4) for t in range(4)
    ... ]
    >>> run = igfast.Trajectory.from_histograms([0, 1, 2, 3], histograms)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_report(run, f"{folder}/report.html")
    ...     page.name, (page.parent / "report_data" / "curves.json").exists()
    ('report.html', True)
    """
    require_matplotlib()
    from igfast.report.collect import RunCurves, collect
    from igfast.report.curves import curve_files, write_curves
    from igfast.report.page import render_page

    target, measured = Path(path), run.run if isinstance(run, RunCurves) else run
    measured.check_target(target)
    with measured.held():
        curves = collect(run, tell, jobs)
    tell("drawing")
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.with_name(f"{target.stem}_data")
    page = render_page(curves, curve_files(folder))  # whoever stops this keeps the last report
    write_curves(curves, folder)
    with replacing(target) as unfinished:
        unfinished.write_text(page, encoding="utf-8")
    return target


def require_matplotlib() -> None:
    """Refuse to begin what could not be drawn.

    Raises
    ------
    ModuleNotFoundError
        With the command that installs it.
    """
    if find_spec("matplotlib") is None:
        raise ModuleNotFoundError(
            "a report needs matplotlib, which is not installed: pip install 'igfast[report]'",
            name="matplotlib",
        )
