"""The page as it is read: names, links, few points, keyboards and readers of the screen."""

import itertools
from urllib.parse import unquote

import numpy as np

import igfast
from igfast import Trajectory
from igfast.report import figures
from igfast.report.collect import collect
from igfast.report.comparing import write_comparison
from igfast.report.comparison import compare
from igfast.report.headline import notes, summary

from .runs import GRID, Page, X


def test_names_are_as_printable_as_in_a_terminal(tmp_path):
    """Nothing that turns, hides or obeys: in tables, sentences, captions, labels, configuration."""
    name = "a\u202eb\x1b[2J\nc"
    shown = "a\ufffdb\ufffd[2J\ufffdc"
    records = [
        igfast.histogram({name: X + t / 50, "z": X * 0}, grid=GRID, splits=4) for t in range(9)
    ]
    config = {"note": f"two\nlines of {name!r}", name: name, "long": list(range(40))}
    losses = {f"loss{name}": (range(9), np.ones(9))}
    run = Trajectory.from_histograms(range(9), records, losses, config)
    text = run.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert not {"\u202e", "\x1b"} & set(text)
    assert f">{shown}</code>" in text
    assert f"({shown})" in text
    assert "two<br>lines" in text
    assert "40 values</summary>" in text
    found = compare([run, run], [name, "other"])
    page = write_comparison(found, tmp_path / "both.html").read_text(encoding="utf-8")
    assert not {"\u202e", "\x1b"} & set(page)
    assert f'<span class="unseen">{shown}</span>' in page  # of the second run: for screen readers


def test_links_hold_where_a_file_is_called_oddly(drift, tmp_path):
    path = drift.report(tmp_path / "50% of #1?.html")
    links = [unquote(link) for link in Page(path.read_text(encoding="utf-8")).links]
    assert "50% of #1?_data/curves.json" in links
    assert (tmp_path / "50% of #1?_data" / "curves.json").is_file()


def test_two_records_are_points_and_no_more_is_said_of_them(tmp_path):
    records = [igfast.histogram({"w": X + t}, grid=GRID, splits=4) for t in (0, 0.5)]
    run = Trajectory.from_histograms([0, 50], records)
    curves = collect(run)
    for draw in (figures.overview, figures.velocity, figures.length):
        for panel in draw(curves).axes:
            alone = [line for line in panel.lines if len(line.get_xdata()) == 1]
            assert alone
            assert all(line.get_marker() == "o" for line in alone)
            low, high = panel.get_xlim()
            assert all(low < line.get_xdata()[0] < high for line in alone)
    assert notes(curves) == []  # whether two records are close enough cannot be known
    assert curves.main.scrutiny == {}
    assert not any("Half of the way" in one for one in summary(curves))
    assert [text for text in summary(curves) if text.startswith("Its weight matrix moved")]


def test_many_points_alone_are_dots():
    names = [f"l{i}" for i in range(10)]
    records = [igfast.histogram(dict.fromkeys(names, X + t), grid=GRID, splits=4) for t in (0, 0.5)]
    panel = figures.overview(Trajectory.from_histograms([0, 50], records)).axes[0]
    assert [len(dots.get_offsets()) for dots in panel.collections[:2]] == [10, 10]


def test_headings_explain_themselves_without_pointing(drift_page):
    assert "What the columns say" in drift_page.text
    assert "Fisher–Rao distance from the first to the last record" in drift_page.text


def test_what_scrolls_can_be_reached_by_the_keyboard(drift_report):
    text = drift_report.read_text(encoding="utf-8")
    scrolled = text.count('<div class="canvas"') + text.count('<div class="table')
    assert scrolled > 10
    assert text.count('tabindex="0"') == scrolled
    assert text.count("<svg ") == text.count('role="img" aria-label="')
    assert '<th scope="row"></th>' not in text
    assert '<th scope="col"></th>' not in text


def test_headings_are_in_order(drift_page):
    levels = [int(tag[1]) for tag in drift_page.tags if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
