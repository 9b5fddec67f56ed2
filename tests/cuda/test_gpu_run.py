"""The run on a GPU goes on after a step that fails or takes too long, and reports both."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture
def gpu(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    import gpu

    monkeypatch.setattr(gpu, "BUILD", tmp_path)
    return gpu


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_step_ends_with_its_first_failure(gpu):
    commands = [python("print('said')"), python("raise SystemExit(3)"), python("print('never')")]
    outcome = gpu.run(gpu.Step("build", 60, commands))
    assert outcome.status == "failed: exit status 3"
    assert outcome.tail == "said"


def test_a_step_has_its_own_time(gpu):
    outcome = gpu.run(gpu.Step("tests", 0.5, [python("import time; time.sleep(60)")]))
    assert outcome.status.startswith("stopped after")
    assert outcome.seconds < 30


def test_all_steps_together_have_theirs(gpu):
    outcome = gpu.run(gpu.Step("tests", 60, [python("import time; time.sleep(60)")]), most=0.5)
    assert outcome.status.startswith("stopped after")


def test_a_rehearsal_has_the_steps_of_the_run(gpu, monkeypatch, tmp_path):
    monkeypatch.setattr(gpu, "environment", lambda: tmp_path)
    monkeypatch.setattr(gpu, "rehearsal_library", lambda: "simulator.so")
    run, rehearsal = gpu.steps(False), gpu.steps(True)
    assert [step.name for step in run] == [step.name for step in rehearsal]
    assert sum(step.limit for step in run) <= 600
    for step, rehearsed in zip(run, rehearsal, strict=True):
        (command,), (tried,) = step.commands, rehearsed.commands
        if step.name in ("memcheck", "racecheck"):  # the same without the sanitizer
            assert command[0] == "compute-sanitizer"
            assert command[-len(tried) :] == tried


def test_a_missing_program_is_a_failure(gpu):
    outcome = gpu.run(gpu.Step("memcheck", 60, [["igfast-no-such-program"]]))
    assert outcome.status.startswith("failed: ")


def test_the_report_names_what_failed_and_shows_the_rest(gpu):
    steps = [{"step": "build", "status": "ok", "seconds": 61.2, "tail": ""}]
    steps += [{"step": "CUB", "status": "failed: exit status 1", "seconds": 2.0, "tail": "no cub"}]
    rows = [{"case": "histogram, counts", "bins": 256, "GB/s": 3456.789, "kernel": "a|b"}]
    text = gpu.write_table({"rehearsal": False, "steps": steps, "rows": rows, "device": "sm_90"})
    assert "| CUB | failed: exit status 1 | 2 |" in text
    assert "## CUB: failed: exit status 1\n\n```\nno cub\n```" in text
    assert "| histogram, counts | 256 | 3,457 | a/b |" in text
