"""The Monitor: records what a training run does to the distributions of its tensors."""

from .core import Monitor
from .group import RankError
from .parts import Part, Parts

__all__ = ["Monitor", "Part", "Parts", "RankError"]
