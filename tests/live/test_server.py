"""igfast report --live: the report on localhost, renewed as records arrive."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from igfast.live.server import LiveReport

from .runs import Growing

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def get(url, host=None):
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read().decode()


def status(live):
    return json.loads(get(live.url + "status"))


def wait_for(live, text, seconds=150):
    """Until the page shows it; earlier records may have been rendered before."""
    end = time.monotonic() + seconds
    while text not in get(live.url):
        assert time.monotonic() < end, status(live)
        time.sleep(0.05)


def served(path):
    return LiveReport(path, interval=0.05)


class LateReport(LiveReport):
    """Answers with an early page once: what a browser shows in the end has come by renewal."""

    early = None

    def _answer(self, path):
        if path == "/" and self.early is not None:
            page, self.early = self.early, None
            return page
        return super()._answer(path)


def test_the_page_renews_itself(tmp_path):
    path = tmp_path / "run.igf"
    with served(path) as live:
        assert "waiting for the first record" in get(live.url)
        assert status(live) == {
            "version": 0,
            "text": f"waiting for {path}, which does not exist yet",
        }
        run = Growing(path)
        run.grow(4)
        wait_for(live, "4 records")
        assert "igfast-live" in get(live.url)
        run.grow(4)
        wait_for(live, "8 records")
        run.end()
        end = time.monotonic() + 150
        while status(live)["text"] != "step 70, ended":
            assert time.monotonic() < end, status(live)
            time.sleep(0.05)
        assert "step" in get(live.url + "report_data/curves.json")


def test_another_run_that_has_come_as_far_is_drawn_and_a_failure_is_said(tmp_path, monkeypatch):
    """Drawing is replaced: what is drawn, and when, is the server's."""
    path, drawn = tmp_path / "run.igf", []

    def report(trajectory, target):
        drawn.append(trajectory.layers)
        if len(drawn) == 2:
            raise MemoryError("no room for a figure")
        target.write_text("<body></body>", encoding="utf-8")

    monkeypatch.setattr("igfast.live.server.Trajectory.report", report)

    def wait_until(reached):
        end = time.monotonic() + 60
        while not reached():
            assert time.monotonic() < end
            time.sleep(0.01)

    run = Growing(path)
    run.grow()
    with served(path) as live:
        wait_until(lambda: drawn)
        run.end()
        path.unlink()
        run = Growing(path)
        run.grow()
        wait_until(lambda: "cannot be drawn: MemoryError('no room" in status(live)["text"])
        wait_until(lambda: len(drawn) == 3)  # tried again
        wait_until(lambda: status(live)["text"].startswith("step 0"))
    run.end()
    assert drawn == [("wide", "narrow")] * 3


def test_only_this_machine_and_only_its_files(tmp_path):
    (tmp_path / "secret.html").write_text("secret")
    with served(tmp_path / "run.igf") as live:
        for path in ("nothing", "../secret.html", "%2e%2e/secret.html", "etc/passwd"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                get(live.url + path)
        for path in ("a%00b", "x" * 5000, "report_data/%2e%2e/%2e%2e/secret.html"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                get(live.url + path)
        with pytest.raises(urllib.error.HTTPError, match="403"):
            get(live.url, host="rebound.example")
        port = int(live.url.rsplit(":", 1)[1].strip("/"))
        with pytest.raises(OSError, match=f"port {port} of 127.0.0.1 cannot be served"):
            LiveReport(tmp_path / "run.igf", port=port)
    with socket.socket() as probe:  # and it is gone afterwards
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_browser_sees_new_records(tmp_path):
    run = Growing(tmp_path / "run.igf")
    run.grow(3)
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        f"--user-data-dir={tmp_path / 'browser'}",
        "--virtual-time-budget=20000",
        "--dump-dom",
    ]
    with LateReport(tmp_path / "run.igf", interval=0.05) as live:
        wait_for(live, "3 records")
        early = live._answer("/")
        run.grow(3)
        wait_for(live, "6 records")
        live.early = early
        dom = subprocess.run(
            [*command, live.url], capture_output=True, text=True, timeout=120, check=True
        ).stdout
        assert live.early is None
    run.end()
    assert "6 records" in dom
    assert "step 50, live" in dom
