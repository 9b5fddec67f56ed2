"""A small data set in each canonical format, and runs that leave the user's cache alone."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from igfast.harness import data
from igfast.harness.data import Dataset

from .commands import SMALL, call


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No data anywhere, and no mirror but those a test names."""
    monkeypatch.delenv("IGFAST_DATA", raising=False)
    monkeypatch.delenv("IGFAST_MIRROR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path / "cache" / "igfast"


def idx(array: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(np.uint8).tobytes()


def mnist_files(train: int = 300, test: int = 60) -> dict[str, bytes]:
    """Ten noisy 28x28 patterns, one per class, as the four IDX files."""
    rng = np.random.default_rng(7)
    patterns = rng.integers(0, 2, (10, 28, 28)) * 200
    files = {}
    for name, count in (("train", train), ("t10k", test)):
        labels = np.arange(count) % 10
        images = patterns[labels] + rng.integers(0, 56, (count, 28, 28))
        files[f"{name}-images-idx3-ubyte"] = idx(images)
        files[f"{name}-labels-idx1-ubyte"] = idx(labels)
    return files


@pytest.fixture
def small_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """$IGFAST_DATA with 300 + 60 images in the layout of MNIST."""
    root = tmp_path / "data"
    (root / "mnist").mkdir(parents=True)
    for name, content in mnist_files().items():
        (root / "mnist" / f"{name}.gz").write_bytes(gzip.compress(content))
    monkeypatch.setenv("IGFAST_DATA", str(root))
    return root


@pytest.fixture
def mnist(small_mnist: Path) -> Dataset:
    return data.load("mnist", download=False)


@pytest.fixture
def run(small_mnist: Path, tmp_path: Path) -> Path:
    path = tmp_path / "run.igf"
    result = call("train", *SMALL, "--output", path)
    assert result.exit_code == 0, result.output
    return path
