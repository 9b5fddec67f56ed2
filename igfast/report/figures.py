"""All figures of a report: one function per figure, each takes a run and returns a Figure.

They draw on `matplotlib.figure.Figure` objects and leave pyplot alone, so they work in a notebook,
in a thread and without a display.
"""

from __future__ import annotations

from igfast.report.complexity import entropy_complexity
from igfast.report.densities import density_map, ridgeline
from igfast.report.growth import growth, length_scales
from igfast.report.motion import depth_map, length, velocity
from igfast.report.overview import modules, overview
from igfast.report.scaling import collapse_figure

__all__ = [
    "collapse_figure",
    "density_map",
    "depth_map",
    "entropy_complexity",
    "growth",
    "length",
    "length_scales",
    "modules",
    "overview",
    "ridgeline",
    "velocity",
]
