"""From histograms over time to velocity and length of a layer's path."""

from __future__ import annotations

from .paths import ESTIMATORS, PathEstimate, estimate
from .series import Common, LayerSeries, common

__all__ = ["ESTIMATORS", "Common", "LayerSeries", "PathEstimate", "common", "estimate"]
