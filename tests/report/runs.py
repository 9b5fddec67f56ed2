"""What the report is tested on: recorded runs, and readers of what it writes."""

import csv
import re
from html import unescape
from html.parser import HTMLParser

import numpy as np

import igfast
import igfast.report
from igfast import Grid, Trajectory
from igfast.store import RunWriter

GRID = Grid.dyadic(64, exponent=-3)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 60))
ODD = '<script>alert("1")</script> & $x_{'
VOID = {"meta", "link", "br", "img", "hr", "input", "wbr"}


class Page(HTMLParser):
    """Collects tags, ids, references and text, and holds start tags against end tags."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.sources, self.text = [], [], [], [], ""
        self.open = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self._note(dict(attrs))

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self._note(dict(attrs))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def _note(self, attrs):
        for name, found in (("id", self.ids), ("href", self.links), ("src", self.sources)):
            if name in attrs:
                found.append(attrs[name])


def store_run(path, quantities, steps, layers_at, config=None, scalars=None, **options):
    """Write a run file with `layers_at(step)` as every quantity and open it."""
    options = {"grid": GRID, "splits": 4} | options
    with RunWriter(path, config=config or {}) as writer:
        first = layers_at(steps[0])
        for quantity in quantities:
            shapes, dtypes = [v.shape for v in first.values()], ["float64"] * len(first)
            writer.define_layers(quantity, list(first), shapes, dtypes)
        for step in steps:
            record = igfast.histogram(layers_at(step), **options)
            values = {name: f(step) for name, f in (scalars or {}).items()}
            writer.write_record(step, 0.0, dict.fromkeys(quantities, (record, None)), values)
    return igfast.open(path)


def cells(table):
    """Cells of a table of one row, as text by heading."""
    head, body = (re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", part) for part in table.split("<tbody>"))
    head = [text.replace("\N{NO-BREAK SPACE}", " ") for text in head]
    return dict(zip(head, map(unescape, body), strict=True))


def ends(run):
    """The first and the last record of a run, as a run of its own."""
    return Trajectory.from_histograms([0, 1], [run.histograms()[0], run.histograms()[-1]])


def read_csv(folder, name):
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def column(rows, layer, name):
    picked = [row[name] for row in rows if row["layer"] == layer]
    return np.array([float(value) if value != "" else np.nan for value in picked])
