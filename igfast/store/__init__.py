"""The store of a run: one SQLite file, safe from a killed process, readable while it grows.

See ``docs/store.md`` for the tables and what they guarantee.
"""

from .background import BackgroundWriter
from .given import Pending
from .reader import RunReader
from .schema import APPLICATION_ID, SCHEMA_VERSION, StoreError, StoreWarning
from .series import HistogramSeries
from .thinning import DEFAULT_HISTOGRAMS
from .writer import RunWriter

__all__ = [
    "APPLICATION_ID",
    "DEFAULT_HISTOGRAMS",
    "SCHEMA_VERSION",
    "BackgroundWriter",
    "HistogramSeries",
    "Pending",
    "RunReader",
    "RunWriter",
    "StoreError",
    "StoreWarning",
]
