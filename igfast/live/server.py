"""``igfast report --live``: the report of a run that is being trained, on localhost.

A thread renders the report whenever records have arrived; the page asks twice a second whether
there is a newer one and takes over its content, without losing its place or what was unfolded.
"""

from __future__ import annotations

import contextlib
import html
import http.server
import json
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..groups import Groups
from ..report import require_matplotlib
from ..store import RunReader, StoreError
from ..trajectory import Trajectory
from .following import Follower, check_interval, waiting_for

HOST = "127.0.0.1"
SHARE = 3.0  # times the processor time of a rendering are waited before the next,
LONGEST = 10.0  # but not more seconds than these, or than the rendering took if that is longer
KINDS = {".html": "text/html", ".csv": "text/csv", ".json": "application/json"}

REFRESH = """<script>
(function () {
  let version = %(version)d;
  function folds(page) {  // and a name of each: its section, and its place there
    return [...page.querySelectorAll("section")].flatMap((section) =>
      [...section.querySelectorAll("details")].map((fold, place) => [fold, section.id + place]));
  }
  async function look() {
    try {
      const status = await (await fetch("/status", {cache: "no-store"})).json();
      const note = document.getElementById("igfast-live");
      if (note) note.textContent = status.text;
      if (status.version !== version) {
        const page = await (await fetch("/", {cache: "no-store"})).text();
        const next = new DOMParser().parseFromString(page, "text/html");
        const place = window.scrollY;
        const open = new Set(folds(document).filter(([fold]) => fold.open).map(([, name]) => name));
        for (const [fold, name] of folds(next)) fold.open = open.has(name);
        document.title = next.title;
        document.querySelector("main").replaceWith(next.querySelector("main"));
        window.scrollTo(0, place);
        version = status.version;
      }
    } catch (error) {
      const note = document.getElementById("igfast-live");
      if (note) note.textContent = "the server has stopped";
    }
    setTimeout(look, 500);
  }
  look();
})();
</script>
<p id="igfast-live" role="status" style="position:fixed;right:1em;bottom:0.5em;margin:0;\
padding:0.2em 0.6em;background:var(--panel,#fff);color:var(--ink,#222);\
border:1px solid var(--rule,#ccc);font:12px sans-serif">%(text)s</p>
"""
EMPTY = (
    "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>igfast</title></head>"
    "<body><main><p>%s</p></main></body></html>"
)


class LiveReport:
    """Renders a run's report as it grows, and serves it.

    Parameters
    ----------
    path : str or Path
        Run file; waited for if it does not exist yet.
    port : int
        0: any that is free.
    interval : float
        Seconds between looks at the file.
    groups : as for :meth:`igfast.Trajectory.grouped`
        None: those that the run was recorded with.

    Attributes
    ----------
    url : str
    """

    def __init__(
        self, path: str | Path, *, port: int = 0, interval: float = 1.0, groups: Groups = None
    ) -> None:
        check_interval(interval)
        require_matplotlib()
        self._path, self._interval, self._groups = Path(path), interval, groups
        self._folder = tempfile.TemporaryDirectory(prefix="igfast-report-")
        self._stop = threading.Event()
        self._version = 0
        self._text = waiting_for(self._path)
        self._page = EMPTY % "waiting for the first record"
        try:
            self._server = http.server.ThreadingHTTPServer((HOST, port), _handler(self._answer))
        except OSError as error:
            self._folder.cleanup()
            raise OSError(
                f"port {port} of {HOST} cannot be served ({error.strerror}); choose another port"
            ) from error
        self._server.daemon_threads = True
        self.url = f"http://{HOST}:{self._server.server_address[1]}/"
        self._threads = [
            threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True),
            threading.Thread(target=self._render, daemon=True),
        ]

    def __enter__(self) -> LiveReport:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join()
        self._folder.cleanup()

    def wait(self) -> None:
        """Return when the server stops, as on Ctrl-C."""
        while not self._stop.wait(1.0):
            pass

    def _render(self) -> None:
        follower, due = Follower(self._path), 0.0
        drawn: tuple[int, float] | None = None
        while not self._stop.is_set():
            try:
                states = follower.look()
                if states:
                    now = states[-1]
                    self._text = f"step {now.step:,}" + (", ended" if now.ended else ", live")
                    newest = now.step, now.wall_time  # another run may have come as far
                    if newest != drawn and time.monotonic() >= due:
                        if not self._version:  # it may take a while
                            self._page = EMPTY % f"drawing the first report, of step {now.step:,}"
                            self._version += 1
                        began = time.thread_time()
                        try:
                            self._draw()
                            drawn = newest
                        finally:
                            took = time.thread_time() - began
                            due = time.monotonic() + min(SHARE * took, max(LONGEST, took))
                else:
                    self._text = waiting_for(self._path)
            except (StoreError, ValueError) as error:
                self._text = str(error)
            except Exception as error:  # what is served must not stand still in silence
                self._text = f"the report cannot be drawn: {error!r}"
            self._stop.wait(self._interval)

    def _draw(self) -> None:
        target = Path(self._folder.name) / "report.html"
        with contextlib.closing(RunReader(self._path)) as reader:  # its writer may want to finish
            run = Trajectory(reader)
            (run if self._groups is None else run.grouped(self._groups)).report(target)
        self._page = target.read_text(encoding="utf-8")
        self._version += 1

    def _answer(self, path: str) -> tuple[str, bytes] | None:
        """Kind and content of a page; None if there is none."""
        if path == "/status":
            status = {"version": self._version, "text": self._text}
            return KINDS[".json"], json.dumps(status).encode()
        if path == "/":
            script = REFRESH % {"version": self._version, "text": html.escape(self._text)}
            return KINDS[".html"], self._page.replace("</body>", f"{script}</body>").encode()
        root = Path(self._folder.name)
        for file in root.rglob("*"):  # what is asked for may be no path at all
            if f"/{file.relative_to(root).as_posix()}" == path and file.suffix in KINDS:
                return KINDS[file.suffix], file.read_bytes()
        return None


def _handler(answer: Callable[[str], tuple[str, bytes] | None]) -> type:
    class Handler(http.server.BaseHTTPRequestHandler):
        """Answers GET, to this machine alone."""

        def do_GET(self) -> None:
            port = self.server.server_address[1]  # type: ignore[index]
            if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
                self.send_error(403)  # a foreign name that resolves to this machine
                return
            found = answer(urllib.parse.unquote(self.path.partition("?")[0]))
            if found is None:
                self.send_error(404)
                return
            kind, content = found
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # a browser that has gone
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the terminal shows the run."""

    return Handler
