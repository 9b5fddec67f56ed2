"""Checked downloads: resumed after a break, verified by content, renamed into place at the end."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import tarfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from igfast.harness.catalog import RemoteFile

CHUNK_BYTES = 1 << 16
ATTEMPTS_PER_MIRROR = 3
TIMEOUT_SECONDS = 15.0

Progress = Callable[[str, int, "int | None"], None]
"""Called as ``progress(path, bytes so far, bytes in all or None)``."""


class DownloadError(RuntimeError):
    """No mirror gave the file; the message lists each mirror with what it answered."""


def content_digests(path: Path) -> dict[str, str]:
    """Sha256 of each decompressed content file in ``path``: plain, ``.gz``, or a tar archive.

    Parameters
    ----------
    path
        The file. Archive members are named without their folder.

    Returns
    -------
    dict of str to str
        Content name to hexadecimal sha256.

    Raises
    ------
    OSError, EOFError, zlib.error, tarfile.TarError
        If the file is damaged.
    """
    if tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            return {
                PurePosixPath(member.name).name: _digest(stream)
                for member, stream in _members(archive)
            }
    if path.name.endswith(".gz"):
        with gzip.open(path) as unpacked:
            return {path.name[: -len(".gz")]: _digest(unpacked)}
    with path.open("rb") as plain:
        return {path.name: _digest(plain)}


def _members(archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    for member in archive:
        stream = archive.extractfile(member) if member.isfile() else None
        if stream is not None:
            yield member, stream


def _digest(stream: IO[bytes] | gzip.GzipFile) -> str:
    digest = hashlib.sha256()
    while block := stream.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def mismatch(path: Path, name: str, expected: dict[str, str]) -> str | None:
    """What is wrong with the content of ``path``, said in one line; None if it is as expected."""
    try:
        found = content_digests(path)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        return f"damaged ({error})"
    if len(expected) == 1 and len(found) == 1:  # a mirror may call the single file what it likes
        found = dict.fromkeys(expected, next(iter(found.values())))
    for content, digest in expected.items():
        if found.get(content) != digest:
            return f"{name}: {content} has sha256 {found.get(content)}, expected {digest}"
    return None


def fetch(
    file: RemoteFile,
    folder: Path,
    *,
    timeout: float = TIMEOUT_SECONDS,
    progress: Progress | None = None,
) -> str:
    """Download ``file`` below ``folder`` from the first mirror that gives the right content.

    A broken transfer is resumed where it stopped, also by a later call. The file appears under
    its final name only after its content was verified.

    Parameters
    ----------
    file
        What to fetch.
    folder
        The data folder; ``file.path`` is made below it.
    timeout
        Seconds without a byte after which a mirror is given up.
    progress
        Called after each block.

    Returns
    -------
    str
        The URL that served it.

    Raises
    ------
    DownloadError
        If no mirror gave the file.
    """
    target = folder / file.path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(
            f"cannot write to the cache folder {folder} ({error}); "
            "set XDG_CACHE_HOME to a folder that can be written"
        ) from error
    answers: list[str] = []
    for url in file.urls():
        # The part belongs to one URL: two mirrors may pack the same data differently.
        part = target.with_name(f".{target.name}.{zlib.crc32(url.encode()):08x}.part")
        answer = _fetch_verified(url, part, target, file, timeout, progress)
        if answer is None:
            return url
        answers.append(f"{url}: {answer}")
    raise DownloadError("\n".join([f"{file.path} could not be downloaded.", *answers]))


def _fetch_verified(
    url: str,
    part: Path,
    target: Path,
    file: RemoteFile,
    timeout: float,
    progress: Progress | None,
) -> str | None:
    """Try one mirror; None on success, else why not."""
    answer = ""
    for _ in range(ATTEMPTS_PER_MIRROR):
        resumed = part.exists() and part.stat().st_size > 0
        try:
            _transfer(url, part, file.path, timeout, progress)
        except urllib.error.HTTPError as error:
            if error.code == 416 and resumed:  # what we hold is not a beginning of what they hold
                part.unlink()
                continue
            return f"HTTP {error.code} {error.reason}"
        except urllib.error.URLError as error:
            return f"unreachable ({error.reason})"
        except (OSError, http.client.HTTPException) as error:
            answer = f"connection broke ({error or type(error).__name__})"
            continue
        named = part.with_name(f"{part.name}-{target.name}")  # the suffix tells how it is packed
        os.replace(part, named)
        wrong = mismatch(named, target.name, dict(file.payload))
        if wrong is None:
            os.replace(named, target)
            return None
        named.unlink()
        answer = f"wrong content, {wrong}"
        if not resumed:  # from the start and still wrong: the mirror holds something else
            return answer
    return answer


def _transfer(url: str, part: Path, name: str, timeout: float, progress: Progress | None) -> None:
    """Append the rest of ``url`` to ``part``; raise ConnectionError if it ends early."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "igfast", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=timeout) as response:
        if response.status != 206:
            have = 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length is not None else None
        with part.open("ab" if have else "wb") as stream:
            while block := response.read(CHUNK_BYTES):
                stream.write(block)
                have += len(block)
                if progress is not None:
                    progress(name, have, total)
    if total is not None and have < total:
        raise ConnectionError(f"{have:,} of {total:,} bytes came")
