"""One self-contained HTML page: no scripts, no requests, light and dark, printable."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from urllib.parse import quote

import matplotlib
import numpy as np

from igfast.config import __version__
from igfast.report.render import color_variables
from igfast.report.text import markup

Section = tuple[str, str, str]
"""Key, title (text) and body (HTML)."""


def document(
    title: str, source: str, summary: Sequence[str], notes: Sequence[str], sections: list[Section]
) -> str:
    """HTML of a page; all but the bodies is text, and sections with an empty body are left out."""
    found = [section for section in sections if section[2]]
    return Template(_resource("page.html")).substitute(
        version=markup(__version__),
        title=markup(title),
        source=markup(f"{source} · {datetime.date.today():%Y-%m-%d}"),
        style=Template(_resource("page.css")).substitute(
            light=color_variables(dark=False), dark=color_variables(dark=True)
        ),
        summary="\n".join(f'<p class="lead">{markup(sentence)}</p>' for sentence in summary),
        notes="\n".join(f'<p class="note">{_lines(note)}</p>' for note in notes),
        navigation="\n".join(f'<a href="#{key}">{markup(name)}</a>' for key, name, _ in found),
        sections="\n".join(
            f'<section id="{key}"><h2>{markup(name)}</h2>\n{body}\n</section>'
            for key, name, body in found
        ),
    )


def data_links(what: str, data: Sequence[Path]) -> str:
    """Where the numbers are, relative to the page, and what wrote them."""
    links = ", ".join(f'<a href="{_address(path)}">{markup(path.name)}</a>' for path in data)
    versions = (
        f"Report by igfast {__version__}, NumPy {np.__version__}, matplotlib "
        f"{matplotlib.__version__}, Python {platform.python_version()}."
    )
    return f'<p>{markup(what)}: {links}.</p>\n<p class="quiet">{markup(versions)}</p>'


def _address(path: Path) -> str:
    """A link to a file beside the page; of a name that is no text in the locale, its bytes."""
    return quote(f"{path.parent.name}/{path.name}", errors="surrogateescape")


def _resource(name: str) -> str:
    return files("igfast.report").joinpath(name).read_text(encoding="utf-8")


def _lines(text: str) -> str:
    """What the run says of its data may be several."""
    return "<br>".join(map(markup, text.splitlines()))
