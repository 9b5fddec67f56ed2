"""The Monitor: records what a training run does to the distributions of its tensors."""

from .core import Monitor

__all__ = ["Monitor"]
