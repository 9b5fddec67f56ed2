"""Downloads against a server on this computer that misbehaves on request."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import socket
import tarfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from igfast.harness import catalog, data
from igfast.harness.catalog import CATALOG, RemoteFile
from igfast.harness.download import DownloadError, content_digests, fetch

from .conftest import mnist_files

BODY = bytes(range(256)) * 2000
DIGEST = hashlib.sha256(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves ``files``; the first folder of a path says how it fails."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        """Keep the output of the tests clean."""

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.requests.append((self.path, wanted))
        _, mode, name = self.path.split("/", 2)
        if name not in self.server.files:
            self.send_error(404)
            return
        body = self.server.files[name]
        if mode == "wrong":
            body = body[:-1] + b"!"
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if mode == "norange":
            start = 0
        if start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        rest = body[start:]
        if mode == "stall":
            self.wfile.write(rest[:1000])
            self.wfile.flush()
            time.sleep(1)
        elif mode == "truncated":  # every answer ends after a third of the body
            self.wfile.write(rest[: len(body) // 3 + 1])
        else:
            self.wfile.write(rest)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def remote(server: Server, *modes: str, path: str = "set/file") -> RemoteFile:
    server.files[path] = BODY
    return RemoteFile(path, {"file": DIGEST}, tuple(f"{server.url}/{m}/{path}" for m in modes))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_plain_download_reports_progress(server: Server, tmp_path: Path) -> None:
    calls: list[tuple[str, int, int | None]] = []
    used = fetch(remote(server, "ok"), tmp_path, progress=lambda *call: calls.append(call))
    assert used == f"{server.url}/ok/set/file"
    assert (tmp_path / "set" / "file").read_bytes() == BODY
    assert names(tmp_path) == ["file"]
    assert calls[-1] == ("set/file", len(BODY), len(BODY))


def test_another_packing_of_the_same_content_passes(server: Server, tmp_path: Path) -> None:
    server.files["set/file.gz"] = gzip.compress(BODY, compresslevel=1, mtime=5)
    file = RemoteFile("set/file.gz", {"file": DIGEST}, (f"{server.url}/ok/set/file.gz",))
    fetch(file, tmp_path)
    assert content_digests(tmp_path / "set" / "file.gz") == {"file": DIGEST}


def test_archive_is_checked_member_by_member(server: Server, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name in ("folder/a.bin", "folder/readme"):
            member = tarfile.TarInfo(name)
            member.size = len(BODY)
            archive.addfile(member, io.BytesIO(BODY))
    server.files["x.tar.gz"] = stream.getvalue()
    urls = (f"{server.url}/ok/x.tar.gz",)
    fetch(RemoteFile("x.tar.gz", {"a.bin": DIGEST}, urls), tmp_path)
    assert names(tmp_path) == ["x.tar.gz"]
    with pytest.raises(DownloadError, match=r"b\.bin has sha256 None"):
        fetch(RemoteFile("x.tar.gz", {"b.bin": DIGEST}, urls), tmp_path / "other")


def test_wrong_content_is_named_and_removed(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=rf"file has sha256 [0-9a-f]{{64}}, expected {DIGEST}"):
        fetch(remote(server, "wrong"), tmp_path)
    assert names(tmp_path) == []
    assert len(server.requests) == 1  # the same mirror would give the same again


def test_next_mirror_after_wrong_content_404_and_unreachable(
    server: Server, tmp_path: Path
) -> None:
    with socket.socket() as closed:  # a port where nobody listens
        closed.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}/set/file"
    file = remote(server, "wrong", "ok")
    first, second = file.mirrors
    nowhere = f"{server.url}/ok/set/nothing"
    file = dataclasses.replace(file, mirrors=(dead, nowhere, first, second))
    assert fetch(file, tmp_path, timeout=5) == second
    assert names(tmp_path) == ["file"]


def test_every_mirror_is_named_when_all_fail(server: Server, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}/file"
    file = RemoteFile("file", {"file": DIGEST}, (dead, f"{server.url}/ok/nothing"))
    with pytest.raises(DownloadError) as caught:
        fetch(file, tmp_path, timeout=5)
    lines = str(caught.value).splitlines()
    assert lines[0] == "file could not be downloaded."
    assert lines[1].startswith(f"{dead}: unreachable (")
    assert lines[2] == f"{server.url}/ok/nothing: HTTP 404 Not Found"


def test_broken_transfer_is_resumed(server: Server, tmp_path: Path) -> None:
    fetch(remote(server, "truncated"), tmp_path)
    third = len(BODY) // 3 + 1
    ranges = [wanted for _, wanted in server.requests]
    assert ranges == [None, f"bytes={third}-", f"bytes={2 * third}-"]
    assert (tmp_path / "set" / "file").read_bytes() == BODY


def test_later_call_resumes_what_an_earlier_one_left(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("igfast.harness.download.ATTEMPTS_PER_MIRROR", 1)
    file = remote(server, "truncated")
    third = len(BODY) // 3 + 1
    with pytest.raises(DownloadError, match=rf"{third:,} of {len(BODY):,} bytes came"):
        fetch(file, tmp_path)
    assert not (tmp_path / "set" / "file").exists()
    with pytest.raises(DownloadError):
        fetch(file, tmp_path)
    fetch(file, tmp_path)
    assert (tmp_path / "set" / "file").read_bytes() == BODY
    assert [wanted for _, wanted in server.requests] == [
        None,
        f"bytes={third}-",
        f"bytes={2 * third}-",
    ]


def test_server_without_ranges_starts_over(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = remote(server, "norange")
    part = _part(file, tmp_path)
    part.write_bytes(BODY[:5000])
    fetch(file, tmp_path)
    assert (tmp_path / "set" / "file").read_bytes() == BODY


@pytest.mark.parametrize("stale", [b"other beginning", BODY + b"longer"])
def test_stale_part_is_thrown_away(stale: bytes, server: Server, tmp_path: Path) -> None:
    file = remote(server, "ok")
    _part(file, tmp_path).write_bytes(stale)
    fetch(file, tmp_path)
    assert (tmp_path / "set" / "file").read_bytes() == BODY
    assert names(tmp_path) == ["file"]


def _part(file: RemoteFile, folder: Path) -> Path:
    """Where a broken transfer of the file's first mirror lies."""
    import zlib

    target = folder / file.path
    target.parent.mkdir(parents=True)
    return target.with_name(f".{target.name}.{zlib.crc32(file.mirrors[0].encode()):08x}.part")


def test_stalled_mirror_is_given_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("igfast.harness.download.ATTEMPTS_PER_MIRROR", 1)
    with pytest.raises(DownloadError, match=r"connection broke \(timed out\)"):
        fetch(remote(server, "stall"), tmp_path, timeout=0.2)
    assert not (tmp_path / "set" / "file").exists()


def test_own_mirror_is_asked_first(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IGFAST_MIRROR", f"{server.url}/own/")
    assert fetch(remote(server, "ok"), tmp_path) == f"{server.url}/own/set/file"


def test_unwritable_cache_says_what_to_do(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file where a folder should be")
    with pytest.raises(DownloadError, match="set XDG_CACHE_HOME"):
        fetch(remote(server, "ok"), tmp_path / "file")


def test_load_downloads_into_the_cache_once(
    server: Server, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = []
    for name, content in mnist_files().items():
        server.files[f"mnist/{name}.gz"] = gzip.compress(content)
        url = f"{server.url}/ok/mnist/{name}.gz"
        digest = hashlib.sha256(content).hexdigest()
        files.append(RemoteFile(f"mnist/{name}.gz", {name: digest}, (url,)))
    entry = dataclasses.replace(catalog.MNIST, files=tuple(files))
    monkeypatch.setitem(CATALOG, "mnist", entry)
    found = data.load("mnist")
    assert (found.name, found.notes) == ("mnist", ())
    assert found.source == str(empty_cache / "mnist")
    assert len(server.requests) == 4
    data.load("mnist")
    assert len(server.requests) == 4


def test_mnist_falls_back_to_digits_when_no_mirror_answers(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = RemoteFile("mnist/a.gz", {"a": DIGEST}, (f"{server.url}/ok/mnist/a.gz",))
    monkeypatch.setitem(CATALOG, "mnist", dataclasses.replace(catalog.MNIST, files=(file,)))
    found = data.load("mnist")
    assert found.name == "digits"
    assert "HTTP 404" in found.notes[1]
