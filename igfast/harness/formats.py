"""File formats of the data sets: IDX (MNIST), CIFAR-10 binary batches, plain text."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from igfast.harness import catalog

Part = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Pixels ``[N, C, H, W]`` and labels ``[N]`` of the training or the test part."""


class DataError(RuntimeError):
    """A data set cannot be had, or a file is not what it should be; says what to do."""


def parse_idx(raw: bytes, name: str, dimensions: int) -> NDArray[np.uint8]:
    """The array in an IDX file of unsigned bytes (the format of MNIST).

    Parameters
    ----------
    raw
        The decompressed file.
    name
        Its name, for errors.
    dimensions
        How many axes it must have.

    Raises
    ------
    DataError
        If the header or the length is wrong.

    Examples
    --------
    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]), "labels", 1).tolist()
    [7, 9]
    """
    start = 4 + 4 * dimensions
    if len(raw) < start or raw[:4] != bytes([0, 0, 8, dimensions]):
        raise DataError(f"{name} is no IDX file of unsigned bytes with {dimensions} axes")
    shape = struct.unpack(f">{dimensions}I", raw[4:start])
    if len(raw) - start != int(np.prod(shape, dtype=np.int64)):
        raise DataError(
            f"{name} says it holds {shape} values, but {len(raw) - start:,} bytes follow its header"
        )
    return np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(shape)


def parse_cifar(raw: bytes, name: str) -> Part:
    """Images ``[N, 3, 32, 32]`` and labels ``[N]`` of one CIFAR-10 binary batch.

    Raises
    ------
    DataError
        If the length is no multiple of 3,073 bytes (1 label, 3 planes of 32 x 32).

    Examples
    --------
    >>> images, labels = parse_cifar(bytes([6]) + bytes(3072), "data_batch_1.bin")
    >>> images.shape, labels.tolist()
    ((1, 3, 32, 32), [6])
    """
    if not raw or len(raw) % 3073:
        raise DataError(f"{name}: {len(raw):,} bytes are no whole number of 3,073-byte images")
    rows = np.frombuffer(raw, dtype=np.uint8).reshape(-1, 3073)
    return rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0]


def idx_parts(contents: Mapping[str, bytes]) -> tuple[Part, Part]:
    """Training and test part of MNIST or Fashion-MNIST from its four content files."""

    def part(images: str, labels: str) -> Part:
        return parse_idx(contents[images], images, 3)[:, None], parse_idx(
            contents[labels], labels, 1
        )

    return (
        part(catalog.TRAIN_IMAGES, catalog.TRAIN_LABELS),
        part(catalog.TEST_IMAGES, catalog.TEST_LABELS),
    )


def cifar_parts(contents: Mapping[str, bytes]) -> tuple[Part, Part]:
    """Training and test part of CIFAR-10 from its six batches."""
    batches = [parse_cifar(contents[name], name) for name in catalog.CIFAR_TRAIN]
    train = (
        np.concatenate([images for images, _ in batches]),
        np.concatenate([labels for _, labels in batches]),
    )
    return train, parse_cifar(contents[catalog.CIFAR_TEST], catalog.CIFAR_TEST)


def characters(raw: bytes) -> tuple[NDArray[np.int64], int]:
    """Text as integers, and how many different characters it has.

    Examples
    --------
    >>> codes, vocabulary = characters(b"banana")
    >>> codes.tolist(), vocabulary
    ([1, 0, 2, 0, 2, 0], 3)
    """
    points = np.frombuffer(raw.decode("utf-8", errors="replace").encode("utf-32-le"), np.uint32)
    vocabulary, codes = np.unique(points, return_inverse=True)
    return codes.astype(np.int64), len(vocabulary)
