"""Links of README.md and docs/, and their examples that are no doctests."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import numpy as np
import pytest

import igfast

torch = pytest.importorskip("torch")
ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def example(page: str, number: int) -> str:
    """The python block of that number, from 0, of a page."""
    text = (ROOT / page).read_text("utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)[number]


def run(page: str, number: int, **names: object) -> dict[str, object]:
    names = {"igfast": igfast, "torch": torch, **names}
    exec(compile(example(page, number), f"{page}, {number}", "exec"), names)
    return names


def anchors(text: str) -> set[str]:
    """Of the headings of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page):
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text("utf-8")), link


@pytest.fixture
def training(tmp_path, monkeypatch):
    """What the pages take for granted: a model, an optimizer, batches and how to train."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    layers = torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10)
    model = torch.nn.Sequential(*layers)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batches = [(torch.randn(16, 64), torch.randint(10, (16,))) for _ in range(30)]

    def train_step(model, optimizer, inputs, targets):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss

    def train():
        for inputs, targets in batches:
            train_step(model, optimizer, inputs, targets)

    return {
        "model": model,
        "optimizer": optimizer,
        "batches": batches,
        "train_step": train_step,
        "train": train,
    }


def test_first_run(training):
    pytest.importorskip("matplotlib")
    names = run("README.md", 0, **training)
    assert names["run"].steps.tolist() == [0, 10, 20, 30]
    assert names["length"].shape == names["error"].shape == (4, 4)
    assert Path("report.html").exists()


def test_histograms_without_a_run(training):
    names = run("README.md", 2, **training)
    assert names["h"].split_counts.shape == (4, 4, 256)
    assert not torch.equal(names["h0"].counts, names["h1"].counts)


def test_monitor(training):
    run("docs/monitor.md", 0, **training)
    assert igfast.open("run.igf").config["lr"] == 0.1
    assert run("docs/monitor.md", 1)["every"](500)
    with igfast.Monitor({"w": np.arange(9.0)}, store="other.igf") as monitor:
        before = signal.getsignal(signal.SIGTERM)
        try:
            end = run("docs/monitor.md", 4, monitor=monitor)["end"]
            assert signal.getsignal(signal.SIGTERM) is end
        finally:
            signal.signal(signal.SIGTERM, before)
        monitor.record(0)
        with pytest.raises(SystemExit):
            end(signal.SIGTERM, None)


def test_a_sink_of_ones_own(training, capsys):
    printer = run("docs/monitor.md", 3)["Printer"]()
    with igfast.Monitor(training["model"], training["optimizer"], every=10, sinks=[printer]):
        training["train"]()
    assert "('model',)" in capsys.readouterr().out


def test_after_an_interruption(training):
    model, optimizer = training["model"], training["optimizer"]
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": 10}
    torch.save(state, "checkpoint.pt")
    with igfast.Monitor(model, optimizer, store="run.igf") as monitor:
        training["train"]()
    assert monitor.step == 30
    assert run("docs/monitor.md", 6, **training)["monitor"].step == 40
    assert igfast.open("run.igf").steps[-1] == 40


def test_histograms(training):
    counted = run("docs/histograms.md", 0)
    assert counted["h"].counts.shape == (4, 256)
    run("docs/histograms.md", 1, tensors=dict(training["model"].named_parameters()))


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method`:DeprecationWarning")
def test_counting_in_a_compiled_region():
    layer = torch.nn.Linear(8, 8)
    forward = run("docs/monitor.md", 5, layer=layer)["forward"]
    assert forward(torch.randn(4, 8))[1].sum() <= 32
