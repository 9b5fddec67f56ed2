"""What the data sets consist of: files, sha256 of their decompressed content, public mirrors.

The checksums are taken over the *decompressed* payload, so the same data packed by another gzip
(or repacked as xz) passes, and a changed pixel does not.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

MIRROR_VARIABLE = "IGFAST_MIRROR"
"""Environment variable: a base URL asked before the public mirrors, laid out like the cache."""


@dataclass(frozen=True)
class RemoteFile:
    """One downloadable file.

    ``path`` is where it lies below a data folder; ``payload`` maps the name of each decompressed
    content file (the members of an archive, or the file without ``.gz``) to its sha256.
    """

    path: str
    payload: Mapping[str, str]
    mirrors: tuple[str, ...]

    def urls(self) -> tuple[str, ...]:
        """Where to ask for the file, in order: ``$IGFAST_MIRROR`` first if it is set."""
        mirror = os.environ.get(MIRROR_VARIABLE)
        return ((f"{mirror.rstrip('/')}/{self.path}",) if mirror else ()) + self.mirrors


@dataclass(frozen=True)
class Entry:
    """A data set of the catalog.

    ``folders`` are the folders below a data folder in which its content files may lie, ``archives``
    the archives that may hold them instead.
    """

    name: str
    title: str
    license: str
    folders: tuple[str, ...]
    files: tuple[RemoteFile, ...]
    archives: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    classes: int = 10
    alternatives: Mapping[str, str] = field(default_factory=dict)

    @property
    def payload(self) -> dict[str, str]:
        """Every content file of the data set with the sha256 it must have."""
        return {name: digest for file in self.files for name, digest in file.payload.items()}


def _idx_entry(
    name: str,
    title: str,
    license_: str,
    torchvision: str,
    bases: tuple[str, ...],
    digests: Mapping[str, str],
    mean: float,
    std: float,
) -> Entry:
    files = tuple(
        RemoteFile(f"{name}/{part}.gz", {part: digest}, tuple(f"{b}/{part}.gz" for b in bases))
        for part, digest in digests.items()
    )
    return Entry(
        name, title, license_, (name, f"{torchvision}/raw"), files, mean=(mean,), std=(std,)
    )


TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"
CIFAR_TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
CIFAR_TEST = "test_batch.bin"
SHAKESPEARE = "shakespeare.txt"

MNIST = _idx_entry(
    "mnist",
    "MNIST, 60,000 + 10,000 handwritten digits, 28x28",
    "no license stated",
    "MNIST",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
    ),
    {
        TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    mean=0.1307,
    std=0.3081,
)

FASHION_MNIST = _idx_entry(
    "fashion-mnist",
    "Fashion-MNIST, 60,000 + 10,000 pieces of clothing, 28x28",
    "MIT",
    "FashionMNIST",
    (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
    ),
    {
        TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    mean=0.2860,
    std=0.3530,
)

CIFAR10 = Entry(
    "cifar10",
    "CIFAR-10, 50,000 + 10,000 color images, 32x32",
    "no license stated",
    ("cifar-10-batches-bin",),
    (
        RemoteFile(
            "cifar-10-binary.tar.gz",
            {
                "data_batch_1.bin": (
                    "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"
                ),
                "data_batch_2.bin": (
                    "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"
                ),
                "data_batch_3.bin": (
                    "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"
                ),
                "data_batch_4.bin": (
                    "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"
                ),
                "data_batch_5.bin": (
                    "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"
                ),
                "test_batch.bin": (
                    "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"
                ),
            },
            ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
        ),
    ),
    archives=("cifar-10-binary.tar.gz", "cifar-10-binary.tar.xz", "cifar-10-binary.tar"),
    mean=(0.4914, 0.4822, 0.4465),
    std=(0.2470, 0.2435, 0.2616),
)

SHAKESPEARE_TEXT = Entry(
    "shakespeare",
    "Shakespeare, characters (1.1 MB sample; 5 MB of plays where text/shakespeare.txt holds them)",
    "public domain text",
    ("text",),
    (
        RemoteFile(
            "text/shakespeare.txt",
            {SHAKESPEARE: "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"},
            (
                "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/"
                "tinyshakespeare/input.txt",
                "https://storage.googleapis.com/download.tensorflow.org/data/shakespeare.txt",
            ),
        ),
    ),
    classes=0,
    alternatives={SHAKESPEARE: "da68ca4e8201d41a12c1d5e82d967bda85105f1dabe823d5735138bccabdd387"},
)

CATALOG: dict[str, Entry] = {
    entry.name: entry for entry in (MNIST, FASHION_MNIST, CIFAR10, SHAKESPEARE_TEXT)
}
