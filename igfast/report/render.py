"""From a matplotlib figure to a fragment of HTML that needs nothing else.

SVG goes in as it is, its colors replaced by CSS variables; a figure whose SVG would be large goes
in as PNG on a light card.
"""

from __future__ import annotations

import base64
import io
import re
import warnings
import xml.etree.ElementTree as ET

import matplotlib
from matplotlib.figure import Figure

from igfast.report.style import COLORS
from igfast.report.text import markup

LARGEST_SVG = 300_000  # characters
PNG_DPI = 160
RASTER_DPI = 144  # of heat maps inside an SVG

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_VARIABLES = {light: f"var(--{name})" for name, (light, _) in COLORS.items()}
_COLOR = re.compile("|".join(_VARIABLES))
_LONG = re.compile(r"(-?\d+\.\d{3,}(?:e-?\d+)?)")  # a hundredth of a point is precise enough


def color_variables(dark: bool) -> str:
    """CSS declarations of the figure colors for one scheme."""
    return " ".join(f"--{name}: {pair[dark]};" for name, pair in COLORS.items())


def figure_fragment(figure: Figure, key: str, description: str) -> str:
    """HTML of a figure: inline SVG, or PNG where the SVG is over `LARGEST_SVG` and the PNG smaller.

    Parameters
    ----------
    figure
        Drawn in the light colors of `igfast.report.style`.
    key
        Prefix of the ids inside the SVG, unique in its page.
    description
        Alternative text.
    """
    with warnings.catch_warnings():
        # text stays text: a reader's fonts may have the letters that matplotlib's lacks
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        lay_out(figure)
        svg = to_svg(figure, key)
        image = base64.b64encode(to_png(figure)).decode("ascii") if len(svg) > LARGEST_SVG else ""
    if image and len(image) < len(svg):
        source = f"data:image/png;base64,{image}"
        return f'<img class="card" alt="{markup(description)}" src="{source}">'
    return svg.replace("<svg ", f'<svg role="img" aria-label="{markup(description)}" ', 1)


def figure_block(key: str, figure: Figure, caption: str, description: str, note: str = "") -> str:
    """A figure with its caption (HTML) and a note (text).

    It scrolls where it is wider than the page, by the keyboard too.
    """
    more = f" {markup(note)}" if note else ""
    return (
        f'<figure id="figure-{key}"><div class="canvas" tabindex="0">'
        f"{figure_fragment(figure, key, description)}</div>\n"
        f"<figcaption>{caption}{more}</figcaption></figure>"
    )


def lay_out(figure: Figure) -> None:
    """Place everything once; saving would lay out and draw the figure again for every format."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        # "none" would leave a placeholder, for which saving draws everything twice
        with matplotlib.rc_context(
            {"figure.autolayout": False, "figure.constrained_layout.use": False}
        ):
            figure.set_layout_engine(None)


def to_png(figure: Figure) -> bytes:
    """The figure as PNG on white."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=PNG_DPI, facecolor="white")
    return buffer.getvalue()


def to_svg(figure: Figure, key: str) -> str:
    """The figure as an SVG element for inlining: unique ids, themed colors, text as text."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": key}):
        figure.savefig(buffer, format="svg", dpi=RASTER_DPI, metadata={"Date": None})
    root = ET.fromstring(buffer.getvalue())
    for child in list(root):
        if child.tag.endswith("metadata"):
            root.remove(child)
    for element in root.iter():
        _rewrite(element, key)
    width, height = (root.attrib.pop(side).removesuffix("pt") for side in ("width", "height"))
    root.attrib.setdefault("viewBox", f"0 0 {width} {height}")
    points = float(width)  # smaller than this its text cannot be read: it scrolls instead
    root.set("style", f"min-width: {points * 0.88:.0f}px; max-width: {points * 1.4:.0f}px")
    ET.register_namespace("", _SVG)
    return ET.tostring(root, encoding="unicode").replace(f' xmlns="{_SVG}"', "", 1)


def _rewrite(element: ET.Element, key: str) -> None:
    if element.tag == f"{{{_SVG}}}style":
        element.text = ""  # line joins, set once for all figures in the page's style sheet
    for name, value in list(element.attrib.items()):
        if name == "id":
            element.set(name, f"{key}-{value}")
        elif name == f"{{{_XLINK}}}href":
            del element.attrib[name]
            element.set("href", f"#{key}-{value[1:]}" if value.startswith("#") else value)
        elif name == "d":
            element.set(name, _rounded(value))
        elif name in ("clip-path", "style", "fill", "stroke"):
            themed = _COLOR.sub(lambda match: _VARIABLES[match.group()], value)
            themed = re.sub(r"font: .*?'DejaVu Sans'.*?(;|$)", _font, themed)
            element.set(name, themed.replace("url(#", f"url(#{key}-"))


def _rounded(path: str) -> str:
    """A path's data with its long numbers in hundredths; all at once, as there may be thousands.

    >>> _rounded("M 12.34567 0.5 L -7 1.006 z")
    'M 12.35 0.5 L -7 1.01 z'
    """
    parts = _LONG.split(path)  # every other one is a number
    return "%.2f".join(parts[::2]) % tuple(map(float, parts[1::2]))


def _font(match: re.Match[str]) -> str:
    """Weight and size of matplotlib's font shorthand; the page chooses the family."""
    text = match.group()
    size = re.search(r"([\d.]+)px", text)
    weight = "font-weight: 650;" if re.search(r"\b(bold|[6-9]00)\b", text) else ""
    return f"font-size: {size.group(1)}px;{weight}" if size else text
